"""Run directories: one for each running machine, in a place that other commands find.

`$XDG_RUNTIME_DIR/microlith` or `/tmp/microlith-UID`, and in it NAME-RANDOM.  Both have mode 0711: a
domain that changed identity must get through to the kernel's socket, and the random part of the name
cannot be guessed or listed by others.  The file `launcher` in it holds the launcher's pid and the time
at which that process began; a directory whose launcher is gone is swept away.
"""

import atexit
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from microlith.interface.status import UsageError

SOCKET_PATH = 107  # bytes in the path of a Unix socket (unix(7))


def base() -> Path:
    """The folder of all run directories of this user."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(runtime) / "microlith" if runtime else Path(f"/tmp/microlith-{os.getuid()}")
    try:
        folder.mkdir(mode=0o711, exist_ok=True)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"{folder} cannot be made: {why}; set XDG_RUNTIME_DIR to a folder of your own") from None
    if folder.stat().st_uid != os.getuid():
        raise UsageError(f"{folder} belongs to somebody else; set XDG_RUNTIME_DIR to a folder of your own")
    return folder


_made: list[tuple[int, Path]] = []  # the pid that made it, and it


@atexit.register
def _remove_own() -> None:
    """Whatever interrupted this process, what it made is gone with it."""
    for pid, folder in _made:
        if pid == os.getpid():
            shutil.rmtree(folder, ignore_errors=True)


def make(name: str) -> Path:
    """A new run directory."""
    sweep()
    folder = base() / f"{name}-{secrets.token_hex(8)}"
    if len(os.fsencode(folder / "control")) > SOCKET_PATH:
        raise UsageError(f"{folder} is too long for the path of a socket; set XDG_RUNTIME_DIR to a shorter one")
    _made.append((os.getpid(), folder))
    folder.mkdir(mode=0o711)
    folder.chmod(0o711)
    fresh = folder / "launcher.new"  # never half written: who finds it empty would sweep us away
    fresh.write_text(f"{os.getpid()} {_began(os.getpid())}")
    fresh.rename(folder / "launcher")
    return folder


def running() -> list[Path]:
    """The run directories whose launcher lives, oldest first."""
    sweep()
    found = [f for f in base().iterdir() if (f / "control").exists() and _alive(f)]
    return sorted(found, key=_born)


def launcher(folder: Path) -> int:
    """The pid of the launcher of a run directory; 0 if it is not known."""
    with suppress(OSError, ValueError, IndexError):
        return int((folder / "launcher").read_text().split()[0])
    return 0


def find(name: str | None) -> Path:
    """The run directory of the machine of that name (None: the only one).  Raises UsageError."""
    machines = running()
    fitting = [f for f in machines if name is None or f.name == name or f.name.rpartition("-")[0] == name]
    if len(fitting) == 1:
        return fitting[0]
    if not machines:
        raise UsageError("no machine is running; start one with 'microlith launch SYSTEM'")
    names = ", ".join(f.name for f in fitting or machines)
    if not fitting:
        raise UsageError(f"no machine {name!r} is running; running: {names}")
    raise UsageError(f"several machines are running, name one with --machine: {names}")


def sweep() -> None:
    """Remove run directories whose launcher is gone."""
    for folder in base().iterdir():
        if folder.is_dir() and (folder / "launcher").exists() and not _alive(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(folder: Path) -> bool:
    """Is the launcher that wrote the file still there?  (Its pid may belong to somebody else by now.)"""
    with suppress(OSError, ValueError):
        pid, began = (folder / "launcher").read_text().split()
        return began == _began(int(pid))
    return False


def _born(folder: Path) -> int:
    with suppress(OSError):
        return (folder / "control").stat().st_mtime_ns
    return 0


def _began(pid: int) -> str:
    """When a process began, in clock ticks since the host's boot; empty if it is gone or only to be reaped."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in ("Z", "X") else fields[19]
    return ""
