"""Chapters of the trace: values, statuses, waiting, cancelling, notices."""

from microlith.frame.frame import within
from tests.conformance.parts import Colour, Level, Mixed, Point

MANY = 300


def values(t):
    t.chapter("values")
    e = t.echo
    t.ask(e.nothing)
    for v in (True, False):
        t.ask(e.boolean, v)
    for v in (0, 1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536, 2**31, 2**32, 2**63 - 1, -(2**63)):
        t.ask(e.integer, v)
    for v in (0.0, -0.0, 1.5, 1e308, 5e-324, float("inf"), float("-inf"), 0.1):
        t.ask(e.real, v)
    t.say("nan is not itself", e.real(float("nan")) != e.real(float("nan")))
    for v in ("", "a", "ä€𝄞", "\0", "x" * 31, "x" * 32, "y" * 70000):
        t.ask(e.text, v)
    for n in (0, 1, 31, 32, 255, 256, 4096, 65535, 65536, 1 << 20):
        t.ask(e.data, bytes(i % 251 for i in range(min(n, 5000))) * (n // min(n, 5000) if n else 0))
    t.ask(e.two_data, b"first", 2, b"second")
    t.ask(e.two_data, b"", 0, b"")
    for v in (None, 0, -5):
        t.ask(e.optional, v)
    for v in (None, b"", b"\xff\0"):
        t.ask(e.optional_data, v)
    for v in ((), (1,), tuple(range(20)), (2**63 - 1, -(2**63))):
        t.ask(e.integers, v)
    t.ask(e.nested, (("a", 1.0), ("", float("inf"))))
    t.ask(e.nested, ())
    t.ask(e.fixed, (1, "two", False))
    t.ask(e.empty, ())
    for v in Colour:
        t.ask(e.colour, v)
    t.ask(e.level, Level.LOW)
    t.ask(e.level, Level.LOW, Level.HIGH)
    t.ask(e.level, v=Level.HIGH, other=Level.HIGH)
    t.ask(e.point, Point(-3, 0.5))
    t.ask(e.mixed, Mixed("n", b"\0\1", Colour.GREEN, (Point(1, 1.0), Point(2, -0.0)), None, True))
    t.ask(e.mixed, Mixed("", b"", Colour.RED, (), "note", False))
    t.say("types", tuple(type(v).__name__ for v in (e.boolean(True), e.integer(1), e.real(1.0), e.integers(()))))


class Text(str):
    """Not exactly a str."""


def bad_arguments(t):
    t.chapter("bad arguments")
    e = t.echo
    t.ask(e.integer, True)
    t.ask(e.integer, 2**63)
    t.ask(e.integer, -(2**63) - 1)
    t.ask(e.integer, 1.0)
    t.ask(e.integer, "1")
    t.ask(e.integer, None)
    t.ask(e.real, 1)
    t.ask(e.boolean, 1)
    t.ask(e.text, b"bytes")
    t.ask(e.text, Text("sub"))
    t.ask(e.data, "text")
    t.ask(e.data, bytearray(b"x"))
    t.ask(e.integers, [1, 2])
    t.ask(e.integers, (1, "2"))
    t.ask(e.fixed, (1, "two"))
    t.ask(e.empty, (1,))
    t.ask(e.colour, "red")
    t.ask(e.colour, Level.LOW)
    t.ask(e.optional, "x")
    t.ask(e.point, (1, 2.0))
    t.ask(e.point, Point("x", 2.0))
    t.ask(e.mixed, Mixed("n", b"", Colour.RED, (Point(1, 1),), None, True))
    t.ask(e.integer)
    t.ask(e.integer, 1, 2)
    t.ask(e.integer, w=1)
    t.ask(e.integer, 1, v=1)
    t.ask(t.maker.home, 5)
    t.ask(t.maker.home, t.echo)
    t.ask(t.sink.note, "x")
    t.ask(t.sink.note)
    t.ask(e.integer, 42)


def sizes(t):
    t.chapter("sizes")
    for n in (1 << 20, (1 << 20) + 1, 4 << 20, 16 << 20):
        data = bytes(range(256)) * (n // 256) + bytes(n % 256)
        t.ask(t.echo.data, data)
    t.ask(t.echo.size, bytes(16 << 20))
    t.ask(t.echo.zeros, 16 << 20)
    t.ask(t.front.big, b"z" * (3 << 20))
    t.ask(t.top.big, b"z" * (2 << 20))
    t.ask(t.echo.text, "t" * 1_000_000)


def statuses(t):
    t.chapter("statuses")
    for which in range(4):
        t.ask(t.echo.refuse, which)
        t.ask(t.echo.refuse, which, "the detail ä")
        t.ask(t.front.refuse, which)
        t.ask(t.top.refuse, which)
        t.ask(t.front.caught, which)
        t.ask(t.top.caught, which)
    try:
        t.echo.refuse(2, "as a ValueError")
    except ValueError as error:
        t.say("caught as ValueError", str(error))


def waiting(t):
    t.chapter("waiting")
    for server in (t.waiter, t.front, t.top):
        t.ask(server.at_once, "hello")
    t.ask(t.front.wait_or_not, "not")
    t.ask(t.front.wait_or_not, "now")
    t.ask(t.top.wait_or_not, "not")
    t.ask(t.top.wait_or_not, "now")
    t.ask(t.waiter.waiting)
    t.ask(t.maker.change, 3)


def cancelling(t):
    """Giving up consumes nothing: neither at the one asked, nor where the right to reply had gone."""
    t.chapter("cancelling")
    for depth, server in enumerate((t.waiter, t.front, t.top)):
        with within(0.05):
            t.ask(server.wait, f"depth {depth}", mask=None)
        t.ask(t.waiter.waiting)
        t.ask(t.waiter.withdrawals)
        with within(0.05):
            t.ask(server.wait, "again")
        t.ask(t.waiter.waiting)
    thing = t.maker.make(5)
    with within(0.05):
        t.ask(thing.changed)
    t.ask(t.maker.change, 1)
    with within(30):
        t.ask(t.echo.integer, 1)
        with within(0.05):
            t.ask(t.top.wait, "inner")
        t.ask(t.waiter.at_once, "after")
    t.ask(t.waiter.waiting)


def notices(t):
    t.chapter("notices")
    t.ask(t.sink.notes)
    for n in range(5):
        t.sink.note(n)
    t.poll()
    t.ask(t.sink.notes)
    t.ask(t.front.note, 5)
    t.ask(t.top.note, 6)
    t.poll()
    t.settle(lambda: len(t.sink.notes()) >= 7)  # notices of others may arrive after a call of ours
    t.ask(t.sink.notes)
    for n in range(MANY):
        t.sink.note(n)
    t.poll()
    t.ask(t.sink.counted)
