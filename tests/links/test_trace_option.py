"""`trace`: one line a call on the standard error of the domain that calls."""

import os
import re

import pytest

from microlith import boot
from microlith.frame.trace import shown
from tests.conformance.parts import Pair
from tests.links.machines import ARCHITECTURES, system

TIME = re.compile(r"  \d+ us$")


def traced(architecture, chapter, links):
    """What the program writes to its standard error, without the times; and the logs of the servers' domains."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    with boot(system(), architecture, links=links) as machine:
        assert machine.run("asker", chapter, stdio=(null, null, writer)).wait(20) == 0
        logs = machine.logs(1000)
    os.close(writer)
    with open(reader, "rb") as file:
        lines = file.read().decode().splitlines()
    os.close(null)
    assert all(TIME.search(line) for line in lines), lines
    return [TIME.sub("", line) for line in lines], logs


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trace_of_a_program(architecture):
    lines, _ = traced(architecture, "objects", {"asker.maker": "trace"})
    assert lines == [
        "asker.maker make(5) = <Thing>",
        "asker.maker several(2) = (<Thing>, <Thing>)",
        "asker.maker pair(8, None) = Pair(left=<Thing>, right=None, label=...",
        *[f"asker.maker.Thing value() = {n}" for n in (5, 0, 1, 8)],
    ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trace_of_a_status_and_a_notice(architecture):
    lines, _ = traced(architecture, "refuse", {"asker.echo": "trace,fault:Refused/6"})
    assert lines == [*["asker.echo refuse(0, '') = 0"] * 5, "asker.echo refuse(0, '') = Refused: injected"]
    lines, _ = traced(architecture, "notes", {"asker.sink": "trace"})
    assert lines[:3] == [f"asker.sink note({n}) = None" for n in range(3)]


@pytest.mark.parametrize("architecture", ARCHITECTURES[1:])
def test_trace_of_a_server_is_in_the_log_of_its_domain(architecture):
    with boot(system(), architecture, links={"front.*": "trace"}) as machine:
        front = machine.connect("front")
        assert front.big(bytes(4096)) == bytes(4096)
        assert front.at_once("x") == "x!"
        assert front.refuse(0) == 0  # answered when the line of the one before is written
        logs = machine.logs()
    together = "echo+maker+waiter+sink+front+top"
    domain = re.escape({"monolith": "kernel", "mach25": together}.get(architecture, "front"))
    assert re.search(rf"^{domain}: front\.echo data\(4096 bytes\) = 4096 bytes  \d+ us$", logs, re.MULTILINE)
    assert re.search(rf"^{domain}: front\.waiter at_once\('x!'\) = forwarded  \d+ us$", logs, re.MULTILINE)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"x" * 41, "41 bytes"),
        (b"x\n", r"b'x\n'"),
        ("y" * 41, "'" + "y" * 37 + "'..."),
        ((1,), "(1,)"),
        (tuple(range(100)), "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11..."),
        (None, "None"),
    ],
)
def test_shown(value, text):
    assert shown(value) == text


def test_shown_of_a_struct_with_what_is_no_value():
    assert shown(Pair(None, None, "x")) == "Pair(left=None, right=None, label='x')"
