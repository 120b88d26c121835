"""System files: TOML to `System`.

    [devices.hd0]
    kind = "file"
    path = "disk.img"

    [servers.disk]
    class = "servers.filedisk:FileDisk"
    image = "hd0"                        # a device

    [servers.files]
    class = "servers.minix.files:MinixFiles"
    disk = "disk"                        # a capability: the server called disk
    cache_blocks = 256                   # a setting

`load` refuses what cannot be said as a System; `check` (check.py) refuses a System that cannot run.
Paths are relative to the file; `~` and environment variables are expanded, and a path that begins with
a variable is relative to the working directory, as the shell that set it was.  `{run}` stays: it is the
run directory of each boot.
"""

import os
import re
from pathlib import Path
from typing import Any

from microlith.interface.needs import Need
from microlith.system.classes import NoClass, find_class, offer_folder, why_not_needs
from microlith.system.convert import to_bytes, to_value
from microlith.system.document import find, read
from microlith.system.place import Place, did_you_mean, listed, shown
from microlith.system.system import HostDevice, Part, Program, System
from microlith.system.tables import STARTS, TABLES

TOP = ("servers", "devices", "apps", "plan")
DEVICE_KEYS = ("kind", "path", "mode", "size")
PLAN_KEYS = ("domains", "placement")
_FIELD = {"capability": "capabilities", "setting": "settings", "device": "devices"}


def load(path_or_name: str | Path) -> System:
    """The system in a file, or the ready system of that name.  UsageError says what is wrong and where."""
    path = find(path_or_name)
    document, place = read(path)
    offer_folder(str(path))
    for name, value in document.items():
        if name not in TOP:
            there_are = f"; there are {listed(f'[{t}]' for t in TOP)}"
            if not isinstance(value, dict):
                raise place.refuse(name, f"{name!r} stands outside of any table{there_are}")
            raise place.refuse(name, f"unknown table [{name}]{did_you_mean(name, TOP, there_are)}")
    devices = {n: _device(place, n, t) for n, t in _tables(place, "devices", document.get("devices", {})).items()}
    servers = {n: _server(place, n, t) for n, t in _tables(place, "servers", document.get("servers", {})).items()}
    apps = {n: _app(place, n, t) for n, t in _tables(place, "apps", document.get("apps", {})).items()}
    domains, placement = _plan(place, document.get("plan", {}))
    return System(path.stem, servers, apps, devices, domains, placement, str(path), place.lines)


def _tables(place: Place, kind: str, value: Any) -> dict[str, dict[str, Any]]:
    """A table of tables, such as [servers.*]."""
    if not isinstance(value, dict):
        raise place.refuse(kind, f"{kind} is {_what(value)}, not a table; write [{kind}.NAME]")
    for name, table in value.items():
        if not isinstance(table, dict):
            raise place.refuse(
                f"{kind}.{name}", f"{kind}.{name} is {_what(table)}, not a table; write [{kind}.NAME] above it"
            )
    return value


def _server(place: Place, name: str, table: dict[str, Any]) -> Part:
    element = f"servers.{name}"
    if "class" not in table:
        raise place.refuse(element, f'{element} has no class; add class = "package.module:Class"')
    if "command" in table:
        raise place.refuse(f"{element}.command", f"{element} has a command; only apps may have one")
    cls = _class(place, element, table["class"])
    return Part(name=name, cls=cls, line=place.line(element), **_given(place, element, cls, table))


def _class(place: Place, element: str, dotted: Any) -> type:
    try:
        return find_class(dotted, place.source)
    except NoClass as error:
        raise place.refuse(f"{element}.class", f"{element}.class: {error}") from None


def _app(place: Place, name: str, table: dict[str, Any]) -> Program:
    element = f"apps.{name}"
    start = table.get("start", "boot")
    if start not in STARTS:
        raise place.refuse(f"{element}.start", f'{element}.start is {shown(start)}; write "boot" or "demand"')
    table = {key: value for key, value in table.items() if key != "start"}
    if ("class" in table) == ("command" in table):
        wrong = "both a class and a command; keep one" if "class" in table else "neither class nor command; add one"
        raise place.refuse(element, f"{element} has {wrong}")
    cls = _class(place, element, table["class"]) if "class" in table else None
    command = _command(place, element, table["command"]) if "command" in table else ()
    given = _given(place, element, cls, table)
    return Program(name=name, cls=cls, line=place.line(element), command=command, on_boot=start == "boot", **given)


def _given(place: Place, element: str, cls: type | None, table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Sort a table into the reserved sub-tables, capabilities, settings and devices of a Part."""
    needs: dict[str, Need] = {}
    if cls is not None:
        needs, wrong = why_not_needs(cls)
        if wrong:
            raise place.refuse(f"{element}.class", f"{element}.class: {wrong}")
    given: dict[str, dict[str, Any]] = {}
    for key, value in table.items():
        if key in TABLES:
            if not isinstance(value, dict):
                hint = f"write {key}.{TABLES[key][0].name} = ..., or a table [{element}.{key}]"
                raise place.refuse(f"{element}.{key}", f"{element}.{key} is {_what(value)}, not a table; {hint}")
            given[key] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        elif key not in ("class", "command"):
            need = needs.get(key)
            into = _FIELD[need.kind] if need else ("settings" if cls else "capabilities")
            wanted = need.type if need else None
            given.setdefault(into, {})[key] = to_value(value, wanted) if into == "settings" else value
    return given


def _command(place: Place, element: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise place.refuse(
            f"{element}.command",
            f'{element}.command is {shown(value)}; write a list of words such as ["python3", "watch.py"]',
        )
    first, *rest = value
    return (_path(place, f"{element}.command", first) if "/" in first else first, *rest)


def _device(place: Place, name: str, table: dict[str, Any]) -> HostDevice:
    element = f"devices.{name}"
    for key in table:
        if key not in DEVICE_KEYS:
            hint = did_you_mean(key, DEVICE_KEYS, f"; a device has {listed(DEVICE_KEYS)}")
            raise place.refuse(f"{element}.{key}", f"{element} has an unknown key {key!r}{hint}")
    if "kind" not in table:
        raise place.refuse(element, f'{element} has no kind; add for example kind = "file"')
    for key in ("kind", "path", "mode"):
        if not isinstance(table.get(key, ""), str):
            raise place.refuse(f"{element}.{key}", f"{element}.{key} is {_what(table[key])}; it must be a string")
    path = _path(place, f"{element}.path", table["path"]) if table.get("path") else ""
    size = to_bytes(table.get("size", 0))
    return HostDevice(name, table["kind"], path, table.get("mode", "rw"), size, place.line(element))


def _path(place: Place, element: str, text: str) -> str:
    """An absolute path; only `{run}` is left in it."""
    for placeholder in re.findall(r"(?<!\$)\{(\w+)\}", text):
        if placeholder != "run":
            raise place.refuse(element, f"{element} has the placeholder {{{placeholder}}}; the only one is {{run}}")
    path = os.path.expandvars(text)
    if unset := re.search(r"\$(\w+|\{\w+\})", path):
        name = unset[1].strip("{}")
        raise place.refuse(element, f"{element} names the environment variable {name}, which is not set")
    try:
        found = Path(path).expanduser()
    except RuntimeError:
        raise place.refuse(element, f"{element} is {path!r}, and there is no such home directory") from None
    if "{run}" in path[1:]:
        raise place.refuse(element, f"{element} has {{run}} inside; it is a whole folder and can only come first")
    if path.startswith("{run}"):
        return path
    return str((Path() if text.startswith("$") else Path(place.source).parent).absolute() / found)


def _plan(place: Place, table: Any) -> tuple[tuple[tuple[str, ...], ...] | None, str | None]:
    if not isinstance(table, dict):
        raise place.refuse("plan", f"plan is {_what(table)}, not a table; write [plan]")
    for key in table:
        if key not in PLAN_KEYS:
            hint = did_you_mean(key, PLAN_KEYS, f"; it has {listed(PLAN_KEYS)}")
            raise place.refuse(f"plan.{key}", f"[plan] has an unknown key {key!r}{hint}")
    domains = table.get("domains")
    if domains is None:
        return None, table.get("placement")
    if not isinstance(domains, list) or not all(_is_names(domain) for domain in domains):
        raise place.refuse(
            "plan.domains",
            f'plan.domains is {shown(domains)}; write a list of lists of servers such as [["disk", "files"], ["log"]]',
        )
    return tuple(tuple(domain) for domain in domains), table.get("placement")


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _what(value: Any) -> str:
    """What a TOML value is, in words."""
    words = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return words.get(type(value), "a date")
