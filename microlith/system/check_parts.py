"""Checks one server or app against its class: what it needs, what it was given, its reserved tables."""

import shutil
from collections.abc import Iterable
from typing import Any

from microlith.frame.server import App, Server
from microlith.interface.devices import Timer
from microlith.interface.interface import Interface, compatible, interface_of
from microlith.interface.needs import Need
from microlith.interface.values import INT_HIGH, INT_LOW, matches, name_of
from microlith.system.classes import why_not_needs, why_not_part
from microlith.system.place import Place, did_you_mean, listed, nearest, shown
from microlith.system.system import Part, Program, System
from microlith.system.tables import TABLES, why_not

_FIELD = {"capability": "capabilities", "setting": "settings", "device": "devices"}


def check_part(system: System, place: Place, element: str, part: Part, base: type[Server] | type[App]) -> None:
    """Refuse a part whose class is none, or that was not given exactly what its class needs."""
    _check_tables(place, element, part)
    if isinstance(part, Program) and part.cls is None:
        _check_command(system, place, element, part)
        return
    cls = part.cls or base
    wrong = why_not_part(part.cls, base)
    needs, ill = ({}, None) if wrong else why_not_needs(cls)
    if wrong or ill:
        raise place.refuse(f"{element}.class", f"{element}.class: {wrong or ill}")
    given = {**part.capabilities, **part.settings, **part.devices}
    for name, value in given.items():
        _check_given(system, place, element, part, needs, name, value)
    for need in needs.values():
        if need.required and need.name not in given and not _comes_later(part, need):
            raise place.refuse(element, _missing(system, element, cls, need))


def _comes_later(part: Part, need: Need) -> bool:
    """The launcher makes timers, and whoever starts a program on demand may bring its devices."""
    return need.type is Timer or (need.kind == "device" and isinstance(part, Program) and not part.on_boot)


def _check_given(
    system: System, place: Place, element: str, part: Part, needs: dict[str, Need], name: str, value: Any
) -> None:
    at, need = f"{element}.{name}", needs.get(name)
    if need is None:
        raise place.refuse(at, _superfluous(system, element, part, needs, name, value))
    if name not in getattr(part, _FIELD[need.kind]):
        raise place.refuse(at, f"{at} is a {need.kind} and must be given as one ({need})")
    if need.kind == "capability":
        _check_capability(system, place, at, need, value)
    elif need.kind == "device":
        _check_device(system, place, at, need, value)
    elif wrong := _why_not_setting(value, need.type):
        raise place.refuse(at, f"{at} is {shown(value)}; it must be {wrong}")


def _check_capability(system: System, place: Place, at: str, need: Need | None, value: Any) -> None:
    wanted = need.type.__name__ if need else "anything"
    if not isinstance(value, str):
        exporting = f" that exports {wanted}" if need else ""
        raise place.refuse(at, f"{at} is {shown(value)}; it must be the name of a server{exporting}")
    fitting = _fitting(system, need)
    if value in system.apps:
        raise place.refuse(at, f"{at} names the app {value!r}; a capability leads to a server")
    if value not in system.servers:
        hint = did_you_mean(value, fitting or system.servers, _would_do(fitting, wanted))
        raise place.refuse(at, f"{at} names an unknown server {shown(value)}{hint}")
    offered = system.servers[value].cls
    if need and isinstance(offered, type) and not compatible(need.type, interface_of(offered)):
        exports = _exports(need.type, interface_of(offered))
        hint = _would_do(fitting, wanted)
        raise place.refuse(at, f"{at} needs {wanted}, but servers.{value} ({offered.__name__}) {exports}{hint}")


def _exports(wanted: type[Interface], offered: type[Interface]) -> str:
    """What a server exports that does not fit, in words."""
    if offered is Interface:
        return "exports nothing"
    if offered.__name__ != wanted.__name__:
        return f"exports {offered.__name__}"
    have = {str(operation) for operation in offered.__operations__.values()}
    other = next(o for o in wanted.__operations__.values() if str(o) not in have)
    return f"exports another {offered.__name__}, which has no {other}"


def _check_device(system: System, place: Place, at: str, need: Need, value: Any) -> None:
    kind = need.type.kind
    fitting = [name for name, device in system.devices.items() if device.kind == kind]
    if need.type is Timer:
        raise place.refuse(at, f"{at} needs no entry; the launcher makes every timer itself, so leave it out")
    hint = f"; {listed(fitting)} would do" if fitting else f'; add a [devices.NAME] with kind = "{kind}"'
    if not isinstance(value, str):
        raise place.refuse(at, f"{at} is {shown(value)}; it must be the name of a device of kind {kind}")
    if value not in system.devices:
        raise place.refuse(at, f"{at} names an unknown device {shown(value)}{did_you_mean(value, fitting, hint)}")
    if system.devices[value].kind != kind:
        raise place.refuse(
            at, f"{at} needs a device of kind {kind}, but {value} is a {system.devices[value].kind}{hint}"
        )


def _why_not_setting(value: Any, annotation: Any) -> str | None:
    """What a setting would have to be, or None if it is that; an int does for a float."""
    if matches(value, annotation) or (annotation is float and type(value) is int):
        return None
    if type(value) is int and annotation is int:
        return f"an int from {INT_LOW} to {INT_HIGH}"
    if isinstance(members := getattr(annotation, "__members__", None), Iterable):
        return f"a {annotation.__name__}: one of " + ", ".join(repr(m.value) for m in annotation if members)
    fields = getattr(annotation, "__struct_fields__", ())
    return f"of type {name_of(annotation)}" + (f" with {listed(fields)}" if fields else "")


def _superfluous(system: System, element: str, part: Part, needs: dict[str, Need], name: str, value: Any) -> str:
    kind = "setting"
    if isinstance(value, str):
        kind = "capability" if value in system.servers else "device" if value in system.devices else kind
    has = f"{getattr(part.cls, '__name__', '')} needs {', '.join(map(str, needs.values())) or 'nothing'}"
    near = nearest(name, (*needs, *TABLES))
    hint = f" (did you mean {near!r}?)" if near else ""
    return f"{element} has no {kind} {name!r}{hint}; {has}"


def _missing(system: System, element: str, cls: type, need: Need) -> str:
    what = f"{element} is missing the {need.kind} {need.name!r} ({cls.__name__} needs {need})"
    if need.kind == "capability":
        return what + _would_do(_fitting(system, need), need.type.__name__)
    if need.kind == "device":
        return f'{what}; name a device of kind "{need.type.kind}"'
    return f"{what}; it has no default"


def _fitting(system: System, need: Need | None) -> list[str]:
    """The servers that a capability could lead to."""
    return [
        name
        for name, server in system.servers.items()
        if need is None or (isinstance(server.cls, type) and compatible(need.type, interface_of(server.cls)))
    ]


def _would_do(fitting: list[str], wanted: str) -> str:
    if not fitting:
        return f"; no server here exports {wanted}"
    return f"; {listed(fitting)} would do"


def _check_command(system: System, place: Place, element: str, app: Program) -> None:
    if not app.command:
        raise place.refuse(element, f"{element} has neither class nor command; add one")
    for name in (*app.settings, *app.devices):
        raise place.refuse(
            f"{element}.{name}", f"{element} is a command and has no setting {name!r}; it may have capabilities"
        )
    for slot, server in app.capabilities.items():
        _check_capability(system, place, f"{element}.{slot}", None, server)
    if "{run}" not in app.command[0] and shutil.which(app.command[0]) is None:
        raise place.refuse(f"{element}.command", f"{element}.command: there is no program {shown(app.command[0])}")


def _check_tables(place: Place, element: str, part: Part) -> None:
    for table, keys in TABLES.items():
        known = {key.name: key for key in keys}
        for name, value in getattr(part, table).items():
            at = f"{element}.{table}.{name}"
            if name not in known:
                hint = did_you_mean(
                    name, known, f"; there are {listed(known)}" if len(known) > 1 else f"; there is {listed(known)}"
                )
                raise place.refuse(at, f"{element}.{table} has an unknown key {name!r}{hint}")
            if wrong := why_not(known[name], value):
                raise place.refuse(at, f"{at} is {shown(value)}; it must be {wrong}")
