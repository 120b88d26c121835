"""Running an app on a machine and reading what it wrote."""

import os
import threading

from microlith import boot


def collect(system, architecture, app, *arguments, checked=True, **options):
    """Boot, run a demand app to its end; its exit status and the lines that it wrote."""
    with boot(system, architecture=architecture, checked=checked, **options) as machine:
        return run(machine, app, *arguments)


def run(machine, app, *arguments, devices=None, timeout_s=60):
    """Run a demand app on a machine; its exit status and the lines that it wrote."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDONLY)
    found = []
    thread = threading.Thread(target=_drain, args=(reader, found))
    thread.start()
    try:
        running = machine.run(app, *arguments, stdio=(null, writer, 2), devices=devices)
        os.close(writer)
        writer = -1
        status = running.wait(timeout_s)
    finally:
        os.close(null)
        if writer >= 0:
            os.close(writer)
        thread.join(10)
        assert not thread.is_alive(), "the app's standard output is still open somewhere"
    return status, b"".join(found).decode().splitlines()


def _drain(reader, found):
    with open(reader, "rb") as file:
        while data := file.read1(65536):
            found.append(data)
