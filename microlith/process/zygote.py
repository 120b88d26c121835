"""The zygote: a prepared interpreter that forks into domains.

It has imported the ground and holds the compiled code of the servers; it has no thread and no ZeroMQ
context, since a fork with either loses messages or locks.  It forks twice, so that a domain is a child
of the kernel (a subreaper), outlives the zygote and dies with the kernel.

Protocol, on a seqpacket socket whose number is the argument: first a record {modules, classes, path};
then Birth records with descriptors, each answered by the pid of the domain.
"""

import gc
import os
import signal
import socket
import sys
import time
from typing import Any

import msgspec

from microlith.process import domain, parcel
from microlith.process.birth import Birth, die_with_parent
from microlith.process.interpreter import interpreter
from microlith.process.modules import Store

ADOPTION_S = 2.0


def main(number: int) -> None:
    """Serve until the owner's end of the socket is closed."""
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = socket.socket(fileno=number)
    prepare(*_receive(end))
    gc.collect()
    gc.freeze()
    while True:
        record, descriptors = _receive(end)
        birth = msgspec.convert(record, Birth)
        parcel.send(end, spawn(birth, descriptors, end))
        for descriptor in descriptors:
            os.close(descriptor)


def _receive(end: socket.socket) -> tuple[Any, list[int]]:
    try:
        return parcel.receive(end)
    except parcel.Closed:
        sys.exit(0)


def prepare(record: dict[str, Any], _: list[int]) -> None:
    """Import the modules of the ground that domains need, compile those of the servers."""
    sys.path += [folder for folder in record["path"] if folder not in sys.path]
    for module in record["modules"]:
        __import__(module)
    store = Store()
    for dotted in record["classes"]:
        place = dotted.rpartition(":")[0]
        if not place.endswith(".py"):
            store.add(place)
    sys.meta_path.insert(0, store)


def spawn(birth: Birth, descriptors: list[int], end: socket.socket) -> int:
    """Fork twice; the pid of the grandchild, which is the domain."""
    reader, writer = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(reader)
        second = os.fork()
        if second:
            os.write(writer, second.to_bytes(8, "little"))
            os._exit(0)
        os.close(writer)
        end.close()
        become(birth, descriptors)
    os.close(writer)
    pid = int.from_bytes(os.read(reader, 8), "little")
    os.close(reader)
    os.waitpid(first, 0)
    return pid


def become(birth: Birth, descriptors: list[int]) -> None:
    """In the grandchild: wait until the owner has adopted us, then live."""
    limit = time.monotonic() + ADOPTION_S
    while birth.parent and os.getppid() != birth.parent and time.monotonic() < limit:
        os.sched_yield()
    if birth.fresh:
        _start_fresh(birth, descriptors)
    gc.unfreeze()
    status = domain.FAULT
    try:
        status = domain.main(birth, descriptors)
    finally:
        os._exit(status)


def _start_fresh(birth: Birth, descriptors: list[int]) -> None:
    """Execute a new interpreter instead, for parts whose libraries start threads when imported."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    record = msgspec.msgpack.encode(birth).hex()
    numbers = ",".join(map(str, descriptors))
    command, environment = interpreter("microlith.process.fresh", record, numbers)
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main(int(sys.argv[1]))
