"""Loading: what a file says, and files that are none."""

import os
import sys
from enum import Enum
from pathlib import Path

import pytest

from microlith.interface.status import UsageError
from microlith.interface.values import Struct
from microlith.system.check import check
from microlith.system.convert import to_bytes, to_value
from microlith.system.systemfile import load

DISK = '[servers.disk]\nclass = "servers.ramdisk:RamDisk"\n'


@pytest.fixture(autouse=True)
def path_of_modules(monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path[:])


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a system file, and answer its name in the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(content, name="some.toml"):
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        return f"./{name}"

    return write


def refusal(path) -> str:
    with pytest.raises(UsageError) as refused:
        check(load(path))
    return str(refused.value)


def test_load_sorts_by_the_needs_of_the_class(write):
    Path("image").touch()
    system = load(
        write(
            '[servers.disk]\nclass = "servers.filedisk:FileDisk"\nimage = "hd0"\nblock_size = 512\n'
            'restart = { policy = "transient" }\nstart.fresh = true\nconfine.files = ["/etc"]\n'
            '[devices.hd0]\nkind = "file"\npath = "image"\n'
            '[plan]\ndomains = [["disk"]]\nplacement = "spread"\n'
        )
    )
    check(system)
    disk = system.servers["disk"]
    assert (disk.settings, disk.devices, disk.capabilities) == ({"block_size": 512}, {"image": "hd0"}, {})
    assert (disk.restart, disk.start, disk.confine) == (
        {"policy": "transient"},
        {"fresh": True},
        {"files": ("/etc",)},
    )
    assert (system.name, system.source, disk.line) == ("some", "some.toml", 1)
    assert (system.domains, system.placement) == ((("disk",),), "spread")
    assert system.devices["hd0"].path == str(Path("image").absolute())


def test_load_app_with_command(write):
    system = load(write(DISK + '[apps.watch]\ncommand = ["./watch.sh", "-v"]\nstart = "demand"\nblocks = "disk"\n'))
    watch = system.apps["watch"]
    assert (watch.cls, watch.on_boot, watch.capabilities) == (None, False, {"blocks": "disk"})
    assert watch.command == (str(Path("watch.sh").absolute()), "-v")
    assert "no program" in refusal("./some.toml")
    Path("watch.sh").write_text("#!/bin/sh\n")
    Path("watch.sh").chmod(0o755)
    check(system)


def test_load_class_beside_the_file(write, tmp_path):
    (tmp_path / "mydisk_of_this_test.py").write_text("from servers.ramdisk import RamDisk\nclass My(RamDisk): pass\n")
    system = load(write('[servers.disk]\nclass = "mydisk_of_this_test:My"\n'))
    check(system)
    assert system.servers["disk"].cls.__name__ == "My"


def test_load_namesake_from_another_folder_is_refused(write, tmp_path):
    text = "from servers.ramdisk import RamDisk\nclass My(RamDisk): pass\n"
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "namesake_of_this_test.py").write_text(text)
    load(write('[servers.disk]\nclass = "namesake_of_this_test:My"\n', "one/a.toml"))
    said = refusal(write('[servers.disk]\nclass = "namesake_of_this_test:My"\n', "two/a.toml"))
    assert "another module namesake_of_this_test is loaded already" in said


def test_load_paths(write, monkeypatch):
    monkeypatch.setenv("SOME_FOLDER", "/some")
    monkeypatch.setenv("SOME_IMAGE", "here.img")
    monkeypatch.setenv("HOME", "/home/me")
    wanted = {
        "$SOME_FOLDER/x": "/some/x",
        "${SOME_FOLDER}/x": "/some/x",
        "$SOME_IMAGE": str(Path("here.img").absolute()),
        "~/x": "/home/me/x",
        "{run}/x": "{run}/x",
        "/abs": "/abs",
        "x": str(Path("sub/x").absolute()),
    }
    Path("sub").mkdir()
    for path, expanded in wanted.items():
        system = load(write(DISK + f'[devices.d]\nkind = "file"\npath = "{path}"\n', "sub/some.toml"))
        assert system.devices["d"].path == expanded


def test_load_bare_name_of_a_file_in_the_working_directory(write):
    write(DISK, "mine")
    assert load("mine").name == "mine"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unx", "no system is called 'unx'; did you mean 'unix'?"),
        ("some", "no system is called 'some'; did you mean 'some.toml'?"),
        ("zzzz", "no system is called 'zzzz'; there are disk, five and unix, or give the path of a file"),
        ("./sme.toml", "sme.toml: there is no such file; did you mean 'some.toml'?"),
        ("/no/where.toml", "/no/where.toml: there is no such file"),
        ("/proc", "/proc: is a directory; give the path of a system file (*.toml)"),
        ("", ".: is a directory; give the path of a system file (*.toml)"),
        ("/dev/zero", "/dev/zero: is larger than 1 MiB; that is no system file"),
        ("some.toml/x", "some.toml/x: cannot be read: Not a directory"),
        ("a\0b.toml", "a\\x00b.toml: cannot be read: embedded null byte"),
        ("x" * 300 + ".toml", "x" * 300 + ".toml: cannot be read: File name too long"),
    ],
)
def test_load_name_of_nothing(write, name, said):
    write(DISK)
    assert refusal(name) == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF\x02\x01\xff\xfe", "some.toml:1: is not text in UTF-8; a system file is TOML"),
        (b"# a\n# \xff\n", "some.toml:2: is not text in UTF-8; a system file is TOML"),
        (DISK.encode("utf-16"), "some.toml:1: is not text in UTF-8; a system file is TOML"),
        (b"# a\n\0", "some.toml:2: holds a NUL byte; a system file is TOML"),
        (b"", "some.toml: has no servers; a system needs at least one [servers.NAME]"),
        (b"x = " + b"[" * 5000, "some.toml: is nested too deeply to be a system file"),
        (b"\n\n[a\n", "some.toml:3: is not TOML in column 3: Expected ']' at the end of a table declaration"),
    ],
)
def test_load_file_that_is_no_system(write, content, said):
    assert refusal(write(content)) == said


def test_load_byte_order_mark_and_carriage_returns(write):
    text = "\ufeff" + (DISK + "blocks = 5\nsize = 3\n").replace("\n", "\r\n")
    assert refusal(write(text)).startswith("some.toml:4: servers.disk has no setting 'size'")


def test_load_unreadable_file(write, monkeypatch):
    path = write(DISK)
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    Path(path).chmod(0)
    assert refusal(path) == "some.toml: cannot be read: Permission denied"


def test_load_does_not_repeat_what_steers_a_terminal(write):
    assert "\x1b" not in refusal(write(DISK + '["a\\u001b[31m\\nb"]\n'))


class Colour(Enum):
    RED = "red"


class Point(Struct, frozen=True):
    x: int
    y: float = 0.0


@pytest.mark.parametrize(
    ("value", "annotation", "wanted"),
    [
        (1, float, 1.0),
        ("a", bytes, b"a"),
        (["a"], tuple[bytes, ...], (b"a",)),
        ([1, 2], tuple[int, float], (1, 2.0)),
        ([1, 2], tuple[int], (1, 2)),
        (["red"], tuple[Colour, ...], (Colour.RED,)),
        ("blue", Colour, "blue"),
        ({"x": 1, "y": 2}, Point, Point(1, 2.0)),
        ({"z": 1}, Point, {"z": 1}),
        ({"x": 2**63}, Point, {"x": 2**63}),
        (1, float | None, 1.0),
        ([[1], [2]], int, ((1,), (2,))),
        ("x", None, "x"),
    ],
)
def test_to_value(value, annotation, wanted):
    found = to_value(value, annotation)
    assert found == wanted
    assert type(found) is type(wanted)


def test_to_bytes():
    assert [to_bytes(s) for s in (5, "5", "5 KiB", "5KiB", "1 MiB", "2 GiB")] == [5, 5, 5120, 5120, 1 << 20, 2 << 30]
    assert [to_bytes(s) for s in ("5 MB", "-1", "x", 5.0)] == ["5 MB", "-1", "x", 5.0]


def test_load_pipe_is_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    assert refusal(str(pipe)) == f"{pipe}: is a pipe; give the path of a system file (*.toml)"
