"""What a server or an app needs, read from the annotations of its class.

    class MinixFiles(Server, FileSystem):
        disk: BlockDevice                # a capability: the system file says which server
        cache_blocks: int = 1024         # a setting with a default
        image: HostFile                  # a device: opened by the launcher, handed over open

An annotation that is an Interface is a capability, one that is a Device is a device, any other value
type is a setting.  `X | None` makes a capability or a device optional.  Names that begin with an
underscore and ClassVars are the class's own business.
"""

import typing
from typing import Any

import msgspec

from microlith.interface.devices import Device
from microlith.interface.operation import EMPTY
from microlith.interface.values import is_interface, name_of, why_not_value

RESERVED = ("class", "confine", "quota", "restart", "start", "command")


class Need(msgspec.Struct, frozen=True):
    """One thing a class needs: kind is 'capability', 'device' or 'setting'."""

    name: str
    kind: str
    type: Any
    default: Any = EMPTY

    @property
    def required(self) -> bool:
        """Must the system file (or the caller) give it?"""
        return self.default is EMPTY

    def __str__(self) -> str:
        return f"{self.name}: {name_of(self.type)}"


def needs_of(cls: type) -> dict[str, Need]:
    """The needs of a server or app class, by attribute name, bases first."""
    needs: dict[str, Need] = {}
    hints = typing.get_type_hints(cls)
    for base in reversed(cls.__mro__):
        for name in vars(base).get("__annotations__", {}):
            if name.startswith("_") or typing.get_origin(hints[name]) is typing.ClassVar:
                continue
            needs[name] = _need(cls, name, hints[name])
    return needs


def _need(cls: type, name: str, hint: Any) -> Need:
    if name in RESERVED:
        raise TypeError(f"{cls.__name__}.{name}: this name is reserved for the system file")
    default = getattr(cls, name, EMPTY)
    alternatives = [a for a in typing.get_args(hint) if a is not type(None)]
    only = alternatives[0] if len(alternatives) == 1 and type(None) in typing.get_args(hint) else hint
    for kind, fits in (("capability", is_interface), ("device", _is_device)):
        if fits(only):
            return Need(name, kind, only, default if only is hint or default is not EMPTY else None)
    if reason := why_not_value(hint):
        raise TypeError(f"{cls.__name__}.{name}: {reason}; nor is it an Interface or a Device")
    return Need(name, "setting", hint, default)


def _is_device(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Device)
