"""The shell, talking through a console between real pipes to a real file system."""

import os
from collections.abc import Callable, Iterator

import pytest
from direct import domain, link, put

from microlith.frame.frame import Frame
from microlith.interface.devices import Terminal, Timer
from servers.apps.shell import Shell
from servers.clock import HostClock
from servers.console import TerminalConsole
from servers.log import Level, RecordLog
from servers.minix.files import MinixFiles
from servers.ramdisk import RamDisk


@pytest.fixture
def frame() -> Iterator[Frame]:
    with domain() as frame:
        yield frame


@pytest.fixture
def shell(frame: Frame) -> Iterator[Shell]:
    shell = Shell()
    disk = put(frame, RamDisk())
    shell.files = link(put(frame, MinixFiles(), disk=link(disk)))
    shell.log = link(put(frame, RecordLog()))
    alarm = Timer.make("alarm")
    shell.clock = link(put(frame, HostClock(), alarm=alarm))
    yield shell
    os.close(alarm.line)


@pytest.fixture
def converse(frame: Frame, shell: Shell) -> Iterator[Callable[[bytes], tuple[int, bytes]]]:
    """Type this into a new shell session; its exit status, and all that it showed."""

    def run(typed: bytes) -> tuple[int, bytes]:
        read, keyboard = os.pipe()
        screen, write = os.pipe()
        try:
            os.write(keyboard, typed)
            os.close(keyboard)
            shell.console = link(put(frame, TerminalConsole(), terminal=Terminal("tty", (read, write))))
            status = shell.main()
            os.close(write)
            with os.fdopen(screen, "rb") as shown:
                return status, shown.read()
        finally:
            frame.unwatch(read)
            os.close(read)

    yield run


@pytest.fixture
def say(converse: Callable[[bytes], tuple[int, bytes]]) -> Callable[[str], str]:
    """Run commands; what they showed, without prompts."""

    def run(commands: str) -> str:
        _, shown = converse(commands.encode("utf-8", "surrogateescape") + b"\n")
        lines = shown.decode("utf-8", "surrogateescape").split("$ ")
        return "".join(line[: line.rfind("\n") + 1] for line in lines)

    return run


def test_prompt_shows_the_directory_and_the_end_of_input_ends(converse: Callable[[bytes], tuple[int, bytes]]) -> None:
    assert converse(b"mkdir d\ncd d\n") == (0, b"/ $ / $ /d $ ")


def test_files_are_made_shown_moved_and_removed(say: Callable[[str], str]) -> None:
    assert say("write a hello 'big  world'\ncat a\nmv a b\nls\nrm b\nls") == "hello big  world\nb\n"


def test_ls_with_options(say: Callable[[str], str]) -> None:
    shown = say("mkdir d\nwrite .hidden\nwrite f x\nls\nls -a\nls -l f\nls d f .hidden")
    short, everything, rest = "d\nf\n", ".hidden\nd\nf\n", shown.splitlines()[5:]
    assert shown.startswith(short + everything)
    assert rest[0].startswith("-rw-r--r--   1 ") and rest[0].endswith(" f")
    assert rest[1:] == ["d:", "f", ".hidden"]


def test_links(say: Callable[[str], str]) -> None:
    shown = say("write f x\nln f g\nln -s f s\ncat g s\nstat s g\nls -l s").splitlines()
    assert shown[:2] == ["x", "x"]
    assert shown[2].startswith("/s: symlink, inode ") and ", 2 links, 2 bytes" in shown[3]
    assert shown[4].endswith(" s -> f")


def test_mv_into_a_directory(say: Callable[[str], str]) -> None:
    assert say("mkdir d\nwrite f x\nmv f d\nls d\nls") == "f\nd\n"


def test_rm_of_trees(say: Callable[[str], str]) -> None:
    shown = say("mkdir d d/e\nwrite d/e/f x\nrm d\nrm missing\nrm -f missing\nrm -r d\nls")
    assert shown == "rm: d: Is a directory\nrm: missing: No such file or directory\n"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("cat missing", "cat: missing: No such file or directory"),
        ("cat /", "cat: /: Is a directory"),
        ("mkdir /", "mkdir: /: File exists"),
        ("cd missing", "cd: missing: No such file or directory"),
        ("ls a/b", "ls: a/b: No such file or directory"),
        (f"write {'n' * 61}", f"write: {'n' * 61}: File name too long"),
        ("cat", "cat: an operand is missing: cat PATH ..."),
        ("mv a b c", "mv: too many operands, from 'c' on: mv OLD NEW"),
        ("ls -z", "ls: no option -z: ls [-al] [PATH ...]"),
        ("sleep soon", "sleep: 'soon' is no number of seconds: sleep SECONDS"),
        ("sleep nan", "sleep: 'nan' is no number of seconds: sleep SECONDS"),
        ("sleep inf", "sleep: 'inf' is no number of seconds: sleep SECONDS"),
        ("log many", "log: 'many' is no number of records: log [COUNT]"),
        ("help missing", "help: there is no command 'missing': help [COMMAND]"),
        ("exit now", "exit: 'now' is no exit status: exit [STATUS]"),
        ("dance", "dance: command not found (try help)"),
        ("cat 'half", "shell: no closing quotation"),
        ("cat \udcff\x1b", "cat: \udcff?: No such file or directory"),
        ("cat \x00", "cat: ?: Invalid argument"),
    ],
)
def test_mistakes_get_one_line(say: Callable[[str], str], command: str, answer: str) -> None:
    assert say(command).startswith(answer)
    assert say(command).count("\n") == 1


def test_one_operand_that_fails_does_not_keep_the_others_from_being_done(say: Callable[[str], str]) -> None:
    assert say("write f x\ncat missing f") == "cat: missing: No such file or directory\nx\n"


@pytest.mark.parametrize("line", ["", "   ", "# nothing but words", "\t"])
def test_empty_lines_do_nothing(say: Callable[[str], str], line: str) -> None:
    assert say(line) == ""


def test_exit_status(converse: Callable[[bytes], tuple[int, bytes]]) -> None:
    ends = {b"": 0, b"cat x\n": 1, b"cat x\nsync\n": 0, b"cat\n": 2, b"dance\n": 127, b"exit 7\ncat x\n": 7}
    ends[b"cat x\nexit\n"] = 1
    assert {typed: converse(typed)[0] for typed in ends} == ends


def test_one_command_from_the_arguments(shell: Shell, converse: Callable[[bytes], tuple[int, bytes]]) -> None:
    converse(b"write f x\n")
    assert shell.main("stat", "/f") in (0, 1)


def test_df_time_sleep_sync_pwd(say: Callable[[str], str]) -> None:
    shown = say("df\ntime\nsleep 0.001\nsync\npwd").splitlines()
    assert shown[0].split() == ["total", "used", "free"]
    assert shown[1].split()[0] == "blocks" and shown[3] == "blocks of 1024 bytes"
    assert shown[4].endswith(" UTC") and shown[5:] == ["/"]


def test_log_shows_the_newest(frame: Frame, shell: Shell, say: Callable[[str], str]) -> None:
    assert shell.log is not None
    for number in range(20):
        shell.log.record(Level.WARNING, "disk", f"number {number}\x1b")
    frame.deliver_notices()
    shown = say("log 3").splitlines()
    assert [line[9:] for line in shown] == [f"warning disk: number {n}?" for n in (17, 18, 19)]
    assert len(say("log").splitlines()) == 10


def test_help_lists_every_command(say: Callable[[str], str]) -> None:
    names = {line.split()[0] for line in say("help").splitlines()}
    wanted = "ls cat write mkdir rm mv ln stat df sync time sleep log help exit cd pwd"
    assert names == set(wanted.split())
    assert say("help ls").startswith("ls [-al] [PATH ...] ")


def test_without_clock_and_log(shell: Shell, say: Callable[[str], str]) -> None:
    shell.clock = shell.log = None
    shown = say("sleep 1\nlog\ntime").splitlines()
    assert shown[0].startswith("sleep: this system has no clock") and shown[1].startswith("log: this system has no log")
    assert shown[2].endswith(" UTC")
