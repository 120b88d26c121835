"""Bad definitions are refused when the class is defined, naming operation and parameter."""

import enum
import typing

import pytest

from microlith import (
    App,
    HostFile,
    Interface,
    Object,
    Server,
    Status,
    Struct,
    idempotent,
    notify,
    raises,
    schema,
    waits,
)
from microlith.interface.interface import compatible, interface_of, operations_of
from microlith.interface.needs import needs_of


class Knot(Struct, frozen=True):
    parts: tuple["Knot", ...]


class Good(Interface):
    """A good one."""

    @idempotent
    def read(self, block: int, count: int = 1) -> bytes: ...

    def write(self, block: int, data: bytes) -> None:
        """With a docstring only."""

    def passing(self) -> None:
        pass


class Fine(Status): ...


def refused(message, define):
    with pytest.raises(TypeError, match=message):
        define()


class Real(enum.Enum):
    HALF = 0.5


class Plain:
    pass


BODIES = {
    "return": lambda self: 1,
    "call": lambda self: print(),
    "attribute": lambda self: self.x,
}


@pytest.mark.parametrize("kind", BODIES)
def test_interface_with_a_body_is_refused(kind):
    def operation(self) -> int:
        return 1

    operation.__code__ = BODIES[kind].__code__
    refused("Bad.operation has a body", lambda: type("Bad", (Interface,), {"operation": operation}))


ANNOTATIONS = {
    "list[int]": list[int],
    "dict": dict,
    "object": object,
    "Any": typing.Any,
    "Plain": Plain,
    "bytearray": bytearray,
    "int | str": int | str,
    "int | str | None": int | str | None,
    "tuple[list[int], ...]": tuple[list[int], ...],
    "Real": Real,
    "set": set[int],
    "complex": complex,
    "Callable": typing.Callable[[], None],
    "HostFile": HostFile,
}


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_parameter_that_is_no_value_is_refused(name):
    def operation(self, what) -> None: ...

    operation.__annotations__["what"] = ANNOTATIONS[name]
    refused("Bad.operation: parameter 'what': ", lambda: type("Bad", (Interface,), {"operation": operation}))


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_result_that_is_no_value_is_refused(name):
    def operation(self): ...

    operation.__annotations__["return"] = ANNOTATIONS[name]
    refused("Bad.operation: result: ", lambda: type("Bad", (Interface,), {"operation": operation}))


def test_struct_with_a_field_that_is_no_value_is_refused():
    class Holder(Struct, frozen=True):
        items: list[int]

    def operation(self, what: Holder) -> None: ...

    operation.__annotations__["what"] = Holder
    refused("Bad.operation: parameter 'what'", lambda: type("Bad", (Interface,), {"operation": operation}))


def missing_parameter(self, x) -> None: ...


def missing_result(self, x: int): ...


def star(self, *x: int) -> None: ...


def stars(self, **x: int) -> None: ...


def keyword(self, *, x: int) -> None: ...


def unknown(self, x: "Nowhere") -> None: ...  # noqa: F821


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (missing_parameter, "parameter 'x' has no annotation"),
        (missing_result, "does not say what it returns"),
        (star, "a plain one"),
        (stars, "a plain one"),
        (keyword, "a plain one"),
        (unknown, "Bad.operation.*Nowhere"),
    ],
)
def test_signature_is_refused(function, message):
    function.__name__ = "operation"
    refused(message, lambda: type("Bad", (Interface,), {"operation": function}))


def test_raises_of_what_is_no_status_is_refused():
    for wrong in (ValueError, "NotFound", Fine("an instance"), int):

        def define(wrong=wrong):
            class Bad(Interface):
                @raises(wrong)
                def operation(self) -> None: ...

        refused("Bad.operation: @raises takes Status classes", define)


def test_notify_with_a_result_or_another_mark_is_refused():
    def with_result():
        class Bad(Interface):
            @notify
            def operation(self) -> int: ...

    def with_status():
        class Bad(Interface):
            @notify
            @raises(Fine)
            def operation(self) -> None: ...

    def with_waits():
        class Bad(Interface):
            @waits
            @notify
            def operation(self) -> None: ...

    for define in (with_result, with_status, with_waits):
        refused("Bad.operation: a notify returns None", define)


def test_notify_with_a_capability_is_refused():
    """Nobody could be told that the capability did not arrive."""

    def define():
        class Bad(Interface):
            @notify
            def operation(self, what: Good) -> None: ...

    refused("Bad.operation: a notify", define)


def test_interface_that_holds_something_else_is_refused():
    for name, member in (("limit", 5), ("_private", missing_result), ("nested", Plain), ("cls", classmethod(len))):
        refused("is not an operation", lambda name=name, member=member: type("Bad", (Interface,), {name: member}))


def test_interface_of_two_interfaces_is_refused():
    class Other(Interface):
        def other(self) -> None: ...

    refused("extends two interfaces", lambda: type("Bad", (Good, Other), {}))


def test_redefined_operation_is_refused():
    def define():
        class Bad(Good):
            def read(self, block: int) -> bytes: ...

    refused("redefines an operation", define)


def test_extended_interface_keeps_the_numbers():
    class More(Good):
        def more(self) -> None: ...

    assert [o.number for o in operations_of(More).values()] == [1, 2, 3, 4]
    assert compatible(Good, More)
    assert not compatible(More, Good)


def test_compatible_needs_the_same_operations():
    class Same(Interface):
        @idempotent
        def read(self, block: int, count: int = 1) -> bytes: ...

        def write(self, block: int, data: bytes) -> None: ...

    class Renumbered(Interface):
        def write(self, block: int, data: bytes) -> None: ...

        @idempotent
        def read(self, block: int, count: int = 1) -> bytes: ...

    assert compatible(Same, Good)
    assert not compatible(Renumbered, Good)
    assert not compatible(Good, Same)


def test_interface_that_speaks_of_itself():
    class Folder(Interface):
        def enter(self, name: bytes) -> "Folder": ...

        def move(self, folder: "Folder | None") -> None: ...

    assert operations_of(Folder)["enter"].result is Folder
    assert operations_of(Folder)["enter"].carries and operations_of(Folder)["move"].carries


def test_implementation_that_misses_an_operation_is_refused():
    def define():
        class Bad(Server, Good):
            def read(self, block, count): ...

            def write(self, block, data): ...

    refused("Bad does not implement Good.passing", define)


def test_implementation_with_another_signature_is_refused():
    for parameters in ("block", "block, size", "count, block", "block, count, more", "*arguments"):

        def define(parameters=parameters):
            names = {}
            exec(f"def read(self, {parameters}): ...", names)
            methods = {"write": lambda self, block, data: None, "passing": lambda self: None}
            type("Bad", (Server, Good), {"read": names["read"], **methods})

        refused("Bad.read: every parameter must" if "*" in parameters else "Good.read says \\(block, count\\)", define)


def test_implementation_of_two_interfaces_is_refused():
    class Other(Interface):
        def other(self) -> None: ...

    def define():
        class Bad(Server, Good, Other):
            def read(self, block, count): ...

            def write(self, block, data): ...

            def passing(self): ...

            def other(self): ...

    refused("Bad exports both", define)


def test_schema_says_everything():
    class Shown(Interface):
        @idempotent
        @raises(Fine)
        def read(self, block: int, names: tuple[str, ...] = ()) -> bytes | None: ...

        @waits
        def wait(self) -> None: ...

        @notify
        def note(self, text: str) -> None: ...

    assert schema(Shown) == (
        "interface Shown\n"
        "  1 read(block: int, names: tuple[str, ...] = ()) -> bytes | None  [idempotent; raises Fine]\n"
        "  2 wait() -> None  [waits]\n"
        "  3 note(text: str) -> None  [notify]\n"
    )


class Store(Server, Good):
    good: Good
    perhaps: Good | None
    file: HostFile
    spare: HostFile | None = None
    size: int = 5
    name: str
    _own: list
    shared: typing.ClassVar[list] = []

    def read(self, block, count=1):
        return b""

    def write(self, block, data): ...

    def passing(self): ...


def test_needs_are_read_from_annotations():
    needs = needs_of(Store)
    kinds = {name: (need.kind, need.required) for name, need in needs.items()}
    assert kinds == {
        "good": ("capability", True), "perhaps": ("capability", False), "file": ("device", True),
        "spare": ("device", False), "size": ("setting", False), "name": ("setting", True),
    }  # fmt: skip
    assert interface_of(Store) is Good


@pytest.mark.parametrize("name", ["class", "confine", "quota", "restart", "start", "command"])
def test_reserved_names_are_refused_as_needs(name):
    refused("reserved", lambda: needs_of(type("Bad", (App,), {"__annotations__": {name: int}})))


def test_need_that_is_nothing_known_is_refused():
    refused(
        "Bad.items: list.* is not a value",
        lambda: needs_of(type("Bad", (App,), {"__annotations__": {"items": list[int]}})),
    )


def test_direct_link_is_the_bound_method_itself():
    """And a notify is queued all the same."""
    from microlith.frame.facade import facade
    from microlith.frame.frame import Frame
    from servers.blockdevice import BlockDevice
    from servers.filedisk import FileDisk
    from servers.minix.files import MinixFiles

    disk, files = FileDisk(), MinixFiles()
    files.disk = facade(disk)
    assert isinstance(files.disk, BlockDevice)
    assert files.disk.read.__func__ is FileDisk.read
    assert files.disk.read.__self__ is disk

    class Noted(Interface):
        @notify
        def note(self, n: int) -> None: ...

    class Notes(Server, Noted):
        def note(self, n):
            heard.append((n, self.lost))

    heard = []
    outer, Frame.current = Frame.current, Frame()
    try:
        link = facade(Notes())
        link.note(1)
        assert heard == []
        Frame.current.deliver_notices()
        assert heard == [(1, 0)]
        for n in range(1030):
            link.note(n)
        Frame.current.deliver_notices()
        link.note(-1)
        Frame.current.deliver_notices()
        assert heard[-2:] == [(1023, 0), (-1, 6)]
    finally:
        Frame.current.close()
        Frame.current = outer


def test_waits_of_a_mixin_waits_on_a_direct_link():
    from microlith.frame.facade import facade
    from microlith.frame.frame import Frame

    class Waiting(Interface):
        @waits
        def wait_for(self, n: int) -> int: ...

    class Mixin:
        def wait_for(self, n):
            reply = self.later()
            reply.answer(n + 1)
            return reply

    class Waiters(Mixin, Server, Waiting): ...

    outer, Frame.current = Frame.current, Frame()
    try:
        assert facade(Waiters()).wait_for(4) == 5
    finally:
        Frame.current.close()
        Frame.current = outer


def test_server_does_not_call_what_waits():
    from microlith.frame.facade import facade
    from microlith.frame.frame import Frame
    from microlith.frame.methods import method_of
    from microlith.frame.reply import DirectReply

    class Waiting(Interface):
        @waits
        def wait_for(self) -> int: ...

        def call_it(self) -> int: ...

    class Waiters(Server, Waiting):
        def wait_for(self):
            return self.later()

        def call_it(self):
            return facade(self).wait_for()

    outer, Frame.current = Frame.current, Frame()
    try:
        made = Waiters()
        with pytest.raises(TypeError, match="never calls the @waits operation"):
            Frame.current.serve(made, method_of(Waiters, operations_of(Waiting)["call_it"]), (), DirectReply(), 0)
    finally:
        Frame.current.close()
        Frame.current = outer


@pytest.mark.parametrize("name", ["handle", "rank", "connection"])
def test_operation_named_like_something_of_a_stub_works(name):
    """An author may call an operation as the field does."""
    from microlith.frame.facade import facade
    from microlith.frame.stub import stub_class

    def operation(self, n: int) -> int: ...

    operation.__name__ = name
    interface = type("Named", (Interface,), {name: operation})
    made = type("Names", (Server, interface), {name: lambda self, n: n + 1})()
    assert getattr(facade(made), name)(4) == 5

    class Line:
        def call(self, stub, operation, arguments):
            return (operation.name, arguments)

        def forget(self, handle): ...

    assert getattr(stub_class(interface)(Line(), 7, 0), name)(4) == (name, (4,))


def test_object_implements_its_interface_too():
    def define():
        class Bad(Object, Good):
            def read(self, block, count): ...

    refused("Bad does not implement Good.write", define)


def test_struct_that_contains_itself_is_refused():
    with pytest.raises(TypeError, match="Knot contains itself"):

        class Ropes(Interface):
            def tie(self, knot: Knot) -> None: ...


def test_operation_with_the_name_of_a_hook_is_refused():
    class Engine(Interface):
        def start(self) -> None: ...

    with pytest.raises(TypeError, match=r"Engine\.start: Motor has a hook of that name"):

        class Motor(Server, Engine):
            def start(self): ...
