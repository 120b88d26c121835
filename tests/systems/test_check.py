"""Checks of systems that were built in Python, and what a check accepts."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from microlith.frame.server import App, Server
from microlith.interface.devices import HostDirectory, HostFile, Timer
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent, notify, waits
from microlith.interface.status import UsageError
from microlith.system.check import check
from microlith.system.system import HostDevice, Part, Program, System
from servers.blockdevice import BlockDevice
from servers.ramdisk import RamDisk


class Files(Server):
    disk: BlockDevice
    ratio: float = 0.5


class Drive(Server):
    image: HostFile


class Optional(Server):
    disk: BlockDevice | None
    timer: Timer


class Bell(Interface):
    @notify
    def ring(self, times: int) -> None: ...

    @waits
    def listen(self) -> int: ...


class Ringer(Server, Bell):
    next: Bell

    def ring(self, times):
        self.next.ring(times)

    def listen(self):
        return self.later()


class Older(Interface):
    @idempotent
    def size(self) -> int: ...


class Newer(Older):
    def more(self) -> int: ...


class Sized(Server, Newer):
    def size(self):
        return 1

    def more(self):
        return 2


class Asking(Server):
    sized: Older


def refusal(system: System) -> str:
    with pytest.raises(UsageError) as refused:
        check(system)
    return str(refused.value)


@pytest.fixture
def system():
    return System("mine").server("disk", RamDisk).server("files", Files, disk="disk")


def test_check_good_system(system):
    check(system)
    assert system.ranks() == {"disk": 0, "files": 1}


def test_check_names_the_system_where_there_is_no_file(system):
    assert refusal(system.server("more", Files, disk="files")).startswith("mine: servers.more.disk needs BlockDevice")


def test_check_device_of_a_demand_app_may_come_with_its_start(system):
    class Copy(App):
        tree: HostDirectory
        files: Older | None = None

    check(system.app("copy", Copy, on_boot=False))
    assert "apps.copy is missing the device 'tree'" in refusal(system.app("copy", Copy))


def test_check_int_for_float(system):
    check(system.server("files", Files, disk="disk", ratio=1))


def test_check_optional_needs_and_timers_may_be_missing():
    check(System("mine").server("a", Optional))


def test_check_class_that_is_none(system):
    assert "5 is no class" in refusal(replace(system, servers={"a": Part("a", 5)}))
    assert "None is no class" in refusal(replace(system, servers={"a": Part("a", None)}))
    assert "str is not a server" in refusal(replace(system, servers={"a": Part("a", str)}))


def test_check_key_and_name_must_agree(system):
    assert "says that it is called 'b'" in refusal(replace(system, servers={"a": Part("b", RamDisk)}))


def test_check_setting_given_as_capability(system):
    part = Part("files", Files, {"disk": "disk", "ratio": "disk"})
    assert "is a setting and must be given as one" in refusal(
        replace(system, servers={**system.servers, "files": part})
    )


def test_check_program_without_class_and_command(system):
    assert "neither class nor command" in refusal(replace(system, apps={"a": Program("a", None)}))


def test_check_command_takes_capabilities_only(system):
    app = Program("a", None, command=("ls",), settings={"x": 5})
    assert "it may have capabilities" in refusal(replace(system, apps={"a": app}))


def test_check_cycle_of_notifications_is_none():
    ring = System("ring").server("a", Ringer, next="b").server("b", Ringer, next="a")
    check(ring)
    assert ring.ranks() == {"a": 0, "b": 0}


def test_check_long_chain():
    system = System("chain").server("s0", RamDisk)
    servers = {f"s{i}": Part(f"s{i}", Files, {"disk": f"s{i - 1}"}) for i in range(1, 3000)}
    assert replace(system, servers={**system.servers, **servers}).ranks()["s2999"] == 2999


def test_check_newer_server_serves_older_client():
    check(System("mine").server("sized", Sized).server("asking", Asking, sized="sized"))


def test_check_another_interface_of_one_name():
    class Older(Interface):  # as if it came from another version of a module
        def size(self, unit: str) -> int: ...

    class Asks(Server):
        sized: Older

    said = refusal(System("mine").server("sized", type("S", (Sized,), {})).server("asks", Asks, sized="sized"))
    assert "exports Newer; no server here exports Older" in said


def test_check_device_read_by_two_is_allowed_for_reading(tmp_path):
    image = tmp_path / "image"
    image.touch()
    system = System("mine").server("a", Drive, image="hd0").server("b", Drive, image="hd0")
    check(system.device("hd0", "file", str(image), mode="r"))
    assert "which servers.a.image drives already" in refusal(system.device("hd0", "file", str(image)))


def test_check_two_devices_of_one_file_are_allowed_for_reading(tmp_path, system):
    image = tmp_path / "image"
    image.touch()
    (tmp_path / "link").symlink_to(image)
    both = system.device("a", "file", str(image), mode="r").device("b", "file", str(tmp_path / "link"), mode="r")
    check(both)
    assert "are the same file" in refusal(both.device("b", "file", str(tmp_path / "link")))


def test_check_device_that_is_made_at_boot(tmp_path, system):
    check(system.device("hd0", "file", "{run}/hd0.img", mode="create", size=1024))
    check(system.device("hd0", "file", str(tmp_path / "hd0.img"), mode="create", size=1024))
    assert not any(tmp_path.iterdir())


def test_check_device_without_permission(tmp_path, system, monkeypatch):
    image = tmp_path / "image"
    image.touch()
    really = os.open

    def refuse(path, flags, *rest, **options):
        if path == str(image) and flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied")
        return really(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    said = refusal(system.device("hd0", "file", str(image)))
    assert said == f'mine: devices.hd0 cannot be opened: {image}: permission denied; mode = "r" would only read it'
    check(system.device("hd0", "file", str(image), mode="r"))


def test_check_terminal_devices(tmp_path, system):
    os.mkfifo(tmp_path / "pipe")
    check(system.device("tty", "terminal"))
    check(system.device("tty", "terminal", str(tmp_path / "pipe")))
    check(system.device("home", "directory", str(tmp_path)))


def test_check_leaves_no_descriptor_open(tmp_path, system):
    image = tmp_path / "image"
    image.touch()
    before = len(list(Path("/proc/self/fd").iterdir()))
    check(system.device("hd0", "file", str(image)))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_check_device_size_that_is_no_number(system):
    odd = HostDevice("hd0", "file", "{run}/x", "create", True)
    assert "devices.hd0.size is true" in refusal(replace(system, devices={"hd0": odd}))


def test_check_fifty_servers():
    system = System("many").server("s0", RamDisk)
    for number in range(1, 50):
        system = system.server(f"s{number}", Files, disk="s0")
    check(system)


@pytest.mark.parametrize("name", ["A", "1a", "a-b", "", "a.b", "é", "a\n", "x" * 0])
def test_check_names(name, system):
    assert "cannot be used" in refusal(replace(system, servers={name: Part(name, RamDisk)}))
