"""Boot, settings and devices, programs, connections, state."""

import os
import signal

import pytest

from microlith import System, boot
from microlith.interface.status import UsageError
from tests.conformance.running import run
from tests.process import parts
from tests.process.until import descriptors, gone, resident, rows, until

ARCHITECTURES = ("library", "monolith", "mach", "mach25", "hybrid", "l4")
APART = ("monolith", "mach", "mach25", "hybrid", "l4")


@pytest.fixture
def system(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"content")
    (tmp_path / "other").write_bytes(b"content")
    made = System("life").device("file", "file", str(file), mode="r").device("rw", "file", str(tmp_path / "other"))
    made = made.server(
        "report", parts.Reporter, number=-7, real=2.5, mode=parts.Mode.SLOW, shape=parts.Shape(3, "x"), several=(1, 2),
        file="file",
    )  # fmt: skip
    made = made.server("other", parts.Reporter, number=2**63 - 1, perhaps=4, file="rw", start={"fresh": True})
    made = made.app("program", parts.Program, on_boot=False, report="report")
    return made.app("device", parts.DeviceProgram, on_boot=False, report="report")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_settings_and_devices_reach_the_class(architecture, system):
    with boot(system, architecture=architecture, checked=True) as machine:
        report, other = machine.connect("operator").report, machine.connect("operator").other
        expected = (
            "-7",
            "'a default'",
            "2.5",
            "False",
            "<Mode.SLOW: 'slow'>",
            "Shape(width=3, name='x')",
            "(1, 2)",
            "None",
        )
        assert report.settings() == (*expected, "None")
        assert other.settings()[0] == str(2**63 - 1)
        assert other.settings()[7] == "4"
        assert (report.device(), other.device()) == (b"contentr", b"contentw")


@pytest.mark.parametrize("architecture", APART)
def test_timer_interrupts_go_on(architecture, system):
    with boot(system, architecture=architecture) as machine:
        report = machine.connect("report")
        first = report.ticks()
        assert until(lambda: report.ticks() > first + 10)


def test_domains_are_children_and_sessions_of_their_own(system):
    with boot(system, architecture="mach") as machine:
        for name in ("report", "other"):
            pid, parent, session = machine.connect(name).process()
            assert (parent, session) == (machine.root_pid, pid)


def test_fresh_start_is_an_interpreter_of_its_own(system):
    with boot(system, architecture="mach") as machine:
        for name, fresh in (("report", False), ("other", True)):
            with open(f"/proc/{rows(machine)[name]['pid']}/cmdline", "rb") as file:
                assert (b"microlith.process.fresh" in file.read()) is fresh


@pytest.mark.parametrize("architecture", APART)
@pytest.mark.parametrize(
    ("words", "status"),
    [(("status", "0"), 0), (("status", "7"), 7), (("none",), 0), (("exit", "5"), 5), (("kill",), -9), (("raise",), 70)],
)
def test_exit_status_of_a_program(architecture, words, status, system):
    with boot(system, architecture=architecture) as machine:
        assert machine.run("program", *words).wait(20) == status


@pytest.mark.parametrize("words", [("status", "7"), ("exit", "7")])
def test_exit_status_of_a_program_in_a_library(words, system):
    with boot(system, architecture="library") as machine:
        assert machine.run("program", *words).wait(20) == 7
        assert machine.run("program", "status", "0").wait(20) == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_standard_streams_of_a_program(architecture, system, tmp_path):
    (tmp_path / "in").write_bytes(b"abc" * 1000)
    with boot(system, architecture=architecture) as machine:
        with (
            open(tmp_path / "in", "rb") as source,
            open(tmp_path / "out", "wb") as out,
            open(tmp_path / "err", "wb") as err,
        ):
            streams = (source.fileno(), out.fileno(), err.fileno())
            assert machine.run("program", "copy", stdio=streams).wait(20) == 3000 % 256  # a status is a byte
    assert (tmp_path / "out").read_bytes() == b"cba" * 1000
    assert (tmp_path / "err").read_bytes() == b"done\n"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_program_is_given_a_device_by_who_starts_it(architecture, system, tmp_path):
    with boot(system, architecture=architecture) as machine:
        machine.run("program", "none").wait(20)
        before = None
        for turn in range(6):
            (tmp_path / "given").write_text(f"turn {turn}")
            with open(tmp_path / "given", "rb") as file:
                status, lines = run(machine, "device", devices={"given": ("file", (file.fileno(),))})
            assert (status, lines) == (0, [f"turn {turn}"])
            before = before or descriptors(machine.root_pid)
        until(lambda: descriptors(machine.root_pid) <= before + 1, "the kernel's descriptors")


@pytest.mark.parametrize("architecture", APART)
def test_programs_leave_nothing_in_the_kernel(architecture, system):
    with boot(system, architecture=architecture) as machine:
        for _ in range(5):
            assert machine.run("program", "none").wait(20) == 0
        count, size = descriptors(machine.root_pid), resident(machine.root_pid)
        for _ in range(30):
            assert machine.run("program", "none").wait(20) == 0
        until(lambda: descriptors(machine.root_pid) <= count + 1, "the kernel's descriptors")
        assert resident(machine.root_pid) < size + (2 << 20)
        until(
            lambda: len(rows(machine)) == {"mach": 3, "l4": 3, "hybrid": 2}.get(architecture, 1), "the programs' rows"
        )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_connections_leave_nothing_in_the_kernel(architecture, system):
    with boot(system, architecture=architecture) as machine:
        for _ in range(3):
            attached = machine.connect("operator")
            attached.report.settings()
            attached.close()
        count, ours = descriptors(machine.root_pid), descriptors(os.getpid())
        for _ in range(20):
            attached = machine.connect("operator")
            attached.report.settings()
            attached.close()
        until(lambda: descriptors(machine.root_pid) <= count + 1, "the kernel's descriptors")
        until(lambda: descriptors(os.getpid()) <= ours + 1, "our own descriptors")
        until(lambda: len(rows(machine)) <= 4, "the connections' rows")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_two_servers_can_be_connected_at_the_same_time(architecture, system):
    with boot(system, architecture=architecture) as machine:
        report = machine.connect("report")
        assert report.settings()
        other = machine.connect("other")
        assert other.settings() != report.settings()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_unknown_names_are_usage_errors_that_leave_the_machine_well(architecture, system):
    with boot(system, architecture=architecture) as machine:
        for order in (lambda: machine.run("nobody"), lambda: machine.connect("nobody"), lambda: machine.kill("nobody")):
            with pytest.raises(UsageError, match="nobody"):
                order()
        assert machine.run("program", "none").wait(20) == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_state_of_idle_domains(architecture, system):
    with boot(system, architecture=architecture) as machine:
        machine.connect("report").settings()
        until(lambda: {row["state"] for row in rows(machine).values()} <= {"idle", "outside", "serving"})
        assert all(row["pid"] for row in rows(machine).values())


def test_state_of_a_program_that_waits(system):
    with boot(system, architecture="mach") as machine:
        reader, writer = os.pipe()
        running = machine.run("program", "stay", stdio=(reader, 2, 2))
        until(lambda: rows(machine)[running.name]["state"] == "serving")
        assert rows(machine)[running.name]["pid"] == running.pid
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait(20) == -9
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("architecture", APART)
def test_zygote_that_is_killed_costs_nothing(architecture, system):
    with boot(system, architecture=architecture) as machine:
        before = rows(machine)
        for _ in range(3):
            zygote = machine.state()["zygote"]
            os.kill(zygote, signal.SIGKILL)
            gone([zygote])
            assert machine.run("program", "status", "3").wait(20) == 3
        after = rows(machine)
        assert {name: row["pid"] for name, row in after.items()} == {name: row["pid"] for name, row in before.items()}
        assert machine.connect("report").settings()
