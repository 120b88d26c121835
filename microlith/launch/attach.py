"""Attaching: a process of the host becomes an instance of a demand app of a running machine.

It gets that app's capabilities and no more.  What identifies it is its pid, told by the host's kernel.
Where apps trap, it is handed its end of a socket pair; where they send through the microkernel, it
connects to the kernel's socket and is known there by its pid.
"""

import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microlith.frame.connection import Connection
from microlith.frame.frame import Frame
from microlith.frame.stub import stub_class
from microlith.interface.interface import interface_of
from microlith.interface.needs import needs_of
from microlith.interface.status import UsageError
from microlith.plan.plan import OPERATOR
from microlith.process import parcel
from microlith.process.birth import Birth, find_class

if TYPE_CHECKING:
    from microlith.launch.machine import Machine


def peer_pid(client: socket.socket) -> int:
    """The pid at the other end of a Unix socket, as the host's kernel knows it."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", credentials)[0])


def admit(machine: "Machine", app: str, pid: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Have the root admit a process; how it then connects, and the descriptor for it if there is one."""
    if app not in machine.boot.templates:
        raise UsageError(f"{machine.boot.system} has no app {app!r}; it has {', '.join(machine.boot.templates)}")
    ours, theirs = socket.socketpair()
    try:
        result = dict(machine.order("attach", (theirs.fileno(),), app=app, pid=pid))
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    if result["transport"] == "socket":
        return result, (ours.detach(),)
    ours.close()
    return result, ()


class Attached:
    """The capabilities of an attached process, as attributes; `close` gives them all back."""

    def __init__(self, connection: Connection, name: str, capabilities: dict[str, Any]) -> None:
        self._connection, self._name = connection, name
        for slot, capability in capabilities.items():
            setattr(self, slot, capability)

    def close(self) -> None:
        """Detach."""
        self._connection.close()
        self._connection.frame.close()


def join(machine: dict[str, Any], answer: dict[str, Any], descriptors: tuple[int, ...], app: str) -> Attached:
    """Make the connection that an `attach` answer describes, and a stub for every slot."""
    frame = Frame(rank=int(answer["rank"]), checked=bool(answer.get("checked")))
    from microlith.kinds import transport

    birth = Birth(
        domain=answer["name"], parts=(), labels=(), rank=int(answer["rank"]), endpoint=str(answer.get("endpoint", ""))
    )
    given = {"link": descriptors[0]} if descriptors else {}
    connection = transport(str(answer["transport"]))(frame, birth, given)
    made = {}
    for slot, handle, rank in answer["slots"]:
        made[slot] = stub_class(_interface(machine, app, slot))(connection, handle, rank)
    return Attached(connection, str(answer["name"]), made)


def _interface(about: dict[str, Any], app: str, slot: str) -> Any:
    if app == OPERATOR:
        return interface_of(find_class(about["servers"][slot]))
    return needs_of(find_class(about["classes"][app]))[slot].type


def attach_here(machine: "Machine", what: str) -> Any:
    """For the process that booted the machine: one server's capability, or a demand app's."""
    boot = machine.boot
    servers = {p.name: p.cls for b in (boot.root, *boot.domains) for p in b.parts if not p.app}
    app = what if what in boot.templates and what not in servers else OPERATOR
    if app == OPERATOR and what not in (OPERATOR, *servers):
        raise UsageError(f"{boot.system} has no server {what!r}; it has {', '.join(servers)}")
    answer, descriptors = admit(machine, app, os.getpid())
    answer["checked"] = boot.root.checked
    classes = {name: birth.parts[0].cls for name, birth in boot.templates.items()}
    attached = join({"servers": servers, "classes": classes}, answer, descriptors, app)
    return getattr(attached, what) if app == OPERATOR and what != OPERATOR else attached


def attach_from(control: Path, app: str) -> Attached:
    """For any other process of this user: attach through the control socket of a machine."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(str(control))
        about = ask(client, {"do": "about"})[0]
        answer, descriptors = ask(client, {"do": "attach", "app": app})
    return join(about, answer, tuple(descriptors), app)


def ask(client: socket.socket, record: dict[str, Any], descriptors: tuple[int, ...] = ()) -> tuple[Any, list[int]]:
    """One request on a control socket.  Raises UsageError with the launcher's words."""
    parcel.send(client, record, descriptors)
    try:
        answer, given = parcel.receive(client)
    except parcel.Closed:
        raise UsageError("the machine ended") from None
    if isinstance(answer, dict) and "error" in answer:
        raise UsageError(str(answer["error"]))
    return answer, given
