"""Attaching: a process of the host becomes an instance of a demand app of a running machine.

It gets that app's capabilities and no more.  What identifies it is its pid, told by the host's kernel.
Where apps trap, it is handed its end of the trap; where they send through the microkernel, it connects
to the kernel's socket and is known there by its pid.
"""

import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from microlith.frame.connection import Connection
from microlith.frame.frame import Frame
from microlith.interface.interface import interface_of
from microlith.interface.needs import needs_of
from microlith.interface.status import UsageError
from microlith.process import parcel
from microlith.process.assembly import reach
from microlith.process.birth import Birth, PeerBirth, SlotBirth, find_class

if TYPE_CHECKING:
    from microlith.launch.machine import Machine


def peer_pid(client: socket.socket) -> int:
    """The pid at the other end of a Unix socket, as the host's kernel knows it."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", credentials)[0])


def admit(machine: "Machine", app: str, pid: int, channels: bool) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Have the root admit a process; how it then connects, and the descriptors for it."""
    if app not in machine.boot.templates:
        raise UsageError(f"{machine.boot.system} has no app {app!r}; it has {', '.join(machine.boot.templates)}")
    result, descriptors = machine.request("attach", app=app, pid=pid, channels=channels)
    return {**result, "checked": machine.boot.root.checked}, descriptors


class Attached:
    """The capabilities of an attached process, as attributes; `close` gives them all back."""

    def __init__(self, connection: Connection, name: str, capabilities: dict[str, Any]) -> None:
        self._connection, self._name, self.closed = connection, name, False
        for slot, capability in capabilities.items():
            setattr(self, slot, capability)

    def counts(self) -> dict[str, dict[str, int]]:
        """What its links with `count` have counted: they are on a page of this process's own."""
        return self._connection.frame.page.rows()

    def close(self) -> None:
        """Detach."""
        if self.closed:
            return
        self.closed = True
        getattr(self._connection, "leave", self._connection.close)()
        self._connection.frame.close()


class Attachments:
    """What the process that booted a machine is attached as: once for each app, anew after a reboot."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self._by_app: dict[str, tuple[int, Attached]] = {}  # the root's reboots then, and it

    def of(self, app: str) -> Attached:
        """The capabilities of that app.  Raises UsageError."""
        reboots, attached = self._by_app.get(app) or (-1, None)
        if attached is None or reboots != self._machine.reboots or attached.closed:
            if attached is not None:
                attached.close()
            attached = attach_here(self._machine, app)
            self._by_app[app] = (self._machine.reboots, attached)
        return attached

    def close(self) -> None:
        """Detach from all."""
        for _, attached in self._by_app.values():
            attached.close()
        self._by_app.clear()


def about(machine: "Machine") -> dict[str, Any]:
    """What an attaching process must know: servers and apps with their classes, and who holds what."""
    boot = machine.boot
    parts = {name: birth.parts[0] for name, birth in boot.templates.items()}
    return {
        "system": boot.system,
        "architecture": boot.architecture,
        "placement": boot.placement,
        "name": machine.name,
        "launcher": os.getpid(),
        "root": machine.root_pid,
        "ready": machine.ready,
        "reboots": machine.reboots,
        "one_program": boot.program == "library",
        "path": boot.root.path,
        "servers": {p.name: p.cls for b in (boot.root, *boot.domains) for p in b.parts if not p.app},
        "domains": {b.domain: [p.name for p in b.parts] for b in (boot.root, *boot.domains)},
        "classes": {name: part.cls for name, part in parts.items()},
        "commands": boot.commands,
        "slots": {name: {s.slot: s.server for s in part.slots} for name, part in parts.items()},
        "devices": {name: sorted(part.devices) for name, part in parts.items()},
        "handles": {
            p.name: {str(s.handle): s.server for s in p.slots if s.handle}
            for b in (boot.root, *boot.domains, *boot.templates.values())
            for p in b.parts
        },
    }


def join(machine: dict[str, Any], answer: dict[str, Any], descriptors: tuple[int, ...], app: str) -> Attached:
    """Make the connection that an `attach` answer describes, and a stub for every slot."""
    frame = Frame(rank=int(answer["rank"]), checked=bool(answer.get("checked")))
    from microlith.kinds import transport

    birth = Birth(
        domain=answer["name"],
        parts=(),
        labels=(),
        rank=int(answer["rank"]),
        endpoint=str(answer.get("endpoint", "")),
        spins=bool(answer["spins"]),
        peers=msgspec.convert(answer["peers"], tuple[PeerBirth, ...]),
        parent=int(answer.get("kernel", 0)),
    )
    given = dict(zip(answer["labels"], descriptors, strict=True))
    connection = transport(str(answer["transport"]))(frame, birth, given)
    made = {}
    try:
        connection.begin()
        for slot in msgspec.convert(answer["places"], tuple[SlotBirth, ...]):
            made[slot.slot] = reach(connection, app, slot, interface_of_slot(machine, app, slot.slot))
    except BaseException:
        connection.close()
        frame.close()
        raise
    return Attached(connection, str(answer["name"]), made)


def interface_of_slot(machine: dict[str, Any], app: str, slot: str) -> Any:
    """What a slot is typed as: by the app's class, or, where it has none, by the server behind it."""
    if machine["classes"][app]:
        return needs_of(find_class(machine["classes"][app]))[slot].type
    return interface_of(find_class(machine["servers"][machine["slots"][app][slot]]))


def attach_here(machine: "Machine", app: str) -> Attached:
    """For the process that booted the machine."""
    answer, descriptors = admit(machine, app, os.getpid(), channels=True)
    return join(about(machine), answer, descriptors, app)


def attach_from(control: Path, app: str) -> Attached:
    """For any other process of this user: attach through the control socket of a machine."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(control))
        machine = ask(client, {"do": "about"})[0]
        answer, descriptors = ask(client, {"do": "attach", "app": app, "channels": True})
    return join(machine, answer, tuple(descriptors), app)


def ask(client: socket.socket, record: dict[str, Any], descriptors: tuple[int, ...] = ()) -> tuple[Any, list[int]]:
    """One request on a control socket.  Raises UsageError with the launcher's words."""
    try:
        parcel.send(client, record, descriptors)
        answer, given = parcel.receive(client)
    except parcel.Closed:
        raise UsageError("the machine ended") from None
    if isinstance(answer, dict) and "error" in answer:
        raise UsageError(str(answer["error"]))
    return answer, given
