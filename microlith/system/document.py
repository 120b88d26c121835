"""From a path or a ready system's name to a TOML document and the lines of its elements."""

import os
import re
import stat
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from microlith.interface.status import UsageError
from microlith.system.lines import Lines
from microlith.system.place import Place, did_you_mean, listed, shown

LARGEST = 1 << 20  # bytes; a system of 5,000 servers is half of that


def ready_systems() -> dict[str, Path]:
    """The system files that are installed with the package, by name."""
    folder = Path(str(resources.files("systems")))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find(path_or_name: str | Path) -> Path:
    """The file that is meant.  A bare name is a ready system, unless only a file is called so."""
    given = str(path_or_name)
    bare = re.fullmatch(r"[\w-]+", given) is not None
    ready = ready_systems() if bare else {}
    if bare and given in ready:
        return ready[given]
    path = Path(given)
    if bare and not os.path.exists(path):
        hint = did_you_mean(given, ready, f"; there are {listed(ready)}, or give the path of a file")
        if os.path.exists(f"{given}.toml"):
            hint = f"; did you mean '{given}.toml'?"
        raise UsageError(f"no system is called {shown(given)}{hint}")
    return path


def read(path: Path) -> tuple[dict[str, Any], Place]:
    """The document in a file, and the places of its elements.  UsageError if it is no TOML file."""
    text = _text(path)
    scanned = Lines(text)
    place = Place(str(path), scanned.first)
    try:
        return tomllib.loads(text), place
    except RecursionError:
        raise place.refuse_line(0, "is nested too deeply to be a system file") from None
    except ValueError as error:  # TOMLDecodeError, and Python's limit on the digits of an int
        raise _syntax(place, scanned, text, str(error)) from None


def _text(path: Path) -> str:
    place = Place(str(path))
    try:
        if stat.S_ISFIFO(path.stat().st_mode):  # opening it could wait without an end
            raise place.refuse_line(0, "is a pipe; give the path of a system file (*.toml)")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except IsADirectoryError:
        raise place.refuse_line(0, "is a directory; give the path of a system file (*.toml)") from None
    except FileNotFoundError:
        near = did_you_mean(path.name, (p.name for p in path.parent.glob("*.toml")), "")
        raise place.refuse_line(0, f"there is no such file{near}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise place.refuse_line(0, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > LARGEST:
        raise place.refuse_line(0, f"is larger than {LARGEST >> 20} MiB; that is no system file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise place.refuse_line(line, "is not text in UTF-8; a system file is TOML") from None
    if "\0" in text:
        raise place.refuse_line(text.count("\n", 0, text.index("\0")) + 1, "holds a NUL byte; a system file is TOML")
    return text.replace("\r\n", "\n")


def _syntax(place: Place, scanned: Lines, text: str, message: str) -> UsageError:
    """What tomllib says with its line in front; a duplicate is named, with the line of the first."""
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    line = int(found[1]) if found and found[1] else text.count("\n", 0, len(text.rstrip())) + 1
    for element, again in scanned.again:
        if found and found[1] and again in (line, line - 1):
            first = scanned.first[element]
            return place.refuse_line(again, f"{element} is declared twice, first on line {first}; keep one of them")
    column = f" in column {found[2]}" if found and found[2] else ""
    said = message[: found.start()] if found else message
    if not found:
        return place.refuse_line(0, "is not a system file: a number in it has more than 4300 digits")
    return place.refuse_line(line, f"is not TOML{column or ' at its end'}: {said}")
