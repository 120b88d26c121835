"""The JSON Schema of system files (draft 2020-12), so that editors complete and check them.

It says what holds for every system file; what depends on a class (its capabilities and settings) is
check's business.  The reserved tables come from tables.py, so the two cannot differ.
"""

from typing import Any

from microlith.system.check import NAME
from microlith.system.check_devices import KINDS
from microlith.system.classes import DOTTED
from microlith.system.convert import SIZE
from microlith.system.tables import MEANINGS, MODES, PLACEMENTS, STARTS, TABLES, Key

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def schema() -> Schema:
    """The schema as plain data, ready for json.dumps."""
    return {
        "$schema": DIALECT,
        "$id": "https://microlith.invalid/system.schema.json",
        "title": "Microlith system file",
        "description": "Servers, apps and devices, and who may call whom.",
        "type": "object",
        "additionalProperties": False,
        "required": ["servers"],
        "properties": {
            "servers": {**_named(_server(), "The servers, by name."), "minProperties": 1},
            "apps": _named(_app(), "The programs, by name."),
            "devices": _named(_device(), "The devices of the host, by name."),
            "plan": _plan(),
        },
    }


def _named(entry: Schema, description: str) -> Schema:
    """A table of entries by name; names mean the same in plans, logs and at the command line."""
    return {
        "description": description,
        "type": "object",
        "propertyNames": {"pattern": f"^{NAME.pattern}$", "not": {"enum": ["operator", "kernel"]}},
        "additionalProperties": entry,
    }


def _server() -> Schema:
    return {
        "description": "A server. Other keys are its class's capabilities (the name of a server),"
        " devices (the name of a device) and settings (a value).",
        "type": "object",
        "required": ["class"],
        "properties": {
            "class": _class("Server"),
            "command": False,
            **_reserved("confine", "quota", "restart", "start"),
        },
    }


def _app() -> Schema:
    command = {
        "description": "A foreign program and its arguments, instead of a class.",
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "minLength": 1},
    }
    start = {
        "description": "boot: started with the system; demand: started when somebody asks for it.",
        "enum": list(STARTS),
        "default": "boot",
    }
    return {
        "description": "A program. Other keys are its class's capabilities, devices and settings;"
        " with a command, capabilities only.",
        "type": "object",
        "oneOf": [{"required": ["class"]}, {"required": ["command"]}],
        "properties": {
            "class": _class("App"),
            "command": command,
            "start": start,
            **_reserved("confine", "quota", "restart"),
        },
    }


def _class(base: str) -> Schema:
    return {
        "description": f'A subclass of {base}, as "package.module:Class"; a module beside the file is found.',
        "type": "string",
        "pattern": f"^{DOTTED.pattern}$",
    }


def _device() -> Schema:
    size = {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^({SIZE.pattern})$"}]}
    create = {"properties": {"mode": {"const": "create"}}, "required": ["mode"]}
    return {
        "description": "A device of the host, opened by the launcher for one driver.",
        "type": "object",
        "required": ["kind"],
        "additionalProperties": False,
        "properties": {
            "kind": {"description": "What it is; a driver's class says which kind it needs.", "enum": list(KINDS)},
            "path": {
                "description": "Relative to this file; ~ and environment variables are expanded, and {run} is the"
                " run directory of each boot. A terminal without a path is the launcher's own.",
                "type": "string",
            },
            "mode": {
                "description": "r: for reading; rw: for both; create: a file that is made if it is not there.",
                "enum": list(MODES),
                "default": "rw",
            },
            "size": {"description": 'Of a created file: bytes, or for example "64 MiB".', **size},
        },
        "if": create,
        "then": {"required": ["size"], "properties": {"kind": {"const": "file"}}},
        "else": {"properties": {"size": False}},
        "anyOf": [{"required": ["path"]}, {"properties": {"kind": {"const": "terminal"}}}],
    }


def _plan() -> Schema:
    return {
        "description": "The system's own grouping of servers, and its placement.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "domains": {
                "description": "Servers that share an address space, each server once.",
                "type": "array",
                "items": {"type": "array", "minItems": 1, "items": {"type": "string"}, "uniqueItems": True},
            },
            "placement": {
                "description": "same-core: all on one; spread: each on another; free: as the host likes.",
                "enum": list(PLACEMENTS),
            },
        },
    }


def _reserved(*names: str) -> Schema:
    return {
        name: {
            "description": MEANINGS[name],
            "type": "object",
            "additionalProperties": False,
            "properties": {key.name: _key(key) for key in TABLES[name]},
        }
        for name in names
    }


def _key(key: Key) -> Schema:
    found: Schema = {"description": key.meaning, "type": key.type}
    if key.choices:
        found["enum"] = list(key.choices)
    if key.type in ("integer", "number"):
        found["minimum"] = key.minimum
    if key.type == "array":
        found["items"] = {"type": "string"}
    return found
