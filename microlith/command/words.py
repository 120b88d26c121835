"""Words of a command line to the arguments of an operation, as its signature types them.

    bytes, str   the word itself (UTF-8); `@FILE` is a file's content, `@-` standard input, `@@x` is `@x`
    int          decimal, or 0x, 0o, 0b           float   as Python writes it
    bool         true or false, yes or no, 1 or 0
    enum         a member's name or value
    X | None     `null` is None
    tuple, Struct  JSON: an array, a Struct also as an object of its fields
    a capability   the name of a slot (a server) of the caller

`name=word` gives a parameter by its name.
"""

import enum
import json
import sys
import types
import typing
from typing import Any, BinaryIO, NamedTuple

from microlith.frame.wire import MAX_BULK
from microlith.interface.operation import Operation
from microlith.interface.status import UsageError
from microlith.interface.values import Struct, is_interface, matches, name_of
from microlith.system.place import did_you_mean, listed, shown

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Slot(NamedTuple):
    """An argument that is a capability of the caller, by the name of its slot."""

    name: str


def signature(server: str, operation: Operation) -> str:
    """How an operation is written: `files.stat(path: bytes, follow: bool = True) -> Stat`."""
    parameters = ", ".join(map(str, operation.parameters))
    return f"{server}.{operation.name}({parameters}) -> {name_of(operation.result)}"


def bind(server: str, operation: Operation, words: list[str], slots: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments, defaults filled in.  `slots`: the caller's capabilities and their interfaces.

    Raises UsageError with the signature.
    """
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    try:
        for word in words:
            name, equals, value = word.partition("=")
            if equals and name in operation.names:
                parameter = operation.parameters[operation.names.index(name)]
                keywords[name] = convert(value, parameter.annotation, name, slots)
            elif len(positional) == len(operation.parameters):
                raise ValueError(f"{shown(word)} is one argument too many")
            else:
                parameter = operation.parameters[len(positional)]
                positional.append(convert(word, parameter.annotation, parameter.name, slots))
        return operation.bind(tuple(positional), keywords)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{signature(server, operation)}: {error}") from None


def convert(word: str, annotation: Any, name: str, slots: dict[str, Any]) -> Any:
    """One word as a value of that type.  Raises ValueError with a sentence."""
    made = _value(word, annotation, name, slots)
    if not isinstance(made, Slot) and not matches(made, annotation):
        raise ValueError(f"{name} is {shown(word)}, which is not of type {name_of(annotation)}")
    return made


def _value(word: str, annotation: Any, name: str, slots: dict[str, Any]) -> Any:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = next(a for a in typing.get_args(annotation) if a is not type(None))
        return None if word == "null" else _value(word, inner, name, slots)
    if is_interface(annotation):
        return _slot(word, annotation, name, slots)
    if annotation in (bytes, str):
        data = _content(word, name)
        return data if annotation is bytes else _text(data, name)
    if origin is tuple or issubclass(annotation, Struct):
        try:
            return _typed(json.loads(_text(_content(word, name), name)), annotation, name)
        except json.JSONDecodeError as error:
            raise ValueError(f"{name} is {shown(word)}, which is not JSON ({error.msg.lower()})") from None
    return _scalar(word, annotation, name)


def _scalar(word: str, annotation: Any, name: str) -> Any:
    if annotation is int or annotation is float:
        try:
            return int(word, 0) if annotation is int else float(word)
        except ValueError:
            raise ValueError(f"{name} is {shown(word)}, which is not a number") from None
    if annotation is bool:
        if word.lower() not in _TRUTH:
            raise ValueError(f"{name} is {shown(word)}; write true or false")
        return _TRUTH[word.lower()]
    if issubclass(annotation, enum.Enum):
        return _member(word, annotation, name)
    return None if word == "null" else word


def _member(word: Any, annotation: type[enum.Enum], name: str) -> enum.Enum:
    for member in annotation:
        if str(word).lower() in (member.name.lower(), str(member.value).lower()):
            return member
    names = [member.name.lower() for member in annotation]
    raise ValueError(f"{name} is {shown(word)}{did_you_mean(str(word), names, f'; there are {listed(names)}')}")


def _slot(word: str, annotation: Any, name: str, slots: dict[str, Any]) -> Slot:
    fitting = [slot for slot, interface in slots.items() if issubclass(interface, annotation)]
    if word not in fitting:
        raise ValueError(f"{name} is {shown(word)}; of type {annotation.__name__} there are {listed(fitting)}")
    return Slot(word)


def _bounded(file: BinaryIO) -> bytes:
    data = file.read(MAX_BULK + 1)
    if len(data) > MAX_BULK:
        raise ValueError(f"it has more than the {MAX_BULK} bytes that one message holds")
    return data


def _content(word: str, name: str) -> bytes:
    if not word.startswith("@") or word.startswith("@@"):
        return word.removeprefix("@").encode("utf-8", "surrogateescape") if word[:2] == "@@" else _encoded(word)
    try:
        if word == "@-":
            return _bounded(sys.stdin.buffer)
        with open(word[1:], "rb") as file:
            return _bounded(file)
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise ValueError(f"{name}: {word[1:]} cannot be read: {why} (@@ begins a text with @)") from None


def _encoded(word: str) -> bytes:
    return word.encode("utf-8", "surrogateescape")


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not UTF-8") from None


def _typed(value: Any, annotation: Any, name: str) -> Any:
    """A value of JSON as one of that type; what does not fit stays as it is and is refused by its caller."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = next(a for a in arguments if a is not type(None))
        return None if value is None else _typed(value, inner, name)
    if origin is tuple and isinstance(value, list):
        same = arguments[-1:] == (Ellipsis,)
        kinds = arguments[:1] * len(value) if same else arguments
        if len(kinds) != len(value):
            raise ValueError(f"{name} has {len(value)} elements, not {len(kinds)}")
        return tuple(_typed(item, kind, name) for item, kind in zip(value, kinds, strict=True))
    if annotation is bytes and isinstance(value, str):
        return value.encode()
    if annotation is float and type(value) is int:
        return float(value)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _member(value, annotation, name)
    if isinstance(annotation, type) and issubclass(annotation, Struct) and isinstance(value, (dict, list)):
        return _struct(value, annotation, name)
    return value


def _struct(value: Any, annotation: type[Struct], name: str) -> Struct:
    hints, fields = typing.get_type_hints(annotation), annotation.__struct_fields__
    given = value if isinstance(value, dict) else dict(zip(fields, value, strict=False))
    for wrong in [field for field in given if field not in fields]:
        hint = did_you_mean(wrong, fields, f"; it has {listed(fields)}")
        raise ValueError(f"{name}: {annotation.__name__} has no field {shown(wrong)}{hint}")
    return annotation(**{f"{key}": _typed(item, hints[key], f"{name}.{key}") for key, item in given.items()})
