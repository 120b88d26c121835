"""Descriptors: what all domains may open stays below what the kernel may (facts: hazard 1)."""

import resource
import subprocess
import sys

import psutil
import pytest
from arena import HERE, Process

from microlith import boot
from microlith.interface.status import UsageError

TWO = """
[servers]
disk = {{ class = "servers.ramdisk:RamDisk", quota = {{ descriptors = {quota} }} }}
[apps.long]
class = "servers.apps.list:ListTree"
files = "files"
start = "demand"
quota = {{ descriptors = {app} }}
[servers.files]
class = "servers.minix.files:MinixFiles"
disk = "disk"
"""


def test_limits_of_all_domains_stay_below_that_of_the_kernel():
    with boot("unix", architecture="mach") as machine:
        rows = machine.state()["domains"]
        kernel = next(row["pid"] for row in rows if row["domain"] == "kernel")
        own = psutil.Process(kernel).rlimit(psutil.RLIMIT_NOFILE)[0]
        domains = [row["pid"] for row in rows if row["domain"] != "kernel"]
        together = sum(psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[1] for pid in domains)
        assert len(domains) == 6 and together + 1536 <= own


def test_system_that_does_not_fit_is_refused_before_it_starts(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    file = tmp_path / "two.toml"
    file.write_text(TWO.format(quota=hard, app=16))
    with pytest.raises(
        UsageError, match=r"^disk: its \d+ descriptors .* need a limit of \d+ open files, and it is \d+"
    ):
        boot(file, architecture="mach")


def test_program_that_does_not_fit_is_refused_and_nothing_else_happens(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    file = tmp_path / "two.toml"
    file.write_text(TWO.format(quota=256, app=hard))
    with boot(file, architecture="mach") as machine:
        kernel = machine.root_pid
        before = psutil.Process(kernel).num_fds()
        for _ in range(5):
            with pytest.raises(UsageError, match="need a limit of"):
                machine.run("long")
        assert machine.root_pid == kernel and machine.reboots == 0
        assert psutil.Process(kernel).num_fds() == before
        assert {row["domain"] for row in machine.state()["domains"]} == {"kernel", "disk", "files"}
        machine.kill("files")
        assert machine.connect("files").stat(b"/").links == 2  # what it needs was kept for it


PROGRAM = """
import sys
from microlith import boot
from microlith.interface.status import UsageError
try:
    with boot("five", architecture="mach") as machine:
        print("booted")
except UsageError as error:
    print(error)
    sys.exit(2)
"""


def test_small_limit_of_open_files_is_one_clear_sentence():
    done = subprocess.run(
        ["bash", "-c", 'ulimit -n 256; exec "$0" -c "$1"', sys.executable, PROGRAM],
        capture_output=True, text=True, timeout=60, cwd=HERE.parent.parent, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert len(done.stdout.splitlines()) == 1 and "need a limit of 1792 open files, and it is 256 here" in done.stdout
    assert done.stderr == ""


SURVIVOR = """
import sys
from microlith import boot
with boot("five", architecture="mach") as machine:
    print(machine.run_dir, machine.root_pid, flush=True)
    sys.stdin.readline()
    print(machine.reboots, machine.root_pid, machine.connect("files").stat(b"/").links, flush=True)
"""


def test_connections_beyond_the_limit_of_the_kernel_do_not_end_it():
    """The kernel may open 2,100 files; two strangers, who may open more, connect 3,000 times each."""
    command = ["bash", "-c", 'ulimit -n 2100; exec "$0" -c "$1"', sys.executable, SURVIVOR]
    machine = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent.parent
    )
    attackers = []
    try:
        run, kernel = machine.stdout.readline().split()
        attackers = [Process(HERE / "attacker.py", f"{run}/control", "storm", f"{run}/kernel", 3000) for _ in range(2)]
        for attacker in attackers:
            assert attacker.read() == {"begun": True}
        for attacker in attackers:
            assert attacker.read()["made"] == 3000
        out, _ = machine.communicate("\n", timeout=60)
        assert out.split() == ["0", kernel, "2"]
    finally:
        for attacker in attackers:
            attacker.end()
        machine.kill()
        machine.wait()
