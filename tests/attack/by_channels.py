"""Attacks on a channel: python by_channels.py CONTROL APP ATTACK,ATTACK... [ARGUMENTS].

An attack is a function of this module that gives what became of it.  Each is made by a process of its own,
attached for it, and is told as one JSON object a line; after it the process hangs up and is gone.  Where only
one is asked for, its process stays until it is told to go on.
"""

import json
import mmap
import os
import random
import sys
import time
from pathlib import Path

from channel_enemy import COUNT, DROP, ECHO, GIVE, HOLD, MAKE, RELEASE, SWAP, U64, Line
from channel_noise import noise, steps

from microkernel.channel import CALL, HEAD, SIZE, STREAM, STREAMED, TAIL
from microkernel.links.peer_link import EXPORT, PASSED
from microlith.frame import wire
from microlith.interface.status import UsageError
from microlith.launch import attach

CONTROL = sys.argv[1] if len(sys.argv) > 1 else ""


# --- numbers, lengths and words --------------------------------------------------------------------


def number_back(line):
    first = line.ask(COUNT, number=5)
    return [first, line.ask(COUNT, number=3)]


def number_jumps(line):
    return [line.ask(COUNT), line.ask(COUNT, number=10**15), line.ask(COUNT)]


def number_largest(line):
    return line.ask(COUNT, number=U64)


def number_half(line):
    return line.ask(COUNT, number=2**62)


def number_zero(line):
    return [line.ask(COUNT), line.ask(COUNT, number=0) if not line.end.says.__setitem__(CALL, 0) else ""]


def body_beyond(line):
    return line.ask(ECHO, sizes=(2**32 - 1, 0))


def bulk_beyond(line):
    return line.ask(ECHO, sizes=(1, 2**32 - 1))


def both_beyond(line):
    return line.ask(ECHO, sizes=(2**31, 2**31))


def just_beyond(line):
    return line.ask(ECHO, sizes=(wire.MAX_BODY + 1, 0))


def largest(line):
    return line.ask(ECHO, sizes=(wire.MAX_BODY, wire.MAX_BULK), caps=((0, 0, 1, 0),) * 255)


def no_body(line):
    return line.ask(ECHO, sizes=(0, 0))


def tail_beyond(line):
    line.end.says[TAIL] = STREAM + 1
    line.end.ring()
    return line.closed()


def tail_back(line):
    line.stream(line.message(wire.NOTIFY, DROP, b"\x91\xc0"))
    line.ask(COUNT, flags=STREAMED)  # it has read that
    line.end.says[TAIL] = 3
    line.end.ring()
    return line.closed()


def tail_largest(line):
    line.end.says[TAIL] = U64
    line.end.ring()
    return line.closed()


def head_beyond(line):
    """The server finds it when it has an answer to write."""
    line.end.says[HEAD] = 1 << 40
    line.stream(line.message(wire.CALL, COUNT))
    return line.closed()


def head_while_held(line):
    """It finds it in the middle of a call of ours, whose work answers another one."""
    line.stream(line.message(wire.CALL, HOLD))
    line.ask(COUNT)
    line.end.says[HEAD] = U64
    return line.ask(RELEASE)


def head_while_another_answers(line):
    """It finds it while it serves somebody else, with something of ours still in our stream."""
    line.stream(line.message(wire.CALL, HOLD))
    line.ask(COUNT)
    pid = os.fork()  # a process may attach once
    if pid == 0:
        other = Line(CONTROL)
        other.request(RELEASE)
        os._exit(0 if other.answer() == "result" else 1)
    line.end.says[HEAD] = U64
    line.stream(line.message(wire.NOTIFY, DROP, b"\x91\xc0") * 100)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return [status, line.closed()]


def all_words(line):
    for word in range(0, 64, 8):
        line.end.says[word] = U64
    line.end.ring()
    return line.closed()


# --- messages --------------------------------------------------------------------------------------


def streamed_garbage(line):
    """The stream is read before the call in the slot; it is no stream."""
    line.end.write(b"\xff" * 100)
    return line.ask(COUNT, flags=STREAMED)


def garbage(line):
    line.stream(random.Random(1).randbytes(5000))
    return line.closed()


def other_kinds(line):
    said = []
    for kind in (0, wire.HELLO, wire.REPLY, wire.FORWARD, wire.REVOKE, wire.OFFER, wire.STOP, wire.OFFERED, 99, 255):
        line.stream(line.message(kind))
        said.append(line.heard())
    return said


def handles(line):
    said = [line.ask(COUNT, handle=handle) for handle in (0, 99, 999, 2**32 - 1)]
    line.stream(line.message(wire.CLOSE, target=4711) + line.message(wire.CANCEL, call=4711))
    return [*said, line.ask(COUNT)]


def operations(line):
    return [line.ask(number) for number in (0, 999, 0xFFFF)]


def wrong_ways(line):
    """A call that waits through the slot, a notice as a call, a call as a notice."""
    said = [line.ask(HOLD), line.ask(DROP, b"\x91\xc0")]
    line.stream(line.message(wire.NOTIFY, COUNT))
    return [*said, line.ask(COUNT, flags=STREAMED)]


def flags(line):
    """Every combination of the bits that mean nothing, and of the number of capabilities."""
    said = set()
    for number in range(1 << 12):
        said.add(line.ask(RELEASE, flags=(number & 0x3F) << 16 | (number >> 6) << 26))
    return sorted(said)


def deadlines(line):
    said = []
    for deadline in (-1, -(2**63), 1, 2**63 - 1, 2**62):
        said.append(line.ask(COUNT, deadline=deadline))
        line.stream(line.message(wire.CALL, COUNT, deadline=deadline))
        said.append(line.heard())
    return sorted(set(said))


def nested_deadlines(line):
    """A server that calls another one for us, which never has time, or for ever."""
    files = Line.__new__(Line)
    files.__dict__.update(line.__dict__)
    files.stub = line.attached.files
    files.link = files.stub._connection
    files.end, files.handle, files.number = files.link.end, files.stub._handle, files.link._calls
    said = [
        files.ask(4, b"\x93\xc0\x00\x64", b"/", deadline=deadline) for deadline in (-1, -(2**63), 2**63 - 1, 1, 2**62)
    ]
    return sorted(set(said))


def bodies(line):
    from enemy import BODIES

    said = {}
    for name, body in BODIES.items():
        if len(body) <= wire.MAX_BODY:
            for operation in (SWAP, ECHO, GIVE, COUNT):
                said.setdefault(line.ask(operation, body), []).append(name)
    return sorted(said)


def positions(line):
    """Capabilities that are not there, and positions that are none."""
    inner = b"\x93\x00\x92\x01\x90\xc0"  # swap(thing 0, Inner(1, ()), None)
    said = [line.ask(SWAP, inner), line.ask(SWAP, inner, caps=((0, 0, 999, 0),))]
    said += [line.ask(SWAP, inner, caps=((kind, 7, 1, 3),)) for kind in (0, 1, 2, 3, 200)]
    return said


# --- capabilities of the kernel --------------------------------------------------------------------


def never_passed(line):
    """Capabilities that the kernel should have passed, and has not: nobody waits but we."""
    inner, started = b"\x93\x00\x92\x01\x90\xc0", time.monotonic()
    line.request(SWAP, inner, caps=((PASSED, 0, 12345, 0),))
    for _ in range(200):
        line.stream(line.message(wire.CALL, SWAP, inner, caps=((PASSED, 0, 99, 0),)))
    return [line.answer(2.0), time.monotonic() - started < 10]


def notice_with_capability(line):
    for _ in range(20):
        line.stream(line.message(wire.NOTIFY, DROP, b"\x91\xc0", caps=((PASSED, 0, 1, 0),)))
    return line.ask(COUNT)


def never_named(line):
    """What the kernel passes for us, and no message names."""
    granted = line.attached._connection
    task = line.link.who[0]
    for number in range(6000):
        cap = (wire.HELD, 0, next(handle for name, handle, _ in granted.welcome.slots if name == "pot"), 0)
        granted.send(wire.pack(wire.OFFER, 0, number + 1, task, caps=(cap,)))
    return line.ask(COUNT)


def offers_to_strangers(line):
    granted = line.attached._connection
    for number in range(3000):
        caps = ((number % 5, 3, number, 1),) * (number % 9)
        granted.send(wire.pack(wire.OFFER, 0, number + 1, number % 50, caps=caps))
    return line.ask(COUNT)


def exports(line):
    """Of nothing, and again and again of everything."""
    said = set()
    for target in (0, 999, 2**32 - 1):
        line.stream(line.message(wire.CALL, EXPORT, target=target))
        said.add(line.heard())
    line.request(EXPORT)
    said.add(line.answer())
    for _ in range(1000):
        line.stream(line.message(wire.CALL, EXPORT))
        line.heard()
    return sorted(said)


# --- floods, and readers that never read -----------------------------------------------------------


def bell_full(line):
    for _ in range(200_000):
        line.end.ring()
    return line.ask(COUNT)


def bell_closed(line):
    line.request(COUNT)
    line.hang_up()
    return "gone"


def bells_reopened(line):
    """Our own bells, opened the other way round: we steal what is meant for the server."""
    end = line.end
    steal = os.open(f"/proc/self/fd/{end.line}", os.O_RDONLY | os.O_NONBLOCK)
    said = []
    for _ in range(50):
        line.request(COUNT)
        try:
            os.read(steal, 100)
        except BlockingIOError:
            pass
        said.append(line.answer(0.05))
    return sorted(set(said) - {"silence"})


def waits(line):
    """Calls that wait, by the thousand; we read none of the answers."""
    written = 0
    for _ in range(5000):
        raw = line.message(wire.CALL, HOLD)
        limit = time.monotonic() + 0.05
        while line.end.room < len(raw) and time.monotonic() < limit:
            pass
        if line.end.room < len(raw):
            break
        written += 1
        line.stream(raw)
    return [written > 1000, line.ask(COUNT)]


def deaf(line):
    """Large answers that nobody reads."""
    for number in range(60):
        line.stream(line.message(wire.CALL, GIVE, b"\x91\xce" + (15 << 20).to_bytes(4, "big"), call=number + 1))
    return line.ask(COUNT)


def endless(line):
    """The header of the largest message, and almost all of it."""
    raw = wire.pack(wire.CALL, ECHO, 1, line.handle, body=b"\x91\xc0", bulk=bytes(wire.MAX_BULK))
    rest = memoryview(raw)[:-1]
    limit = time.monotonic() + 20
    while rest and time.monotonic() < limit:
        rest = rest[line.stream(rest[: STREAM // 2]) :]
    return [len(rest), line.ask(COUNT)]


def objects(line):
    """More objects than anybody may hold."""
    said = {}
    for _ in range(5000):
        name = line.ask(MAKE)
        said[name] = said.get(name, 0) + 1
    return said


def crowd(line, size):
    """As many clients as can be, all there at the same time; what became of them."""
    said, saying = os.pipe()
    stay, staying = os.pipe()
    for _ in range(int(size)):
        if os.fork() == 0:
            os.close(staying)
            try:
                client = attach.attach_from(Path(CONTROL), "operator")
                word = b"+" if client.pot.echo(b"x") == b"x" else b"?"
            except UsageError:
                word = b"-"
            os.write(saying, word)
            os.read(stay, 1)
            os._exit(0)
    words = b""
    while len(words) < int(size):
        words += os.read(said, 100)
    result = [words.count(word) for word in (b"+", b"-", b"?")]
    os.close(staying)
    for _ in range(int(size)):
        os.wait()
    return result


# --- memory ----------------------------------------------------------------------------------------


def raw_descriptors(line):
    """Files whose size is sealed; the server's can only be read."""
    with attach.socket.socket(attach.socket.AF_UNIX, attach.socket.SOCK_SEQPACKET) as control:
        pid = os.fork()
        if pid == 0:
            control.connect(CONTROL)
            answer, descriptors = attach.ask(control, {"do": "attach", "app": "operator", "channels": True})
            os._exit(_try_files(answer, descriptors))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _try_files(answer, descriptors):
    if answer["transport"] == "peer-shared":
        from microlith.process import parcel

        given = dict(zip(answer["labels"], descriptors, strict=True))
        with attach.socket.socket(fileno=given["grants"]) as control:
            record, descriptors = parcel.receive(control)
            while "link" not in record:
                record, descriptors = parcel.receive(control)
    ours, theirs = descriptors[:2]
    got = 0
    for bit, attempt in enumerate(
        (
            lambda: mmap.mmap(theirs, SIZE).close(),
            lambda: os.pwrite(theirs, b"x", 0),
            lambda: os.ftruncate(ours, 100),
            lambda: os.ftruncate(ours, SIZE * 2),
            lambda: os.ftruncate(theirs, 100),
        )
    ):
        try:
            attempt()
            got |= 1 << bit
        except OSError:
            pass
    return got


def own_answers(line):
    """The file that the server writes, opened again for writing: we spoil what we read."""
    name = f"/proc/self/fd/{_theirs(line)}"
    descriptor = os.open(name, os.O_RDWR)
    with mmap.mmap(descriptor, SIZE) as theirs:
        chosen = random.Random(3)
        for _ in range(2000):
            at = chosen.randrange(2 * STREAM)
            theirs[at : at + 8] = chosen.randbytes(8)
            line.number += 1
            line.request(COUNT, number=line.number)
        theirs[: 2 * STREAM] = b"\xff" * (2 * STREAM)
    os.close(descriptor)
    return "written"


def _theirs(line):
    """The descriptor that our mapping of the server's file keeps."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if ":pot:down" in os.readlink(f"/proc/self/fd/{name}") or ":down" in os.readlink(f"/proc/self/fd/{name}"):
                return int(name)
        except OSError:
            pass
    raise LookupError("no mapping keeps its descriptor here")


ATTACKS = {**globals(), "noise": noise, "steps": steps}


def main():
    names, arguments = sys.argv[3].split(","), sys.argv[4:]
    for name in names:
        pid = os.fork() if len(names) > 1 else 0
        if pid == 0:
            tell(name, ATTACKS[name](Line(CONTROL), *arguments))
            if len(names) > 1:
                os._exit(0)
        elif os.waitpid(pid, 0)[1]:
            tell(name, "failed")
        sys.stdin.readline()


def tell(name, result):
    print(json.dumps({"attack": name, "result": result}), flush=True)


if __name__ == "__main__":
    main()
