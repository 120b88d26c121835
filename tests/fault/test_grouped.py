"""Servers that share a domain: they die together, come back together, and what others held of them is as before."""

import json

import pytest

from microlith import App, Interface, Object, Server, Stale, System, boot, idempotent, notify, waits
from microlith.interface.status import ServerDied
from tests.conformance.running import run
from tests.fault.asking import ask, lines, system
from tests.fault.test_files import disk_system
from tests.process.until import rows, until


@pytest.fixture(params=["mach", "l4"])
def architecture(request):
    return request.param


def grouped(ledger, domains, architecture, **options):
    return boot(system(ledger), architecture=architecture, domains=domains, **options)


def test_fault_in_one_server_ends_its_whole_domain(architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with grouped(ledger, [["victim", "other"]], architecture) as machine:
        before = rows(machine)
        assert before["victim+other"]["instances"] == ["victim", "other"]
        assert ask(machine, "victim.die", '"fault"')["status"] == "ServerDied"
        until(lambda: rows(machine)["victim+other"]["incarnation"] == 2)
        assert ask(machine, "other.echo", '"x"')["answer"] == "x"
        assert ask(machine, "middle.echo", '"x"')["answer"] == "x"
        assert rows(machine)["middle"]["pid"] == before["middle"]["pid"]
        assert lines(ledger).count("start") == 2


def test_fault_below_a_direct_call_takes_the_caller_with_it(architecture, tmp_path):
    with grouped(tmp_path / "ledger", [["middle", "victim"]], architecture, checked=True) as machine:
        assert ask(machine, "middle.die_below", '"fault"')["status"] == "ServerDied"
        assert ask(machine, "middle.echo", '"x"')["answer"] == "x"
        assert rows(machine)["middle+victim"]["incarnation"] == 2


@pytest.mark.parametrize("domains", [[["middle", "victim"]], [["middle", "other"]], [["victim", "other", "middle"]]])
def test_forwarded_call_is_given_up_where_it_went(domains, architecture, tmp_path):
    ledger = tmp_path / "ledger"
    with grouped(ledger, domains, architecture) as machine:
        assert ask(machine, "within=0.05", "middle.hold", '"x"')["status"] == "DeadlineExceeded"
        until(lambda: lines(ledger).count("withdrawn") == 1)
        assert ask(machine, "victim.held")["answer"] == []


def test_kill_of_one_server_names_those_that_went_with_it(architecture, tmp_path):
    with boot(disk_system(tmp_path / "image"), architecture=architecture, domains=[["files", "disk"]]) as machine:
        files = machine.connect("files")
        file = files.create(b"/kept")
        file.write(0, b"content")
        file.sync()
        reading = files.open(b"/kept")
        killed = machine.kill("disk")
        assert (killed["killed"], killed["servers"]) == ("files+disk", ["files", "disk"])
        assert reading.read(0, 100) == b"content"  # adopted by the next incarnation
        with pytest.raises((Stale, ServerDied)):
            file.write(0, b"never")
        assert rows(machine)["files+disk"]["incarnation"] == 2


# --- notices and objects inside a domain ---------------------------------------------------------------


class Thing(Interface):
    @idempotent
    def value(self) -> int: ...


class Ping(Interface):
    @notify
    def ping(self, left: int) -> None: ...

    @waits
    def chain(self, length: int) -> int: ...

    def lend(self, n: int) -> Thing: ...

    def drop(self) -> None: ...

    @idempotent
    def released(self) -> int: ...

    def sloppy(self) -> bool: ...


class Pinged(Interface):
    @notify
    def ping(self, left: int) -> None: ...


class Pong(Interface):
    @notify
    def pong(self, left: int) -> None: ...

    def keep(self, thing: Thing) -> None: ...

    def drop(self) -> None: ...


class Pings(Server, Ping):
    """Its notices and Pongs' lead to each other; the last one answers the call that began it."""

    pongs: Pong

    def start(self):
        self._reply, self._things = None, []

    def chain(self, length):
        self._reply, self._length = self.later(), length
        self.ping(length)
        return self._reply

    def ping(self, left):
        if left:
            self.pongs.pong(left - 1)
        else:
            self._reply.answer(self._length)

    def lend(self, n):
        thing = AThing(self, n)
        self.pongs.keep(thing)
        return thing

    def drop(self):
        self.pongs.drop()

    def released(self):
        return len(self._things)

    def sloppy(self):
        self.pongs.keep(b"no thing")
        return True


class Pongs(Server, Pong):
    pings: Pinged

    def start(self):
        self._kept = []

    def pong(self, left):
        self.pings.ping(left)

    def keep(self, thing):
        self._kept.append(thing)

    def drop(self):
        self._kept = []


class AThing(Object, Thing):
    def __init__(self, pings, n):
        self._pings, self._n = pings, n

    def value(self):
        return self._n

    def released(self):
        self._pings._things.append(self._n)


class Play(App):
    pings: Ping

    def main(self, *arguments):
        print(json.dumps(self.pings.chain(41)))
        thing = self.pings.lend(7)
        self.pings.drop()
        held_here = self.pings.released()
        del thing
        gone = self.pings.released()
        thing = self.pings.lend(8)
        del thing
        held_there = self.pings.released()
        self.pings.drop()
        print(json.dumps([held_here, gone, held_there, self.pings.released()]))
        return 0


def play():
    made = System("play").server("pings", Pings, pongs="pongs").server("pongs", Pongs, pings="pings")
    return made.app("play", Play, on_boot=False, pings="pings")


def test_direct_links_of_a_group_are_checked_where_the_machine_is():
    for checked in (False, True):
        with boot(play(), architecture="mach", domains=[["pings", "pongs"]], checked=checked) as machine:
            pings = machine.connect("pings")
            if not checked:
                assert pings.sloppy()
                continue
            with pytest.raises(ServerDied):
                pings.sloppy()
            assert "Pong.keep: thing is b'no thing', not exactly Thing" in machine.logs()


@pytest.mark.parametrize(
    ("architecture", "domains", "checked"),
    [
        ("mach", [["pings", "pongs"]], False), ("mach", [["pings", "pongs"]], True), ("mach", [], True),
        ("l4", [["pings", "pongs"]], True),
        ("monolith", None, True), ("library", None, True),
    ],
)  # fmt: skip
def test_notices_between_servers_of_a_domain_need_no_message_to_move_them(architecture, domains, checked):
    with boot(play(), architecture=architecture, domains=domains, checked=checked) as machine:
        assert run(machine, "play") == (0, ["41", "[0, 1, 1, 2]"])
