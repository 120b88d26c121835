"""One operation of an interface, as data, and the four marks a method may carry.

`@raises(A, B)` declares the statuses it may answer; `@idempotent` says that repeating it is harmless
when the caller is the only writer; `@waits` says that it may take as long as it likes (it has no
default deadline, and a server never calls it); `@notify` makes it a one-way message.

On the wire the parameters are a MessagePack array in their order.  The *bulk* of a message is its
last parameter of type bytes, or a result of type bytes: it follows the body uncopied, and nil stands
in its place.
"""

import typing
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

import msgspec

from microlith.interface.status import Status
from microlith.interface.values import bounded, is_interface, name_of, why_not_value

F = TypeVar("F", bound=Callable[..., Any])


class EMPTY:
    """No default."""


_STAR_ARGUMENTS = 0x04 | 0x08  # CO_VARARGS, CO_VARKEYWORDS


def raises(*statuses: type[Status]) -> Callable[[F], F]:
    """Declare the statuses that this operation may answer."""
    return lambda function: _mark(function, "statuses", statuses)


def idempotent(function: F) -> F:
    """Repeating the call is harmless when the caller is the only writer; the stub may do so."""
    return _mark(function, "idempotent", True)


def waits(function: F) -> F:
    """The answer may take as long as it likes; only an answer, a cancel or a death ends the call."""
    return _mark(function, "waits", True)


def notify(function: F) -> F:
    """One way: queued, never blocking, dropped and counted when the queue is full."""
    return _mark(function, "notify", True)


def _mark(function: F, name: str, value: Any) -> F:
    marks = {**getattr(function, "__marks__", {}), name: value}
    function.__marks__ = marks  # type: ignore[attr-defined]
    return function


class Parameter(msgspec.Struct, frozen=True):
    """A parameter: its name, its annotation, and its default (EMPTY without one)."""

    name: str
    annotation: Any
    default: Any = EMPTY

    def __str__(self) -> str:
        default = "" if self.default is EMPTY else f" = {self.default!r}"
        return f"{self.name}: {name_of(self.annotation)}{default}"


class Operation(msgspec.Struct, frozen=True, eq=False):
    """Everything that stubs, dispatch, checks and schema texts need to know of one operation."""

    number: int
    name: str
    interface: str
    parameters: tuple[Parameter, ...]
    result: Any
    statuses: tuple[type[Status], ...]
    idempotent: bool
    waits: bool
    notify: bool
    request_bulk: int | None  # which parameter travels as the bulk
    reply_bulk: bool  # whether the result does
    carries: bool  # whether a capability can travel in a request or a reply

    def __str__(self) -> str:
        marks = [name for name in ("idempotent", "waits", "notify") if getattr(self, name)]
        if self.statuses:
            marks.append("raises " + ", ".join(status.__name__ for status in self.statuses))
        arguments = ", ".join(map(str, self.parameters))
        tail = f"  [{'; '.join(marks)}]" if marks else ""
        return f"{self.number} {self.name}({arguments}) -> {name_of(self.result)}{tail}"

    @property
    def qualified(self) -> str:
        """The name for people: Interface.operation."""
        return f"{self.interface}.{self.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, in order."""
        return tuple(p.name for p in self.parameters)

    @property
    def defaults(self) -> dict[int, tuple[Any, ...]]:
        """By how many arguments are given: the defaults that complete them, where that is possible."""
        values = [p.default for p in self.parameters]
        return {n: tuple(values[n:]) for n in range(len(values)) if EMPTY not in values[n:]}

    @property
    def request_type(self) -> Any:
        """The typed form of the body of a request, for the decoder."""
        types = tuple(bounded(p.annotation) for p in self.parameters)
        if self.request_bulk is not None:
            types = (*types[: self.request_bulk], None, *types[self.request_bulk + 1 :])
        return tuple.__class_getitem__(types) if types else tuple[()]

    @property
    def reply_type(self) -> Any:
        """The typed form of the body of a reply: an array of one."""
        return tuple.__class_getitem__((None,) if self.reply_bulk else (bounded(self.result),))

    def bind(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
        """The full argument tuple in order, defaults filled in.  Raises TypeError as a call would."""
        if len(arguments) > len(self.parameters):
            raise TypeError(f"{self.qualified} takes {len(self.parameters)} arguments, got {len(arguments)}")
        bound = list(arguments)
        for parameter in self.parameters[len(arguments) :]:
            value = keywords.pop(parameter.name, parameter.default)
            if value is EMPTY:
                raise TypeError(f"{self.qualified} is missing the argument {parameter.name!r}")
            bound.append(value)
        if keywords:
            raise TypeError(f"{self.qualified} has no (free) parameter {next(iter(keywords))!r}")
        return tuple(bound)


def read_operation(owner: type, number: int, function: Callable[..., Any]) -> Operation:
    """Turn one method of the Interface class `owner` into its Operation, or refuse it with a TypeError."""
    interface = owner.__name__
    where = f"{interface}.{function.__name__}"
    marks = getattr(function, "__marks__", {})
    if not _empty_body(function):
        raise TypeError(f"{where} has a body; an interface only declares (end it with '...')")
    parameters, result = _signature(where, owner, function)
    _check_marks(where, marks, result)
    carries = any(_has_capability(a) for a in (result, *(p.annotation for p in parameters)))
    if carries and marks.get("notify"):
        raise TypeError(f"{where}: a notify carries no capability; nobody would learn that it did not arrive")
    if function.__name__ == "target":
        raise TypeError(f"{where}: this name is the frame's own; choose another")
    blobs = [i for i, p in enumerate(parameters) if p.annotation is bytes]
    return Operation(
        number=number,
        name=function.__name__,
        interface=interface,
        parameters=parameters,
        result=result,
        statuses=tuple(marks.get("statuses", ())),
        idempotent=marks.get("idempotent", False),
        waits=marks.get("waits", False),
        notify=marks.get("notify", False),
        request_bulk=blobs[-1] if blobs else None,
        reply_bulk=result is bytes,
        carries=carries,
    )


def _signature(where: str, owner: type, function: Callable[..., Any]) -> tuple[tuple[Parameter, ...], Any]:
    hints = function.__annotations__
    if any(isinstance(hint, str) for hint in hints.values()):
        try:  # an interface may speak of itself, before its name is bound
            hints = typing.get_type_hints(function, localns={owner.__name__: owner})
        except NameError as error:
            raise TypeError(f"{where}: {error}") from None
    hints = {name: type(None) if hint is None else hint for name, hint in hints.items()}
    found = [Parameter(name, None, default) for name, default in plain_parameters(where, function)]
    for p in found:
        if p.name not in hints:
            raise TypeError(f"{where}: parameter {p.name!r} has no annotation")
        if reason := why_not_value(hints[p.name]):
            raise TypeError(f"{where}: parameter {p.name!r}: {reason}")
    if "return" not in hints:
        raise TypeError(f"{where} does not say what it returns (-> None if nothing)")
    if reason := why_not_value(hints["return"]):
        raise TypeError(f"{where}: result: {reason}")
    return tuple(Parameter(p.name, hints[p.name], p.default) for p in found), hints["return"]


def plain_parameters(where: str, function: Any) -> list[tuple[str, Any]]:
    """The parameters after self as (name, default).  Raises TypeError for anything but plain ones."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = function.__code__
    if code.co_flags & _STAR_ARGUMENTS or code.co_kwonlyargcount or code.co_posonlyargcount:
        raise TypeError(f"{where}: every parameter must be a plain one, not */** or keyword-only")
    names = code.co_varnames[1 : code.co_argcount]
    defaults = function.__defaults__ or ()
    filled = (EMPTY,) * (len(names) - len(defaults)) + defaults
    return list(zip(names, filled, strict=True))


def is_function(member: Any) -> bool:
    """Was it made by `def`?"""
    return isinstance(member, FunctionType)


def _check_marks(where: str, marks: dict[str, Any], result: Any) -> None:
    for status in marks.get("statuses", ()):
        if not (isinstance(status, type) and issubclass(status, Status)):
            raise TypeError(f"{where}: @raises takes Status classes, not {status!r}")
    if marks.get("notify") and (result is not type(None) or len(marks) > 1):
        raise TypeError(f"{where}: a notify returns None, raises nothing and carries no other mark")


def _has_capability(annotation: Any) -> bool:
    if is_interface(annotation):
        return True
    if isinstance(annotation, type) and hasattr(annotation, "__struct_fields__"):
        return any(map(_has_capability, typing.get_type_hints(annotation).values()))
    return any(map(_has_capability, typing.get_args(annotation)))


def _empty_body(function: Callable[..., Any]) -> bool:
    """Docstring, '...' and 'pass' compile to the code of an empty function."""
    code = function.__code__
    names_used = code.co_names or code.co_freevars or code.co_cellvars
    constants = [c for c in code.co_consts if c is not None and c != function.__doc__]
    return not names_used and not constants and len(code.co_code) <= len(_nothing.__code__.co_code)


def _nothing(self: Any) -> None: ...
