"""Looking numbers up among records, and writing them for people."""

from typing import Any


class Numbers:
    """Records by architecture, metric and conditions."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = records

    def record(self, architecture: str, metric: str, **conditions: Any) -> dict[str, Any] | None:
        """The first record that fits, or None."""
        for record in self.records:
            found = record["architecture"] == architecture and record["metric"] == metric
            if found and all(record["conditions"].get(name) == value for name, value in conditions.items()):
                return record
        return None

    def value(self, architecture: str, metric: str, **conditions: Any) -> float | None:
        """Its value, or None."""
        found = self.record(architecture, metric, **conditions)
        return None if found is None else float(found["value"])


def shown(value: float | None) -> str:
    """A number in at most eight characters, with as many digits as mean something."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e8:
        return f"{int(value):,}".replace(",", " ") if abs(value) >= 10000 else str(int(value))
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def us(value: float | None) -> str:
    """Microseconds in at most four characters; `k` are thousands, `s` seconds."""
    if value is None:
        return "-"
    if value >= 999_500:
        return f"{value / 1e6:.0f}s"
    if value >= 9999.5:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 0.95 else f"{value:.2f}"


def ratio(value: float) -> str:
    """A factor in words: `3.4 times`."""
    return f"{value:.0f} times" if value >= 20 else f"{value:.1f} times"


def plural(count: int, what: str) -> str:
    """`1 kill`, `2 kills`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
