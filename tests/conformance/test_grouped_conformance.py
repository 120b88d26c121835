"""The same answers again on mach: with servers grouped in several ways, and with servers in the kernel."""

from dataclasses import replace

import pytest

from microkernel.plans import mach
from microlith.plan.group import grouped
from microlith.plan.plan import Instance
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


def test_call_that_would_close_a_circle_of_domains_is_a_rank_violation():
    """sink -> maker, by a capability that came at run time, where maker shares the domain of front -> sink."""
    status, lines = running.collect(assistants(), "mach", "trace", domains=groups("maker+front"))
    found = differences(test_conformance.trace_of("library")[1], lines)
    assert status == 7
    assert [line.splitlines()[-1].strip() for line in found] == ["kept() -> !RankViolation [35]"] * 2


@pytest.mark.parametrize("domains", SYSTEM)
def test_trace_of_the_operating_system_is_the_same_in_groups(domains):
    wanted = tuple(map(tuple, groups(domains)))
    status, lines, written = test_system_conformance.trace_of("mach", wanted)
    assert (status, written) == (9, b"out\nprompt> ")
    assert differences(test_system_conformance.trace_of("library")[1], lines) == []


@pytest.mark.parametrize("domains", [[], [["sink", "front"]], [["sink"], ["front", "top"]]])
def test_trace_of_assistants_is_the_same_with_servers_in_the_kernel(domains):
    inside = ("echo", "maker", "waiter")
    plan = grouped(mach(assistants()), domains)
    root = replace(plan.root, instances=tuple(Instance(name, name) for name in inside))
    plan = replace(plan, domains=(root, *(domain for domain in plan.domains[1:] if domain.name not in inside)))
    status, lines = running.collect(assistants(), "mach", "trace", plan=plan)
    assert status == 7, "\n".join(lines[-5:])
    assert differences(test_conformance.trace_of("library")[1], lines) == []
