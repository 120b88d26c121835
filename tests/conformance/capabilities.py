"""Chapters of the trace: capabilities as results, arguments, in tuples and structs; passed on, home, released."""

from tests.conformance.parts import Pair


def objects(t):
    t.chapter("objects")
    thing = t.ask(t.maker.make, 3)
    t.ask(thing.value)
    t.ask(thing.add, 4)
    t.ask(thing.value)
    t.ask(thing.refuse, "no")
    t.ask(thing.add, "x")
    t.ask(thing.add)
    other = t.ask(t.maker.make, 100)
    t.ask(other.add, 1)
    t.ask(thing.value)
    shared, again = t.ask(t.maker.shared), t.ask(t.maker.shared)
    t.ask(shared.add, 1)
    t.ask(again.add, 1)
    t.ask(t.front.make, 55).add(1)
    t.ask(t.ask(t.top.make, 56).add, 1)


def composed(t):
    t.chapter("in tuples and structs")
    pair = t.ask(t.maker.pair, 1, 2)
    t.ask(pair.left.add, 10)
    t.ask(pair.right.value)
    half = t.ask(t.maker.pair, 5, None)
    t.say("no right half", half.right)
    t.ask(t.maker.home_pair, pair)
    t.ask(t.maker.home_pair, half)
    t.ask(t.maker.home_pair, Pair(pair.right, half.left, "mixed"))
    things = t.ask(t.maker.several, 4)
    t.say("values", tuple(thing.value() for thing in things))
    t.ask(t.maker.several, 0)
    t.ask(t.front.sum_all, things)
    t.ask(t.front.sum_all, (things[1], things[1], pair.left))
    t.ask(t.top.sum_all, things[2:])
    t.ask(t.front.sum_pair, pair)
    t.ask(t.top.sum_pair, half)
    t.ask(t.maker.maybe, None)
    t.ask(t.ask(t.maker.maybe, 8).value)


def passed_on(t):
    t.chapter("passed on")
    thing = t.maker.make(20)
    t.ask(t.front.use, thing)
    t.ask(t.top.use, thing)
    t.ask(thing.value)
    t.ask(t.maker.home, thing)
    t.ask(t.front.pass_home, thing)
    t.ask(t.top.pass_home, thing)
    back = t.ask(t.front.pass_back, thing)
    t.ask(back.add, 100)
    t.ask(t.ask(t.top.pass_back, back).add, 1000)
    t.ask(thing.value)
    t.ask(t.front.use_echo, t.echo, 9)
    t.ask(t.top.use_echo, t.echo, 10)


def released(t):
    """An object is released when the last right to it goes, wherever that was.

    Where a right lay with a third party its owner hears of it in the end, not at once, so the answers of one
    chapter are gathered until they are as many as there should be.
    """
    t.chapter("released")
    t.released(t.maker, 15)  # of the chapters before
    thing = t.maker.make(31)
    t.released(t.maker, 0)
    del thing
    t.released(t.maker, 1)
    thing = t.maker.make(32)
    twin = t.front.pass_back(thing)
    del thing
    t.released(t.maker, 0)
    t.ask(twin.value)
    del twin
    t.ask(t.top.refuse, 0)  # a turn of Fronts, which by then has given back what it dropped
    t.released(t.maker, 1)
    t.ask(t.front.make_and_drop, 33)
    t.released(t.maker, 1)
    thing = t.maker.make(34)
    t.front.use(thing)
    t.ask(t.front.use, thing)
    del thing
    t.ask(t.front.make_and_drop, 0)
    t.released(t.maker, 2)
    pair = t.maker.pair(41, 42)
    right = pair.right
    del pair
    t.released(t.maker, 1)
    t.ask(right.value)
    del right
    t.released(t.maker, 1)
    for thing in t.maker.several(3):
        thing.add(50)
    del thing
    t.released(t.maker, 3)


def ranks(t):
    t.chapter("ranks")
    t.ask(t.front.use_front, t.front, 0)
    t.ask(t.front.use_front, t.top, 0)
    t.ask(t.top.use_front, t.front, 0)
    t.ask(t.top.use_front, t.top, 1)
    thing = t.maker.make(60)
    t.ask(t.sink.keep, thing)
    t.ask(t.sink.kept)
    t.ask(t.sink.keep_echo, t.echo)
    t.ask(t.sink.call_echo, 1)
    back = t.ask(t.sink.give_back)
    t.ask(back.add, 1)
    t.ask(t.front.pass_on, thing)
    t.ask(t.top.pass_on, back)
    t.ask(thing.value)
    del thing, back
    t.released(t.maker, 0)
    t.ask(t.sink.drop)
    t.ask(t.top.refuse, 0)
    t.released(t.maker, 1)


def handed_out(t):
    """Servers hand out what they hold, and themselves; what comes home is what it was."""
    t.chapter("handed out")
    for server in (t.front, t.top):
        echo = t.ask(server.lend_echo)
        t.ask(echo.integer, 11)
        t.ask(t.front.use_echo, echo, 12)
        t.ask(t.top.use_echo, echo, 13)
        t.ask(t.sink.keep_echo, echo)
        t.ask(t.sink.call_echo, 14)
        t.ask(t.ask(server.myself).refuse, 0)
    front, top = t.front.myself(), t.top.myself()
    t.ask(t.top.use_front, front, 3)
    t.ask(t.front.use_front, front, 3)
    t.ask(t.top.use_front, top, 3)
    t.ask(front.use_front, top, 3)
    t.ask(t.ask(top.myself).use_echo, t.echo, 15)
    t.ask(t.front.keep_below)
    t.ask(t.top.keep_below)
    t.ask(t.sink.kept)
    thing = t.sink.give_back()
    t.released(t.maker, 0)
    t.ask(t.sink.drop)
    t.ask(t.top.refuse, 0)
    t.released(t.maker, 1)  # the older one; the other is held here
    t.ask(thing.value)
    del thing
    t.released(t.maker, 1)
