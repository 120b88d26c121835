"""`microlith kill NAME`: what only a laboratory's operator wants."""

from typing import Any

import click

from microlith.command import output
from microlith.command.remote import exits, machine_of, machine_option
from microlith.interface.status import UsageError

EPILOG = exits()


@click.command(epilog=EPILOG)
@click.argument("name", metavar="SERVER|kernel|zygote")
@machine_option
@output.json_option
def kill(name: str, machine: str | None, as_json: bool) -> None:
    """Kill the process of a server, of a program, of the zygote or of the kernel.

    It gets SIGKILL, and all servers of its domain go with it. A server that has no process of its own (in
    a monolith, in a library OS) gets a fault instead: its next operation fails, and the architecture decides
    what dies of that.
    """
    from microlith.system.place import listed

    with machine_of(machine) as remote:
        _check(remote.ask("about")[0], name)
        done = remote.ask("kill", name=name)[0]
        if as_json:
            output.as_json({"machine": remote.name, **done})
            return
    if done["how"] == "fault":
        output.data(f"{done['killed']}: every operation of it fails from now on")
    else:
        others = [server for server in done.get("servers", ()) if server not in (name, done["killed"])]
        pid = f", pid {done['pid']}" if "pid" in done else ""
        output.data(f"{done['killed']}: killed{pid}" + (f"; with it went {listed(others)}" if others else ""))


def _check(about: dict[str, Any], name: str) -> None:
    """Is there such a server, domain, or program (APP-NUMBER)?"""
    from microlith.system.place import did_you_mean, listed

    known = list(dict.fromkeys((*about["servers"], *about["domains"], "kernel", "zygote")))
    app, _, number = name.rpartition("-")
    if name not in known and not (app in about["classes"] and number.isdigit()):
        hint = did_you_mean(name, known, f"; there are {listed(known)}")
        raise UsageError(f"{about['system']} has nothing called {name!r} to kill{hint}")
