"""Making the instances of a domain: class, settings, devices; the capabilities come from the caller."""

import os
import stat
from typing import Any

import msgspec

from microlith.interface.devices import Timer
from microlith.interface.needs import needs_of
from microlith.process.birth import PartBirth, find_class


def make(part: PartBirth, descriptors: dict[str, int]) -> Any:
    """One instance with its settings and devices, not yet started and without capabilities.

    `descriptors` maps `device:NAME:0`, `device:NAME:1`, ... to open descriptors; a timer that nobody
    made beforehand is made here.
    """
    cls = find_class(part.cls)
    made = cls()
    needs = needs_of(cls)
    for name, value in part.settings.items():
        setattr(made, name, msgspec.convert(value, needs[name].type))
    for name, need in needs.items():
        if need.kind == "device" and (name in part.devices or need.type is Timer):
            setattr(made, name, _device(need.type, part.devices.get(name, f"{part.name}.{name}"), descriptors))
        elif need.kind != "setting" and not need.required:
            setattr(made, name, need.default)
    return made


def _device(kind: Any, name: str, descriptors: dict[str, int]) -> Any:
    prefix = f"device:{name}:"
    found = sorted(label for label in descriptors if label.startswith(prefix))
    if not found:
        return Timer.make(name)
    return kind(name, tuple(descriptors[label] for label in found))


def interrupting(part: Any) -> list[str]:
    """The attributes of an instance that are devices with an interrupt line."""
    needs = needs_of(type(part))
    return [
        n
        for n, need in needs.items()
        if need.kind == "device" and need.type.interrupts and getattr(part, n) is not None
    ]


def open_device(kind: str, path: str, mode: str, size: int) -> tuple[int, ...]:
    """Open a host device; its descriptors.  Raises OSError."""
    if kind == "directory":
        return (os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC),)
    if kind == "terminal":
        return _open_terminal(path)
    flags = os.O_RDONLY if mode == "r" else os.O_RDWR
    if mode == "create":
        flags |= os.O_CREAT
    elif mode != "r" and stat.S_ISBLK(os.stat(path).st_mode):
        flags |= os.O_EXCL  # on a block device: not while it is mounted
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    if mode == "create" and size and os.fstat(descriptor).st_size == 0:
        os.ftruncate(descriptor, size)
    return (descriptor,)


def _open_terminal(path: str) -> tuple[int, ...]:
    """A terminal by name, or, without a path, the launcher's own standard input and output.

    A terminal is opened anew, so that its descriptor can be non-blocking without the user's shell
    noticing: poll(2) promises room for one byte only.
    """
    if not path and os.isatty(0) and os.isatty(1):
        path = os.ttyname(0)
    if not path:
        return (os.dup(0), os.dup(1))
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    return (descriptor, os.dup(descriptor))
