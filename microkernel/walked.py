"""What the recorder of a walk notes of channels and of the kernel (microlith/process/walked.py has the rules).

A channel's two ends name it alike, by the pipes that are its bells; a domain's way to the kernel has its name.
This file is loaded only in the processes of a machine booted with `walk=True`.
"""

import os
from typing import Any

from microkernel import broker
from microkernel.broker import Broker
from microkernel.channel import CALL, End
from microkernel.channel_connection import ChannelConnection
from microkernel.channel_peer import ChannelPeer
from microkernel.connection import KernelConnection
from microlith.frame import wire
from microlith.process import walked
from microlith.process.walked import COPIED, PLAIN, SENT, TAKEN, Recorder, wrap


def install(descriptor: int, domain: str) -> None:
    """Begin to note everything in the file behind this descriptor.  Before anything of the domain is made."""
    recorder = Recorder(descriptor)

    def link_of(end: Any) -> str:
        if isinstance(end, KernelConnection):
            return f"kernel {domain}"
        return str(getattr(getattr(end, "end", None), "walked", PLAIN))

    walked.install(recorder, link_of)
    _install_channels(recorder)
    _install_kernel(recorder, f"kernel {domain}")


def _install_channels(recorder: Recorder) -> None:
    def begin(inner: Any, end: Any, descriptors: tuple[int, ...]) -> None:
        inner(end, descriptors)
        bells = sorted(os.fstat(bell).st_ino for bell in descriptors[2:])
        end.walked = f"channel {bells[0]} {bells[1]}"

    def put(inner: Any, end: Any, caps: Any, body: bytes, bulk: bytes) -> None:
        inner(end, caps, body, bulk)
        _copied(end, len(caps), len(body), len(bulk))

    def get(inner: Any, end: Any, caps: int, body: int, bulk: int) -> Any:
        found = inner(end, caps, body, bulk)
        _copied(end, caps, body, bulk)
        return found

    def _copied(end: Any, caps: int, body: int, bulk: int) -> None:
        if size := caps * wire.CAP.size + body + bulk:
            recorder.note(COPIED, "", end.walked, 0, size)

    wrap(End, "__init__", begin)
    wrap(End, "put", put)
    wrap(End, "get", get)
    _install_slots(recorder)


def _install_slots(recorder: Recorder) -> None:
    """Calls through slots: at the client a call sent and an answer taken, at the server the reverse."""

    def exchange(inner: Any, link: Any, word: int, deadline: int, caps: Any, body: bytes, bulk: bytes) -> Any:
        recorder.note(SENT, "call", link.end.walked, _size(caps, body, bulk))
        answer = inner(link, word, deadline, caps, body, bulk)
        recorder.note(TAKEN, "reply", link.end.walked, 0 if answer is None else _size(*answer[1:]))
        return answer

    def serve(inner: Any, peer: Any) -> None:
        link, number = peer.end.walked, peer.hears[CALL]
        recorder.note(TAKEN, "call", link)
        peer.walk_answered = False
        inner(peer)
        if not peer.walk_answered and not peer.closed and peer.seen == number:  # a plain nil
            recorder.note(SENT, "reply", link, at=recorder.served)

    def answer(inner: Any, peer: Any, number: int, kind: int, caps: Any, body: bytes, bulk: bytes) -> None:
        peer.walk_answered = True
        recorder.note(SENT, "status" if kind == wire.STATUS else "reply", peer.end.walked, _size(caps, body, bulk))
        inner(peer, number, kind, caps, body, bulk)

    wrap(ChannelConnection, "_exchange", exchange)
    wrap(ChannelConnection, "_doze", lambda inner, *given: recorder.waking(inner)(*given))
    wrap(ChannelPeer, "serve_slot", serve)
    wrap(ChannelPeer, "_answer_slot", answer)


def _size(caps: Any, body: bytes, bulk: bytes) -> int:
    return len(caps) * wire.CAP.size + len(body) + len(bulk)


def _install_kernel(recorder: Recorder, link: str) -> None:
    """Both sides of the sockets to the kernel."""
    names: list[Any] = []  # in the kernel's process: its domains

    def link_to(task: int) -> str:
        return f"kernel {names[0].table[task].name}"

    def begin(inner: Any, kernel: Any, core: Any, endpoint: str, words: Any, shell: Any, room: Any) -> None:
        inner(kernel, core, endpoint, words, shell, room)
        names.append(shell)
        receive, waiting = kernel._recv, recorder.waking(kernel._recv)
        kernel._recv = lambda *flags: receive(*flags) if flags else waiting()

    def passed(inner: Any, kernel: Any, identity: bytes, raw: bytes | bytearray) -> bool:
        recorder.message(SENT, raw, link_to(kernel.peers[identity][0]))
        return bool(inner(kernel, identity, raw))

    module: Any = broker
    event_of = module.event_of

    def taken(raw: bytes, task: int, life: int) -> Any:
        if len(raw) >= wire.HEADER.size:
            recorder.message(TAKEN, raw, link_to(task))
        return event_of(raw, task, life)

    def dial(inner: Any, connection: Any, *given: Any) -> Any:
        inner(connection, *given)
        connection._receive = recorder.waking(connection._receive)
        return connection

    def send(inner: Any, connection: Any, raw: bytes) -> None:
        recorder.message(SENT, raw, link)
        inner(connection, raw)

    def take(inner: Any, connection: Any, until: int) -> bytes | None:
        raw: bytes | None = inner(connection, until)
        if raw is not None:
            recorder.message(TAKEN, raw, link)
        return raw

    wrap(Broker, "__init__", begin)
    wrap(Broker, "_pass", passed)
    wrap(KernelConnection, "dial", dial)
    wrap(KernelConnection, "send", send)
    wrap(KernelConnection, "take", take)
    module.event_of = taken
