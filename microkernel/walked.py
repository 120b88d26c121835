"""What the recorder of a walk notes of channels and of the kernel (microlith/process/walked.py has the rules).

A channel's two ends name it alike, by the pipes that are its bells; a domain's way to the kernel has its name.
This file is loaded only in the processes of a machine booted with `walked=True`.
"""

import os
from typing import Any

from microkernel import broker
from microkernel.broker import Broker
from microkernel.carriers.lines import LineBroker
from microkernel.carriers.ring_connection import RingConnection
from microkernel.carriers.socket_connection import SocketConnection
from microkernel.channel import ANSWER, CALL, REQUEST, SLOT
from microkernel.channel_connection import EMPTY, ChannelConnection, payload
from microkernel.channel_peer import ChannelPeer
from microkernel.connection import KernelConnection
from microkernel.dealer import DealerConnection
from microkernel.end import End
from microkernel.links.peer_link import GrantedPeer, PeerLink
from microkernel.router import Router
from microlith.frame import wire
from microlith.process import walked
from microlith.process.walked import PLAIN, SENT, TAKEN, Recorder, Waits, wrap


def install(descriptor: int, domain: str) -> None:
    """Begin to note everything in the file behind this descriptor.  Before anything of the domain is made."""
    recorder = Recorder(descriptor)

    def link_of(end: Any) -> str:
        if isinstance(end, KernelConnection):
            return f"kernel {domain}"
        channel = getattr(end, "end", None)
        if channel is not None:
            return str(channel.walked)
        if isinstance(end, PeerLink):
            return f"link {domain} {end.server}"
        return f"link {end.name} {domain}" if isinstance(end, GrantedPeer) else PLAIN

    walked.install(recorder, link_of)
    _install_channels(recorder)
    _install_kernel(recorder, f"kernel {domain}")


def _install_channels(recorder: Recorder) -> None:
    """Calls through slots: at the client a call sent and an answer taken, at the server the reverse."""

    def begin(inner: Any, end: Any, descriptors: tuple[int, ...]) -> None:
        inner(end, descriptors)
        bells = sorted(os.fstat(bell).st_ino for bell in descriptors[2:])
        end.walked = f"channel {bells[0]} {bells[1]}"

    def listen(inner: Any, link: Any, *given: Any) -> None:
        inner(link, *given)
        link._bell = Waits(link._bell, recorder)

    def exchange(inner: Any, link: Any, word: int, deadline: int, caps: Any, body: bytes, bulk: bytes) -> Any:
        _note(recorder, SENT, "call", link.end, REQUEST.size, payload(caps, body, bulk))
        answer = inner(link, word, deadline, caps, body, bulk)
        kind, *content = answer or EMPTY
        _note(recorder, TAKEN, _named(kind), link.end, ANSWER.size, payload(*content))
        return answer

    def serve(inner: Any, peer: Any) -> None:
        end, number = peer.end, peer.hears[CALL]
        word, _, body, bulk = REQUEST.unpack_from(end.into, SLOT)
        _note(recorder, TAKEN, "call", end, REQUEST.size, (word >> 16 & 0xFF) * wire.CAP.size + body + bulk)
        peer.walk_answered = False
        inner(peer)
        if not peer.walk_answered and not peer.closed and peer.seen == number:  # a plain nil
            _note(recorder, SENT, "reply", end, ANSWER.size, 0, recorder.served)

    def answer(inner: Any, peer: Any, number: int, kind: int, caps: Any, body: bytes, bulk: bytes) -> None:
        peer.walk_answered = True
        _note(recorder, SENT, _named(kind), peer.end, ANSWER.size, payload(caps, body, bulk))
        inner(peer, number, kind, caps, body, bulk)

    wrap(End, "__init__", begin)
    wrap(ChannelConnection, "_exchange", exchange)
    wrap(ChannelConnection, "__init__", listen)
    wrap(ChannelPeer, "serve_slot", serve)
    wrap(ChannelPeer, "_answer_slot", answer)


def _named(kind: int) -> str:
    return "status" if kind == wire.STATUS else "reply"


def _note(recorder: Recorder, kind: int, name: str, end: Any, header: int, content: int, at: int = 0) -> None:
    """A message in the slot: its header and its payload."""
    recorder.note(kind, name, end.walked, header + content, content, at)


def _install_kernel(recorder: Recorder, link: str) -> None:
    """Both sides of the sockets to the kernel."""
    names: list[Any] = []  # in the kernel's process: its domains

    def link_to(task: int) -> str:
        return f"kernel {names[0].table[task].name}"

    def begin(inner: Any, kernel: Any, *given: Any) -> None:
        inner(kernel, *given)
        names.append(kernel.shell)

    def route(inner: Any, kernel: Any, *given: Any) -> None:
        inner(kernel, *given)
        receive, waiting = kernel._recv, recorder.waking(kernel._recv)
        kernel._recv = lambda *flags: receive(*flags) if flags else waiting()

    def passed(inner: Any, kernel: Any, route: Any, raw: bytes | bytearray) -> bool:
        recorder.message(SENT, raw, link_to(kernel.peers[route][0]))
        return bool(inner(kernel, route, raw))

    module: Any = broker
    event_of = module.event_of

    def taken(raw: bytes, task: int, life: int, *more: Any) -> Any:
        if len(raw) >= wire.HEADER.size:
            recorder.message(TAKEN, raw, link_to(task))
        return event_of(raw, task, life, *more)

    def dial(inner: Any, connection: Any, *given: Any) -> None:
        inner(connection, *given)
        connection._receive = recorder.waking(connection._receive)

    def send(inner: Any, connection: Any, raw: bytes) -> None:
        recorder.message(SENT, raw, link)
        inner(connection, raw)

    def take(inner: Any, connection: Any, until: int) -> bytes | None:
        raw: bytes | None = inner(connection, until)
        if raw is not None:
            recorder.message(TAKEN, raw, link)
        return raw

    wrap(Broker, "__init__", begin)
    wrap(Router, "__init__", route)
    wrap(LineBroker, "wait", lambda inner, *given: recorder.waking(inner)(*given))
    for kernel in (Router, LineBroker):
        wrap(kernel, "_pass", passed)
    wrap(DealerConnection, "__init__", dial)
    wrap(DealerConnection, "send", send)
    wrap(DealerConnection, "take", take)
    wrap(KernelConnection, "take", take)
    for carried in (SocketConnection, RingConnection):
        wrap(carried, "receive", lambda inner, *given: recorder.waking(inner)(*given))
    module.event_of = taken
