"""What a comparison ran on, and how large the kernel process's own code is."""

import ast
import datetime
import os
import platform
import tokenize
from functools import cache
from pathlib import Path
from typing import Any

import psutil

#: Not in the kernel's process at all: the domains' side of the protocols, and architectures.
CLIENT_SIDE = frozenset(
    (
        *("connection.py", "dealer.py", "granted.py", "channel_connection.py", "channel_stream.py", "channel_peer.py"),
        *("end.py", "fence.py", "channels.py", "ledger.py", "plans.py", "replay.py"),
    )
)
#: Folders that are not: the domains' side of peer links, and what takes ZeroMQ's place where a plan says so.
APART = frozenset(("links", "carriers"))
#: Loaded for some plans only, and not for `mach` or `l4`: servers in the kernel, a walk, ROUTERs of domains.
SOMETIMES = frozenset(("inkernel.py", "walked.py", "door.py"))
#: In its process, but no part of the kernel: its first steps, the launcher's orders, the record of a run.
BESIDE = frozenset(("start.py", "orders.py", "recorder.py"))
#: Of the ground, what every root has: it starts processes and speaks to the launcher, has a loop and pages.
GROUND = (
    *("process/root.py", "process/spawner.py", "process/restart.py", "process/parcel.py", "process/interpreter.py"),
    *("process/metering.py", "frame/loop.py", "frame/memory.py", "frame/wire.py", "frame/page.py"),
)


def about(placement: str, seed: int, **more: Any) -> dict[str, Any]:
    """Machine, versions, date and the rest."""
    import zmq

    import microlith

    return {
        "machine": {
            "cpu": _cpu(),
            "architecture": platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_mib": psutil.virtual_memory().total >> 20,
            "load": round(os.getloadavg()[0], 2),
        },
        "versions": {
            "microlith": microlith.__version__,
            "python": platform.python_version(),
            "libzmq": zmq.zmq_version(),
            "pyzmq": zmq.__version__,
            "kernel": os.uname().release,
        },
        "kernel_lines": kernel_lines(),
        "stands_on": "CPython, libzmq and Linux, none of which is small",
        "placement": placement,
        "seed": seed,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **more,
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            line = next((line for line in file if line.startswith("model name")), "")
    except OSError:
        line = ""
    return line.partition(":")[2].strip() or platform.processor() or "unknown"


def host_filesystem(folder: Path) -> str:
    """The kind of the host's file system that a folder lies on."""
    partitions = psutil.disk_partitions(all=True)
    fitting = [p for p in partitions if folder.resolve().is_relative_to(p.mountpoint)]
    return str(max(fitting, key=lambda p: len(p.mountpoint)).fstype) if fitting else "unknown"


@cache
def kernel_lines() -> dict[str, Any]:
    """Lines of code of the kernel, and in all those of its process, by file; blank lines and prose do not count."""
    import microkernel
    import microlith

    folder = Path(str(microkernel.__file__)).parent
    ground = Path(str(microlith.__file__)).parent
    own = [
        f for f in sorted(folder.rglob("*.py")) if f.name not in CLIENT_SIDE | SOMETIMES and f.parent.name not in APART
    ]
    files = {str(f.relative_to(folder.parent)): code_lines(f) for f in own}
    kernel = sum(lines for name, lines in files.items() if Path(name).name not in BESIDE)
    files |= {f"microlith/{name}": code_lines(ground / name) for name in GROUND}
    return {"kernel": kernel, "total": sum(files.values()), "files": files}


def code_lines(file: Path) -> int:
    """Lines that hold code: neither blank, nor comment, nor docstring."""
    with tokenize.open(file) as source:
        text = source.read()
    prose: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            prose.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for n, line in lines if line.strip() and not line.lstrip().startswith("#") and n not in prose)
