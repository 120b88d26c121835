"""The options of links: what a call is made to do on its way, fixed when the link is wired.

    check               every value on it is exactly what the signature says
    count               exact numbers for each operation, on the page of the client's domain
    trace               one line a call on the standard error of the client's domain
    fault:STATUS/N      every N-th call that can answer this status fails with it
    lock                one lock for each server, shared by all locked links to it; direct links only
    hop:MICROSECONDS    busy waiting for each border that the call crosses

A link is named CLIENT.SLOT, shell globs allowed, and its options are words joined by commas; in a plan
they are the dict that `parse` makes of them.  A name that matches links of both kinds puts `lock` on the
direct ones alone; no name puts anything on the links of a foreign program, whose calls are its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from math import isfinite
from typing import Any, get_args, get_type_hints

from microlith.interface.interface import Interface, interface_of, operations_of
from microlith.interface.needs import needs_of
from microlith.interface.status import SYSTEM_STATUSES, UsageError
from microlith.interface.values import is_interface
from microlith.plan.plan import DIRECT, OPERATOR, Link, Plan
from microlith.system.place import did_you_mean, listed, shown
from microlith.system.system import System

FLAGS = ("check", "count", "trace", "lock")
#: The words there are, as the user writes them.
WORDS = {**dict.fromkeys(FLAGS, ""), "fault": ":STATUS/N", "hop": ":MICROSECONDS"}
LONGEST_HOP_US = 1e6

Options = dict[str, Any]


def parse(where: str, text: str) -> Options:
    """`count,hop:2,fault:Busy/3` as `{"count": True, "hop": 2.0, "fault": "Busy/3"}`.  Raises UsageError."""
    options: Options = {}
    for word in text.split(","):
        name, colon, value = word.strip().partition(":")
        if name not in WORDS:
            known = listed([option + form for option, form in WORDS.items()])
            raise UsageError(
                f"link {where}: no option is called {shown(name)}{did_you_mean(name, WORDS, f'; write {known}')}"
            )
        if bool(colon) != bool(WORDS[name]):
            raise UsageError(f"link {where}: {name} is written {name}{WORDS[name]}, not {shown(word.strip())}")
        options[name] = {"hop": _hop, "fault": _fault}[name](where, value) if colon else True
    return options


def _hop(where: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not isfinite(number) or not 0 < number <= LONGEST_HOP_US:
        raise UsageError(f"link {where}: hop:{value} is no cost; write microseconds, more than 0, at most 1000000")
    return number


def _fault(where: str, value: str) -> str:
    status, slash, every = value.rpartition("/")
    if not slash or not status or not (every.isascii() and every.isdigit()) or not int(every):
        raise UsageError(
            f"link {where}: fault:{value} does not say which call fails; write fault:STATUS/N, with N at least 1"
        )
    return f"{status}/{int(every)}"


def words(options: Mapping[str, Any]) -> str:
    """The options as they are written: the inverse of `parse`."""
    return ",".join(_word(name, value) for name, value in options.items() if value is not False)


def _word(name: str, value: Any) -> str:
    if value is True:
        return name
    return f"{name}:{value:g}" if type(value) is float else f"{name}:{value}"


def with_options(plan: Plan, links: Mapping[str, str | Options], system: System | None = None) -> Plan:
    """The plan with these options on its links, also on those of templates; what is there already stays.

    With the system, a status that no operation behind a link can answer is refused too.  Raises UsageError.
    """
    for name, given in links.items():
        options = parse(name, given if isinstance(given, str) else words(given))
        plan = _put(plan, name, options, system)
    return plan


def _put(plan: Plan, name: str, options: Options, system: System | None) -> Plan:
    """The plan with these options on every link of that name that takes them."""
    found = [link for link in _all(plan) if fnmatchcase(full_name(link), name)]
    if not found:
        known = [full_name(link) for link in _all(plan)]
        own = [link for link in known if not link.startswith(f"{OPERATOR}.")]
        hint = did_you_mean(name, known, f"; there are {listed(own)}, and those of the {OPERATOR}")
        raise UsageError(f"{plan.system} as {plan.architecture} has no link {name!r}{hint}")
    foreign = _foreign(plan)
    if all(link.client in foreign for link in found):
        raise UsageError(f"link {name}: {found[0].client} is a foreign program, which makes its calls itself")
    if "lock" in options and not any(link.path == DIRECT for link in found):
        raise UsageError(
            f"link {name}: lock is for direct links, and it is none in {plan.architecture};"
            " a server behind a border handles one request at a time anyway"
        )
    if "fault" in options and system is not None:
        _check_fault(name, options["fault"].rpartition("/")[0], found, system)
    matched = {(link.client, link.slot) for link in found if link.client not in foreign}

    def made(link: Link) -> Link:
        if (link.client, link.slot) not in matched:
            return link
        kept = {k: v for k, v in options.items() if k != "lock" or link.path == DIRECT}
        return replace(link, options={**link.options, **kept})

    templates = tuple(replace(t, links=tuple(map(made, t.links))) for t in plan.templates)
    return replace(plan, links=tuple(map(made, plan.links)), templates=templates)


def full_name(link: Link) -> str:
    """CLIENT.SLOT."""
    return f"{link.client}.{link.slot}"


def _all(plan: Plan) -> Iterator[Link]:
    yield from plan.links
    for template in plan.templates:
        yield from (link for link in template.links if link not in plan.links)


def _foreign(plan: Plan) -> set[str]:
    """The clients whose code is not ours."""
    outside = {instance.name for d in plan.domains if d.kind == "outside" for instance in d.instances}
    return outside | {t.app for t in plan.templates if t.domain.kind == "outside"}


def _check_fault(name: str, status: str, found: list[Link], system: System) -> None:
    declared: dict[str, None] = {}
    for link in found:
        for interface in _reachable(_interface(link, system)):
            declared |= {s.__name__: None for o in operations_of(interface).values() for s in o.statuses}
    possible = [*declared, *(s.__name__ for s in SYSTEM_STATUSES)]
    if status not in possible:
        hint = did_you_mean(status, possible, f"; there are {listed(possible)}")
        raise UsageError(f"link {name}: no operation behind it answers the status {status}{hint}")


def _interface(link: Link, system: System) -> Any:
    """What a link's slot is typed as: by the client's class, or, where it has none, by the server's."""
    client = system.servers.get(link.client) or system.apps.get(link.client)
    cls = client.cls if client else None
    if cls is not None:
        return needs_of(cls)[link.slot].type
    server = system.servers[link.server].cls
    return interface_of(server) if server else Interface


def _reachable(interface: Any) -> list[Any]:
    """An interface and those of the objects that come back through it, however far."""
    found = [interface]
    for one in found:
        for operation in operations_of(one).values():
            found += [i for i in _interfaces_in(operation.result) if i not in found]
    return found


def _interfaces_in(annotation: Any) -> Iterator[Any]:
    if is_interface(annotation):
        yield annotation
    elif isinstance(annotation, type) and hasattr(annotation, "__struct_fields__"):
        for inner in get_type_hints(annotation).values():
            yield from _interfaces_in(inner)
    else:
        for inner in get_args(annotation):
            yield from _interfaces_in(inner)
