"""`microlith ps`: the machines that run, their domains, and what each is doing."""

import time
from pathlib import Path
from typing import Any

import click

from microlith.command import output
from microlith.command.remote import NONE, Lost, Remote, exits, machine_option
from microlith.interface.status import UsageError

GLANCE_S = 3.0  # a machine that is stopped or still booting must not keep the others from being shown
COUNTED = ("link", "calls", "stat", "msgs", "cross", "kern", "bytes", "woke", "sys")
ABOUT = ("name", "system", "architecture", "placement", "launcher", "ready", "reboots")
COLUMNS = ("domain", "instances", "pid", "inc", "state", "messages", "memory")

EPILOG = exits("a machine does not answer")


@click.command(epilog=EPILOG)
@machine_option
@click.option("--links", is_flag=True, help="Show what the links with the option 'count' have counted.")
@output.json_option
@click.pass_context
def ps(context: click.Context, machine: str | None, links: bool, as_json: bool) -> None:
    """Show the machines that run, and their domains.

    Of each domain: the instances in it, its process and how often that was started, what it is doing,
    messages sent and received, and the memory that is its own (USS).

    With --links, of each counted operation instead: calls, statuses answered, messages, border crossings,
    visits of the kernel, bytes copied; and, of the calling process, how often it woke up, and the system
    calls that it made itself for a socket link (these two depend on timing).
    """
    from microlith.launch import rundir

    folders = [rundir.find(machine)] if machine else rundir.running()
    machines = [looked_at(folder) for folder in folders]
    if as_json:
        output.as_json({"machines": machines})
    elif not machines:
        output.say(NONE)
    else:
        for number, found in enumerate(machines):
            _print(found, number > 0, links)
    if any("error" in found for found in machines):
        context.exit(1)


def looked_at(folder: Path) -> dict[str, Any]:
    """A machine with its domains, or with what it did not answer."""
    try:
        with Remote(folder, GLANCE_S) as remote:
            about = remote.ask("about")[0]
            found = {
                key: about[key]
                for key in ("name", "system", "architecture", "placement", "launcher", "ready", "reboots")
            }
            state = remote.ask("state")[0]
    except (Lost, UsageError) as error:
        return {"name": folder.name, "error": error.message if isinstance(error, Lost) else str(error)}
    rows = list(state["domains"])
    for helper in ("zygote", "spare"):
        if state[helper]:
            row = {"domain": helper, "instances": [], "pid": state[helper], "incarnation": 1}
            rows.append({**row, "state": "idle", "kind": helper})
    return {**found, "domains": [_domain(row, about) for row in rows]}


def _domain(row: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    state = row["state"]
    if row["pid"] == about["root"] and state == "starting" and about["ready"]:
        state = "idle"
    since = int(row.get("since", 0))
    busy = state in ("serving", "calling") and since
    holder = row["domain"] if row["domain"] in about["handles"] else row["domain"].rpartition("-")[0]
    handles = {k: v for name in (holder, *row["instances"]) for k, v in about["handles"].get(name, {}).items()}
    return {
        "domain": row["domain"],
        "instances": list(row["instances"]),
        "kind": row["kind"],
        "pid": row["pid"],
        "incarnation": row["incarnation"],
        "state": state,
        "calling": handles.get(str(row.get("peer"))) if state == "calling" else None,
        "busy_s": round(max(0, time.monotonic_ns() - since) / 1e9, 6) if busy else None,
        "messages": row["received"] + row["sent"] if "sent" in row else None,
        "served": row.get("served"),
        "memory": memory(row["pid"]),
        "links": row.get("links", {}),
    }


def memory(pid: int) -> int | None:
    """The bytes that only this process has, or None where the host does not say."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_full_info().uss) if pid else None
    except psutil.Error:
        return None


def _print(found: dict[str, Any], again: bool, links: bool) -> None:
    from microlith.plan.draw import counted

    if again:
        output.data("")
    if "error" in found:
        output.data(f"{found['name']}: no answer")
        output.say(found["error"])
        return
    unready = "" if found["ready"] else ", booting"
    reboots = f", rebooted {counted(found['reboots'], 'time')}" if found["reboots"] else ""
    what = f"{found['system']} as {found['architecture']}, placement {found['placement']}"
    words = f"{what}, launcher {found['launcher']}{unready}{reboots}"
    output.data(f"{found['name']}: {words}")
    if not links:
        output.table(COLUMNS, [_row(domain) for domain in found["domains"]])
    elif counted_rows := [row for domain in found["domains"] for row in _counted(domain)]:
        output.table(COUNTED, counted_rows)
    else:
        output.say("no link has counted anything; launch with --link '*=count'")


def _counted(domain: dict[str, Any]) -> list[tuple[str, ...]]:
    from microlith.system.place import one_line

    rows = []
    for name, counts in domain["links"].items():
        client, _, rest = name.partition(".")
        own = domain["domain"].rpartition("-")[0] == client  # one of several runs of a program
        rows.append((one_line(f"{domain['domain']}.{rest}" if own else name), *map(str, counts.values())))
    return rows


def _row(d: dict[str, Any]) -> tuple[str, ...]:
    state = d["state"] + (f" {d['calling']}" if d["calling"] else "")
    if d["busy_s"] is not None:
        state += f" {d['busy_s']:.1f} s"
    own = "" if d["memory"] is None else f"{d['memory'] / 2**20:.1f} MiB"
    instances = " ".join(d["instances"]) if d["instances"] != [d["domain"]] else ""
    messages = "" if d["messages"] is None else str(d["messages"])
    return (d["domain"], instances, str(d["pid"] or ""), str(d["incarnation"]), state, messages, own)
