"""The record from which a domain's process is made, and the order in which it comes to life.

Session, identity, limits, parent-death signal with re-check, namespaces, Landlock, connect, seccomp,
and only then the server's code.  Everything a domain needs of the host is a descriptor in its hands
when it starts; `labels` names them in order.
"""

import ctypes
import os
import resource
import signal
import sys
import zlib
from typing import Any

import msgspec

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
IDENTITIES, IDENTITY_COUNT = 61184, 4336  # systemd's range of dynamic users


DIRECT = "direct"  # the path of a link inside a domain


class SlotBirth(msgspec.Struct, frozen=True):
    """One capability: the attribute, the name of what is behind it, the domain's handle (0: direct), rank, path, port.

    Behind a peer link it is also number `at` in the table that the server's domain keeps for `peer`, counted
    from 1 (0: through the domain's one connection).  `in_kernel`: the server lives in a kernel.  `options`:
    those of the link.
    """

    slot: str
    server: str
    handle: int
    rank: int
    path: str
    port: int = 0
    peer: int = 0
    at: int = 0
    in_kernel: bool = False
    options: dict[str, Any] = {}


class PeerBirth(msgspec.Struct, frozen=True):
    """A domain that this one reaches directly: its name, the transport, and the servers there, in order."""

    domain: str
    transport: str
    servers: tuple[str, ...]


class PartBirth(msgspec.Struct, frozen=True):
    """One instance in the domain.  `cls` is `module:Class` or `/path/file.py:Class`."""

    name: str
    cls: str
    rank: int
    port: int
    settings: dict[str, Any]
    slots: tuple[SlotBirth, ...]
    devices: dict[str, str]  # attribute -> device name
    timers: tuple[str, ...] = ()  # attributes whose device is a timer, made when it is started
    interrupts: tuple[str, ...] = ()  # attributes whose device has an interrupt line
    app: bool = False


class Birth(msgspec.Struct, frozen=True):
    """One domain, about to be a process."""

    domain: str
    parts: tuple[PartBirth, ...]
    labels: tuple[str, ...]  # of the descriptors handed over with it
    rank: int = 0
    incarnation: int = 1
    link: str = ""  # how it reaches its kernel: a key of kinds.TRANSPORTS, or empty
    endpoint: str = ""
    checked: bool = False
    walked: bool = False  # whether it notes what it does (process/walked.py)
    path: tuple[str, ...] = ()  # folders added to sys.path
    confine: dict[str, Any] = {}
    quota: dict[str, Any] = {}
    arguments: tuple[str, ...] = ()
    fresh: bool = False
    peers: tuple[PeerBirth, ...] = ()
    cores: tuple[int, ...] = ()  # it may run on; none: all
    spins: bool = False  # whether it looks at shared memory for a while before it blocks
    parent: int = 0  # the pid that this domain must not outlive


class Boot(msgspec.Struct, frozen=True):
    """All that a root domain is told: itself, the domains to start, and the programs for later."""

    system: str
    architecture: str
    program: str  # which root: a key of kinds.ROOTS
    run: str  # the run directory
    root: Birth
    domains: tuple[Birth, ...]
    templates: dict[str, Birth]
    commands: dict[str, tuple[str, ...]]  # foreign programs by app
    restart: dict[str, dict[str, Any]]
    classes: tuple[str, ...]
    labels: tuple[str, ...]  # of the device descriptors that come with this record
    options: dict[str, Any]
    placement: str = "free"
    record: str = ""  # where the kernel writes its events, for `microlith replay`
    autostart: tuple[str, ...] = ()  # apps of the root domain to run
    outside: tuple[str, ...] = ()  # foreign programs that start with the machine


def take_descriptors(birth: Birth, descriptors: list[int]) -> dict[str, int]:
    """Match descriptors with their labels; put 0, 1 and 2 in their places."""
    by_label = dict(zip(birth.labels, descriptors, strict=True))
    for number, label in enumerate(("stdin", "stdout", "stderr")):
        if label in by_label:
            descriptor = by_label.pop(label)
            os.dup2(descriptor, number)
            if descriptor > 2:
                os.close(descriptor)
    return by_label


def settle(birth: Birth) -> None:
    """Session, identity, limits, parent-death signal: before anything else of the domain runs."""
    try:
        os.setsid()
    except PermissionError:
        pass  # it leads one already
    if birth.cores:
        os.sched_setaffinity(0, birth.cores)
    if birth.confine.get("identity"):
        _change_identity(birth.domain)
    _libc.prctl(_PR_SET_NAME, f"ml:{birth.domain}"[:15].encode(), 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    descriptors = int(birth.quota.get("descriptors", 256))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if "memory_mib" in birth.quota:
        size = int(birth.quota["memory_mib"]) << 20
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    die_with_parent(birth.parent)


def _change_identity(domain: str) -> None:
    """A user id of its own for a domain, out of the range that systemd gives to dynamic users."""
    if os.getuid() != 0:
        raise PermissionError(f"{domain}: confine.identity needs a machine that is launched by root")
    number = IDENTITIES + zlib.crc32(domain.encode()) % IDENTITY_COUNT
    os.setgroups([])
    os.setresgid(number, number, number)
    os.setresuid(number, number, number)


def die_with_parent(parent: int) -> None:
    """Ask for SIGKILL when the parent dies, and die now if it is dead already.

    The signal belongs to the thread that created this process, so a parent must create domains from
    its main thread; it is set after any change of identity, which would clear it.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:
        os._exit(71)


def find_class(dotted: str) -> type:
    """The class behind `module:Class` or `/path/file.py:Class`."""
    place, _, name = dotted.rpartition(":")
    if place.endswith(".py"):
        import importlib.util

        alias = "microlith_main_" + str(abs(hash(place)))
        main = getattr(sys.modules.get("__main__"), "__file__", None)
        if main and os.path.abspath(main) == place:
            alias = "__main__"  # this process runs it: its classes are there already
        if alias not in sys.modules:
            spec = importlib.util.spec_from_file_location(alias, place)
            if spec is None or spec.loader is None:
                raise ImportError(place)
            sys.modules[alias] = module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        found: Any = sys.modules[alias]
    else:
        import importlib

        found = importlib.import_module(place)
    for step in name.split("."):
        found = getattr(found, step)
    return found  # type: ignore[no-any-return]


def name_class(cls: type) -> str:
    """How another process finds this class (the inverse of `find_class`)."""
    module = cls.__module__
    if module == "__main__":
        return f"{os.path.abspath(sys.modules['__main__'].__file__ or '')}:{cls.__qualname__}"
    if module.startswith("microlith_main_"):
        return f"{sys.modules[module].__file__}:{cls.__qualname__}"
    return f"{module}:{cls.__qualname__}"
