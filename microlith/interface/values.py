"""What may be said in a message: the values.

None, bool, signed 64-bit int, float, str, bytes, tuples of values, enums, frozen structs, capabilities.
All are immutable, so passing a reference (in one address space) and passing a copy (between two)
cannot be told apart.  `why_not_value` says what is wrong with an annotation, or nothing; `matches`
is the exact check that a link with `check` puts on every argument and result.
"""

import enum
import operator
import struct
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

INT_LOW, INT_HIGH = -(2**63), 2**63 - 1
Int64 = typing.Annotated[int, msgspec.Meta(ge=INT_LOW, le=INT_HIGH)]

SCALARS = (type(None), bool, int, float, str, bytes)


class Struct(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A frozen record of values; on the wire an array of its fields in order."""

    def __post_init__(self) -> None:
        read, pack, others = _integers.get(type(self)) or _find_integers(type(self))
        try:
            pack(*read(self))  # all at once: a struct is made on either side of every border
        except struct.error:
            others = self.__struct_fields__
        for name in others:
            if not _in_range(value := getattr(self, name)):
                raise ValueError(f"{type(self).__name__}.{name} is {value}, outside signed 64 bits")


#: Of a Struct's class: the values of its fields that are ints, what packs as many, other fields with ints in them.
Integers = tuple[Callable[[Any], tuple[Any, ...]], Callable[..., bytes], tuple[str, ...]]
_integers: dict[type, Integers] = {}


def _find_integers(cls: type[Struct]) -> Integers:
    hints = typing.get_type_hints(cls)
    names = [field for field in cls.__struct_fields__ if _has_int(hints[field])]
    plain = [name for name in names if hints[name] is int]
    if len(plain) < 2:  # of one, attrgetter gives no tuple
        found: Integers = (lambda _: ()), struct.Struct("").pack, tuple(names)
    else:
        others = tuple(name for name in names if name not in plain)
        found = operator.attrgetter(*plain), struct.Struct(f"{len(plain)}q").pack, others
    _integers[cls] = found
    return found


def _has_int(annotation: Any) -> bool:
    """Is there an int in it, in whatever depth?  (Structs look after their own.)"""
    return annotation is int or any(map(_has_int, typing.get_args(annotation)))


def _in_range(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_in_range, value))
    return type(value) is not int or INT_LOW <= value <= INT_HIGH


def is_interface(annotation: Any) -> bool:
    """Is this annotation a capability, that is an Interface class?"""
    return isinstance(annotation, type) and "__operations__" in vars(annotation)


def why_not_value(annotation: Any, inside: tuple[Any, ...] = ()) -> str | None:
    """The reason why this annotation cannot travel in a message, or None.  `inside`: the structs it is a field of."""
    if annotation is None or annotation in SCALARS or is_interface(annotation):
        return None
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _why_not_union(arguments, inside)
    if origin is tuple:
        inner = arguments[:-1] if arguments[-1:] == (Ellipsis,) else arguments
        return next(filter(None, (why_not_value(one, inside) for one in inner)), None)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        if all(type(member.value) in (int, str) for member in annotation):
            return None
        return f"{annotation.__name__} is an enum whose values are neither int nor str"
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        if annotation in inside:
            return f"{annotation.__name__} contains itself, so no message is large enough for every value of it"
        hints, within = typing.get_type_hints(annotation), (*inside, annotation)
        return next(filter(None, (why_not_value(hints[f], within) for f in annotation.__struct_fields__)), None)
    return f"{name_of(annotation)} is not a value (None, bool, int, float, str, bytes, tuple, enum, Struct, capability)"


def _why_not_union(arguments: tuple[Any, ...], inside: tuple[Any, ...]) -> str | None:
    others = [a for a in arguments if a is not type(None)]
    if len(others) != 1 or len(arguments) != 2:
        return "a union other than 'X | None' does not say which value travels"
    return why_not_value(others[0], inside)


def name_of(annotation: Any) -> str:
    """How an annotation is written in a schema and in messages for people."""
    if annotation is None or annotation is type(None):
        return "None"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(name_of(a) for a in arguments)
    if origin is tuple:
        return "tuple[" + ", ".join("..." if a is Ellipsis else name_of(a) for a in arguments) + "]"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def bounded(annotation: Any) -> Any:
    """The same annotation with every int held to signed 64 bits, as the typed decoder needs it."""
    if annotation is int:
        return Int64
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return typing.Optional[bounded(next(a for a in arguments if a is not type(None)))]
    if origin is tuple:
        return tuple.__class_getitem__(tuple(a if a is Ellipsis else bounded(a) for a in arguments))
    return annotation


def matches(value: Any, annotation: Any) -> bool:
    """Is this exactly a value of that annotation?  (bool is not int; a subclass of str is not str.)"""
    if annotation is None or annotation is type(None):
        return value is None
    if annotation is int:
        return type(value) is int and INT_LOW <= value <= INT_HIGH
    if annotation in SCALARS:
        return type(value) is annotation
    if is_interface(annotation):
        return isinstance(value, annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(matches(value, a) for a in arguments)
    if origin is tuple:
        return type(value) is tuple and _matches_tuple(value, arguments)
    if issubclass(annotation, Struct):
        hints = typing.get_type_hints(annotation)
        fields = annotation.__struct_fields__
        return type(value) is annotation and all(matches(getattr(value, f), hints[f]) for f in fields)
    return type(value) is annotation


def _matches_tuple(value: tuple[Any, ...], arguments: tuple[Any, ...]) -> bool:
    if arguments[-1:] == (Ellipsis,):
        return all(matches(item, arguments[0]) for item in value)
    return len(value) == len(arguments) and all(map(matches, value, arguments))


def exchanged(value: Any, kinds: tuple[type, ...], change: Callable[[Any], Any]) -> Any:
    """The same value with everything of these kinds in it, in whatever depth, replaced by `change` of it."""
    if isinstance(value, kinds):
        return change(value)
    if type(value) is tuple:
        return tuple([exchanged(item, kinds, change) for item in value])
    if isinstance(value, Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        made = {name: exchanged(item, kinds, change) for name, item in fields.items()}
        changed = {name: item for name, item in made.items() if item is not fields[name]}
        return msgspec.structs.replace(value, **changed) if changed else value
    return value
