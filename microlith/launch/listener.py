"""The launcher's thread: the root's control channel, and the control socket for everybody else.

The socket is `control` in the run directory.  A client sends maps, `{do: ...}`, on a seqpacket connection
and gets one back for each; the host's kernel tells us its pid (SO_PEERCRED), so nobody can speak for
another.  After `follow` the connection also carries news, maps with `event`, as they happen; a follower
that does not read is dropped.  A program that a client started with `run` is killed when the client goes.

A refusal is `{error: sentence, status: N}`, with the exit status that a command ends with.  Whatever a
client sends, it gets such an answer or its connection ends, and the others are served: a request is read
into a typed record, connections are bounded, and of too many the one that has been silent longest goes.
"""

import os
import select
import selectors
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec

from microlith.interface.status import UsageError
from microlith.launch import attach
from microlith.launch.orders import MachineDied
from microlith.process import parcel

if TYPE_CHECKING:
    from microlith.launch.machine import Machine
    from microlith.launch.running import Running

USAGE, DIED = 2, 3
MOST_CLIENTS = 128  # a thread each
SEND_S = 5.0  # how long an answer waits for a client that does not read
LOOK_S = 0.5  # how often a `wait` looks whether its client is still there
Answer = tuple[dict[str, Any], tuple[int, ...]]


class Request(msgspec.Struct, frozen=True):
    """What a client asks for."""

    do: str
    app: str = ""
    name: str = ""
    arguments: tuple[str, ...] = ()
    channels: bool = False  # to `attach`: I can use shared memory
    devices: tuple[tuple[str, str, int], ...] = ()  # attribute, kind, how many of the descriptors


class Client:
    """One connection of the control socket: the programs it started, and whether it follows the news."""

    def __init__(self, end: socket.socket) -> None:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(SEND_S), 0))
        self.end = end
        self.follows = False
        self.busy = False
        self.since = time.monotonic()  # of its last request
        self.running: dict[str, Running] = {}

    def tell(self, news: bytes) -> None:
        """Pass news on, without waiting for a client that does not read."""
        try:
            self.end.send(news, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            self.follows = False
            self.close()

    def gone(self) -> bool:
        """Has it hung up?"""
        poller = select.poll()
        poller.register(self.end, select.POLLRDHUP)
        return bool(poller.poll(0))

    def close(self) -> None:
        """Have its thread, which waits for its next request, end."""
        try:
            self.end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Listener:
    """Serves one machine until its root is gone for good."""

    def __init__(self, machine: "Machine") -> None:
        self.machine = machine
        self.path = machine.run_dir / "control"
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.server.bind(str(self.path))
        os.chmod(self.path, 0o600)
        self.server.listen(16)
        self.selector = selectors.DefaultSelector()
        self.clients: set[Client] = set()

    def run(self) -> None:
        """The thread's body."""
        self.selector.register(self.server, selectors.EVENT_READ, self.accept)
        self.selector.register(self.machine.control, selectors.EVENT_READ, self.root)
        try:
            while True:
                for key, _ in self.selector.select():
                    if key.data(key.fileobj) is False:
                        return
        finally:
            self.selector.close()
            self.server.close()
            for client in tuple(self.clients):
                client.close()

    def root(self, control: socket.socket) -> bool | None:
        """The root said something, or is gone."""
        try:
            record, descriptors = parcel.receive(control)
        except parcel.Closed:
            self.selector.unregister(control)
            if not self.machine.root_gone():
                return False
            self.selector.register(self.machine.control, selectors.EVENT_READ, self.root)
            return None
        self.machine.heard(record, tuple(descriptors))
        return None

    def spread(self, record: dict[str, Any]) -> None:
        """News to every follower."""
        news = msgspec.msgpack.encode(record)
        for client in tuple(self.clients):
            if client.follows:
                client.tell(news)

    def accept(self, server: socket.socket) -> None:
        """A new client: each is served by a thread of its own, since an order waits for the root."""
        if len(self.clients) >= MOST_CLIENTS:
            silent = [client for client in self.clients if not (client.busy or client.follows or client.running)]
            if silent:
                oldest = min(silent, key=lambda client: client.since)
                self.clients.discard(oldest)
                oldest.close()
        try:
            end, _ = server.accept()
        except OSError:  # it has gone already, or we have no descriptor for it now
            return
        if len(self.clients) >= MOST_CLIENTS:
            end.close()
            return
        client = Client(end)
        self.clients.add(client)
        try:
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()
        except RuntimeError:  # the host has no thread for us now
            self.clients.discard(client)
            end.close()

    def serve(self, client: Client) -> None:
        """One client's requests, one after the other, until it goes."""
        with client.end:
            try:
                while True:
                    data, descriptors = receive(client.end)
                    client.busy, client.since = True, time.monotonic()
                    self._answer(client, data, descriptors)
                    client.busy = False
            except (parcel.Closed, OSError):
                pass
            self.clients.discard(client)
        self._kill_programs(client)

    def _answer(self, client: Client, data: bytes, descriptors: tuple[int, ...]) -> None:
        try:
            result, given = self.request(client, read(data), descriptors)
        except (MachineDied, TimeoutError) as error:
            result, given = {"error": str(error), "status": DIED}, ()
        except (UsageError, LookupError, TypeError, ValueError) as error:
            result, given = {"error": str(error), "status": USAGE}, ()
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        try:
            parcel.send(client.end, result, given)
        finally:
            for descriptor in given:
                os.close(descriptor)

    def _kill_programs(self, client: Client) -> None:
        for running in client.running.values():
            try:
                if not self.machine.has_ended(running.name):
                    self.machine.kill(running.name)
            except (UsageError, MachineDied, TimeoutError):
                pass  # it is gone

    def request(self, client: Client, asked: Request, descriptors: tuple[int, ...]) -> Answer:
        """One request of a client: the answer and the descriptors that go with it."""
        machine, do = self.machine, asked.do
        if do == "attach":
            return attach.admit(machine, asked.app, attach.peer_pid(client.end), asked.channels)
        if do == "about":
            return attach.about(machine), ()
        if do == "follow":
            client.follows = True
            return {"following": machine.name}, ()
        if do == "run":
            return self._run(client, asked, descriptors), ()
        if do == "wait":
            return self._wait(client, asked.name), ()
        if do == "stop":
            threading.Thread(target=machine.stop, daemon=True).start()
            return {"stopping": machine.name}, ()
        if do == "kill":
            return machine.kill(asked.name), ()
        if do == "state":
            return machine.state(), ()
        raise UsageError(f"no order is called {do!r}")

    def _wait(self, client: Client, name: str) -> dict[str, Any]:
        running = client.running.get(name)
        reboots = running.reboots if running else self.machine.reboots
        while True:
            try:
                return self.machine.ended(name, LOOK_S, reboots)
            except TimeoutError:
                if client.gone():
                    raise parcel.Closed from None

    def _run(self, client: Client, asked: Request, descriptors: tuple[int, ...]) -> dict[str, Any]:
        """Three descriptors are the standard streams, the rest devices: [attribute, kind, how many] each."""
        rest = list(descriptors[3:])
        counts = [count for _, _, count in asked.devices]
        if len(descriptors) in (1, 2) or min(counts, default=1) < 1 or sum(counts) != len(rest):
            raise UsageError(
                f"{len(descriptors)} descriptors came with 'run'; it takes none, or three and those of the devices"
            )
        devices = {}
        for attribute, kind, count in asked.devices:
            devices[attribute] = (kind, tuple(rest[:count]))
            del rest[:count]
        running = self.machine.run(asked.app, *asked.arguments, stdio=descriptors[:3], devices=devices)
        client.running[running.name] = running
        return {"name": running.name, "pid": running.pid}


def receive(end: socket.socket) -> tuple[bytes, tuple[int, ...]]:
    """One record as it came, and its descriptors.  Raises parcel.Closed."""
    data, descriptors, flags, _ = socket.recv_fds(end, parcel.LARGEST, parcel.MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    if not data or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        for descriptor in descriptors:
            os.close(descriptor)
        raise parcel.Closed
    return data, tuple(descriptors)


def read(data: bytes) -> Request:
    """A record as a request.  Raises UsageError."""
    try:
        return msgspec.msgpack.decode(data, type=Request)
    except (ValueError, RecursionError, MemoryError, msgspec.MsgspecError) as error:
        raise UsageError(f"a request is a MessagePack map with 'do': {error}") from None
