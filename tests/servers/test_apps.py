"""The programs, on a real file system and real directories of the host."""

import hashlib
import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from direct import domain, link, put
from disks import fsck

from microlith.frame.frame import Frame
from microlith.interface.devices import HostDirectory
from microlith.interface.status import DeadlineExceeded, ServerDied, Stale, Status, UsageError
from servers.apps.checksum import Checksum, line
from servers.apps.copy_in import CopyIn
from servers.apps.copy_out import CopyOut
from servers.apps.hosttree import HostTree, Unsafe
from servers.apps.list import ListTree
from servers.filesystem import FileSystem
from servers.minix.files import MinixFiles
from servers.ramdisk import RamDisk
from servers.statuses import DeviceError

Lines = Callable[[], list[dict[str, Any]]]


class Faulty(MinixFiles):
    """A file server that answers some calls of utime (one a file) and mkdir with a status, after doing them."""

    faults: tuple[str, ...] = ()

    def start(self) -> None:
        super().start()
        self.coming: list[type[Status]] = []

    def utime(self, path: bytes, modified: int) -> None:
        super().utime(path, modified)
        self._fail()

    def mkdir(self, path: bytes, mode: int = 0o755) -> None:
        super().mkdir(path, mode)
        self._fail()

    def _fail(self) -> None:
        if self.coming:
            raise self.coming.pop(0)()


class Machine:
    """A disk, a file server and the apps."""

    def __init__(self, frame: Frame, **settings: int) -> None:
        self.disk = put(frame, RamDisk(), blocks=settings.get("blocks", 16384))
        self.server = put(frame, Faulty(), disk=link(self.disk))
        self.files: FileSystem = link(self.server)

    def copy_in(self, source: Path, *arguments: str) -> int:
        return self._copy(CopyIn(), "source", source, arguments)

    def copy_out(self, target: Path, *arguments: str) -> int:
        target.mkdir(exist_ok=True)
        return self._copy(CopyOut(), "target", target, arguments)

    def _copy(self, app: Any, device: str, directory: Path, arguments: tuple[str, ...]) -> int:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        setattr(app, device, HostDirectory(device, (descriptor,)))
        app.files = self.files
        try:
            return int(app.main(*arguments) or 0)
        finally:
            os.close(descriptor)

    def run(self, app: Any, *arguments: str) -> int:
        app.files = self.files
        return int(app.main(*arguments) or 0)


@pytest.fixture
def frame() -> Iterator[Frame]:
    with domain() as frame:
        yield frame


@pytest.fixture
def machine(frame: Frame) -> Machine:
    return Machine(frame)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with every size, name and kind that matters."""
    root = tmp_path / "tree"
    (root / "a/b/c").mkdir(parents=True)
    (root / "empty").mkdir()
    sizes = {"nothing": 0, "a/one": 1, "a/chunk": 65536, "a/b/more": 65537, "a/b/c/big": 1_000_000, "a.b": 5}
    for name, size in sizes.items():
        (root / name).write_bytes(hashlib.shake_128(name.encode()).digest(size))
    Path(os.fsdecode(os.fsencode(root) + b"/a/\xff\n\\")).write_bytes(b"odd")
    (root / "link").symlink_to("a/one")
    (root / "a/dangling").symlink_to("/nowhere")
    (root / "up").symlink_to("..")
    (root / "nothing").chmod(0o400)
    (root / "a/one").chmod(0o751)
    (root / "a/b").chmod(0o555)
    for number, path in enumerate(sorted(root.rglob("*"))):
        os.utime(path, (number, 1_000_000_000 + number), follow_symlinks=False)
    return root


def description(root: Path) -> dict[str, tuple[Any, ...]]:
    """Kind, mode, time, content of everything below a directory."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in root.rglob("*"):
        attributes = path.lstat()
        if path.is_symlink():
            content: Any = path.readlink()
        else:
            content = (int(attributes.st_mtime), path.read_bytes() if path.is_file() else b"")
        found[os.fsdecode(path.relative_to(root))] = (stat.filemode(attributes.st_mode), content)
    return found


# --- copying -----------------------------------------------------------------------------------------


def test_copy_in_and_out_gives_the_same_tree(machine: Machine, tree: Path, tmp_path: Path) -> None:
    assert machine.copy_in(tree) == 0
    assert machine.copy_out(tmp_path / "out") == 0
    assert description(tmp_path / "out") == description(tree)
    machine.server.stop()
    fsck(bytes(machine.disk._bytes), tmp_path)


def test_copy_in_acknowledges_every_file(machine: Machine, tree: Path, lines: Lines) -> None:
    machine.copy_in(tree)
    done = {os.fsencode(line["done"]): (line["size"], line["sha256"]) for line in lines()}
    files = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    expected = {os.fsencode(f.relative_to(tree)): f.read_bytes() for f in files}
    assert done == {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in expected.items()}


def test_copy_in_twice_replaces(machine: Machine, tree: Path, tmp_path: Path) -> None:
    machine.copy_in(tree)
    (tree / "a/b/c/big").write_bytes(b"short now")
    (tree / "link").unlink()
    (tree / "link").symlink_to("elsewhere")
    assert machine.copy_in(tree) == 0
    machine.copy_out(tmp_path / "out")
    assert description(tmp_path / "out") == description(tree)
    assert machine.copy_in(tree) == machine.copy_out(tmp_path / "out") == 0


def test_copy_into_a_directory(machine: Machine, tree: Path, tmp_path: Path) -> None:
    assert machine.copy_in(tree, "deep/inside") == 0
    assert machine.copy_out(tmp_path / "out", "/deep/inside") == 0
    assert description(tmp_path / "out") == description(tree)


def test_copy_in_summary(machine: Machine, tree: Path, lines: Lines) -> None:
    os.mkfifo(tree / "fifo")
    assert machine.copy_in(tree, "--summary") == 0
    *rest, last = lines()
    assert {"skipped": "fifo"} in rest
    assert last["summary"].pop("seconds") >= 0
    size = 1 + 65536 + 65537 + 1_000_000 + 5 + 3
    counts = {"files": 7, "bytes": size, "directories": 4, "links": 3, "failed": 0, "skipped": 1}
    assert last == {"summary": counts}


def test_copy_in_reports_what_fails_and_goes_on(machine: Machine, tmp_path: Path, lines: Lines) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    for name in ("a", "n" * 61, "z"):
        (root / name).write_bytes(b"x")
    assert machine.copy_in(root) == 1
    first, failed, last = lines()
    assert (first["done"], last["done"]) == ("a", "z")
    assert (failed["failed"], failed["status"]) == ("n" * 61, "NameTooLong")


def test_copy_in_to_a_full_disk(frame: Frame, tree: Path, lines: Lines, tmp_path: Path) -> None:
    machine = Machine(frame, blocks=400)
    assert machine.copy_in(tree) == 1
    told = lines()
    assert [(line["failed"], line["status"]) for line in told if "failed" in line] == [("a/b/c/big", "NoSpace")]
    done = {line["done"]: line["size"] for line in told if "done" in line}
    for name, size in done.items():
        assert machine.files.stat(b"/" + os.fsencode(name)).size == size
    machine.server.stop()
    fsck(bytes(machine.disk._bytes), tmp_path)


@pytest.mark.parametrize("status", [ServerDied, Stale, DeadlineExceeded, DeviceError])
def test_copy_in_retries_a_file_three_times(
    machine: Machine, tmp_path: Path, lines: Lines, status: type[Status]
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/file").write_bytes(b"content")
    machine.server.coming = [status] * 3
    assert machine.copy_in(tmp_path / "tree") == 0
    assert [line["done"] for line in lines()] == ["file"]
    machine.server.coming = [status] * 4
    assert machine.copy_in(tmp_path / "tree") == 1
    assert [(line["failed"], line["status"]) for line in lines()] == [("file", status.__name__)]


def test_copy_in_of_a_directory_whose_outcome_was_unknown(machine: Machine, tree: Path, tmp_path: Path) -> None:
    machine.server.coming = [ServerDied, ServerDied]
    assert machine.copy_in(tree) == 0
    machine.copy_out(tmp_path / "out")
    assert description(tmp_path / "out") == description(tree)


def test_copy_in_where_a_file_is_in_the_way(machine: Machine, tmp_path: Path, lines: Lines) -> None:
    (tmp_path / "tree/dir").mkdir(parents=True)
    (tmp_path / "tree/dir/file").write_bytes(b"x")
    machine.files.create(b"/dir").close()
    assert machine.copy_in(tmp_path / "tree") == 1
    assert {line["status"] for line in lines()} == {"NotADirectory"}


@pytest.mark.parametrize("arguments", [("--what",), ("a", "b")])
def test_copy_with_wrong_arguments(machine: Machine, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    for copy in (machine.copy_in, machine.copy_out):
        with pytest.raises(UsageError):
            copy(tmp_path, *arguments)


def test_copy_out_replaces_and_follows_no_link(machine: Machine, tree: Path, tmp_path: Path, lines: Lines) -> None:
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (out / "nothing").write_bytes(b"longer than before")
    (out / "a").symlink_to(outside)
    (out / "a.b").symlink_to(outside / "file")
    machine.copy_in(tree)
    assert machine.copy_out(out) == 1
    assert list(outside.iterdir()) == []
    assert (out / "nothing").read_bytes() == b""
    failed = {line["failed"] for line in lines() if "failed" in line}
    assert {"a", "a.b", "a/one", "a/b/c/big"} < failed and "empty" not in failed


@pytest.mark.parametrize("path", [b"..", b".", b"a/..", b"", b"x\0y"])
def test_host_tree_refuses_names_that_mean_something_else(tmp_path: Path, path: bytes) -> None:
    (tmp_path / "root").mkdir()
    descriptor = os.open(tmp_path / "root", os.O_RDONLY | os.O_DIRECTORY)
    tree = HostTree(descriptor)
    tree.make_directory(b"a", 0o755, 0)
    for make in (tree.open_file, lambda p: tree.make_link(p, b"t"), lambda p: tree.make_directory(p, 0o755, 0)):
        with pytest.raises(Unsafe):
            make(path)
    tree.close()
    os.close(descriptor)


def test_copies_leave_no_descriptor_open(machine: Machine, tree: Path, tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    machine.copy_in(tree)
    machine.copy_out(tmp_path / "out")
    assert os.listdir("/proc/self/fd") == before


# --- checksums and listings --------------------------------------------------------------------------


def test_checksum_is_checked_by_sha256sum(
    machine: Machine, tree: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    machine.copy_in(tree)
    capsysbinary.readouterr()
    assert machine.run(Checksum()) == 0
    sums = capsysbinary.readouterr().out
    assert len(sums.splitlines()) == 7
    done = subprocess.run(["sha256sum", "-c", "--strict"], input=sums, cwd=tree, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_checksum_of_files_and_of_what_is_not_there(
    machine: Machine, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.copy_in(tree)
    capsys.readouterr()
    assert machine.run(Checksum(), "/nothing", "/missing") == 1
    shown = capsys.readouterr()
    assert shown.out == f"{hashlib.sha256().hexdigest()}  /nothing\n"
    assert shown.err == "checksum: /missing: No such file or directory\n"


def test_checksum_line_escapes_as_sha256sum_does() -> None:
    assert line("00", b"a b") == b"00  a b\n"
    assert line("00", b"a\n\\") == b"\\00  a\\n\\\\\n"


def test_list_looks_like_ls(machine: Machine, tree: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    machine.copy_in(tree)
    capsysbinary.readouterr()
    assert machine.run(ListTree()) == 0
    blocks = capsysbinary.readouterr().out.split(b"\n\n")
    assert [block.splitlines()[0] for block in blocks] == [b"/:", b"/a:", b"/a/b:", b"/a/b/c:", b"/empty:"]
    top = blocks[0].splitlines()[1:]
    assert [entry.split()[7] for entry in top] == [b"a", b"a.b", b"empty", b"link", b"nothing", b"up"]
    assert top[0].startswith(b"drwxr-xr-x   3 ")
    assert top[3].startswith(b"lrwx") and top[3].endswith(b" link -> a/one")
    assert top[4].split()[:7] == [b"-r--------", b"1", b"0", b"0", b"0", b"2001-09-09", b"01:46"]


def test_list_of_what_is_not_there(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert machine.run(ListTree(), "missing") == 1
    assert capsys.readouterr().err == "list: /missing: No such file or directory\n"
