"""The servers of the operating system give the same answers on every architecture."""

import functools
import os

import pytest

from microlith import System
from tests.conformance import running
from tests.conformance.test_conformance import ARCHITECTURES, differences

INPUT = b"line one\n\nthird line"


def operating_system(terminal) -> System:
    from servers.clock import HostClock
    from servers.console import TerminalConsole
    from servers.log import RecordLog
    from servers.minix.files import MinixFiles
    from servers.names import NameTable
    from servers.ramdisk import RamDisk
    from tests.conformance.system_trace import SystemTrace

    system = System("os").device("tty", "terminal", str(terminal))
    system = system.server("small", RamDisk, blocks=64).server("big", RamDisk, blocks=4096)
    system = system.server("files", MinixFiles, disk="big").server("clock", HostClock)
    system = system.server("console", TerminalConsole, terminal="tty")
    system = system.server("log", RecordLog).server("names", NameTable)
    return system.app(
        "trace", SystemTrace, on_boot=False, disk="small", files="files", clock="clock", console="console", log="log",
        names="names",
    )  # fmt: skip


@functools.cache
def trace_of(architecture, domains=None, options=""):
    """The trace, and what the console wrote; the terminal is a pseudo-terminal whose other end is ours.

    `options` are those of every link.
    """
    import termios

    ours, theirs = os.openpty()
    settings = termios.tcgetattr(theirs)
    settings[3] &= ~termios.ECHO
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    os.write(ours, INPUT + b"\x04\x04\x04")  # ^D ends the half line, then the input
    links = {"*": options} if options else {}
    status, lines = running.collect(
        operating_system(os.ttyname(theirs)), architecture, "trace", domains=domains, links=links
    )
    os.set_blocking(ours, False)
    written = os.read(ours, 65536)
    os.close(ours)
    os.close(theirs)
    return status, lines, written


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trace_of_the_operating_system_ends_by_itself(architecture):
    status, lines, written = trace_of(architecture)
    assert status == 9, "\n".join(lines[-5:])
    assert written == b"out\nprompt> "
    assert len(lines) > 200


@pytest.mark.parametrize("architecture", ARCHITECTURES[1:])
def test_trace_of_the_operating_system_is_the_same_as_in_one_address_space(architecture):
    found = differences(trace_of("library")[1], trace_of(architecture)[1])
    assert not found, "\n".join(found)


def test_trace_of_the_operating_system_asks_for_every_operation():
    from microlith.interface.interface import operations_of
    from servers.blockdevice import BlockDevice
    from servers.clock import Clock, IntervalTimer
    from servers.console import Console
    from servers.filesystem import File, FileSystem
    from servers.log import Log
    from servers.names import Names

    asked = {line.partition("(")[0] for line in trace_of("library")[1]}
    written = {"time", "monotonic"}  # said, since they differ
    for interface in (BlockDevice, Clock, IntervalTimer, Console, File, FileSystem, Log, Names):
        assert set(operations_of(interface)) - asked - written == set(), interface.__name__
