"""Walks as one SVG: the charts below each other, readable on light and dark, without a library.

Rows are as in the text (text.py): of equal height, so that what is short can be read; the times are written beside
them.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from bench.walk.model import Leg, Mark, Walk
from bench.walk.text import us

LANE, ROW, LEFT, RIGHT, TOP, GAP = 150, 30, 90, 250, 70, 40  # pixels
_STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600; font-size: 15px }
    .small { font-size: 11px; fill: #6e7781 }
    .end { text-anchor: end } .middle { text-anchor: middle }
    .lane { stroke: #8c959f; stroke-width: 1 }
    .leg { stroke: #0969da; stroke-width: 1.6; fill: none }
    .direct { stroke-dasharray: 4 3 }
    .head { fill: #0969da }
    .busy { fill: #54aeff; fill-opacity: .45; stroke: #0969da }
    .border { fill: none; stroke: #8c959f; stroke-dasharray: 2 3 }
    .copy { fill: #bf8700 } .wake-up { fill: #cf222e } .kernel-visit { fill: #8250df }
    @media (prefers-color-scheme: dark) {
      text { fill: #d0d7de } .small { fill: #8c959f } .leg { stroke: #54aeff } .head { fill: #54aeff }
    }"""
_MARKS = ("copy", "wake-up", "kernel visit")


def svg(walks: Sequence[Walk]) -> str:
    """All charts as a document."""
    top, parts, width = 16, [], 0
    for walk in walks:
        chart = _Chart(walk, top)
        parts += chart.draw()
        top, width = chart.bottom + GAP, max(width, chart.width)
    parts += _legend(top)
    size = f'width="{width}" height="{top + 24}" viewBox="0 0 {width} {top + 24}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    title = f"<title>{escape(_title(walks))}</title>"
    return "\n".join([head, title, f"<style>{_STYLE}\n</style>", *parts, "</svg>"]) + "\n"


def _title(walks: Sequence[Walk]) -> str:
    return f"{walks[0].call} as {', '.join(walk.architecture for walk in walks)}" if walks else "no walk"


def _legend(y: int) -> list[str]:
    parts, x = [], LEFT
    for kind in _MARKS:
        parts += [_dot(kind, x, y), _text(x + 10, y + 4, kind, "small")]
        x += 110
    return parts


def _dot(kind: str, x: float, y: float) -> str:
    return f'<circle class="{kind.replace(" ", "-")}" cx="{x:g}" cy="{y:g}" r="4"><title>{kind}</title></circle>'


def _text(x: float, y: float, said: str, style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text{named} x="{x:g}" y="{y:g}">{escape(said)}</text>'


class _Chart:
    """One walk, from `top` down."""

    def __init__(self, walk: Walk, top: int) -> None:
        self.walk, self.top = walk, top
        self.width = LEFT + LANE * len(walk.lanes) + RIGHT
        self.first = top + TOP
        self.bottom = self.first + ROW * (2 * len(walk.legs) + 1)
        self._marks = list(walk.marks)

    def _x(self, lane: int) -> float:
        return LEFT + LANE * (lane + 0.5)

    def draw(self) -> list[str]:
        """Its elements, what lies below first."""
        walk = self.walk
        parts = [_text(LEFT, self.top + 6, f"{walk.call} as {walk.architecture}: {us(walk.total)} us", "title")]
        parts += self._heads()
        at, y = 0, self.first
        for leg in walk.legs:
            parts += self._busy(leg.source, at, leg.start, y)
            parts += self._leg(leg, y + ROW)
            at, y = max(at, leg.end), y + 2 * ROW
        return parts + self._busy(walk.legs[-1].target if walk.legs else 0, at, walk.total, y)

    def _heads(self) -> list[str]:
        """Lanes with their names, and the borders of the domains round them."""
        parts = []
        for number, lane in enumerate(self.walk.lanes):
            x = self._x(number)
            parts.append(f'<line class="lane" x1="{x:g}" y1="{self.first - 8}" x2="{x:g}" y2="{self.bottom}"/>')
            parts.append(_text(x, self.first - 16, lane.name, "middle"))
        for domain in dict.fromkeys(lane.domain for lane in self.walk.lanes):
            inside = [number for number, lane in enumerate(self.walk.lanes) if lane.domain == domain]
            x, width = self._x(inside[0]) - LANE / 2 + 6, LANE * (inside[-1] - inside[0] + 1) - 12
            height = self.bottom - self.first + 36
            parts.append(
                f'<rect class="border" x="{x:g}" y="{self.first - 32}" width="{width:g}" height="{height}" rx="6"/>'
            )
            parts.append(_text(x + 6, self.first - 36, domain, "small"))
        return parts

    def _busy(self, lane: int, start: int, end: int, y: int) -> list[str]:
        """What a lane does between two legs, and the marks of all lanes up to its end."""
        x = self._x(lane)
        parts = [f'<rect class="busy" x="{x - 5:g}" y="{y}" width="10" height="{ROW}"/>']
        parts.append(_text(LEFT - 10, y + 19, us(start), "small end"))
        right = LEFT + LANE * len(self.walk.lanes)
        parts.append(_text(right + 60, y + 19, us(max(0, end - start)), "end"))
        parts.append(_text(right + 72, y + 19, f"in {self.walk.lanes[lane].name}", "small"))
        seen: dict[int, int] = {}
        while self._marks and self._marks[0].at <= end:
            mark: Mark = self._marks.pop(0)
            seen[mark.lane] = seen.get(mark.lane, 0) + 1
            parts.append(_dot(mark.kind, self._x(mark.lane) + 4 + 11 * seen[mark.lane], y + ROW / 2))
        return parts

    def _leg(self, leg: Leg, y: int) -> list[str]:
        """A slanted arrow, how long it takes, what it is."""
        step = 6 if leg.target > leg.source else -6
        x1, x2, y1, y2 = self._x(leg.source), self._x(leg.target), y + 4, y + ROW - 4
        style = "leg direct" if leg.direct else "leg"
        end = x2 - step
        parts = [f'<path class="{style}" d="M{x1:g} {y1} L{end:g} {y2}"/>']
        parts.append(f'<path class="head" d="M{x2:g} {y2} l{-2 * step} -4 l0 8 z"/>')
        right = LEFT + LANE * len(self.walk.lanes)
        parts.append(_text(LEFT - 10, y + 19, us(leg.start), "small end"))
        if not leg.direct:
            parts.append(_text(right + 60, y + 19, us(leg.end - leg.start), "end"))
        note = "returns" if leg.kind == "return" else leg.what if leg.direct else f"{leg.what}, {leg.size} bytes"
        parts.append(_text(right + 72, y + 19, note, "small"))
        return parts
