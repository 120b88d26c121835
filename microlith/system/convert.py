"""From TOML's values to the values of settings, by the setting's annotation.

TOML has no tuples, bytes, enums or structs; an array, a string, a member's value and a table stand for
them.  What does not fit is left as it is: check refuses it, naming setting and type.
"""

import enum
import re
import typing
from typing import Any

from microlith.interface.values import Struct

SIZE = re.compile(r"(\d+) ?(|KiB|MiB|GiB)")


def to_value(value: Any, annotation: Any) -> Any:
    """The value that `value` from a file means where `annotation` is wanted."""
    alternatives = [a for a in typing.get_args(annotation) if a is not type(None)]
    if typing.get_origin(annotation) is tuple:
        return _to_tuple(value, alternatives)
    if len(alternatives) == 1:  # X | None
        return to_value(value, alternatives[0])
    if type(value) is list:
        return tuple(to_value(item, None) for item in value)
    if not isinstance(annotation, type):
        return value
    if annotation is float and type(value) is int:
        return float(value) if abs(value) < 2**53 else value
    if annotation is bytes and type(value) is str:
        return value.encode()
    if issubclass(annotation, enum.Enum):
        return next((member for member in annotation if member.value == value), value)
    if issubclass(annotation, Struct) and type(value) is dict:
        return _to_struct(value, annotation)
    return value


def _to_tuple(value: Any, types: list[Any]) -> Any:
    if type(value) is not list:
        return value
    if types[-1:] == [Ellipsis]:
        types = [types[0]] * len(value)
    return tuple(to_value(item, types[i] if i < len(types) else None) for i, item in enumerate(value))


def _to_struct(value: dict[str, Any], annotation: type[Struct]) -> Any:
    hints = typing.get_type_hints(annotation)
    try:
        return annotation(**{name: to_value(item, hints.get(name)) for name, item in value.items()})
    except (TypeError, ValueError):  # a field missing, superfluous, or beyond 64 bits
        return value


def to_bytes(size: Any) -> Any:
    """Bytes, from 65536 or from "64 KiB", "64 MiB", "2 GiB"; anything else is left as it is."""
    found = SIZE.fullmatch(size) if type(size) is str else None
    if not found:
        return size
    return int(found[1]) << {"": 0, "KiB": 10, "MiB": 20, "GiB": 30}[found[2]]
