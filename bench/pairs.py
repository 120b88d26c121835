"""Peers of two processes for the channel: the least that Python, C and ZeroMQ need to hand 64 bytes over and back.

- `raw spin`: bytes in shared memory, a sequence word each way, both sides spinning.  No call: no header, no
  dispatch, no deadline, no types, and no way to notice a death.
- `C eventfd`: the same bytes, both sides blocking on an eventfd(2), in C (eventfd.c).
- `pyzmq`: REQ and REP over ipc.
- `iceoryx2`: see iceoryx.py.

`python -m bench.pairs ROLE PATH` is one of the processes.
"""

import mmap
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import zmq

from bench.group import Group, serve

PAYLOAD = b"x" * 64
SIZE = 8192
REQUEST, ANSWER = 0, 4096  # where the sides write: a sequence word, and a cache line behind it the bytes
COMPILE = ("-O2", "-o")


def spin_server(path: str) -> None:
    """Answer every 64 bytes with themselves."""
    memory = _shared(path)
    words = memoryview(memory).cast("Q")
    number = 1
    while True:
        while words[REQUEST // 8] != number:
            pass
        memory[ANSWER + 64 : ANSWER + 128] = memory[REQUEST + 64 : REQUEST + 128]
        words[ANSWER // 8] = number
        number += 1


def spin_client(path: str) -> None:
    """Give 64 bytes and take 64 bytes."""
    memory = _shared(path)
    words = memoryview(memory).cast("Q")
    number = 0

    def call() -> bytes:
        nonlocal number
        number += 1
        memory[REQUEST + 64 : REQUEST + 128] = PAYLOAD
        words[REQUEST // 8] = number
        while words[ANSWER // 8] != number:
            pass
        return memory[ANSWER + 64 : ANSWER + 128]

    serve(call)


def _shared(path: str) -> mmap.mmap:
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), SIZE)


def zmq_server(path: str) -> None:
    """Answer every message with itself."""
    socket = zmq.Context().socket(zmq.REP)
    socket.bind(f"ipc://{path}")
    while True:
        socket.send(socket.recv())


def zmq_client(path: str) -> None:
    """Send a request, receive its reply."""
    context = zmq.Context()
    socket = context.socket(zmq.REQ)
    socket.connect(f"ipc://{path}")

    def call() -> bytes:
        socket.send(PAYLOAD)
        return socket.recv()

    call()
    serve(call)
    context.destroy(0)


ROLES: dict[str, Callable[[str], None]] = {
    role.__name__: role for role in (spin_server, spin_client, zmq_server, zmq_client)
}


def raw_spin(folder: Path, cores: Sequence[int]) -> Group:
    """The spinning pair: the client on the first core, the server on the second."""
    path = folder / "spin"
    path.write_bytes(bytes(SIZE))
    return Group([_python("spin_server", path), _python("spin_client", path)], (cores[1], cores[0]), spins=True)


def request_reply(folder: Path, name: str) -> Group:
    """The ZeroMQ pair, where its maker runs."""
    path = folder / name
    return Group([_python("zmq_server", path), _python("zmq_client", path)])


def _python(role: str, path: Path) -> list[str]:
    return [sys.executable, "-m", "bench.pairs", role, str(path)]


def eventfd(folder: Path) -> Group | None:
    """The pair in C, where its maker runs; None: this machine has no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    program, source = folder / "eventfd", Path(__file__).with_name("eventfd.c")
    subprocess.run([compiler, *COMPILE, str(program), str(source)], check=True)
    return Group([[str(program)]])


if __name__ == "__main__":
    ROLES[sys.argv[1]](os.fspath(sys.argv[2]))
