"""The first steps of the kernel process, whose zygote was started before anything was imported.

It prepares itself on one core while this process imports ZeroMQ on the other.
"""

from typing import TYPE_CHECKING

from microlith.kinds import TRANSPORTS, resolve
from microlith.process.root import Root
from microlith.process.spawner import Spawner

if TYPE_CHECKING:
    from microkernel.kernel import Kernel

#: How domains reach the kernel, where it is not ZeroMQ.
ROUTER = "microkernel.router:Router"
BROKERS = {
    "kernel-socket": "microkernel.carriers.socket_broker:SocketBroker",
    "kernel-shared": "microkernel.carriers.ring_broker:RingBroker",
}
MODULES = ("microlith.process.domain", "microlith.kinds", "microlith.frame.narrow")


def run(root: Root) -> int:
    """The program of the root domain."""
    links = {birth.link for birth in (*root.boot.domains, *root.boot.templates.values()) if birth.link}
    modules = (*MODULES, *(TRANSPORTS[link].partition(":")[0] for link in links))
    spawner = Spawner(root.zygote, modules, root.boot.classes, root.boot.root.path)
    if root.boot.root.parts:
        from microkernel.inkernel import HostingKernel

        return _run(HostingKernel(root, spawner))
    from microkernel.kernel import Kernel

    broker = next((BROKERS[link] for link in links if link in BROKERS), ROUTER)
    return _run(Kernel(root, spawner, resolve(broker)))


def _run(kernel: "Kernel") -> int:
    """Run it, on record if it shall be."""
    path, core = kernel.root.boot.record, kernel.core
    if not path:
        return kernel.run()
    from microkernel.recorder import Recorder

    limits = {"window": core.window, "queue_limit": core.queue_limit}
    recorder = Recorder(path, limits, lambda why: kernel.root.event("unrecorded", text=why))
    kernel.broker.recorder = recorder
    try:
        return kernel.run()
    finally:
        recorder.close()
