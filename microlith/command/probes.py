"""What this machine offers, probed by using it: each probe is one small real access.

A probe answers a `Finding`.  A missing thing is never only named: `cost` says what is lost with it.
"""

import ctypes
import errno
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Numbers of the system calls that Python has no function for, by machine (Linux's unistd.h).
_CALLS = {"x86_64": {"seccomp": 317, "membarrier": 324}, "aarch64": {"seccomp": 277, "membarrier": 283}}
_LANDLOCK_CREATE_RULESET = 444  # the same everywhere
_LANDLOCK_VERSION = 1 << 0
_SECCOMP_GET_ACTION_AVAIL, _SECCOMP_RET_KILL_PROCESS = 2, 0x80000000
_GLOBAL_EXPEDITED = 1 << 1
_CLONE_NEWUSER = 0x10000000
_KVM_GET_API_VERSION = 0xAE00

DESCRIPTORS = 1024  # what a system of 50 servers keeps in its kernel, with room
LANDLOCK_ABI = 4  # the first that denies TCP
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # where mkfs and fsck are, which is not in every user's path

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Finding:
    """One thing: what was found (for people), its value (for programs), and what it costs if not ok."""

    name: str
    found: str
    value: Any
    ok: bool
    cost: str
    required: bool = False


def findings() -> Iterator[Finding]:
    """Every probe's finding but for the measured ones."""
    yield _python()
    yield _libzmq()
    yield _cores()
    yield from _descriptors_of_events()
    yield _membarrier()
    yield _landlock()
    yield _seccomp()
    yield _user_namespaces()
    yield _kvm()
    yield _process_io()
    yield _descriptor_limit()
    yield from _minix_tools()


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _python() -> Finding:
    found = f"{platform.python_implementation()} {platform.python_version()}, {sys.platform}"
    good = sys.platform == "linux" and sys.version_info >= (3, 11)
    return Finding("Python", found, platform.python_version(), good, "needs Linux and Python 3.11", required=True)


def _libzmq() -> Finding:
    cost = "no microkernel of the first generation (mach)"
    try:
        import zmq
    except ImportError as error:
        return Finding("libzmq", f"no: {error}", None, False, cost, required=True)
    found = f"{zmq.zmq_version()} (pyzmq {zmq.__version__})"
    return Finding("libzmq", found, zmq.zmq_version(), zmq.has("ipc"), cost, required=True)


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0))
    quota = _cpu_quota()
    found = f"{usable} of {os.cpu_count()}" + (f", limited to {quota:.1f} by the cgroup" if quota else "")
    good = usable >= 2 and (quota is None or quota >= 2)
    return Finding("cores", found, usable, good, "nothing can be spread or spin; every placement is same-core")


def _cpu_quota() -> float | None:
    """The cgroup's limit in cores, or None without one."""
    try:
        share, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if share == "max" else int(share) / int(period)
    except (OSError, ValueError):
        return None


def _descriptors_of_events() -> Iterator[Finding]:
    makers: dict[str, tuple[Callable[[], int], str]] = {
        "eventfd": (lambda: os.eventfd(0), "no channels (shared memory) between servers"),
        "timerfd": (lambda: _libc.timerfd_create(1, 0), "no clock, no deadlines"),
        "pidfd": (lambda: os.pidfd_open(os.getpid()), "no death notices: nothing can be restarted"),
        "memfd": (lambda: os.memfd_create("probe", os.MFD_ALLOW_SEALING), "no sealed shared memory, so no channels"),
    }
    for name, (make, cost) in makers.items():
        try:
            fd = make()
        except (OSError, AttributeError):
            fd = -1
        if fd >= 0:
            os.close(fd)
        yield Finding(name, _yes(fd >= 0), fd >= 0, fd >= 0, cost, required=True)


def _call(name: str, *arguments: int) -> int:
    """The result of a raw system call, or minus its errno."""
    number = _CALLS.get(platform.machine(), {}).get(name)
    if number is None:
        return -errno.ENOSYS
    return _raw(number, *arguments)


def _raw(number: int, *arguments: Any) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    return result if result >= 0 else -ctypes.get_errno()


def _membarrier() -> Finding:
    commands = _call("membarrier", 0, 0, 0)
    good = commands > 0 and bool(commands & _GLOBAL_EXPEDITED)
    return Finding("membarrier", _yes(good), good, good, "channels fence with a lock on each call (150 ns)")


def _landlock() -> Finding:
    abi = max(_raw(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_LANDLOCK_VERSION)), 0)
    cost = "servers can open the user's files" if not abi else "servers can open TCP connections"
    return Finding("Landlock", f"ABI {abi}" if abi else "no", abi, abi >= LANDLOCK_ABI, cost)


def _seccomp() -> Finding:
    action = ctypes.c_uint32(_SECCOMP_RET_KILL_PROCESS)
    number = _CALLS.get(platform.machine(), {}).get("seccomp")
    good = number is not None and _raw(number, _SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action)) == 0
    return Finding("seccomp", _yes(good), good, good, "servers may make any system call")


def _user_namespaces() -> Finding:
    """Tried in a process of its own, which ends with the namespace."""
    program = f"import ctypes; raise SystemExit(ctypes.CDLL(None).unshare({_CLONE_NEWUSER}) != 0)"
    good = subprocess.run([sys.executable, "-I", "-S", "-c", program], check=False, timeout=5).returncode == 0
    cost = "without root, servers share the launcher's identity and network"
    return Finding("user namespaces", _yes(good), good, good or os.geteuid() == 0, cost)


def _kvm() -> Finding:
    import fcntl

    cost = "guests run on simulated processors only"
    try:
        fd = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return Finding("/dev/kvm", f"no: {(error.strerror or '').lower()}", None, False, cost)
    try:
        version = fcntl.ioctl(fd, _KVM_GET_API_VERSION)
    except OSError:
        version = 0
    finally:
        os.close(fd)
    return Finding("/dev/kvm", f"API {version}", version, version == 12, cost)


def _process_io() -> Finding:
    try:
        good = "syscr" in Path("/proc/self/io").read_text()
    except OSError:
        good = False
    cost = "system calls and bytes of a process are not counted; floods are not traced to their sender"
    return Finding("/proc/PID/io", _yes(good), good, good, cost)


def _descriptor_limit() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    value = [soft, hard]
    return Finding(
        "descriptors",
        f"{soft}, can be raised to {hard}",
        value,
        hard == resource.RLIM_INFINITY or hard >= DESCRIPTORS,
        "only small systems: the kernel's budget of descriptors bounds the servers",
    )


def _minix_tools() -> Iterator[Finding]:
    for tool, cost in (
        ("mkfs.minix", "tests on disks made elsewhere are skipped (package util-linux)"),
        ("fsck.minix", "no outside judge of the disk's structure (package util-linux)"),
    ):
        path = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{SBIN}")
        yield Finding(tool, path or "no", path, path is not None, cost)
