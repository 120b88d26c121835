"""The system under test: one system, one disk image, booted afresh as any architecture.

The servers are those of the given system; its own programs and terminals are left out, and its files on
the host are copied first, so that a comparison changes nothing of the user's.  Every boot begins with the
same image, formatted and stopped in order.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.placement import Placement
from bench.watched import WatchedCopy
from bench.workload import Workload
from microlith.interface.interface import interface_of
from microlith.interface.status import UsageError
from microlith.launch.boot import boot
from microlith.launch.machine import Machine
from microlith.system.check import check
from microlith.system.system import System
from servers.apps.copy_in import CopyIn
from servers.apps.copy_out import CopyOut
from servers.blockdevice import BlockDevice
from servers.filedisk import FileDisk
from servers.filesystem import FileSystem
from servers.minix.files import MinixFiles

SMALLEST_DISK = 64 << 20
LARGEST_IMAGE = 1 << 30
RESERVE = 2048  # blocks for what the workload itself writes

#: The programs of a comparison: role -> class.
PROGRAMS = {"workload": Workload, "copy_in": CopyIn, "copy_out": CopyOut, "watched": WatchedCopy}


@dataclass
class Subject:
    """A system made ready for comparison."""

    system: System
    files: str  # the server that exports FileSystem
    driver: str  # the server that is killed: the disk below it, or itself
    folder: Path
    programs: dict[str, str]  # role -> the app's name in the system
    images: dict[str, Path] = field(default_factory=dict)  # device -> the image that every boot copies
    boots: int = 0
    boot_ns: int = 0  # from the call of `boot` to ready, the last time

    @contextmanager
    def booted(
        self,
        architecture: str,
        placement: Placement,
        news: Callable[[dict[str, Any]], None] | None = None,
        walked: bool = False,
        links: Mapping[str, str] | None = None,
    ) -> Iterator[Machine]:
        """A machine with images of its own, stopped and removed afterwards; `links` gives links options."""
        self.boots += 1
        own = self.folder / f"boot{self.boots}"
        own.mkdir()
        system = self.system
        for name, image in self.images.items():
            copy_sparse(image, own / f"{name}.img")
            system = system.device(name, "file", str(own / f"{name}.img"), system.devices[name].mode)
        try:
            with placement.inherited():
                began = time.perf_counter_ns()
                machine = boot(system, architecture, links=links, news=news, walked=walked)
                self.boot_ns = time.perf_counter_ns() - began
            with machine:
                placement.settle(machine)
                yield machine
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def format(self, architecture: str, blocks: int, inodes: int) -> None:
        """Boot once, so that the images are formatted; refuse if this many blocks do not fit."""
        system = self.system
        for name, image in self.images.items():
            system = system.device(name, "file", str(image), "rw")
        with boot(system, architecture) as machine:
            usage = getattr(machine.connect("operator"), self.files).usage()
        free = usage.free_blocks * usage.block_size // 1024
        if usage.read_only:
            raise UsageError(f"{self.system.name}: its disk is read-only, and the comparison writes to it")
        if blocks + RESERVE > free or inodes + RESERVE > usage.free_inodes:
            raise UsageError(
                f"the tree needs about {(blocks + RESERVE) >> 10} MiB and {inodes} inodes, the disk of"
                f" {self.system.name} has {free >> 10} MiB and {usage.free_inodes} inodes left;"
                " give a smaller tree with --tree DIR"
            )


def prepare(given: System | None, folder: Path, blocks: int, inodes: int) -> Subject:
    """The subject made of a system (None: a disk file with a MINIX file system on it)."""
    system = default_system(max(blocks, 3 * inodes)) if given is None else given
    files = _exporting(system, FileSystem)
    if files is None:
        raise UsageError(f"{system.name}: no server of it exports FileSystem, so there is no file to work on")
    held = [system.servers[name] for name in system.servers[files].capabilities.values()]
    driver = next((p.name for p in held if p.cls and _interface(p.cls) is BlockDevice), files)
    subject = Subject(replace(system, apps={}), files, driver, folder, {})
    silence(subject)
    take_images(subject)
    for role, cls in PROGRAMS.items():
        name = role if role not in system.servers else f"compare-{role}"
        subject.programs[role] = name
        subject.system = subject.system.app(name, cls, on_boot=False, files=files)
    check(subject.system)
    return subject


def default_system(blocks: int) -> System:
    """A driver, a file system on it, and a disk that holds this many blocks twice over."""
    size = SMALLEST_DISK
    while size < 2 * blocks * 1024:
        size *= 2
    return (
        System("files on a disk")
        .device("hd0", "file", "{run}/hd0.img", "create", size)
        .server("disk", FileDisk, image="hd0")
        .server("files", MinixFiles, disk="disk")
    )


def _interface(cls: type) -> Any:
    try:
        return interface_of(cls)
    except TypeError:
        return None


def _exporting(system: System, interface: Any) -> str | None:
    names = [name for name, part in system.servers.items() if part.cls and _interface(part.cls) is interface]
    return next((name for name in names if name == "files"), names[0] if names else None)


def silence(subject: Subject) -> None:
    """Terminals become pipes in which nothing comes, so that no server reads the operator's."""
    for name, device in subject.system.devices.items():
        if device.kind == "terminal":
            path = subject.folder / f"{name}.pipe"
            os.mkfifo(path)
            subject.system = subject.system.device(name, "terminal", str(path))


def take_images(subject: Subject) -> None:
    """Copies of the host files that servers work on."""
    for name, device in subject.system.devices.items():
        if device.kind != "file" or device.mode == "r":
            continue
        image, original = subject.folder / f"{name}.img", Path(device.path)
        if "{run}" in device.path or not original.exists():
            if device.mode != "create":
                raise UsageError(f"device {name}: {device.path} does not exist")
            with open(image, "wb") as file:
                file.truncate(device.size)
        elif not original.is_file() or original.stat().st_size > LARGEST_IMAGE:
            raise UsageError(
                f"device {name}: {device.path} is no file of at most {LARGEST_IMAGE >> 30} GiB;"
                " the comparison works on copies"
            )
        else:
            copy_sparse(original, image)
        subject.images[name] = image
        subject.system = subject.system.device(name, "file", str(image), "rw")


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a file, leaving holes where it has holes (lseek(2), SEEK_DATA)."""
    with open(source, "rb") as old, open(target, "wb") as new:
        size = os.fstat(old.fileno()).st_size
        new.truncate(size)
        at = 0
        while at < size:
            try:
                at = os.lseek(old.fileno(), at, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole is left
                break
            end = os.lseek(old.fileno(), at, os.SEEK_HOLE)
            os.lseek(new.fileno(), at, os.SEEK_SET)
            while at < end:
                moved = os.sendfile(new.fileno(), old.fileno(), at, end - at)
                if not moved:
                    break
                at += moved
