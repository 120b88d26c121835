"""A domain that hangs on a kernel: from its birth record to the end of its process.

The order matters and is that of `birth.py`: settled, confined, connected, sealed by seccomp, and only
then is the code of the part executed.
"""

import gc
import os
import sys
import traceback

from microlith.frame.connection import Connection
from microlith.frame.frame import Frame
from microlith.frame.page import SERVING, STATE, Page
from microlith.frame.server import App
from microlith.process import confine
from microlith.process.assembly import Assembly
from microlith.process.birth import Birth, settle, take_descriptors
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
    from microlith.kinds import transport, walk

    sys.path += [folder for folder in birth.path if folder not in sys.path]
    if birth.walked:
        walk(descriptors["walk"], birth.domain)
    frame = Frame(Page(descriptors["page"]), birth.rank, birth.checked)
    Frame.current = frame
    directories = tuple(d for label, d in descriptors.items() if label.startswith("device:") and os.path.isdir(d))
    network, bare = bool(birth.confine.get("network")), bool(birth.confine.get("none"))
    if not bare:
        readable = (*confine.interpreter_paths(), *birth.confine.get("files", ()))
        confine.landlock(readable, directories, network)
    connection: Connection = transport(birth.link)(frame, birth, descriptors)
    if not bare:
        confine.seccomp(network, bool(birth.confine.get("local")))
    gc.disable()  # what is made now stays
    assembly = Assembly(frame, descriptors, connection)
    program = birth.parts[0].app
    app = assembly.join(make(birth.parts[0], descriptors), birth.parts[0]) if program else None
    parts = assembly.make(birth.parts)
    gc.enable()
    connection.begin()
    return run_app(app, birth, connection) if app is not None else connection.serve(parts)


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
