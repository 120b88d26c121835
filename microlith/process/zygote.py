"""The zygote: a prepared interpreter that forks into domains.

It has imported the ground and holds the compiled code of the servers; it has no thread and no ZeroMQ
context, since a fork with either loses messages or locks.  It forks twice, so that a domain is a child
of the kernel (a subreaper), outlives the zygote and dies with the kernel.  It forks ahead: one spare
process, the owner's child already, waits for the next birth record, and goes when the zygote goes.

Protocol, on a seqpacket socket whose number is the argument.  In: first a record {modules, classes,
path}; then Birth records with descriptors.  Out: {spare: pid} for each process forked ahead, {pid: pid}
for each Birth.
"""

import gc
import os
import signal
import socket
import sys
from typing import Any

import msgspec

from microlith.process import domain, parcel
from microlith.process.birth import Birth, die_with_parent
from microlith.process.interpreter import interpreter
from microlith.process.modules import Store


def main(number: int) -> None:
    """Serve until the owner's end of the socket is closed."""
    owner = os.getppid()
    die_with_parent(owner)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = socket.socket(fileno=number)
    prepare(_receive(end)[0])
    gc.collect()
    gc.freeze()  # for good: a collection in a child that looked at these would copy every page of them
    try:
        while True:
            pid, spare = fork_ahead(owner, end)
            parcel.send(end, {"spare": pid})
            record, descriptors = parcel.receive(end)
            parcel.send(spare, record, tuple(descriptors))
            spare.close()
            for descriptor in descriptors:
                os.close(descriptor)
            parcel.send(end, {"pid": pid})
    except parcel.Closed:
        os._exit(0)  # the owner has gone, or lets us go


def _receive(end: socket.socket) -> tuple[Any, list[int]]:
    try:
        return parcel.receive(end)
    except parcel.Closed:
        os._exit(0)


def prepare(record: dict[str, Any]) -> None:
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


def fork_ahead(owner: int, end: socket.socket) -> tuple[int, socket.socket]:
    """Fork twice; the grandchild's pid, and the socket on which it waits for its birth record."""
    reader, writer = os.pipe()
    ours, theirs = parcel.pair()
    first = os.fork()
    if first == 0:
        os.close(reader)
        between = os.getpid()
        second = os.fork()
        if second:
            os.write(writer, second.to_bytes(8, "little"))
            os._exit(0)
        os.close(writer)
        end.close()
        ours.close()
        become(owner, between, theirs)
    os.close(writer)
    theirs.close()
    pid = int.from_bytes(os.read(reader, 8), "little")
    os.close(reader)
    os.waitpid(first, 0)
    return pid, ours


def become(owner: int, between: int, socket_: socket.socket) -> None:
    """In the grandchild: wait for adoption (by the owner, unless it is gone) and for the birth record, then live."""
    while os.getppid() == between:
        os.sched_yield()
    die_with_parent(owner)
    record, descriptors = _receive(socket_)
    socket_.close()
    birth = msgspec.convert(record, Birth)
    if birth.fresh:
        _start_fresh(birth, descriptors)
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
