"""`microlith stop`: an orderly end, waited for."""

import time
from pathlib import Path

import click

from microlith.command import output
from microlith.command.remote import NONE, Failed, Lost, Remote, Silent, exits, machine_option
from microlith.interface.status import UsageError

PATIENCE_S = 25.0  # the launcher kills what does not end in order within 20 s
ANSWER_S = 3.0  # a launcher answers at once, whatever its machine is doing
LOOK_S = 0.01

EPILOG = exits("a launcher does not answer; the other machines were stopped")


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
    silent = [words for folder in folders if (words := _ask(folder))]
    asked = [folder for folder in folders if folder.name not in dict(silent)]
    for folder in asked:
        _await(folder)
        if not as_json:
            output.data(f"{folder.name}: stopped")
    if as_json:
        output.as_json({"stopped": [folder.name for folder in asked]})
    if silent:
        raise Failed("; ".join(words for _, words in silent))


def _ask(folder: Path) -> tuple[str, str] | None:
    """Ask for the end.  The machine's name and a sentence if its launcher does not answer."""
    try:
        with Remote(folder, ANSWER_S) as remote:
            remote.ask("stop")
    except Silent as silent:
        return folder.name, silent.message
    except (Lost, UsageError):
        if folder.exists():
            raise
    return None


def _await(folder: Path) -> None:
    """A machine is gone with its run directory; a launcher that dies over it leaves that behind."""
    from microlith.launch import rundir

    limit = time.monotonic() + PATIENCE_S
    while folder.exists() and folder in rundir.running():
        if time.monotonic() > limit:
            raise Lost(f"machine {folder.name} did not end within {PATIENCE_S:g} s; its launcher is stopped or busy")
        time.sleep(LOOK_S)
