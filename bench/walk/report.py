"""Walks as one text for people and as one document for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from bench.walk import prices
from bench.walk.model import Walk
from bench.walk.text import LEGEND, table, text


def report(walks: Sequence[Walk], kernels: Sequence[prices.Kernel] | None) -> str:
    """The charts, the counts, and the predictions if there are prices."""
    parts = [*map(text, walks), LEGEND, table(walks), _agreement(walks)]
    if kernels is not None:
        parts.append(prices.table(walks, kernels))
    return "\n\n".join(part for part in parts if part)


def _agreement(walks: Sequence[Walk]) -> str:
    """Which counts the domains' pages confirm."""
    same = [walk.architecture for walk in walks if walk.agrees]
    return f"The domains' pages count the same as {', '.join(same)}." if same else ""


def document(system: str, walks: Sequence[Walk], kernels: Sequence[prices.Kernel] | None) -> dict[str, Any]:
    """Everything; times in nanoseconds since the call began."""
    found: dict[str, Any] = {"system": system, "walks": [msgspec.to_builtins(asdict(walk)) for walk in walks]}
    if kernels is not None:
        found["prices"] = prices.as_records(walks, kernels)
    return found
