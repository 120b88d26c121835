"""A client of a Microlith machine, written from docs/wire.md alone: pyzmq, msgpack, the standard library.

It imports nothing of Microlith, and runs as a process of its own:

    python client.py CONTROL APP SCRIPT       (or with MICROLITH_CONTROL and MICROLITH_APP: client.py SCRIPT)

A script is one of the functions below; it writes one JSON object a line, and where it waits for its
test it reads a line.
"""

import json
import os
import socket
import struct
import sys
import time

import msgpack
import zmq

HEADER = struct.Struct("<BBHBBHQIIqII")
CAP = struct.Struct("<BBHIQ")
VERSION = 1
HELLO, CALL, NOTIFY, REPLY, STATUS, FORWARD, CANCEL, CLOSE, REVOKE = range(1, 10)
DESTROY, WATCH, ADOPT, READY, ACKNOWLEDGE, BYE = range(10, 16)
WELCOME, FAIL, WITHDRAWN, CONFIRM, DEATH, RELEASED, INTERRUPT, STOP = range(32, 40)
WAITS, WANT_CONFIRM = 1, 2
HELD, MINT, GRANTED, HOME = range(4)


class Status(Exception):
    """An answer that is not a result."""

    def __init__(self, name, detail, by_kernel):
        super().__init__(name, detail)
        self.name, self.detail, self.by_kernel = name, detail, by_kernel


class Silence(Exception):
    """Nothing came in time."""


def message(
    kind, operation=0, flags=0, port=0, call=0, target=0, incarnation=0, deadline=0, caps=(), body=b"", bulk=b""
):
    """Section 4."""
    head = HEADER.pack(
        VERSION, kind, operation, len(caps), flags, port, call, target, incarnation, deadline, len(body), len(bulk)
    )
    return head + b"".join(CAP.pack(what, 0, port_, number, badge) for what, port_, number, badge in caps) + body + bulk


class Received:
    """A message taken apart."""

    def __init__(self, raw):
        fields = HEADER.unpack_from(raw)
        version, self.kind, self.operation, caps, self.flags, self.port, self.call, self.target = fields[:8]
        self.incarnation, self.deadline, body, bulk = fields[8:]
        start = HEADER.size + caps * CAP.size
        if version != VERSION or len(raw) != start + body + bulk:
            raise ValueError("no message")
        self.caps = [CAP.unpack_from(raw, HEADER.size + i * CAP.size) for i in range(caps)]
        self.body, self.bulk, self.raw = raw[start : start + body], raw[start + body :], raw


def ask(control, **request):
    """Section 2.1: one request; the answer and a descriptor, if one came."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
        end.connect(control)
        end.send(msgpack.packb(request))
        data, descriptors, _, _ = socket.recv_fds(end, 1 << 20, 4)
    answer = msgpack.unpackb(data)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer, descriptors


class ZmqTransport:
    """Section 3."""

    def __init__(self, endpoint):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger, self.socket.immediate, self.socket.reconnect_ivl = 0, 1, -1
        self.socket.sndtimeo = 20_000  # where nobody is there, zmq.Again
        self.socket.connect(endpoint)

    def send(self, raw):
        self.socket.send(raw)

    def receive(self, seconds):
        return self.socket.recv() if self.socket.poll(max(0, int(seconds * 1000))) else None

    def close(self):
        self.socket.close()
        self.context.term()


class StreamTransport:
    """Section 10."""

    def __init__(self, descriptor):
        self.end, self.data = socket.socket(fileno=descriptor), b""

    def send(self, raw):
        self.end.sendall(raw)

    def receive(self, seconds):
        limit = time.monotonic() + seconds
        while True:
            if len(self.data) >= HEADER.size:
                fields = HEADER.unpack_from(self.data)
                size = HEADER.size + fields[3] * CAP.size + fields[10] + fields[11]
                if len(self.data) >= size:
                    raw, self.data = self.data[:size], self.data[size:]
                    return raw
            left = limit - time.monotonic()
            if left <= 0:
                return None
            self.end.settimeout(left)
            try:
                more = self.end.recv(1 << 16)
            except TimeoutError:
                return None
            if not more:
                raise ConnectionError("the stream ended")
            self.data += more

    def close(self):
        self.end.close()


class Client:
    """An attached instance: its slots, and calls by handle."""

    def __init__(self, control, app):
        self.about, descriptors = ask(control, do="attach", app=app)
        self.slots = {slot: handle for slot, handle, _ in self.about["slots"]}
        self.ranks = {slot: rank for slot, _, rank in self.about["slots"]}
        self.last, self.answers, self.deaths = 0, {}, []
        self.welcome = None
        if descriptors:
            self.transport = StreamTransport(descriptors[0])
        else:
            self.transport = ZmqTransport(self.about["endpoint"])
        if self.about["transport"] != "socket":
            self.transport.send(message(HELLO))
            self._receive(lambda: self.welcome, 20)

    def _receive(self, until, seconds):
        limit = time.monotonic() + seconds
        while not (found := until()):
            raw = self.transport.receive(limit - time.monotonic())
            if raw is None:
                raise Silence
            got = Received(raw)
            if got.kind in (REPLY, STATUS, FAIL):
                self.answers[got.call] = got
            elif got.kind == WELCOME:
                self.welcome = msgpack.unpackb(got.body)
            elif got.kind == DEATH:
                self.deaths.append((got.target, got.incarnation))
            elif got.kind == CONFIRM:
                self.answers[0] = got
        return found

    def start(self, handle, operation, *arguments, bulk=None, waits=False, deadline_s=0.0, caps=()):
        """Send a call; its id.  `arguments` has None where the bulk belongs; `deadline_s` None: none, 0: the usual."""
        self.last += 1
        if deadline_s == 0.0:
            deadline_s = None if waits else 5.0
        deadline = 0 if deadline_s is None else time.monotonic_ns() + int(deadline_s * 1e9)
        body = msgpack.packb(list(arguments), use_bin_type=True)
        flags = WAITS if waits else 0
        self.transport.send(message(CALL, operation, flags, 0, self.last, handle, 0, deadline, caps, body, bulk or b""))
        return self.last

    def answer(self, call, seconds=10.0):
        """(result, bulk, capabilities) of a call.  Raises Status, or Silence."""
        got = self._receive(lambda: self.answers.pop(call, None), seconds)
        if got.kind != REPLY:
            raise Status(*msgpack.unpackb(got.body), got.kind == FAIL)
        return msgpack.unpackb(got.body)[0], got.bulk, got.caps

    def call(self, handle, operation, *arguments, **options):
        return self.answer(self.start(handle, operation, *arguments, **options))

    def repeat(self, handle, operation, *arguments, times=3, **options):
        """Section 6: an idempotent operation may be repeated after ServerDied."""
        while True:
            times -= 1
            try:
                return self.call(handle, operation, *arguments, **options)
            except Status as status:
                if status.name != "ServerDied" or not times:
                    raise

    def cancel(self, call):
        self.transport.send(message(CANCEL, call=call))

    def drop(self, handle):
        self.transport.send(message(CLOSE, target=handle))

    def watch(self, handle):
        self.transport.send(message(WATCH, target=handle))

    def leave(self):
        if self.about["transport"] != "socket":
            self.transport.send(message(BYE))
            self._receive(lambda: self.answers.pop(0, None), 5)
        self.transport.close()


class Files:
    """FileSystem and File, section 13."""

    def __init__(self, client, slot="files"):
        self.client, self.handle = client, client.slots[slot]

    def stat(self, path):
        return self.client.repeat(self.handle, 1, None, True, bulk=path)[0]

    def open(self, path, write=False):
        position, _, caps = self.client.call(self.handle, 2, None, write, bulk=path)
        return self._granted(caps[position])

    def create(self, path, mode=0o644, exclusive=False):
        position, _, caps = self.client.call(self.handle, 3, None, mode, exclusive, bulk=path)
        return self._granted(caps[position])

    @staticmethod
    def _granted(entry):
        what, _, _, number, _ = entry
        assert what == GRANTED
        return number

    def list(self, path):
        return [entry[0] for entry in self.client.repeat(self.handle, 4, None, 0, 1000, bulk=path)[0]]

    def unlink(self, path):
        self.client.call(self.handle, 7, None, bulk=path)

    def rename(self, old, new):
        self.client.call(self.handle, 8, old, None, bulk=new)

    def ping(self):
        self.client.repeat(self.handle, 16)

    def read(self, file, offset, count):
        return self.client.call(file, 1, offset, count)[1]

    def write(self, file, offset, data):
        return self.client.call(file, 2, offset, None, bulk=data)[0]

    def close(self, file):
        self.client.call(file, 7)
        self.client.drop(file)


# --- scripts ---------------------------------------------------------------------------------------


def say(**what):
    print(json.dumps(what), flush=True)


def hear():
    return sys.stdin.readline().strip()


def status_of(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except Status as status:
        return status.name
    return "no status"


def everyday(client):
    """List, create, write, read, rename, statuses."""
    files = Files(client)
    say(slots=client.slots, welcome=client.welcome)
    missing = status_of(files.stat, b"/none")
    file = files.create(b"/f")
    written = files.write(file, 0, b"hello, machine")
    again = files.create(b"/g", exclusive=True)
    taken = status_of(files.create, b"/g", exclusive=True)
    files.close(again)
    files.rename(b"/g", b"/h")
    content = files.read(file, 0, 100).decode()
    part = files.read(file, 7, 3).decode()
    files.close(file)
    say(
        missing=missing,
        written=written,
        taken=taken,
        content=content,
        part=part,
        names=sorted(name.decode() for name in files.list(b"/")),
        size=files.stat(b"/f")[6],
        kind=files.stat(b"/f")[1],
        closed=status_of(files.read, file, 0, 1),
        nothing=status_of(client.call, 4711, 1),
        operation=status_of(client.call, files.handle, 999),
        types=status_of(client.call, files.handle, 1, "text", True),
        few=status_of(client.call, files.handle, 1, bulk=b"/"),
        huge=status_of(client.call, files.handle, 4, None, 0, 2**63, bulk=b"/"),
        flag=status_of(client.call, files.handle, 16, waits=True),
    )
    client.leave()
    say(left=True)


def again(client):
    """Detach and attach again, with the same pid, several times."""
    names = [client.about["name"]]
    control = sys.argv[1]
    for _ in range(3):
        Files(client).ping()
        client.leave()
        client = Client(control, "operator")
        names.append(client.about["name"])
    client.leave()
    say(names=names)


def many(client):
    """Calls sent without waiting, answered each with its own."""
    files = Files(client)
    for number in range(10):
        file = files.create(b"/m%d" % number)
        files.write(file, 0, b"x" * number)
        files.close(file)
    calls = {client.start(files.handle, 1, None, True, bulk=b"/m%d" % (n % 10)): n % 10 for n in range(50)}
    sizes = {n: set() for n in range(10)}
    for call in reversed(calls):
        sizes[calls[call]].add(client.answer(call)[0][6])
    big = bytes(range(256)) * 4096 * 15  # 15 MiB
    file = files.create(b"/big")
    for offset in range(0, len(big), 1 << 20):
        files.write(file, offset, big[offset : offset + (1 << 20)])
    back = files.read(file, 0, 16 << 20)
    files.close(file)
    say(right=all(sizes[n] == {n} for n in sizes), big=back == big)
    client.leave()


def restart(client):
    """Work through the death of the file server; files that were open turn Stale or live on."""
    files = Files(client)
    client.watch(files.handle)
    file = files.create(b"/r")
    files.write(file, 0, b"kept")
    files.close(file)
    reader, writer = files.open(b"/r"), files.open(b"/r", True)
    say(ready=True)
    hear()
    answers = {"stat": files.stat(b"/r")[6], "deaths": len(client.deaths)}
    for name, handle in (("reader", reader), ("writer", writer)):
        try:
            answers[name] = client.repeat(handle, 1, 0, 10)[1].decode()
        except Status as status:
            answers[name] = status.name
    fresh = files.open(b"/r")
    answers["fresh"] = files.read(fresh, 0, 10).decode()
    say(**answers)
    client.leave()


def wait(client):
    """A call that waits, cancelled; the deadline of another; an answer to a third."""
    clock = client.slots["clock"]
    call = client.start(clock, 4, 3600 * 10**9, waits=True)
    now = client.call(clock, 2)[0]
    client.cancel(call)
    cancelled = status_of(client.answer, call)
    client.cancel(call)  # of a call that is over: nothing
    client.call(clock, 4, 1000, waits=True)
    call = client.start(clock, 4, 3600 * 10**9, waits=True)
    late = client.start(clock, 2, deadline_s=-1.0)
    say(
        cancelled=cancelled,
        clock=abs(now - time.monotonic_ns()) < 10 * 10**9,
        late=status_of(client.answer, late),
        unflagged=status_of(client.call, clock, 4, 1),
    )
    client.cancel(call)
    status_of(client.answer, call)
    client.leave()


def bystander(client):
    """Serve oneself until told to stop: every answer is checked; how it went."""
    import select

    files = Files(client)
    name = b"/by%d" % os.getpid()
    rounds, wrong, slowest, statuses = 0, 0, 0.0, []
    say(ready=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        started = time.monotonic()
        content = b"%d" % rounds * 100
        try:
            file = files.create(name)
            files.client.call(file, 4, 0)
            files.write(file, 0, content)
            wrong += files.read(file, 0, 10000) != content
            files.close(file)
            wrong += files.stat(name)[6] != len(content)
        except Status as status:
            statuses.append(status.name)
        except Silence:
            statuses.append("silence")
        rounds += 1
        slowest = max(slowest, time.monotonic() - started)
        if rounds % 20 == 0:
            say(rounds=rounds)
    say(rounds=rounds, wrong=wrong, slowest=slowest, statuses=statuses, done=True)
    client.leave()


def main():
    if len(sys.argv) == 2:
        control, app = os.environ["MICROLITH_CONTROL"], os.environ["MICROLITH_APP"]
    else:
        control, app = sys.argv[1:3]
    scripts = {f.__name__: f for f in (everyday, again, many, restart, wait, bystander)}
    scripts[sys.argv[-1]](Client(control, app))
    assert not any(name.startswith(("microlith", "microkernel", "servers")) for name in sys.modules)


if __name__ == "__main__":
    main()
