"""A server that tries to get out is denied, and can still do its work."""

import os
import platform
import subprocess
import sys

import pytest

from microlith import System, boot
from microlith.process import confine
from tests.process import parts

LANDLOCK = confine.landlock_abi()
SECCOMP = platform.machine() == "x86_64"

pytestmark = pytest.mark.skipif(
    not LANDLOCK or not SECCOMP, reason="this host has no Landlock or no seccomp filter of ours"
)


@pytest.fixture(scope="module")
def stranger():
    """A process that belongs to somebody else."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.stdin.close()


@pytest.fixture(params=["mach", "l4"])
def prisoner(tmp_path, request):
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret").write_text("secret")
    system = System("prison").device("inside", "directory", str(tmp_path / "inside"))
    system = system.server("prisoner", parts.Prisoner, inside="inside")
    with boot(system, architecture=request.param) as machine:
        yield machine.connect("prisoner"), tmp_path, machine


def test_server_cannot_reach_files_sockets_programs_or_processes(prisoner, stranger):
    server, folder, machine = prisoner
    attempts = {
        ("read", str(folder / "secret")), ("read", "/etc/passwd"), ("write", str(folder / "new")), ("list", str(folder)),  # noqa: E501
        ("unlink", str(folder / "secret")), ("mkdir", str(folder / "new")), ("write", "/dev/shm/microlith-escape"),
        ("list", "/home"), ("list", "/root"), ("socket", ""), ("udp", ""), ("unix", str(machine.run_dir / "control")),
        ("execve", sys.executable), ("subprocess", "/bin/true"), ("kill", str(stranger)), ("stop", str(stranger)),
        ("kill", str(os.getpid())), ("stop", str(machine.root_pid)), ("ptrace", str(stranger)),
        ("ptrace", str(machine.root_pid)), ("memory", str(machine.root_pid)), ("environ", str(machine.root_pid)),
        ("unshare", ""), ("chroot", "/"), ("nice", ""), ("list", str(machine.run_dir)), ("write", str(machine.run_dir / "x")),  # noqa: E501
    }  # fmt: skip
    answers = {attempt: server.attempt(*attempt) for attempt in sorted(attempts)}
    assert {attempt: answer for attempt, answer in answers.items() if not answer.startswith("denied")} == {}
    assert (folder / "secret").exists()


def test_server_uses_the_directory_it_was_given(prisoner):
    server, folder, _ = prisoner
    assert server.attempt("inside", "file") == "done written"
    assert (folder / "inside" / "file").read_bytes() == b"mine"
    assert server.attempt("inside", "../outside").startswith("denied")
    assert server.attempt("nothing", "") == "done nothing"


def test_unconfined_server_is_one_on_request(tmp_path):
    (tmp_path / "secret").write_text("secret")
    system = System("free").server("prisoner", parts.Prisoner, confine={"none": True})
    with boot(system, architecture="mach") as machine:
        assert machine.connect("prisoner").attempt("read", str(tmp_path / "secret")) == "done b'secret'"
