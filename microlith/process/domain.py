"""A domain that hangs on a kernel: from its birth record to the end of its process.

The order matters and is that of `birth.py`: settled, confined, connected, sealed by seccomp, and only
then is the code of the part executed.
"""

import gc
import os
import sys
import traceback
from typing import Any

from microlith.frame.connection import Connection
from microlith.frame.frame import Frame
from microlith.frame.options import LinkOptions
from microlith.frame.page import SERVING, STATE, Page
from microlith.frame.server import App
from microlith.frame.stub import stub_class
from microlith.interface.needs import needs_of
from microlith.process import confine
from microlith.process.birth import Birth, PartBirth, SlotBirth, settle, take_descriptors
from microlith.process.parts import make

#: Exit statuses of a domain: a fault (EX_SOFTWARE), and a parent that was gone before it began.
FAULT, ORPHAN = 70, 71
BROKEN_PIPE = 141  # as a shell has SIGPIPE


def main(birth: Birth, descriptors: list[int]) -> int:
    """Live.  The result is the exit status of the process."""
    try:
        by_label = take_descriptors(birth, descriptors)
        settle(birth)
        return live(birth, by_label)
    except SystemExit as end:
        return int(end.code or 0) if isinstance(end.code, int | None) else 1
    except BaseException:  # noqa: BLE001 - the outermost frame: report and die
        traceback.print_exc()
        return FAULT
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def live(birth: Birth, descriptors: dict[str, int]) -> int:
    """Confine, connect, seal, build the parts, run."""
    from microlith.kinds import transport

    sys.path += [folder for folder in birth.path if folder not in sys.path]
    frame = Frame(Page(descriptors["page"]), birth.rank, birth.checked)
    Frame.current = frame
    directories = tuple(d for label, d in descriptors.items() if label.startswith("device:") and os.path.isdir(d))
    network, bare = bool(birth.confine.get("network")), bool(birth.confine.get("none"))
    if not bare:
        readable = (*confine.interpreter_paths(), *birth.confine.get("files", ()))
        confine.landlock(readable, directories, network)
    connection: Connection = transport(birth.link)(frame, birth, descriptors)
    if not bare:
        confine.seccomp(network)
    gc.disable()  # what is made now stays
    parts = {part.port: build(part, connection, descriptors) for part in sorted(birth.parts, key=lambda p: p.rank)}
    gc.enable()
    connection.begin()
    if isinstance(next(iter(parts.values())), App):
        return run_app(next(iter(parts.values())), birth, connection)
    return connection.serve(parts)


def build(part: PartBirth, connection: Connection, descriptors: dict[str, int]) -> Any:
    """One instance, its slots filled with stubs of the connection."""
    made = make(part, descriptors)
    needs = needs_of(type(made))
    for slot in part.slots:
        setattr(made, slot.slot, fill(part.name, slot, needs[slot.slot].type, connection))
    return made


def fill(client: str, slot: SlotBirth, interface: Any, connection: Connection) -> Any:
    """What a remote slot holds: a stub, or a facade over it with the options of the link."""
    stub = stub_class(interface)(connection, slot.handle, slot.rank)
    if not slot.options:
        return stub
    return LinkOptions(f"{client}.{slot.slot}", slot.options, slot.path, slot.in_kernel).over(stub)


def run_app(app: App, birth: Birth, connection: Connection) -> int:
    """Run a program to its end."""
    connection.ready()
    connection.words[STATE] = SERVING
    try:
        status = app.main(*birth.arguments) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of its output went away, and what waits in the buffer goes with it
        sys.stdout = sys.stderr
        return BROKEN_PIPE
    finally:
        connection.close()
