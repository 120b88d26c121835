"""The first steps of the kernel process, whose zygote was started before anything was imported.

It prepares itself on one core while this process imports ZeroMQ on the other.
"""

from microlith.process.root import Root
from microlith.process.spawner import Spawner

MODULES = ("microlith.process.domain", "microlith.kinds", "microkernel.connection", "microlith.frame.narrow")


def run(root: Root) -> int:
    """The program of the root domain."""
    granted = any(birth.link == "granted" for birth in root.boot.domains)
    modules = (*MODULES, "microkernel.granted") if granted else MODULES
    spawner = Spawner(root.zygote, modules, root.boot.classes, root.boot.root.path)
    if root.boot.root.parts:
        from microkernel.inkernel import HostingKernel

        return HostingKernel(root, spawner).run()
    from microkernel.kernel import Kernel

    return Kernel(root, spawner).run()
