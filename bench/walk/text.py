"""A walk as text: lanes side by side, time downwards, at most 80 columns for up to five lanes.

A row takes the time at its right (a direct call takes none of its own), and all rows take the total.  A row with
an arrow is a leg; the row below it is what its receiver does until the next leg begins, with what happened in each
lane up to then.
"""

from collections.abc import Sequence

from bench.walk.model import Lane, Leg, Mark, Walk

WIDTH = 80
LETTERS = {"kernel visit": "v", "wake-up": "w", "copy": "c"}
LEGEND = "c copy   w wake-up   v kernel visit   ──> message across a border   ╌╌> direct call"
_NOTE = 21  # columns of what is said of a row, at its right
_TIMES = 9  # columns of each of the two times


def us(nanoseconds: float) -> str:
    """Nanoseconds as microseconds for people: three figures, no more than one decimal."""
    value = nanoseconds / 1000
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}".replace(",", " ")


def text(walk: Walk) -> str:
    """The chart of one walk."""
    width = max(8, min(16, (WIDTH - 2 * _TIMES - _NOTE) // max(1, len(walk.lanes))))
    lines = [*_title(walk), ""]
    lines += _heads(walk.lanes, width)
    at, rows = 0, _Rows(walk, width)
    for leg in walk.legs:
        lines.append(rows.lane(leg.source, at, leg.start))
        lines.append(rows.arrow(leg))
        at = max(at, leg.end)
    lines.append(rows.lane(walk.legs[-1].target if walk.legs else 0, at, walk.total))
    lines.append(f"{us(walk.total):>{_TIMES}} {' ' * (width * len(walk.lanes))}{us(walk.total):>{_TIMES}}  in all")
    return "\n".join(line.rstrip() for line in lines)


def _title(walk: Walk) -> list[str]:
    """The call, the architecture and the time; on two lines if that is too much for one."""
    chosen = f", the median of {walk.walked} in a row" if walk.walked > 1 else "" if walk.warm else ", made once"
    call = walk.call if len(walk.call) < WIDTH else f"{walk.call[: WIDTH - 4]} ..."
    rest = f"as {walk.architecture}: {us(walk.total)} us{chosen}"
    return [f"{call} {rest}"] if len(call) + len(rest) < WIDTH else [call, rest]


def _heads(lanes: Sequence[Lane], width: int) -> list[str]:
    """Names of the lanes, and below them the domains, joined where several lanes share one."""
    names = "".join(lane.name[: width - 1].ljust(width) for lane in lanes)
    lines = [f"{'at us':>{_TIMES}} {names}{'takes us':>{_TIMES}}"]
    bars, number = "", 0
    while number < len(lanes):
        same = number
        while same < len(lanes) and lanes[same].domain == lanes[number].domain:
            same += 1
        room = width * (same - number) - 1
        said = lanes[number].domain if same - number > 1 or lanes[number].domain != lanes[number].name else ""
        bars += f"└{said[: room - 2]:─<{room - 2}}┘".ljust(room + 1)
        number = same
    return [*lines, f"{' ' * _TIMES} {bars}"]


class _Rows:
    """The rows of one walk."""

    def __init__(self, walk: Walk, width: int) -> None:
        self.walk, self.width = walk, width
        self._marks = list(walk.marks)

    @staticmethod
    def _line(at: int, cells: str, takes: int | None, note: str) -> str:
        return f"{us(at):>{_TIMES}} {cells}{'' if takes is None else us(takes):>{_TIMES}}  {note}"

    def lane(self, acting: int, start: int, end: int) -> str:
        """What one lane does between two legs, and what has happened up to its end."""
        seen: dict[int, str] = {}
        while self._marks and self._marks[0].at <= end:
            mark: Mark = self._marks.pop(0)
            seen[mark.lane] = seen.get(mark.lane, "") + LETTERS[mark.kind]
        cells = ""
        for number in range(len(self.walk.lanes)):
            line = "┃" if number == acting else "│"
            cells += (line + seen.get(number, "")[: self.width - 2]).ljust(self.width)
        return self._line(start, cells, max(0, end - start), f"in {self.walk.lanes[acting].name}")

    def arrow(self, leg: Leg) -> str:
        """A leg: its arrow, how long it takes, what it is."""
        low, high = sorted((leg.source, leg.target))
        dash = "╌" if leg.direct else "─"
        room = self.width * (high - low) - 1
        shaft = dash * (room - 1) + ">" if leg.target > leg.source else "<" + dash * (room - 1)
        cells = ("│".ljust(self.width)) * low + "│" + shaft + "│".ljust(self.width)
        cells += ("│".ljust(self.width)) * (len(self.walk.lanes) - high - 1)
        note = leg.what if leg.direct else f"{leg.what}, {leg.size} B"
        takes = None if leg.direct else leg.end - leg.start
        return self._line(leg.start, cells, takes, _short(note, leg))


def _short(note: str, leg: Leg) -> str:
    """What is said of a leg, without the interface if there is no room for it."""
    if leg.kind == "return":
        return "returns"
    return note if len(note) <= _NOTE - 2 else note.partition(".")[2] or note


def table(walks: Sequence[Walk]) -> str:
    """The counts of several walks, side by side."""
    rows: list[tuple[str, list[str]]] = [
        ("border crossings", [_number(w.counts.crossings) for w in walks]),
        ("visits of the kernel", [_number(w.counts.kernel_visits) for w in walks]),
        ("messages", [_number(w.counts.messages) for w in walks]),
        ("copies", [_number(w.counts.copies) for w in walks]),
        ("bytes copied", [_number(w.counts.bytes_copied) for w in walks]),
        ("direct calls", [_number(w.counts.direct_calls) for w in walks]),
        ("wake-ups of who serves", [_number(w.counts.wake_ups) for w in walks]),
        ("of all threads, for one", [f"{w.all_wake_ups:.1f}" if w.timed[0] > 1 and w.warm else "-" for w in walks]),
        ("walked, us", [us(w.total) for w in walks]),
        ("nobody writing, us", [us(w.timed[0]) for w in walks]),
    ]
    return lay_out("", [w.architecture for w in walks], rows)


def _number(value: int) -> str:
    return f"{value:,}".replace(",", " ")


def lay_out(corner: str, heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A table: a column of names, and columns of numbers to the right."""
    first = max(len(corner), *(len(name) for name, _ in rows))
    widths = [max(len(head), *(len(cells[i]) for _, cells in rows)) for i, head in enumerate(heads)]
    lines = [corner.ljust(first) + "".join(f"  {head:>{width}}" for head, width in zip(heads, widths, strict=True))]
    lines.append("-" * len(lines[0]))
    for name, cells in rows:
        lines.append(name.ljust(first) + "".join(f"  {c:>{w}}" for c, w in zip(cells, widths, strict=True)))
    return "\n".join(line.rstrip() for line in lines)
