"""Names, units and intervals, as a decomposition writes them."""

from typing import Any

TITLES = {
    "null_call": "null call",
    "read_4k": "read 4 KiB",
    "copy_in": "tree copy",
    "sync": "sync a file",
    "create_write_sync": "make file",
}


def unit(operation: str) -> tuple[str, float]:
    """The unit in which an operation's time is read, and how many microseconds it has."""
    return ("milliseconds", 1000.0) if operation in ("copy_in", "create_write_sync") else ("microseconds", 1.0)


def number(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:.0f}" if abs(value) >= 99.5 else f"{value:.1f}" if abs(value) >= 9.95 else f"{value:.2f}"


def interval(record: dict[str, Any] | None, per: float = 1.0) -> str:
    """`3.4 [3.1, 3.6]`, in units of `per`."""
    if record is None:
        return "-"
    return f"{number(record['value'] / per)} [{number(record['low'] / per)}, {number(record['high'] / per)}]"


def finely(record: dict[str, Any]) -> str:
    """A number of crossings that need not be whole, with a digit more, so that it can be compared with a count."""
    digits = 3 if record["value"] < 10 else 2
    return f"{record['value']:.{digits}f} [{record['low']:.{digits}f}, {record['high']:.{digits}f}]"
