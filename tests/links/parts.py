"""The program of the tests of link options: asks one chapter of questions, each answer a line."""

import os
from contextlib import suppress
from time import perf_counter_ns

from microlith.frame.frame import within
from microlith.frame.server import App
from microlith.interface.status import Status
from tests.conformance.parts import Echo, Front, Maker, Sink, Waiter


def answer(what, *arguments):
    """A result as text, or the name of the status."""
    try:
        return repr(what(*arguments))
    except Status as status:
        return type(status).__name__


class Asker(App):
    """Asks what its first argument names."""

    echo: Echo
    maker: Maker
    waiter: Waiter
    sink: Sink
    front: Front

    def main(self, *arguments):
        getattr(self, f"ask_{arguments[0]}")()
        return 0

    @staticmethod
    def line(*words):
        os.write(1, " ".join(map(str, words)).encode() + b"\n")

    def ask_refuse(self):
        self.line(*[answer(self.echo.refuse, 0) for _ in range(6)])

    def ask_mixed(self):
        """One call that cannot answer Refused between those that can; and objects, which count along."""
        asked = []
        for _ in range(3):
            asked += [answer(self.echo.integer, 1), answer(self.echo.refuse, 0)]
        self.line(*asked)

    def ask_objects(self):
        thing = self.maker.make(5)
        things = (thing, *self.maker.several(2), self.maker.pair(8, None).left)
        self.line(*[answer(one.value) for one in things])

    def ask_wait(self):
        with within(20):
            self.line(*[answer(self.front.wait, "x") for _ in range(2)])

    def ask_notes(self):
        for number in range(3):
            self.sink.note(number)
        self.line(self.sink.notes())

    def ask_one_of_each(self):
        """For the counts: a result, a status, an object, a notice, a call that is forwarded and given up."""
        self.echo.data(bytes(1000))
        with suppress(Status):
            self.echo.refuse(1)
        kept = self.maker.make(1)
        kept.value()
        self.sink.note(1)
        self.sink.notes()
        self.line(answer(self.front.at_once, "y"))
        os.read(0, 1)  # until its counts were read

    def ask_time(self):
        self.line(least(self.echo.nothing), least(self.sink.note, 1))


def least(what, *arguments):
    """The least of some measurements, in microseconds: what a call cannot do without."""
    found = []
    for _ in range(5):
        began = perf_counter_ns()
        what(*arguments)
        found.append((perf_counter_ns() - began) / 1000)
    return min(found)
