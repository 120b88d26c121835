"""Who dies with whom, and in which order a machine stops."""

import os
import signal
import subprocess
import sys
import time

import pytest

from microlith import MachineDied, System, boot
from microlith.launch import rundir
from tests.process import parts
from tests.process.until import alive, family, gone, rows, until

APART = ("monolith", "mach", "mach25", "hybrid", "l4")
WITH_KERNEL_S = 0.2  # design, section 6 of the issue: the death of the kernel takes everything with it
SLACK = 3  # the machine that runs the tests may be busy with others


def stairs(ledger, count=4):
    """Servers s0 to sN, each calling the one below, each with a file of its own to write to."""
    system = System("stairs")
    for number in range(count):
        file = ledger.parent / f"{ledger.name}{number}"
        file.touch()
        below = {"below": f"s{number - 1}"} if number else {}
        system = system.device(f"ledger{number}", "file", str(file))
        system = system.server(f"s{number}", parts.Ordered, ledger=f"ledger{number}", title=f"s{number}", **below)
    return system


@pytest.mark.parametrize("architecture", APART)
def test_kernel_that_is_killed_takes_everything_with_it(architecture, tmp_path):
    with boot(stairs(tmp_path / "l"), architecture=architecture) as machine:
        root = machine.root_pid
        others = family(machine) - {root}
        assert others
        started = time.monotonic()
        os.kill(root, signal.SIGKILL)
        gone(others)
        assert time.monotonic() - started < WITH_KERNEL_S * SLACK


@pytest.mark.parametrize("architecture", ("library", *APART))
def test_launcher_that_is_killed_takes_its_machine_with_it(architecture, tmp_path):
    code = f"""
import sys
sys.path.insert(0, {os.getcwd()!r})
from pathlib import Path
from microlith import boot
from tests.process.test_order_of_life import stairs
machine = boot(stairs(Path({str(tmp_path / "l")!r})), architecture={architecture!r})
from tests.process.until import family
print(*family(machine), flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as launcher:
        pids = [int(word) for word in launcher.stdout.readline().split()]
        assert len(pids) >= 1
        launcher.kill()
        gone(pids)
    words = [(tmp_path / f"l{n}").read_text().splitlines() for n in range(4)]
    assert all(word.count(f"stop s{n}") == 1 for n, word in enumerate(words)), "an orphan machine stops in order too"
    rundir.sweep()
    assert rundir.running() == []


@pytest.mark.parametrize("architecture", ("library", *APART))
def test_stop_goes_from_the_highest_rank_down_and_runs_each_hook_once(architecture, tmp_path):
    stamps = []
    with boot(stairs(tmp_path / "l"), architecture=architecture):
        pass
    for number in range(4):
        file = tmp_path / f"l{number}"
        assert file.read_text().splitlines() == [f"start s{number}", f"stop s{number}"]
        stamps.append(file.stat().st_mtime_ns)
    assert stamps == sorted(stamps, reverse=True)


@pytest.mark.parametrize("architecture", APART)
def test_killed_server_process_of_a_kernel_is_reaped(architecture, tmp_path):
    with boot(stairs(tmp_path / "l"), architecture=architecture) as machine:
        if architecture == "mach":
            pid = rows(machine)["s0"]["pid"]
            machine.kill("s0")
            until(lambda: not os.path.exists(f"/proc/{pid}"))
        zygote = machine.state()["zygote"]
        os.kill(zygote, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{zygote}"))


def test_fifty_servers_in_one_system(tmp_path):
    with boot(stairs(tmp_path / "l", 50), architecture="mach") as machine:
        operator = machine.connect("operator")
        pids = {getattr(operator, f"s{number}").ping() for number in range(50)}
        assert len(pids) == 50
    assert not any(map(alive, pids))
    assert all((tmp_path / f"l{n}").read_text().count("stop") == 1 for n in range(50))


@pytest.mark.parametrize("architecture", APART)
def test_two_machines_at_once_know_nothing_of_each_other(architecture, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with boot(stairs(tmp_path / "a" / "l"), architecture=architecture) as one:
        with boot(stairs(tmp_path / "b" / "l"), architecture=architecture) as two:
            assert one.run_dir != two.run_dir
            assert not family(one) & family(two)
            other = {row["pid"] for row in rows(two).values()}
            os.kill(one.root_pid, signal.SIGKILL)
            until(lambda: one.reboots == 1)
            one.wait_ready()
            assert {row["pid"] for row in rows(two).values()} == other
        assert rows(one)


@pytest.mark.parametrize("architecture", ("library", *APART))
def test_one_machine_after_the_other_leaves_nothing(architecture, tmp_path):
    with boot(stairs(tmp_path / "l", 2), architecture=architecture):
        pass
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(6):
        with boot(stairs(tmp_path / "l", 2), architecture=architecture) as machine:
            pids = family(machine)
        assert not any(map(alive, pids))
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_stopped_machine_answers_orders_with_its_end(tmp_path):
    machine = boot(stairs(tmp_path / "l", 2), architecture="mach")
    machine.stop()
    machine.stop()
    with pytest.raises(MachineDied):
        machine.state()


SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from microlith import App, Interface, Server, Status, Struct, System, boot, raises

class Odd(Status):
    "It is odd."

class Half(Struct, frozen=True):
    value: int

class Halver(Interface):
    @raises(Odd)
    def halve(self, n: int) -> Half: ...

class Halvers(Server, Halver):
    def halve(self, n):
        if n % 2:
            raise Odd(str(n))
        return Half(n // 2)

class Program(App):
    halver: Halver
    def main(self, n):
        return self.halver.halve(int(n)).value

if __name__ == "__main__":
    system = System("script").server("halver", Halvers).app("program", Program, on_boot=False, halver="halver")
    with boot(system, architecture={architecture!r}, checked=True) as machine:
        halver = machine.connect("halver")
        answer = halver.halve(8)
        assert isinstance(answer, Half), type(answer)
        try:
            halver.halve(7)
        except Odd as odd:
            print("odd", odd)
        print(answer.value)
    with boot(system, architecture={architecture!r}) as machine:
        print(machine.run("program", "20").wait(20))
"""


@pytest.mark.parametrize("architecture", ("library", *APART))
def test_classes_of_a_script(architecture, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(root=os.getcwd(), architecture=architecture))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("odd 7\n4\n10\n", "", 0)


@pytest.mark.parametrize("architecture", APART)
def test_fifty_servers_live_and_end_together(architecture, tmp_path):
    with boot(stairs(tmp_path / "l", 50), architecture=architecture) as machine:
        everybody = family(machine)
        pids = {machine.connect(f"s{number}").ping() for number in range(50)}
        expected = {"monolith": 1, "mach": 50, "mach25": 2, "hybrid": 1, "l4": 50}  # s0 calls nobody: it is a driver
        assert len(pids) == expected[architecture]
        assert pids <= everybody
    gone(everybody)
    stops = [(tmp_path / f"l{number}").read_text().splitlines()[-1] for number in range(50)]
    assert stops == [f"stop s{number}" for number in range(50)]
