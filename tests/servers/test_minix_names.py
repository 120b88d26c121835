"""Names: the answers POSIX gives, one situation at a time (what the host comparison cannot reach)."""

from pathlib import Path
from typing import Any

import pytest
from disks import MemoryDisk, blank, fsck, mount, read_file, tree, write_file

from servers.filesystem import Kind
from servers.minix.files import MinixFiles
from servers.statuses import (
    Exists,
    Invalid,
    IsADirectory,
    LinkLoop,
    NameTooLong,
    NotADirectory,
    NotEmpty,
    NotFound,
    NotPermitted,
    TooManyLinks,
)


@pytest.fixture
def files() -> MinixFiles:
    found = mount(MemoryDisk(blank(2048)))
    found.mkdir(b"/d")
    found.mkdir(b"/d/e")
    write_file(found, b"/f", b"data")
    return found


REFUSED: list[tuple[type[Exception], str, tuple[Any, ...]]] = [
    (NotFound, "stat", (b"",)),
    (Invalid, "stat", (b"f",)),
    (Invalid, "stat", (b"/f\0",)),
    (NotADirectory, "stat", (b"/f/",)),
    (NotADirectory, "stat", (b"/f/.",)),
    (NotADirectory, "stat", (b"/f/x",)),
    (NameTooLong, "stat", (b"/" + b"n" * 61,)),
    (NameTooLong, "stat", (b"/" + b"d/" * 2048 + b"x",)),
    (NameTooLong, "create", (b"/" + b"n" * 61,)),
    (NameTooLong, "mkdir", (b"/" + b"n" * 61,)),
    (NameTooLong, "symlink", (b"t" * 1024, b"/s")),
    (NotFound, "symlink", (b"", b"/s")),
    (Invalid, "symlink", (b"a\0b", b"/s")),
    (NotFound, "open", (b"/x",)),
    (IsADirectory, "open", (b"/d", True)),
    (IsADirectory, "create", (b"/d",)),
    (IsADirectory, "create", (b"/",)),
    (IsADirectory, "create", (b"/new/",)),
    (Exists, "create", (b"/f", 0o644, True)),
    (Invalid, "create", (b"/g", 0o10000)),
    (NotFound, "create", (b"/x/y",)),
    (NotADirectory, "create", (b"/f/y",)),
    (Exists, "mkdir", (b"/f",)),
    (Exists, "mkdir", (b"/",)),
    (Invalid, "mkdir", (b"/m", -1)),
    (NotEmpty, "rmdir", (b"/d",)),
    (NotADirectory, "rmdir", (b"/f",)),
    (NotPermitted, "rmdir", (b"/",)),
    (Invalid, "rmdir", (b"/d/e/.",)),
    (NotEmpty, "rmdir", (b"/d/e/..",)),
    (IsADirectory, "unlink", (b"/d",)),
    (NotADirectory, "unlink", (b"/f/",)),
    (NotFound, "unlink", (b"/x",)),
    (Invalid, "rename", (b"/d", b"/d/e/x")),
    (Invalid, "rename", (b"/d", b"/d/x")),
    (Invalid, "rename", (b"/", b"/x")),
    (Invalid, "rename", (b"/d/.", b"/x")),
    (NotEmpty, "rename", (b"/d/e", b"/d")),
    (NotADirectory, "rename", (b"/d", b"/f")),
    (IsADirectory, "rename", (b"/f", b"/d/e")),
    (NotADirectory, "rename", (b"/f", b"/g/")),
    (NotFound, "rename", (b"/x", b"/f")),
    (NotPermitted, "link", (b"/d", b"/l")),
    (Exists, "link", (b"/f", b"/d")),
    (NotFound, "link", (b"/f", b"/l/")),
    (Invalid, "readlink", (b"/f",)),
    (NotADirectory, "list", (b"/f",)),
    (Invalid, "list", (b"/", -1)),
    (Invalid, "chmod", (b"/f", 0o10000)),
    (Invalid, "utime", (b"/f", 1 << 32)),
    (Invalid, "utime", (b"/f", -1)),
]


@pytest.mark.parametrize(("status", "operation", "arguments"), REFUSED)
def test_refused_and_nothing_changed(
    files: MinixFiles, status: type[Exception], operation: str, arguments: tuple[Any, ...]
) -> None:
    before = tree(files)
    with pytest.raises(status) as caught:
        getattr(files, operation)(*arguments)
    assert type(caught.value) is status
    assert tree(files) == before


def test_name_of_sixty_bytes_and_any_byte() -> None:
    disk = MemoryDisk(blank(256))
    files = mount(disk)
    names = [b"n" * 60, bytes(range(1, 47)), b"\xff\xfe", b" ", b"..."]
    for name in names:
        write_file(files, b"/" + name, name)
    again = mount(disk)
    assert [entry.name for entry in again.list(b"/")] == names
    assert all(read_file(again, b"/" + name) == name for name in names)


def test_links_of_an_inode_are_limited(files: MinixFiles) -> None:
    files.link_limit = 5
    files.stop()
    files.start()
    for number in range(4):
        files.link(b"/f", b"/l%d" % number)
    with pytest.raises(TooManyLinks):
        files.link(b"/f", b"/one-more")
    assert files.stat(b"/f").links == 5
    for number in range(2):
        files.mkdir(b"/m%d" % number)
    with pytest.raises(TooManyLinks):
        files.mkdir(b"/one-more")
    with pytest.raises(TooManyLinks):
        files.rename(b"/d/e", b"/one-more")
    files.rename(b"/d/e", b"/m0")


def test_symbolic_links_up_to_forty(files: MinixFiles) -> None:
    files.symlink(b"f", b"/l1")
    for number in range(2, 42):
        files.symlink(b"l%d" % (number - 1), b"/l%d" % number)
    assert files.stat(b"/l40").kind is Kind.FILE
    with pytest.raises(LinkLoop):
        files.stat(b"/l41")
    files.symlink(b"loop", b"/loop")
    for call in (files.stat, files.open, files.create, files.list):
        with pytest.raises(LinkLoop):
            call(b"/loop")
    assert files.stat(b"/loop", False).kind is Kind.SYMLINK
    assert files.readlink(b"/loop") == b"loop"


def test_symbolic_link_absolute_relative_and_dangling(files: MinixFiles) -> None:
    files.symlink(b"/d/e/", b"/abs")
    files.symlink(b"../f", b"/d/rel")
    files.symlink(b"e/new", b"/d/dangling")
    assert files.stat(b"/abs").inode == files.stat(b"/d/e").inode
    assert read_file(files, b"/d/rel") == b"data"
    write_file(files, b"/d/dangling", b"made")
    assert read_file(files, b"/abs/new") == b"made"
    with pytest.raises(Exists):
        files.create(b"/d/dangling", exclusive=True)
    assert (files.stat(b"/d/rel", False).size, files.stat(b"/d/rel").size) == (4, 4)


def test_unlinked_file_lives_until_its_last_close(files: MinixFiles) -> None:
    free = files.usage()
    write_file(files, b"/g", b"g" * 9000)
    one, two = files.open(b"/g", True), files.open(b"/g")
    files.unlink(b"/g")
    one.append(b"more")
    one.close()
    assert two.read(8999, 10) == b"gmore"
    assert two.stat().links == 0
    two.released()
    assert files.usage() == free


def test_rename_over_an_open_file_keeps_its_content_readable(files: MinixFiles) -> None:
    write_file(files, b"/g", b"old")
    file = files.open(b"/g")
    files.rename(b"/f", b"/g")
    assert (file.read(0, 9), read_file(files, b"/g")) == (b"old", b"data")


def test_rename_moves_directories_and_their_parents(files: MinixFiles) -> None:
    files.mkdir(b"/t")
    write_file(files, b"/d/e/x", b"x")
    files.rename(b"/d/e", b"/t/e2")
    assert (files.stat(b"/d").links, files.stat(b"/t").links, files.stat(b"/").links) == (2, 3, 4)
    assert files.stat(b"/t/e2/..").inode == files.stat(b"/t").inode
    files.rename(b"/t/e2", b"/d")
    assert read_file(files, b"/d/x") == b"x"
    assert (files.stat(b"/t").links, files.stat(b"/").links) == (2, 4)


def test_list_pages_through_a_large_directory_in_disk_order(tmp_path: Path) -> None:
    disk = MemoryDisk(blank(4096))
    files = mount(disk)
    files.mkdir(b"/big")
    names = [b"file%d" % number for number in range(700)]
    for name in names:
        files.create(b"/big/" + name).close()
    files.unlink(b"/big/file5")
    files.create(b"/big/new").close()
    names[5] = b"new"
    found: list[bytes] = []
    while page := files.list(b"/big", len(found), 64):
        found += [entry.name for entry in page]
    assert found == names
    for name in names:
        files.unlink(b"/big/" + name)
    files.rmdir(b"/big")
    files.stop()
    fsck(disk.image, tmp_path)


def test_attributes_are_kept_across_a_restart(files: MinixFiles) -> None:
    files.chmod(b"/f", 0o4711)
    files.utime(b"/f", 123_456_789)
    before = files.stat(b"/f")
    assert (before.mode, before.modified, before.kind) == (0o4711, 123_456_789, Kind.FILE)
    files.stop()
    files.start()
    assert files.stat(b"/f") == before
    files.ping()
