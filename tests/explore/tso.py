"""Processes that share memory on an x86 machine, and every run that they can have.

The memory model is x86-TSO (Sewell and others, "x86-TSO", CACM 2010).  A store goes into a buffer of its
process and from there to the memory, in order, some time later; a load sees the newest store to its word in
the own buffer, else the memory.  Everything else (bells, and so system calls) happens in memory at once.

A program is a generator that yields instructions and is sent their answers, so that it reads as the protocol
that it is.  Rules for programs: at most one `yield` a line, and locals that say all there is to know
of the past (immutable ones).  Two runs that stand on the same lines with the same locals are then at the same
point, and a program is a table of points; a point is reached by running the program again from its beginning.

The search is breadth first, so the trace of a violation is a shortest one.  A run must end, with every program
at its end: there is no state without a next step before that, and no circle, so no fairness is assumed.
"""

from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple


class Instruction(NamedTuple):
    kind: str
    where: object = ""
    value: int = 0


def store(word, value):
    """Puts it into the own buffer."""
    return Instruction("store", word, value)


def load(word):
    """The answer is the word's value."""
    return Instruction("load", word)


def fence():
    """Waits until the own buffer is empty."""
    return Instruction("fence")


def fence_one_of(names):
    """Waits until the buffer of one of these processes is empty; the answer is its name."""
    return Instruction("fence one of", names)


def ring(bell):
    """A write to an eventfd: its edge is there, once, however often it is written."""
    return Instruction("ring", bell)


def wait(end):
    """An edge-triggered epoll_wait on the bells whose names end so: waits for an edge, and takes all there are."""
    return Instruction("wait", end)


END = Instruction("end")


class Violation(AssertionError):
    """What is wrong, and the shortest run to it: (number of the process, step)."""

    def __init__(self, what, names, trace):
        self.what, self.trace = what, trace
        self.table = table(names, trace)
        super().__init__(f"{what}\n{self.table}")


def table(names, trace):
    """A run as text, one column a process; what goes from a buffer to the memory has an arrow."""
    rows = [[step if name == column else "" for column in names] for name, step in trace]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    rows = [names, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


class Program:
    """The points of one program: what it does there, and where an answer leads."""

    def __init__(self, code):
        self.code = code  # makes the generator
        self.points, self.instructions, self.answers, self.after = {}, [], [], {}
        self.point(())

    def point(self, answers):
        """The number of the point that these answers lead to."""
        run = self.code()
        try:
            instruction = run.send(None)
            for answer in answers:
                instruction = run.send(answer)
        except StopIteration:
            instruction = END
        frames, inner = [], run
        while inner is not None and inner.gi_frame is not None:
            frames.append((inner.gi_code, inner.gi_frame.f_lineno, *inner.gi_frame.f_locals.items()))
            inner = inner.gi_yieldfrom
        number = self.points.setdefault(tuple(frames), len(self.points))
        if number == len(self.instructions):
            self.instructions.append(instruction)
            self.answers.append(answers)
        assert self.instructions[number] == instruction, "two instructions on one line"
        return number

    def next(self, here, answer):
        """The point after this one."""
        if (here, answer) not in self.after:
            self.after[here, answer] = self.point((*self.answers[here], answer))
        return self.after[here, answer]


def changed(memory, word, value):
    """The memory is a sorted tuple of the words that are not 0."""
    rest = [(name, old) for name, old in memory if name != word]
    return tuple(sorted([*rest, (word, value)] if value else rest))


class Numbers(dict):
    """A number for each thing, and back."""

    def __init__(self):
        self.things = []

    def __missing__(self, thing):
        self.things.append(thing)
        self[thing] = len(self)
        return self[thing]


@dataclass
class Result:
    """What a search has seen; the longest run, the most wake-ups of each process in one run, the last memories."""

    states: int
    transitions: int
    longest: int
    wakes: dict[str, int]
    ends: set


class Machine:
    """Processes by name.  Without `buffered` it is sequentially consistent; with `fenced_calls` a ring is a fence.

    A state is, for each process, the number of its point and buffer, and then the number of the memory.
    """

    def __init__(self, programs, buffered=True, fenced_calls=False):
        self.names = list(programs)
        self.programs = [Program(code) for code in programs.values()]
        self.buffered, self.fenced_calls = buffered, fenced_calls
        self.sides, self.memories = Numbers(), Numbers()
        self.known = {}  # (process, its side, memory) -> its steps

    def effects(self, instruction, own, memory):
        """What it can do now: (step as text, answer, own buffer, memory, whose buffer must be empty)."""
        kind, where, value = instruction
        if kind == "store" and self.buffered:
            yield f"store {where} = {value}", None, (*own, (where, value)), memory, None
        elif kind == "store":
            yield f"store {where} = {value}", None, own, changed(memory, where, value), None
        elif kind == "load":
            seen = dict((*memory, *own)).get(where, 0)
            yield f"load {where}: {seen}", seen, own, memory, None
        elif kind == "fence" and not own:
            yield "fence", None, own, memory, None
        elif kind == "fence one of":
            for name in where:
                yield f"fence in {name}", name, own, memory, self.names.index(name)
        elif kind == "ring" and not (own and self.fenced_calls):
            yield f"ring {where}", None, own, changed(memory, where, 1), None
        elif kind == "wait":
            rest = tuple(item for item in memory if not item[0].endswith(where))
            if rest != memory:
                yield "wake", None, own, rest, None

    def steps(self, who, side, memory):
        """All steps of a process: (as text, its side after, memory after, whose buffer must be empty)."""
        found = []
        (here, own), memory = self.sides.things[side], self.memories.things[memory]
        if own:
            (word, value), *rest = own
            after = self.memories[changed(memory, word, value)]
            found.append((f"-> {word} = {value}", self.sides[here, tuple(rest)], after, None))
        program = self.programs[who]
        for step, answer, buffer, after, other in self.effects(program.instructions[here], own, memory):
            side = self.sides[program.next(here, answer), buffer]
            found.append((step, side, self.memories[after], other))
        return found

    def moves(self, state):
        """Every next step of every process: (its number, step as text, state after)."""
        for who in range(len(self.names)):
            key = who, state[who], state[-1]
            if key not in self.known:
                self.known[key] = self.steps(*key)
            for step, side, memory, other in self.known[key]:
                if other is None or not self.sides.things[state[other]][1]:
                    yield who, step, (*state[:who], side, *state[who + 1 : -1], memory)

    def explore(self):
        """Every state, until nothing is new; raises `Violation`."""
        first = (*[self.sides[0, ()] for _ in self.names], self.memories[()])
        states, self.before, self.after = [first], [None], []
        numbers = {first: 0}
        for here, state in enumerate(states):  # which grows
            self.after.append(found := [])
            try:
                for who, step, after in self.moves(state):
                    number = numbers.setdefault(after, len(states))
                    if number == len(states):
                        states.append(after)
                        self.before.append((here, who, step))
                    found.append((number, who, step))
            except AssertionError as problem:
                raise self.violation(str(problem), here) from None
            if not found and (stuck := self.unfinished(state)):
                raise self.violation(f"blocked for ever: {', '.join(stuck)}", here, stuck)
        ends = {self.memories.things[state[-1]] for state, found in zip(states, self.after, strict=True) if not found}
        return Result(len(states), sum(map(len, self.after)), *self.measure(), ends)

    def unfinished(self, state):
        points = [self.sides.things[side][0] for side in state[:-1]]
        at = zip(self.names, self.programs, points, strict=True)
        return [name for name, program, point in at if program.instructions[point] != END]

    def violation(self, what, number, stuck=()):
        trace = [(name, "waits for ever") for name in stuck]
        while self.before[number]:
            number, who, step = self.before[number]
            trace.append((self.names[who], step))
        return Violation(what, self.names, trace[::-1])

    def measure(self):
        """Longest paths, in an order in which each state comes after all those before it; or there is a circle."""
        entering = [0] * len(self.after)
        for number, _, _ in chain.from_iterable(self.after):
            entering[number] += 1
        longest = [0] * len(self.after)
        wakes = [(0,) * len(self.names)] * len(self.after)
        order = [0]
        for here in order:  # which grows
            for number, who, step in self.after[here]:
                longest[number] = max(longest[number], longest[here] + 1)
                woken = wakes[here]
                if step == "wake":
                    woken = (*woken[:who], woken[who] + 1, *woken[who + 1 :])
                if woken != wakes[number]:
                    wakes[number] = tuple(map(max, wakes[number], woken))
                entering[number] -= 1
                if not entering[number]:
                    order.append(number)
        if len(order) < len(self.after):
            raise self.violation("a circle", next(n for n, count in enumerate(entering) if count))
        most = dict(zip(self.names, map(max, zip(*wakes, strict=True)), strict=True))
        return max(longest), most
