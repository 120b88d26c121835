"""The console on real pipes and ptys, driven by the loop of its domain."""

import os
import pty
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from direct import Caller, domain, link, put, turn_until

from microlith.frame.frame import Frame
from microlith.interface.devices import Terminal
from microlith.interface.status import Busy, DeadlineExceeded
from servers.console import TerminalConsole
from servers.statuses import DeviceError, EndOfInput

Make = Callable[..., TerminalConsole]


@pytest.fixture
def frame() -> Iterator[Frame]:
    with domain() as frame:
        yield frame


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """Descriptors to close at the end."""
    opened: list[int] = []
    yield opened
    for descriptor in opened:
        os.close(descriptor)


def hang_up(ends: list[int], descriptor: int) -> None:
    ends.remove(descriptor)
    os.close(descriptor)


class Pipes:
    """A console between two pipes, and the user's ends of them."""

    def __init__(self, frame: Frame, ends: list[int], **settings: int) -> None:
        read, self.keyboard = os.pipe()
        self.screen, write = os.pipe()
        ends += [read, self.keyboard, self.screen, write]
        self.output = write
        self.server = put(frame, TerminalConsole(), terminal=Terminal("tty", (read, write)), **settings)
        self.console = link(self.server)

    def type(self, data: bytes) -> None:
        assert os.write(self.keyboard, data) == len(data)

    def shown(self) -> bytes:
        os.set_blocking(self.screen, False)
        try:
            return os.read(self.screen, 1 << 20)
        except BlockingIOError:
            return b""


@pytest.fixture
def pipes(frame: Frame, ends: list[int]) -> Pipes:
    return Pipes(frame, ends)


def test_read_line_without_its_newline(pipes: Pipes) -> None:
    pipes.type(b"hello\n\nlast one\n")
    assert [pipes.console.read_line() for _ in range(3)] == [b"hello", b"", b"last one"]


def test_read_line_shows_the_prompt_when_it_is_its_turn(frame: Frame, pipes: Pipes) -> None:
    first = Caller(frame, pipes.server, "read_line", b"1> ")
    second = Caller(frame, pipes.server, "read_line", b"2> ")
    assert pipes.shown() == b"1> "
    pipes.type(b"a\n")
    assert first.result() == b"a"
    assert pipes.shown() == b"2> " and second.open
    pipes.type(b"b\n")
    assert second.result() == b"b"


def test_read_line_in_pieces(frame: Frame, pipes: Pipes) -> None:
    reader = Caller(frame, pipes.server, "read_line")
    for piece in (b"he", b"l", b"lo\nnext"):
        assert reader.open
        pipes.type(piece)
        frame.turn()
    assert reader.result() == b"hello"
    pipes.type(b"\n")
    assert pipes.console.read_line() == b"next"


def test_read_line_given_up_loses_no_line(frame: Frame, pipes: Pipes) -> None:
    with pytest.raises(DeadlineExceeded), frame.within(0.01):
        pipes.console.read_line()
    pipes.type(b"typed later\n")
    assert pipes.console.read_line() == b"typed later"


def test_read_line_of_a_reader_that_died_goes_to_the_next(frame: Frame, pipes: Pipes) -> None:
    dead = Caller(frame, pipes.server, "read_line", b"dead> ")
    alive = Caller(frame, pipes.server, "read_line", b"alive> ")
    dead.give_up()
    assert pipes.shown() == b"dead> alive> "
    pipes.type(b"x\n")
    assert alive.result() == b"x" and dead.open


def test_read_line_refused_by_a_cancelled_reader_is_kept(frame: Frame, pipes: Pipes) -> None:
    dead = Caller(frame, pipes.server, "read_line")
    dead.reply.cancelled = True  # and the server was not told yet
    pipes.type(b"x\n")
    frame.turn()
    assert pipes.console.read_line() == b"x"


def test_lines_go_to_readers_in_order(frame: Frame, pipes: Pipes) -> None:
    readers = [Caller(frame, pipes.server, "read_line") for _ in range(10)]
    pipes.type(b"".join(b"%d\n" % n for n in range(10)))
    assert [reader.result() for reader in readers] == [b"%d" % n for n in range(10)]


def test_type_ahead_is_kept(frame: Frame, pipes: Pipes) -> None:
    pipes.type(b"one\ntwo\n")
    frame.turn()
    assert [pipes.console.read_line(b"> ") for _ in range(2)] == [b"one", b"two"]
    assert pipes.shown() == b"> > "


def test_type_ahead_is_bounded_and_nothing_is_lost(frame: Frame, ends: list[int]) -> None:
    pipes = Pipes(frame, ends, read_ahead=1000)
    os.set_blocking(pipes.keyboard, False)
    typed = 0
    line = b"x" * 99 + b"\n"
    for _ in range(100):  # more than all that the pipe and the server together will hold
        try:
            while True:
                os.write(pipes.keyboard, b"%09d" % typed + line[9:])
                typed += 1
        except BlockingIOError:
            frame.turn(block=False)
    assert pipes.server._held <= 1000 + 65536
    got = [int(pipes.console.read_line()[:9]) for _ in range(typed)]
    assert got == list(range(typed))
    pipes.type(b"and on\n")
    assert pipes.console.read_line() == b"and on"


def test_read_line_of_more_than_64_kib(frame: Frame, pipes: Pipes) -> None:
    line = bytes(range(11, 256)) * 1000
    reader = Caller(frame, pipes.server, "read_line")
    os.set_blocking(pipes.keyboard, False)
    rest = line + b"\n"
    while rest:
        try:
            rest = rest[os.write(pipes.keyboard, rest) :]
        except BlockingIOError:
            frame.turn()
    assert reader.result() == line


def test_read_line_longer_than_the_limit_is_cut(frame: Frame, ends: list[int]) -> None:
    pipes = Pipes(frame, ends, line_limit=10)
    pipes.type(b"0123456789abcdefghij42\nnext\n")
    assert [pipes.console.read_line() for _ in range(4)] == [b"0123456789", b"abcdefghij", b"42", b"next"]


def test_end_of_input_answers_all_waiters_and_from_then_on(frame: Frame, pipes: Pipes, ends: list[int]) -> None:
    readers = [Caller(frame, pipes.server, "read_line") for _ in range(3)]
    pipes.type(b"last line\nwithout newline")
    hang_up(ends, pipes.keyboard)
    assert [reader.result() for reader in readers[:2]] == [b"last line", b"without newline"]
    with pytest.raises(EndOfInput):
        readers[2].result()
    for _ in range(2):
        with pytest.raises(EndOfInput):
            pipes.console.read_line()


def test_end_of_input_stays_masked(frame: Frame, pipes: Pipes, ends: list[int]) -> None:
    hang_up(ends, pipes.keyboard)
    turn_until(frame, lambda: not frame._sources)
    with pytest.raises(EndOfInput):
        pipes.console.read_line()
    assert not frame._sources


@pytest.mark.parametrize("content", [b"", b"a\nb"])
def test_read_line_from_a_regular_file(frame: Frame, ends: list[int], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "script").write_bytes(content)
    ends.append(os.open(tmp_path / "script", os.O_RDONLY))
    server = put(frame, TerminalConsole(), terminal=Terminal("tty", (ends[0], 1)))
    expected = content.split(b"\n") if content else []
    assert [link(server).read_line() for _ in expected] == expected
    with pytest.raises(EndOfInput):
        link(server).read_line()


def test_write_answers_the_bytes_taken(pipes: Pipes) -> None:
    assert pipes.console.write(b"") == 0
    assert pipes.console.write(b"h\xffllo\n") == 6
    assert pipes.shown() == b"h\xffllo\n"


def test_write_to_a_full_pipe_is_short_then_busy(pipes: Pipes) -> None:
    data = bytes(1 << 20)
    taken = pipes.console.write(data)
    assert 0 < taken < len(data)
    with pytest.raises(Busy):
        pipes.console.write(b"more")
    assert len(pipes.shown()) == taken
    assert pipes.console.write(b"more") == 4


def test_write_to_an_output_that_is_gone(frame: Frame, pipes: Pipes, ends: list[int]) -> None:
    hang_up(ends, pipes.screen)
    with pytest.raises(DeviceError):
        pipes.console.write(b"hello")
    pipes.type(b"still read\n")
    assert pipes.console.read_line(b"prompt") == b"still read"


def test_descriptors_stay_blocking(pipes: Pipes) -> None:
    pipes.type(b"a\n")
    pipes.console.read_line(b"> ")
    assert all(os.get_blocking(descriptor) for descriptor in pipes.server.terminal.descriptors)


class Pty:
    """A console on a pty, and the user's end of it."""

    def __init__(self, frame: Frame, ends: list[int]) -> None:
        self.user, line = pty.openpty()
        ends += [self.user, line]
        self.line = line
        self.server = put(frame, TerminalConsole(), terminal=Terminal("tty", (line, line)))
        self.console = link(self.server)


@pytest.fixture
def terminal(frame: Frame, ends: list[int]) -> Pty:
    return Pty(frame, ends)


def test_pty_edits_the_line(terminal: Pty) -> None:
    os.write(terminal.user, b"helxx\x7f\x7flo\n")
    assert terminal.console.read_line() == b"hello"


def test_pty_incomplete_line_is_no_line(frame: Frame, terminal: Pty) -> None:
    os.write(terminal.user, b"half")
    with pytest.raises(DeadlineExceeded), frame.within(0.02):
        terminal.console.read_line()
    os.write(terminal.user, b" whole\n")
    assert terminal.console.read_line() == b"half whole"


def test_pty_control_d_is_the_end(terminal: Pty) -> None:
    os.write(terminal.user, b"x\n\x04")
    assert terminal.console.read_line() == b"x"
    with pytest.raises(EndOfInput):
        terminal.console.read_line()


def test_pty_hung_up_is_the_end(frame: Frame, terminal: Pty, ends: list[int]) -> None:
    reader = Caller(frame, terminal.server, "read_line")
    hang_up(ends, terminal.user)
    with pytest.raises(EndOfInput):
        reader.result()


def test_pty_prompt_and_output_reach_the_user(frame: Frame, terminal: Pty) -> None:
    tty.setraw(terminal.line, termios.TCSANOW)
    os.write(terminal.user, b"a\n")
    assert terminal.console.read_line(b"name? ") == b"a"
    assert terminal.console.write(b"bye\n") == 4
    shown = b""
    while len(shown) < len(b"name? bye\n"):
        shown += os.read(terminal.user, 100)
    assert shown == b"name? bye\n"


def test_pty_stopped_output_is_busy(frame: Frame, terminal: Pty) -> None:
    termios.tcflow(terminal.line, termios.TCOOFF)
    with pytest.raises(Busy):
        terminal.console.write(b"unseen")
    termios.tcflow(terminal.line, termios.TCOON)
    assert terminal.console.write(b"seen") == 4
