"""The monolith's end of a trap: what counts against an app's quota, and who may attach."""

import os
import socket

import pytest

from microlith import Interface, Server, System, boot, notify, waits
from microlith.frame import wire
from microlith.frame.frame import Frame
from microlith.frame.holders import Holders
from microlith.frame.socket_peer import SocketPeer
from microlith.interface.status import UsageError
from microlith.launch.attach import admit
from tests.process import parts
from tests.process.until import alive, rows


class Box(Interface):
    @notify
    def drop(self, number: int) -> None: ...

    @waits
    def hold(self) -> int: ...


class Boxes(Server, Box):
    def start(self):
        self.dropped = []

    def drop(self, number):
        self.dropped.append(number)

    def hold(self):
        return self.later()


def test_notice_of_an_app_whose_calls_are_all_open_arrives(monkeypatch):
    ours, theirs = socket.socketpair()
    frame, box = Frame(), Boxes()
    monkeypatch.setattr(Frame, "current", frame)
    box.start()
    holders = Holders(frame)
    holders.add_server(box, 1)
    peer = SocketPeer(frame, holders, ours, "app", {"calls": 1})
    handle = peer.grant(box, 1)
    with theirs:
        theirs.sendall(wire.pack(wire.CALL, 2, 1, handle, flags=wire.WAITS, body=b"\x90"))
        theirs.sendall(wire.pack(wire.NOTIFY, 1, 0, handle, body=b"\x91\x07"))
        theirs.sendall(wire.pack(wire.CALL, 2, 2, handle, flags=wire.WAITS, body=b"\x90"))
        peer.readable()
        frame.deliver_notices()
        assert box.dropped == [7]
        answer = wire.parse(theirs.recv(4096))
        assert (answer.kind, answer.call) == (wire.STATUS, 2) and b"Busy" in answer.body
        peer.close()
    frame.close()


def test_program_of_the_machine_is_not_attached_as_another():
    system = System("trap").device("file", "file", __file__, mode="r")
    system = system.server("report", parts.Reporter, number=1, file="file")
    system = system.app("program", parts.Program, on_boot=False, report="report")
    with boot(system, architecture="monolith") as machine:
        reader, writer = os.pipe()
        running = machine.run("program", "stay", stdio=(reader, 2, 2))
        with pytest.raises(UsageError, match=f"pid {running.pid} is attached already, as {running.name}"):
            admit(machine, "operator", running.pid, channels=True)
        assert alive(running.pid) and running.name in rows(machine)
        machine.kill(running.name)
        assert running.wait(20) == -9
        os.close(writer)
        os.close(reader)
