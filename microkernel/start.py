"""The first steps of the kernel process, whose zygote was started before anything was imported.

It prepares itself on one core while this process imports ZeroMQ on the other.
"""

from typing import Any

from microlith.kinds import TRANSPORTS, resolve
from microlith.process.root import Root
from microlith.process.spawner import Spawner

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
    core = _core(root)
    kernel = _kernel(root, spawner, core, links)
    status: int = kernel.run()
    if root.boot.record:
        core.recorder.close()
    return status


def _core(root: Root) -> Any:
    """The kernel's machine, on record if it shall be."""
    if root.boot.record:
        from microkernel.recorder import RecordedCore

        return RecordedCore(root.boot.record, lambda why: root.event("unrecorded", text=why))
    from microkernel.core import Core

    return Core()


def _kernel(root: Root, spawner: Spawner, core: Any, links: set[str]) -> Any:
    """The kernel, with servers in it if the plan says so."""
    if root.boot.root.parts:
        from microkernel.inkernel import HostingKernel

        return HostingKernel(root, spawner, core)
    from microkernel.kernel import Kernel

    broker = next((BROKERS[link] for link in links if link in BROKERS), ROUTER)
    return Kernel(root, spawner, core, resolve(broker))
