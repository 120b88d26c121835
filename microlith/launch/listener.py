"""The launcher's thread: the root's control channel, and the control socket for everybody else.

The socket is `control` in the run directory.  A client sends one map, `{do: ...}`, on a seqpacket
connection and gets one back; the host's kernel tells us its pid (SO_PEERCRED), so nobody can speak for
another.  `follow` keeps the connection open and streams news.
"""

import os
import selectors
import socket
import threading
from typing import TYPE_CHECKING, Any

from microlith.interface.status import UsageError
from microlith.launch import attach
from microlith.process import parcel

if TYPE_CHECKING:
    from microlith.launch.machine import Machine


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

    def root(self, control: socket.socket) -> bool | None:
        """The root said something, or is gone."""
        try:
            record, descriptors = parcel.receive(control)
            for descriptor in descriptors:
                os.close(descriptor)
        except parcel.Closed:
            self.selector.unregister(control)
            if not self.machine.root_gone():
                return False
            self.selector.register(self.machine.control, selectors.EVENT_READ, self.root)
            return None
        self.machine.heard(record)
        return None

    def accept(self, server: socket.socket) -> None:
        """A new client: each is served by a thread of its own, since an order waits for the root."""
        client, _ = server.accept()
        threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        """One client's requests, one after the other."""
        with client:
            while True:
                try:
                    record, descriptors = parcel.receive(client)
                except (parcel.Closed, OSError):
                    return
                try:
                    result, given = self.request(client, record, tuple(descriptors))
                except (UsageError, LookupError, TypeError, RuntimeError, TimeoutError) as error:
                    result, given = {"error": str(error)}, ()
                finally:
                    for descriptor in descriptors:
                        os.close(descriptor)
                try:
                    parcel.send(client, result, given)
                except (parcel.Closed, OSError):
                    return
                finally:
                    for descriptor in given:
                        os.close(descriptor)

    def request(
        self, client: socket.socket, record: Any, descriptors: tuple[int, ...]
    ) -> tuple[dict[str, Any], tuple[int, ...]]:
        """One request of a client: the answer and the descriptors that go with it."""
        machine, do = self.machine, record["do"]
        if do == "attach":
            pid = attach.peer_pid(client)
            return attach.admit(machine, record["app"], pid)
        if do == "about":
            boot = machine.boot
            servers = {p.name: p.cls for b in (boot.root, *boot.domains) for p in b.parts if not p.app}
            apps = sorted(boot.templates)
            about = {"system": boot.system, "architecture": boot.architecture, "name": machine.name}
            return {**about, "servers": servers, "apps": apps, "pid": os.getpid(), "path": boot.root.path}, ()
        if do == "run":
            running = machine.run(record["app"], *record.get("arguments", ()), stdio=descriptors)
            return {"name": running.name, "pid": running.pid}, ()
        if do == "wait":
            return machine.ended(record["name"], None), ()
        if do == "stop":
            threading.Thread(target=machine.stop, daemon=True).start()
            return {"stopping": machine.name}, ()
        if do in ("kill", "state"):
            values = {k: v for k, v in record.items() if k != "do"}
            return dict(machine.order(do, **values)), ()
        raise UsageError(f"no order is called {do!r}")
