"""Microlith: a laboratory for operating-system architectures made of real processes.

from microlith import boot

with boot("unix", architecture="mach") as machine:
    files = machine.connect("files")
    print(files.list(b"/"))
"""

_PLACES = {
    "microlith.frame.frame": ("within",),
    "microlith.frame.server": ("App", "Object", "Server"),
    "microlith.interface.devices": ("Device", "HostDirectory", "HostFile", "Terminal", "Timer"),
    "microlith.interface.interface": ("Interface", "schema"),
    "microlith.interface.operation": ("idempotent", "notify", "raises", "waits"),
    "microlith.interface.status": (
        *("SYSTEM_STATUSES", "BadMessage", "Busy", "Cancelled", "DeadlineExceeded", "NoRight", "Panic"),
        *("RankViolation", "ServerDied", "Stale", "Status", "SystemStatus", "Unavailable", "UsageError"),
    ),
    "microlith.interface.values": ("Struct",),
    "microlith.launch.boot": ("boot",),
    "microlith.launch.machine": ("Machine",),
    "microlith.launch.orders": ("MachineDied",),
    "microlith.plan.plan": ("Domain", "Instance", "Link", "Plan"),
    "microlith.system.system": ("System",),
    "microlith.system.systemfile": ("load",),
}
_WHERE = {name: module for module, names in _PLACES.items() for name in names}

__all__ = sorted(_WHERE)  # noqa: PLE0605 - one table serves both
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Names are imported when used: a domain's process needs few of them (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module 'microlith' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)
