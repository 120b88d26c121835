"""`microlith schema [CLASS]`: the JSON Schema of system files, or what a class offers and needs."""

from typing import Any

import click

from microlith.command import output
from microlith.interface.status import UsageError


@click.command()
@click.argument("which", metavar="[CLASS]", default="")
@output.json_option
def schema(which: str, as_json: bool) -> None:
    """Print the JSON Schema of system files, or an interface.

    CLASS is an interface or a server, as package.module:Class, for example
    servers.filesystem:FileSystem; its operations are printed, one a line.
    """
    if not which:
        from microlith.system.jsonschema import schema as file_schema

        output.as_json(file_schema())
        return
    interface = _interface(which)
    if as_json:
        output.as_json(_plain(interface))
    else:
        from microlith.interface.interface import schema as interface_schema

        output.data(interface_schema(interface))


def _interface(dotted: str) -> Any:
    """The interface of that name, or the one that the server of that name exports."""
    from microlith.interface.interface import Interface, interface_of
    from microlith.system.classes import NoClass, find_class, offer_folder

    here = "here.toml"  # a module in the working directory is found, as beside a system file
    offer_folder(here)
    try:
        found = interface_of(find_class(dotted, here, (Interface,)))
    except NoClass as error:
        raise UsageError(str(error)) from None
    if found is Interface:
        raise UsageError(f"{dotted} exports no interface; give an Interface, or a server that implements one")
    return found


def _plain(interface: Any) -> dict[str, Any]:
    from microlith.interface.operation import EMPTY
    from microlith.interface.values import name_of

    operations = [
        {
            "number": operation.number,
            "name": operation.name,
            "parameters": [
                {"name": p.name, "type": name_of(p.annotation)} | ({} if p.default is EMPTY else {"default": p.default})
                for p in operation.parameters
            ],
            "result": name_of(operation.result),
            "raises": [status.__name__ for status in operation.statuses],
            "marks": [mark for mark in ("idempotent", "waits", "notify") if getattr(operation, mark)],
        }
        for operation in interface.__operations__.values()
    ]
    return {"interface": interface.__name__, "operations": operations}
