"""Bodies and messages: what goes in comes out, and hostile bytes are BadMessage and nothing else."""

import enum
import math

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microlith import BadMessage, Interface, Status, Struct, raises
from microlith.frame import wire
from microlith.frame.codec import Codec, read_status, status_body
from microlith.interface.interface import operations_of
from microlith.interface.values import matches


class Colour(enum.Enum):
    RED = "red"


class Number(enum.Enum):
    ONE = 1


class Inner(Struct, frozen=True):
    n: int
    many: tuple[int, ...]
    perhaps: int | None
    deep: tuple[tuple[int, str], ...]


class Outer(Struct, frozen=True):
    inner: Inner
    data: bytes
    colour: Colour


class Refused(Status): ...


class Cap(Interface):
    def nothing(self) -> None: ...


class Carrier(Struct, frozen=True):
    one: Cap
    other: Cap | None


class All(Interface):
    @raises(Refused)
    def scalars(self, a: bool, b: int, c: float, d: str, e: bytes, f: None) -> float: ...

    def composed(
        self, a: tuple[int, ...], b: tuple[int, str], c: int | None, d: Outer, e: Colour, f: Number
    ) -> Outer: ...

    def caps(self, a: Cap, b: tuple[Cap, ...], c: Carrier, d: Cap | None) -> Cap: ...

    def blobs(self, a: bytes, b: int, c: bytes) -> bytes: ...

    def nothing(self) -> None: ...


OPERATIONS = operations_of(All)
INT = st.integers(-(2**63), 2**63 - 1)
INNER = st.builds(Inner, INT, st.lists(INT).map(tuple), st.none() | INT, st.lists(st.tuples(INT, st.text())).map(tuple))
OUTER = st.builds(Outer, INNER, st.binary(), st.sampled_from(Colour))
ARGUMENTS = {
    "scalars": st.tuples(st.booleans(), INT, st.floats(allow_nan=False), st.text(), st.binary(), st.none()),
    "composed": st.tuples(
        st.lists(INT).map(tuple), st.tuples(INT, st.text()), st.none() | INT, OUTER, st.sampled_from(Colour),
        st.sampled_from(Number),
    ),
    "blobs": st.tuples(st.binary(), INT, st.binary()),
}  # fmt: skip


def codec():
    return Codec(lambda value: (0, 0, value.n, 0), lambda entry, interface: Held(entry[2]))


class Held(Cap):
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return self.n == other.n

    __hash__ = None


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_come_out_as_they_went_in(name):
    operation = OPERATIONS[name]

    @given(ARGUMENTS[name])
    @settings(max_examples=100, deadline=None)
    def check(arguments):
        body, bulk, caps = codec().request(operation, arguments)
        found = codec().read_request(operation, body, bulk, caps)
        assert found == arguments
        assert all(map(matches, found, (p.annotation for p in operation.parameters)))

    check()


def test_capabilities_come_out_as_they_went_in():
    arguments = (Held(1), (Held(2), Held(3)), Carrier(Held(4), None), None)
    body, bulk, caps = codec().request(OPERATIONS["caps"], arguments)
    assert [cap[2] for cap in caps] == [1, 2, 3, 4]
    assert codec().read_request(OPERATIONS["caps"], body, bulk, caps) == arguments


@pytest.mark.parametrize("name", OPERATIONS)
def test_any_bytes_are_a_request_or_bad(name):
    operation = OPERATIONS[name]
    made = codec()

    @given(st.binary(max_size=200) | st.recursive(JUNK, lambda x: st.lists(x, max_size=8), max_leaves=20).map(packed))
    @settings(max_examples=150, deadline=None)
    def check(body):
        try:
            found = made.read_request(operation, body, b"", ((2, 0, 1, 0),))
        except BadMessage:
            return
        assert all(map(matches, found, (p.annotation for p in operation.parameters)))

    check()


JUNK = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
)


def packed(value):
    return msgpack.packb(value)


GOOD_INNER = [1, [2, 3], 4, [[5, "x"]]]


@pytest.mark.parametrize(
    "arguments",
    [
        [[2**64 - 1], [1, "x"], None, [GOOD_INNER, b"", "red"], "red", 1],
        [[], [2**63, "x"], None, [GOOD_INNER, b"", "red"], "red", 1],
        [[], [1, "x"], 2**64 - 1, [GOOD_INNER, b"", "red"], "red", 1],
        [[], [1, "x"], None, [[2**63, [], None, []], b"", "red"], "red", 1],
        [[], [1, "x"], None, [[1, [2**63], None, []], b"", "red"], "red", 1],
        [[], [1, "x"], None, [[1, [], 2**64 - 1, []], b"", "red"], "red", 1],
        [[], [1, "x"], None, [[1, [], None, [[2**63, "x"]]], b"", "red"], "red", 1],
        [[], [1, "x"], None, [GOOD_INNER, b"", "blue"], "red", 1],
        [[], [1, "x"], None, [GOOD_INNER, b"", "red"], "red", 2],
        [[], [1, "x"], None, [GOOD_INNER, b"", "red"], "red", 2**64 - 1],
        [[], [1, "x"], None, [[*GOOD_INNER, 1], b"", "red"], "red", 1],
        [[], [1, "x"], None, [GOOD_INNER[:3], b"", "red"], "red", 1],
        [[], [1, "x"], None, [GOOD_INNER, "", "red"], "red", 1],
        [[], [1], None, [GOOD_INNER, b"", "red"], "red", 1],
        [[], [1, "x", 2], None, [GOOD_INNER, b"", "red"], "red", 1],
        [[True], [1, "x"], None, [GOOD_INNER, b"", "red"], "red", 1],
        [[1.0], [1, "x"], None, [GOOD_INNER, b"", "red"], "red", 1],
        [[], [1, "x"], None, [GOOD_INNER, b"", "red"], "red"],
        [[], [1, "x"], None, [GOOD_INNER, b"", "red"], "red", 1, 1],
        [],
        {},
        5,
    ],
)
def test_request_outside_its_signature_is_bad(arguments):
    with pytest.raises(BadMessage):
        codec().read_request(OPERATIONS["composed"], packed(arguments), b"", ())


def test_request_inside_its_signature_is_good():
    arguments = [[], [1, "x"], None, [GOOD_INNER, b"", "red"], "red", 1]
    assert codec().read_request(OPERATIONS["composed"], packed(arguments), b"", ())[3].inner.n == 1


@pytest.mark.parametrize("position", [-1, 1, 2**63, 2**64 - 1, "0", None, 1.0, True, [0]])
def test_position_that_names_no_capability_is_bad(position):
    with pytest.raises(BadMessage):
        codec().read_request(OPERATIONS["caps"], packed([position, [], [0, None], None]), b"", ((2, 0, 1, 0),))


@pytest.mark.parametrize(
    "body",
    [
        b"\x91" * 100_000, b"\x91" * 1_000_000, b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",  # noqa: E501
        b"\xdb\xff\xff\xff\xff" + b"x" * 100, b"\x90" * 500_000, b"\xdc\xff\xff" + b"\x90" * 65535, b"", b"\xc1", b"\xd9\x02\xff\xff",  # noqa: E501
        b"\x91\xa2\xff\xfe",
    ],
)  # fmt: skip
def test_nested_and_lying_bytes_are_bad(body):
    for operation in OPERATIONS.values():
        with pytest.raises(BadMessage):
            codec().read_request(operation, body, b"", ())
        if not operation.reply_bulk:
            with pytest.raises(BadMessage):
                codec().read_reply(operation, body, b"", ())


@given(st.binary(max_size=100) | st.recursive(JUNK, lambda x: st.lists(x, max_size=4), max_leaves=8).map(packed))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_status(body):
    assert isinstance(read_status(OPERATIONS["scalars"], body), Status)
    assert isinstance(read_status(None, body), Status)


def test_status_that_is_not_declared_is_bad():
    assert type(read_status(OPERATIONS["scalars"], status_body(Refused("why")))) is Refused
    assert read_status(OPERATIONS["scalars"], status_body(Refused("why"))).detail == "why"
    assert type(read_status(OPERATIONS["blobs"], status_body(Refused("why")))) is BadMessage


def test_floats_keep_every_bit():
    for value in (0.0, -0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308):
        body, bulk, _ = codec().reply(OPERATIONS["scalars"], value)
        found = codec().read_reply(OPERATIONS["scalars"], body, bulk, ())
        assert (found, math.copysign(1, found)) == (value, math.copysign(1, value))


HEAD = st.tuples(
    st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),  # noqa: E501
    st.integers(-(2**63), 2**63 - 1), st.integers(0, 255), st.integers(0, 65535),
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)), max_size=5).map(tuple),  # noqa: E501
    st.binary(max_size=50), st.binary(max_size=50),
)  # fmt: skip


@given(HEAD)
@settings(max_examples=200, deadline=None)
def test_message_comes_out_as_it_went_in(head):
    kind, operation, call, target, incarnation, deadline, flags, port, caps, body, bulk = head
    raw = wire.pack(*head)
    assert wire.size_of(raw[: wire.HEADER.size]) == len(raw)
    assert wire.parse(raw) == wire.Message(
        kind, operation, flags, port, call, target, incarnation, deadline, caps, body, bulk, raw
    )
    assert wire.content(raw) == (caps, body, bulk)
    assert wire.answer(raw) == (kind, call)
    other = tuple((1, 2, 3, 4) for _ in caps)
    again = wire.parse(bytes(wire.rewrite(raw, 9, 8, 7, 6, other)))
    assert (again.kind, again.call, again.target, again.port, again.caps) == (9, 8, 7, 6, other)
    assert (again.body, again.bulk, again.operation, again.deadline) == (body, bulk, operation, deadline)


@given(
    st.binary(max_size=120)
    | HEAD.map(lambda head: wire.pack(*head)).flatmap(
        lambda raw: st.integers(0, len(raw)).map(lambda n: raw[:n] + raw[n + 1 :])
    )
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_message_or_bad(raw):
    try:
        message = wire.parse(raw)
    except BadMessage:
        return
    assert len(wire.HEADER.pack(*wire.HEADER.unpack_from(raw))) + 16 * len(message.caps) + len(message.body) + len(
        message.bulk
    ) == len(raw)


def test_header_of_what_is_too_large_is_bad():
    for body, bulk in ((wire.MAX_BODY + 1, 0), (0, wire.MAX_BULK + 1), (2**32 - 1, 2**32 - 1)):
        with pytest.raises(BadMessage):
            wire.size_of(wire.HEADER.pack(wire.VERSION, 2, 0, 0, 0, 0, 0, 0, 0, 0, body, bulk))
    with pytest.raises(BadMessage):
        wire.size_of(wire.HEADER.pack(wire.VERSION + 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
