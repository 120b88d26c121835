"""The command as a process and as a function: what it prints where, and how it ends."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from microlith import kinds
from microlith.command.main import main
from microlith.interface.status import UsageError
from microlith.plan.transfer import from_json

ROOT = Path(kinds.__file__).parents[1]
COMMAND = [sys.executable, "-m", "microlith.command.main"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def process(*arguments: str, cwd=None, **more: str):
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(**more),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def microlith(capsys):
    """Run a command line in this process: status, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(list(arguments), prog_name="microlith")
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return run


@pytest.fixture
def command(monkeypatch):
    """A command that does what a test wants."""

    def make(does):
        monkeypatch.setattr(sys.modules[__name__], "made", click.Command("made", callback=does), raising=False)
        monkeypatch.setitem(kinds.COMMANDS, "made", f"{__name__}:made")

    return make


def test_help_lists_every_command_and_the_exit_status(microlith):
    status, out, err = microlith("--help")
    assert (status, err) == (0, "")
    assert all(f"  {name} " in out for name in kinds.COMMANDS)
    assert "Exit status:" in out and "130  interrupted" in out


@pytest.mark.parametrize("name", kinds.COMMANDS)
def test_help_of_every_command(name, microlith):
    status, out, err = microlith(name, "--help")
    assert (status, err) == (0, "") and out.startswith(f"Usage: microlith {name}")


def test_help_loads_nothing_heavy():
    program = (
        "import sys\nfrom microlith.command.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'zmq', 'rich', 'msgspec', 'servers', 'ctypes'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_command_is_a_mistake(microlith):
    status, out, err = microlith()
    assert (status, out) == (2, "") and "Usage: microlith" in err


def test_version(microlith):
    status, out, err = microlith("--version")
    assert (status, err) == (0, "") and out.startswith("microlith")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pla"], "no command is called 'pla'; did you mean 'plan'?"),
        (["zzzzz"], f"no command is called 'zzzzz'; there are {', '.join(kinds.COMMANDS)}"),
        (["plan"], "Missing argument 'SYSTEM'."),
        (["plan", "unx"], "no system is called 'unx'; did you mean 'unix'?"),
        (
            ["plan", "five", "--as", "mack"],
            f"no architecture is called 'mack'; there are {', '.join(kinds.ARCHITECTURES)}",
        ),
        (
            ["plan", "five", "--domains", "disk,file"],
            "the domains name an unknown server 'file'; did you mean 'files'?",
        ),
        (
            ["plan", "five", "--domains", "disk,files+disk"],
            "the domains name 'disk' twice; a server runs in one domain",
        ),
        (
            ["launch", "five", "--domains", "disk++files"],
            "--domains disk++files cannot be read; write for example --domains disk+files,console",
        ),
        (
            ["launch", "five", "--as", "monolith", "--domains", "disk+files"],
            "monolith puts servers together itself; domains are for architectures that give each server one of its own,"
            " such as mach",
        ),
        (["plan", "five", "--json", "--mermaid"], "--json and --mermaid exclude each other"),
        (
            ["plan", "five", "--link", "files.disk"],
            "--link files.disk does not say what a link does; write --link CLIENT.SLOT=OPTION,...",
        ),
        (
            ["plan", "five", "--link", "files.dsk=count"],
            "five as mach has no link 'files.dsk'; did you mean 'files.disk'?",
        ),
        (["launch", "five", "--link", "*=trase"], "link *: no option is called 'trase'; did you mean 'trace'?"),
        (
            ["launch", "five", "--detach", "--link", "files.disk=fault:Bus/2"],
            "link files.disk: no operation behind it answers the status Bus; did you mean 'Busy'?",
        ),
        (["schema", "servers.ramdisk"], "'servers.ramdisk' does not name a class; write \"package.module:Class\""),
        (
            ["schema", "servers.blockdevice:BlockDevic"],
            "module servers.blockdevice has no class 'BlockDevic'; did you mean 'BlockDevice'?",
        ),
        (
            ["schema", "microlith.frame.server:App"],
            "microlith.frame.server:App exports no interface; give an Interface, or a server that implements one",
        ),
    ],
)
def test_mistakes_are_one_sentence(arguments, said, microlith):
    assert microlith(*arguments) == (2, "", f"microlith: {said}\n")


def test_usage_error_of_a_command(microlith, command):
    def does():
        raise UsageError("it cannot be; do it otherwise")

    command(does)
    assert microlith("made") == (2, "", "microlith: it cannot be; do it otherwise\n")


def test_interrupt_is_130(microlith, command):
    def does():
        raise KeyboardInterrupt

    command(does)
    assert microlith("made") == (130, "", "\n")


def test_result_of_a_command_is_the_exit_status(microlith, command):
    command(lambda: 1)
    assert microlith("made") == (1, "", "")


def test_fault_of_a_command_is_not_hidden(command):
    def does():
        raise ZeroDivisionError

    command(does)
    with pytest.raises(ZeroDivisionError):
        main(["made"])


def test_reader_of_stdout_gone_is_quiet():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "schema"], env=environment(), stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_full_device_is_said():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "schema"], env=environment(), stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stderr == b"microlith: standard output cannot be written: no space left on device\n"


def test_plan_prints_text_json_and_mermaid(microlith):
    _, text, _ = microlith("plan", "five", "--as", "monolith")
    assert text.startswith("five as monolith: 1 domain, 1 link\n")
    _, document, _ = microlith("plan", "five", "--as", "mach", "--json")
    assert from_json(document).architecture == "mach"
    _, chart, _ = microlith("plan", "five", "--mermaid")
    assert chart.startswith("flowchart LR\n")


def test_plan_starts_nothing_and_leaves_nothing(tmp_path):
    done = process("plan", "unix", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert not any(tmp_path.iterdir())


def test_schema_of_system_files(microlith):
    _, out, _ = microlith("schema")
    assert json.loads(out)["$schema"].endswith("2020-12/schema")


def test_schema_of_an_interface_and_of_its_server(microlith):
    _, out, _ = microlith("schema", "servers.blockdevice:BlockDevice")
    assert out.startswith("interface BlockDevice\n  1 geometry() -> Geometry  [idempotent; raises DeviceError]\n")
    assert microlith("schema", "servers.ramdisk:RamDisk")[1] == out
    _, plain, _ = microlith("schema", "servers.blockdevice:BlockDevice", "--json")
    assert json.loads(plain)["operations"][1]["parameters"][0] == {"name": "block", "type": "int"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell, microlith):
    status, out, err = microlith("completion", shell)
    assert (status, err) == (0, "")
    assert f"_MICROLITH_COMPLETE={shell}_complete" in out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("microlith pl", ["plan"]),
        ("microlith plan ", ["disk", "five", "unix"]),
        ("microlith plan u", ["unix"]),
        ("microlith plan unix --as m", ["monolith", "mach", "mach25"]),
        ("microlith plan unix --link files.disk=count,t", ["files.disk=count,trace"]),
        ("microlith launch unix --link *=h", ["*=hop:"]),
        ("microlith new s", ["server"]),
        ("microlith completion z", ["zsh"]),
    ],
)
def test_completion_offers(words, offered):
    last = len(words.split(" ")) - 1
    done = process(_MICROLITH_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(last))
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == offered


def test_doctor_finds_this_machine(microlith):
    start = time.monotonic()
    status, out, err = microlith("doctor", "--json")
    assert (status, err) == (0, "") and time.monotonic() - start < 30
    found = {finding["name"]: finding for finding in json.loads(out)}
    assert found["Python"]["ok"] and found["cores"]["value"] == len(os.sched_getaffinity(0))
    assert found["pipe round trip, same core"]["value"] > 0
    assert all(finding["cost"] for finding in found.values())


def test_doctor_leaves_the_affinity_and_no_descriptor(microlith):
    before = os.sched_getaffinity(0), len(list(Path("/proc/self/fd").iterdir()))
    microlith("doctor")
    assert before == (os.sched_getaffinity(0), len(list(Path("/proc/self/fd").iterdir())))


def test_doctor_says_what_is_missing_and_what_it_costs(microlith, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("microlith.command.probes.SBIN", "")
    monkeypatch.setattr(os, "pidfd_open", lambda pid: -1)
    status, out, _ = microlith("doctor", "--json")
    assert status == 1
    missing = {finding["name"] for finding in json.loads(out) if not finding["ok"]}
    assert missing >= {"pidfd", "mkfs.minix", "fsck.minix"}
    status, out, _ = microlith("doctor")
    assert status == 1 and "nothing" in out
    assert max(map(len, out.splitlines())) <= 80


def test_no_color_is_respected():
    assert "\x1b" not in process("doctor", NO_COLOR="1", FORCE_COLOR="1").stdout.replace("\x1b[1m", "").replace(
        "\x1b[0m", ""
    )
