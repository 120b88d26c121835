"""`microlith logs`: what the domains of a machine wrote, and what its log servers hold."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import click

from microlith.command import output
from microlith.command.remote import DEATHS, Lost, Remote, exits, machine_of, machine_option
from microlith.interface.status import Status, UsageError

LOOK_S = 0.1

EPILOG = exits()


@click.command(epilog=EPILOG)
@click.argument("servers", nargs=-1, metavar="[SERVER]...")
@machine_option
@click.option("-f", "--follow", is_flag=True, help="Go on as the logs grow, until the machine ends or Ctrl-C.")
@output.json_option
def logs(servers: tuple[str, ...], machine: str | None, follow: bool, as_json: bool) -> None:
    """Show the logs of a machine.

    Of every domain what it wrote to standard output and error, and the records of the system's log
    servers. SERVER narrows that to the domains in which those servers live. A library OS runs one program
    at a time: while one runs, or with -f, the records of its log servers are left out.
    """
    from microlith.command.painter import Painter
    from microlith.command.streams import Tails

    with machine_of(machine) as remote:
        about = remote.about()
        wanted = chosen(about, servers)
        paint = Painter(about["domains"], as_json)
        tails = Tails(remote.folder, frozenset(wanted[0]) if servers else None)
        if follow:
            _follow(remote, about, tails, wanted[1], paint)
            return
        _print(tails.close(), paint)
        _print(_records(remote, about, wanted[1]), paint)


def chosen(about: dict[str, Any], names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The domains and the log servers that are meant; without names all."""
    from microlith.command.streams import log_servers
    from microlith.system.place import did_you_mean, listed

    servers = log_servers(about)
    if not names:
        return list(about["domains"]), servers
    home = {instance: domain for domain, inside in about["domains"].items() for instance in inside}
    known = {**home, **{domain: domain for domain in about["domains"]}}
    for name in names:
        if name not in known and name.rpartition("-")[0] not in about["classes"]:
            hint = did_you_mean(name, known, f"; it has {listed(known)}")
            raise UsageError(f"{about['system']} has no server {name!r}{hint}")
    return [known.get(name, name) for name in names], [name for name in servers if name in names]


def _print(lines: Iterable[Any], paint: Any) -> None:
    for line in lines:
        paint(line)


def _records(remote: Remote, about: dict[str, Any], servers: list[str]) -> Iterator[Any]:
    from microlith.command.streams import recorded

    if not servers:
        return
    try:
        attached = remote.attach(about, "operator")
    except UsageError as error:
        output.say(f"the records of {', '.join(servers)} are left out: {error}")
        return
    try:
        for server in servers:
            yield from recorded(getattr(attached, server), server)
    except Status as status:
        output.say(f"the records of {', '.join(servers)} are left out: {type(status).__name__} {status.detail}")
    finally:
        attached.close()


def _follow(remote: Remote, about: dict[str, Any], tails: Any, servers: list[str], paint: Any) -> None:
    import queue
    import threading

    from microlith.command.streams import Line, Records

    lines: queue.SimpleQueue[Line] = queue.SimpleQueue()
    gone = threading.Event()
    remote.ask("follow")
    threading.Thread(target=_attend, args=(remote, gone), daemon=True).start()
    for server in [] if about["one_program"] else servers[:1]:
        Records(server, lambda: _attached(remote, about), lines.put).start()
    try:
        while not gone.is_set():
            _print(tails.poll(), paint)
            while not lines.empty():
                paint(lines.get())
            time.sleep(LOOK_S)
    finally:
        _print(tails.close(), paint)


def _attend(remote: Remote, gone: Any) -> None:
    try:
        while remote.next_news()["event"] != DEATHS[-1]:
            pass
    except (Lost, OSError):
        pass
    gone.set()


def _attached(remote: Remote, about: dict[str, Any]) -> Any:
    with Remote(remote.folder) as own:
        return own.attach(about, "operator")
