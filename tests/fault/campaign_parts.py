"""The servers and the client of the campaign (a module of their own: a birth executes all of it)."""

import collections
import json
import os

from microlith.frame.server import App, Server
from microlith.interface.devices import HostFile
from microlith.interface.interface import Interface
from microlith.interface.operation import idempotent
from microlith.interface.status import Status


class Counter(Interface):
    """Answers with what it was given."""

    @idempotent
    def echo(self, number: int, payload: bytes) -> tuple[int, bytes]: ...

    def once(self, number: int) -> int: ...


class Counters(Server, Counter):
    """`once` marks its number in the file."""

    marks: HostFile

    def echo(self, number, payload):
        return (number, payload)

    def once(self, number):
        before = os.pread(self.marks.fd, 1, number)
        os.pwrite(self.marks.fd, bytes((before[0] + 1 if before else 1,)), number)
        return number


class Relays(Server, Counter):
    """Passes everything on."""

    below: Counter

    def echo(self, number, payload):
        return self.below.echo(number, payload)

    def once(self, number):
        return self.below.once(number)


class Client(App):
    """Calls numbers FIRST to FIRST + COUNT; its last line is what it found."""

    counter: Counter
    relay: Counter

    def main(self, first, count):
        found, wrong, unknown = collections.Counter(), [], []
        for number in range(int(first), int(first) + int(count)):
            try:
                if not self.call(number):
                    wrong.append(number)
                found["answer"] += 1
            except Status as status:
                found[type(status).__name__] += 1
                unknown.append(number)
        os.write(1, json.dumps({"found": found, "wrong": wrong[:10], "unknown": unknown}).encode() + b"\n")
        return 0

    def call(self, number):
        """One call: is the answer its own?"""
        server = self.relay if number % 3 == 0 else self.counter
        if number % 2:
            return server.once(number) == number
        payload = number.to_bytes(8, "little") * (1 + number % 40)
        return server.echo(number, payload) == (number, payload)
