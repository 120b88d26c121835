"""`microlith stop`: an orderly end, waited for."""

import time
from pathlib import Path

import click

from microlith.command import output
from microlith.command.remote import NONE, Lost, Remote, exits, machine_option
from microlith.interface.status import UsageError

PATIENCE_S = 25.0  # the launcher kills what does not end in order within 20 s
LOOK_S = 0.01

EPILOG = exits()


@click.command(epilog=EPILOG)
@machine_option
@click.option("--all", "everything", is_flag=True, help="Every machine of yours that runs.")
@output.json_option
def stop(machine: str | None, everything: bool, as_json: bool) -> None:
    """Stop a machine in order, and wait until it is gone.

    Programs end first, then the servers from the highest rank down, so that the disk is clean.
    """
    from microlith.launch import rundir

    if machine and everything:
        raise click.UsageError("--machine and --all exclude each other")
    folders = rundir.running() if everything else [rundir.find(machine)]
    if not folders:
        output.say(NONE)
    for folder in folders:
        _ask(folder)
    for folder in folders:
        _await(folder)
        if not as_json:
            output.data(f"{folder.name}: stopped")
    if as_json:
        output.as_json({"stopped": [folder.name for folder in folders]})


def _ask(folder: Path) -> None:
    try:
        with Remote(folder) as remote:
            remote.ask("stop")
    except (Lost, UsageError):
        if folder.exists():
            raise


def _await(folder: Path) -> None:
    """A machine is gone with its run directory; a launcher that dies over it leaves that behind."""
    from microlith.launch import rundir

    limit = time.monotonic() + PATIENCE_S
    while folder.exists() and folder in rundir.running():
        if time.monotonic() > limit:
            raise Lost(f"machine {folder.name} did not end within {PATIENCE_S:g} s; its launcher is stopped or busy")
        time.sleep(LOOK_S)
