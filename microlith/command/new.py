"""`microlith new server NAME`: a commented server, a system file for it, and a test that passes."""

import re
from pathlib import Path

import click

from microlith.command import output
from microlith.interface.status import UsageError


@click.group()
def new() -> None:
    """Write the beginning of something of your own."""


@new.command()
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="the working directory",
    help="The folder to write to.",
)
@output.json_option
def server(name: str, into: Path, as_json: bool) -> None:
    """Write NAME.py, NAME.toml and test_NAME.py.

    NAME is made of a-z, 0-9 and _, a letter first. Nothing is overwritten.
    """
    from microlith.command import skeleton

    _check_name(name)
    files = {
        into / f"{name}.py": skeleton.SERVER,
        into / f"{name}.toml": skeleton.SYSTEM,
        into / f"test_{name}.py": skeleton.TEST,
    }
    words = {"NAME": name, "CLASS": "".join(part.capitalize() for part in name.split("_"))}
    _write({path: _filled(text, words) for path, text in files.items()})
    if as_json:
        output.as_json([str(path) for path in files])
    else:
        for path in files:
            output.data(str(path))
        output.say(f"try: pytest {into / f'test_{name}.py'}, then microlith plan {into / f'{name}.toml'}")


def _check_name(name: str) -> None:
    import importlib.util
    import keyword

    from microlith.system.check import NAME, RESERVED_NAMES

    if not NAME.fullmatch(name):
        raise UsageError(f"server name {name!r} cannot be used; names are made of a-z, 0-9 and _, a letter first")
    if keyword.iskeyword(name) or name in RESERVED_NAMES:
        raise UsageError(f"server name {name!r} is reserved; take another one")
    spec = importlib.util.find_spec(name)
    if spec is not None and not Path(spec.origin or "/").is_relative_to(Path.cwd()):
        raise UsageError(f"server name {name!r} is the name of an installed Python module; take another one")


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"@(NAME|CLASS)@", lambda found: words[found[1]], text)


def _write(files: dict[Path, str]) -> None:
    """Write all of them or none."""
    for path in files:
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path} exists already; remove it, or take another name or folder")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None
