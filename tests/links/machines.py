"""Machines whose links have options, and what a program on them says."""

import os

from microlith import boot
from tests.conformance import running
from tests.conformance.test_conformance import ARCHITECTURES, assistants
from tests.links.parts import Asker

__all__ = ["ARCHITECTURES", "asked", "counting", "system"]


def system():
    """The assistants with the program that asks."""
    given = {name: name for name in ("echo", "maker", "waiter", "sink", "front")}
    return assistants().app("asker", Asker, on_boot=False, **given)


def asked(architecture, chapter, links):
    """The lines that the program writes, and how many rows of counts there were before it ended."""
    with boot(system(), architecture, links=links) as machine:
        status, lines = running.run(machine, "asker", chapter)
    assert status == 0, lines
    return lines


def counting(architecture, chapter, links, placement=None):
    """The counts of all links, from the pages of a machine whose program still runs."""
    reader, writer = os.pipe()
    lines, out = os.pipe()
    null = os.open(os.devnull, os.O_WRONLY)
    with boot(system(), architecture, links=links, placement=placement) as machine:
        program = machine.run("asker", chapter, stdio=(reader, out, null))
        os.read(lines, 100)
        found = {}
        for row in machine.state()["domains"]:
            found |= row.get("links", {})
        os.write(writer, b".")
        program.wait(20)
    for descriptor in (reader, writer, lines, out, null):
        os.close(descriptor)
    return found
