"""The Python binding of iceoryx2 as a peer: publish-subscribe each way, 64 bytes, both sides polling.

It is measured where it is installed (the extra `peers`).  `python -m bench.iceoryx ROLE FOLDER` is one of
the processes.
"""

import ctypes
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.group import Group, serve
from bench.pairs import PAYLOAD


class Line(ctypes.Structure):
    """64 bytes."""

    _fields_ = (("data", ctypes.c_uint64 * 8),)


def _node(folder: str) -> Any:
    """A node that shares its files with those of this folder only."""
    import iceoryx2

    iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
    config = iceoryx2.config.default()
    config.global_cfg.root_path = iceoryx2.Path.new(folder)
    config.global_cfg.prefix = iceoryx2.FileName.new(Path(folder).name + "_")
    made = iceoryx2.NodeBuilder.new().config(config)
    return made.signal_handling_mode(iceoryx2.SignalHandlingMode.Disabled).create(iceoryx2.ServiceType.Ipc)


def _service(node: Any, name: str) -> Any:
    import iceoryx2

    return node.service_builder(iceoryx2.ServiceName.new(name)).publish_subscribe(Line).open_or_create()


def _ends(folder: str, out: str, into: str) -> tuple[Callable[[bytes], None], Callable[[], bytes]]:
    """How to send, and how to poll until something has come; the other side is there."""
    import iceoryx2

    node = _node(folder)
    services = [_service(node, name) for name in (out, into)]
    publisher, subscriber = services[0].publisher_builder().create(), services[1].subscriber_builder().create()

    def send(data: bytes) -> None:
        sample = publisher.loan_uninit()
        ctypes.memmove(sample.payload_ptr, data, len(data))
        sample.assume_init().send()

    def receive() -> bytes:
        sample = subscriber.receive()
        while sample is None:
            sample = subscriber.receive()
        data = ctypes.string_at(sample.payload_ptr, len(PAYLOAD))
        sample.delete()
        return data

    while not (services[0].dynamic_config.number_of_subscribers and services[1].dynamic_config.number_of_publishers):
        node.wait(iceoryx2.Duration.from_millis(1))
    return send, receive


def server(folder: str) -> None:
    """Answer everything with itself."""
    send, receive = _ends(folder, "down", "up")
    while True:
        send(receive())


def client(folder: str) -> None:
    """Send 64 bytes and wait for them."""
    send, receive = _ends(folder, "up", "down")

    def call() -> bytes:
        send(PAYLOAD)
        return receive()

    serve(call)


class Pair(Group):
    """The client on the first core, the server on the second; what they leave in /dev/shm is removed."""

    def __init__(self, folder: Path, cores: Sequence[int]) -> None:
        self._prefix = folder.name
        commands = [[sys.executable, "-m", "bench.iceoryx", role, str(folder)] for role in ("server", "client")]
        super().__init__(commands, (cores[1], cores[0]), spins=True)

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for left in Path("/dev/shm").glob(f"{self._prefix}*"):
            left.unlink()


def busy_poll(folder: Path, cores: Sequence[int]) -> Pair | None:
    """The pair; None: iceoryx2 is not installed.  The folder's name must be one that nobody else has."""
    return Pair(folder, cores) if importlib.util.find_spec("iceoryx2") is not None else None


ROLES = {role.__name__: role for role in (server, client)}

if __name__ == "__main__":
    ROLES[sys.argv[1]](sys.argv[2])
