"""Checks the devices of a system by real access: they are opened as the launcher will open them."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from microlith.interface.devices import DEVICES, Timer
from microlith.system.place import Place, did_you_mean, listed, shown
from microlith.system.system import HostDevice, System
from microlith.system.tables import MODES

KINDS = tuple(kind for kind in DEVICES if kind != Timer.kind)
_FLAGS = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

#: What may stand at the path of a device of each kind, and how that is said.
_TYPES: dict[str, tuple[tuple[Callable[[int], bool], ...], str]] = {
    "file": ((stat.S_ISREG, stat.S_ISBLK), "a regular file or a block device"),
    "directory": ((stat.S_ISDIR,), "a directory"),
    "terminal": ((stat.S_ISCHR, stat.S_ISFIFO), "a terminal or a pipe"),
}


def check_devices(system: System, place: Place) -> None:
    """Refuse devices that are ill-described, cannot be opened, or are shared for writing."""
    for device in system.devices.values():
        _check_entry(place, device)
    _check_users(system, place)
    _check_twins(system, place)
    for device in system.devices.values():
        _check_access(place, f"devices.{device.name}", device)


def _check_entry(place: Place, device: HostDevice) -> None:
    element = f"devices.{device.name}"
    if device.kind == Timer.kind:
        raise place.refuse(element, f"{element} is a timer; the launcher makes every timer itself, so leave it out")
    if device.kind not in KINDS:
        hint = did_you_mean(device.kind, KINDS, f"; there are {listed(KINDS)}")
        raise place.refuse(f"{element}.kind", f"{element} has an unknown kind {device.kind!r}{hint}")
    if device.mode not in MODES:
        hint = did_you_mean(device.mode, MODES, f"; there are {listed(MODES)}")
        raise place.refuse(f"{element}.mode", f"{element} has an unknown mode {device.mode!r}{hint}")
    if not device.path and device.kind != "terminal":
        raise place.refuse(element, f"{element} has no path; a device of kind {device.kind} needs one")
    if "\0" in device.path:
        raise place.refuse(f"{element}.path", f"{element}.path {shown(device.path)} holds a NUL character")
    if device.mode == "create" and device.kind != "file":
        raise place.refuse(f"{element}.mode", f"{element} has the mode create; only a device of kind file is created")
    _check_size(place, element, device)


def _check_size(place: Place, element: str, device: HostDevice) -> None:
    at, size = f"{element}.size", device.size
    if type(size) is not int or not 0 <= size < 2**63:
        raise place.refuse(at, f'{at} is {shown(size)}; write bytes or, for example, "64 MiB"')
    if device.mode == "create" and not size:
        raise place.refuse(element, f'{element} has the mode create and no size; add for example size = "64 MiB"')
    if device.mode != "create" and size:
        raise place.refuse(at, f'{at} is only for mode = "create"; leave it out')


def _check_users(system: System, place: Place) -> None:
    """One device, one driver: two would take each other's data or interrupts."""
    user: dict[str, str] = {}
    parts = [(f"servers.{p.name}", p) for p in system.servers.values()]
    parts += [(f"apps.{p.name}", p) for p in system.apps.values()]
    for element, part in parts:
        for slot, name in part.devices.items():
            if name in user and system.devices[name].mode != "r":
                raise place.refuse(
                    f"{element}.{slot}",
                    f"{element}.{slot} names the device {name!r}, which {user[name]} drives already;"
                    ' give each its own, or open it with mode = "r"',
                )
            user[name] = f"{element}.{slot}"


def _check_twins(system: System, place: Place) -> None:
    """Two entries for one file are one device."""
    seen: dict[str, HostDevice] = {}
    for device in system.devices.values():
        if not device.path:
            continue
        path = os.path.realpath(device.path)
        twin = seen.setdefault(path, device)
        if twin is not device and (device.mode, twin.mode) != ("r", "r"):
            raise place.refuse(
                f"devices.{device.name}.path",
                f"devices.{device.name} and devices.{twin.name} are the same file {device.path};"
                ' use one device, or open both with mode = "r"',
            )


def _check_access(place: Place, element: str, device: HostDevice) -> None:
    """Open it as the launcher will, unless it is made at boot."""
    if not device.path or "{run}" in device.path:
        return
    try:
        found = os.stat(device.path)
    except OSError as error:
        if device.mode == "create" and isinstance(error, FileNotFoundError):
            _check_creatable(place, element, device)
            return
        hint = "; give the path of " + _TYPES[device.kind][1]
        hint += ', or add mode = "create" and a size' if device.kind == "file" else ""
        raise _unreadable(place, element, device, error, hint) from None
    tests, words = _TYPES[device.kind]
    if not any(test(found.st_mode) for test in tests):
        raise place.refuse(f"{element}.path", f"{element} is not {words}: {device.path}")
    flags = os.O_RDONLY if device.mode == "r" or device.kind == "directory" else os.O_RDWR
    if stat.S_ISBLK(found.st_mode) and flags & os.O_RDWR:
        flags |= os.O_EXCL  # refused while it is mounted
    try:
        os.close(os.open(device.path, flags | _FLAGS))
    except OSError as error:
        hint = '; mode = "r" would only read it' if flags & os.O_RDWR and os.access(device.path, os.R_OK) else ""
        raise _unreadable(place, element, device, error, hint) from None


def _check_creatable(place: Place, element: str, device: HostDevice) -> None:
    folder = Path(device.path).parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise place.refuse(
            f"{element}.path", f"{element} cannot be created: {folder} is not a directory that may be written"
        )


def _unreadable(place: Place, element: str, device: HostDevice, error: OSError, hint: str) -> Exception:
    why = (error.strerror or str(error)).lower()
    return place.refuse(f"{element}.path", f"{element} cannot be opened: {device.path}: {why}{hint}")
