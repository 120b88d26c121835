"""Values of messages for people and as JSON.

JSON has no bytes: those that are UTF-8 become a string, all others `{"base64": "..."}`.  A capability is
`{"capability": "File"}`; an enum is its value, a Struct an object of its fields.
"""

import base64
import enum
import sys
from typing import Any

from microlith.command import output
from microlith.interface.interface import Implementation, interface_of
from microlith.interface.values import Struct


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Implementation):
        return {"capability": interface_of(type(value)).__name__}
    return value


def show(value: Any) -> None:
    """A result on standard output: bytes as they are unless a terminal would suffer, nothing for None."""
    if isinstance(value, bytes):
        _show_bytes(value)
    elif isinstance(value, Struct):
        width = max(map(len, value.__struct_fields__), default=0)
        for name in value.__struct_fields__:
            output.data(f"{name:<{width}}  {cell(getattr(value, name))}")
    elif isinstance(value, tuple) and value and all(isinstance(item, Struct) for item in value):
        names = value[0].__struct_fields__
        output.table(names, [[cell(getattr(item, name)) for name in names] for item in value])
    elif isinstance(value, tuple):
        for item in value:
            output.data(cell(item))
    elif value is not None:
        output.data(value if isinstance(value, str) and not sys.stdout.isatty() else cell(value))


def cell(value: Any) -> str:
    """A value on one line, with nothing in it that steers a terminal."""
    if isinstance(value, bytes):
        return visible(value.decode("utf-8", "backslashreplace"))
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, tuple):
        return "(" + ", ".join(map(cell, value)) + ")"
    if isinstance(value, Struct):
        return type(value).__name__ + cell(tuple(getattr(value, name) for name in value.__struct_fields__))
    if isinstance(value, Implementation):
        return f"a {interface_of(type(value)).__name__}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def visible(text: str, kept: str = "") -> str:
    """The text with every character that is not printable escaped, but those in `kept`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text)


def _show_bytes(value: bytes) -> None:
    if sys.stdout.isatty():
        output.data(visible(value.decode("utf-8", "backslashreplace"), "\n\t"))
        return
    with output.writing():
        sys.stdout.buffer.write(value)
