"""The same answers again on mach with servers grouped in several ways: all together, some, across the ranks."""

import pytest

from tests.conformance import running, test_conformance, test_system_conformance
from tests.conformance.test_conformance import assistants, differences

ASSISTANTS = (
    "echo+maker+waiter+sink+front+top",
    "front+top,echo+maker+waiter+sink",
    "maker+waiter,sink+front",
    "top+front+sink,echo+maker",
    "echo+sink,top+front",
    "waiter+top+front",
)
SYSTEM = (
    "small+big+files+clock+console+log+names",
    "big+files",
    "clock+console,files+log+names,small+big",
    "console+names+files",
)


def groups(text):
    return [group.split("+") for group in text.split(",")]


@pytest.mark.parametrize("domains", ASSISTANTS)
def test_trace_of_assistants_is_the_same_in_groups(domains):
    status, lines = running.collect(assistants(), "mach", "trace", domains=groups(domains))
    assert status == 7, "\n".join(lines[-5:])
    assert differences(test_conformance.trace_of("library")[1], lines) == []


@pytest.mark.parametrize("domains", SYSTEM)
def test_trace_of_the_operating_system_is_the_same_in_groups(domains):
    wanted = tuple(map(tuple, groups(domains)))
    status, lines, written = test_system_conformance.trace_of("mach", wanted)
    assert (status, written) == (9, b"out\nprompt> ")
    assert differences(test_system_conformance.trace_of("library")[1], lines) == []
