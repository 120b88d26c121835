"""Run directories: one for each running machine, in a place that other commands find.

`$XDG_RUNTIME_DIR/microlith` or `/tmp/microlith-UID`, and in it NAME-RANDOM.  Both have mode 0711: a
domain that changed identity must get through to the kernel's socket, and the random part of the name
cannot be guessed or listed by others.  A directory whose launcher is gone is swept away.
"""

import os
import secrets
import shutil
from pathlib import Path

from microlith.interface.status import UsageError


def base() -> Path:
    """The folder of all run directories of this user."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(runtime) / "microlith" if runtime else Path(f"/tmp/microlith-{os.getuid()}")
    folder.mkdir(mode=0o711, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise UsageError(f"{folder} belongs to somebody else; set XDG_RUNTIME_DIR to a folder of your own")
    return folder


def make(name: str) -> Path:
    """A new run directory."""
    sweep()
    folder = base() / f"{name}-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o711)
    folder.chmod(0o711)
    (folder / "launcher").write_text(str(os.getpid()))
    return folder


def running() -> list[Path]:
    """The run directories whose launcher lives, oldest first."""
    found = [f for f in base().iterdir() if (f / "control").exists() and _alive(f)]
    return sorted(found, key=lambda f: f.stat().st_ctime)


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
    try:
        os.kill(int((folder / "launcher").read_text()), 0)
    except (ProcessLookupError, ValueError, FileNotFoundError):
        return False
    except PermissionError:
        pass
    return True
