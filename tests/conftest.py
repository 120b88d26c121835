"""Every test: run directories of its own, none left behind; a failing process test shows every domain's log.

At the end of the session no child, run directory, memory file, mount or shared memory of ours is left.
The test process is a subreaper, so what a dead launcher or kernel leaves behind becomes its child and
is seen.
"""

import ctypes
import faulthandler
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

ROOT = str(Path(__file__).parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

PR_SET_CHILD_SUBREAPER = 36
GONE_S = 5.0  # how long processes that were told to die may take

_logs: list[str] = []


def pytest_configure(config):
    faulthandler.enable()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@pytest.fixture(autouse=True)
def runtime_directory(monkeypatch):
    """A short path of its own (a socket's path has 107 bytes at most), empty again at the end of the test."""
    folder = Path(tempfile.mkdtemp(prefix="ml-", dir="/tmp"))
    folder.chmod(0o711)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    left = sorted(str(path.relative_to(folder)) for path in folder.glob("microlith/*"))
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"run directories were left behind: {left}"


@pytest.fixture(autouse=True)
def logs_of_machines(monkeypatch):
    """Keep the logs of every machine that ends within the test: its run directory goes with it."""
    from microlith.launch.machine import Machine

    destroy = Machine.destroy
    _logs.clear()

    def keep(self):
        if self._process is not None:
            _logs.append(f"--- {self.name} ({self.architecture})\n{self.logs(60)}")
        destroy(self)

    monkeypatch.setattr(Machine, "destroy", keep)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and _logs:
        report.sections.append(("logs of every domain", "\n".join(_logs)))
    return report


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind():
    """At the end of the session (of each xdist worker): an error of the last test if anything is left."""
    before = _traces()
    yield
    left = [*_children_left(), *sorted(_traces() - before)]
    assert not left, f"left behind by the tests: {left}"


def _children_left():
    """Children, however far down, that are still alive after a while."""
    limit = time.monotonic() + GONE_S
    while True:
        alive = []
        for child in psutil.Process().children(recursive=True):
            try:
                if child.status() == psutil.STATUS_ZOMBIE:
                    if child.ppid() == os.getpid():
                        os.waitpid(child.pid, os.WNOHANG)
                else:
                    alive.append(f"{child.pid} {' '.join(child.cmdline())[:200]}")
            except (psutil.NoSuchProcess, ChildProcessError):
                pass
        if not alive or time.monotonic() > limit:
            return alive
        psutil.wait_procs(psutil.Process().children(), timeout=0.1)


def _traces():
    """What of ours can be seen on this host besides processes."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if "memfd:" in target or "/microlith/" in target:
            found.add(f"descriptor {number} of {target}")
    with open("/proc/self/mountinfo") as mounts:
        found |= {line.strip() for line in mounts if "microlith" in line}
    found |= {f"/dev/shm/{name}" for name in os.listdir("/dev/shm") if "microlith" in name}
    namespaces = Path("/run/netns")
    if namespaces.is_dir():
        found |= {str(path) for path in namespaces.iterdir() if path.name.startswith("ml")}
    return found
