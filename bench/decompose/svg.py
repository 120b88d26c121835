"""The lines of the dial as SVG, readable on light and dark, without a library: one panel for each work."""

from typing import Any
from xml.sax.saxutils import escape

from bench.decompose.dial import ARCHITECTURES, WORKS
from bench.decompose.plot import line, points
from bench.decompose.words import TITLES, finely, number, unit
from bench.table import Numbers

WIDTH, HEIGHT, LEFT, TOP, GAP = 420, 300, 70, 40, 90  # pixels of a panel, and round it
TICKS = 4
_STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600; font-size: 15px } .small { font-size: 11px; fill: #6e7781 }
    .end { text-anchor: end } .middle { text-anchor: middle }
    .axis { stroke: #8c959f; stroke-width: 1 } .grid { stroke: #8c959f; stroke-opacity: .25 }
    .mach { stroke: #cf222e; fill: #cf222e } .l4 { stroke: #0969da; fill: #0969da }
    text.mach, text.l4 { stroke: none }
    @media (prefers-color-scheme: dark) {
      text { fill: #d0d7de } .small { fill: #8c959f }
      .mach { stroke: #ff7b72; fill: #ff7b72 } .l4 { stroke: #54aeff; fill: #54aeff }
    }"""


def svg(document: dict[str, Any]) -> str:
    """All panels as a document."""
    numbers, parts = Numbers(document["records"]), list[str]()
    for column, work in enumerate(WORKS):
        parts += _panel(numbers, work, LEFT + column * (WIDTH + GAP))
    width, height = LEFT + len(WORKS) * (WIDTH + GAP) - GAP + 30, TOP + HEIGHT + 90
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    title = f"{document['about']['system']}: time against the cost of a crossing"
    opening = f'{head} viewBox="0 0 {width} {height}" role="img">\n<title>{escape(title)}</title>'
    return "\n".join([opening, f"<style>{_STYLE}\n</style>", *parts, "</svg>"]) + "\n"


def _panel(numbers: Numbers, work: str, left: float) -> list[str]:
    measured = {name: points(numbers, name, work) for name in ARCHITECTURES}
    right = max(max(some) for some in measured.values())
    top = max(max(some.values()) for some in measured.values()) * 1.05

    def place(hop: float, time: float) -> tuple[float, float]:
        return left + hop / right * WIDTH, TOP + HEIGHT - time / top * HEIGHT

    word, per = unit(work)
    parts = [_text(left, TOP - 16, f"{TITLES[work]}, {word}", "title")]
    for tick in range(TICKS + 1):
        x, y = place(right * tick / TICKS, top * tick / TICKS)
        style = "grid" if tick else "axis"
        parts.append(f'<path class="{style}" d="M{left:g} {y:.1f} h{WIDTH} M{x:.1f} {TOP} v{HEIGHT}"/>')
        parts.append(_text(left - 8, y + 4, number(top * tick / TICKS / per), "small end"))
        parts.append(_text(x, TOP + HEIGHT + 16, f"{right * tick / TICKS:g}", "small middle"))
    parts.append(_text(left + WIDTH / 2, TOP + HEIGHT + 32, "microseconds for each crossing", "small middle"))
    for row, name in enumerate(ARCHITECTURES):
        start, slope = line(numbers, name, work)
        (x1, y1), (x2, y2) = place(0, start), place(right, start + slope * right)
        parts.append(f'<path class="{name}" d="M{x1:.1f} {y1:.1f} L{x2:.1f} {y2:.1f}"/>')
        for hop, time in measured[name].items():
            x, y = place(hop, time)
            parts.append(f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
        parts.append(_text(left, TOP + HEIGHT + 54 + 18 * row, _said(numbers, name, work), name))
    return parts


def _said(numbers: Numbers, name: str, work: str) -> str:
    slope = numbers.record(name, "dial_slope", operation=work)
    counted = slope["conditions"]["counted"] if slope else "-"
    return f"{name}: {finely(slope) if slope else '-'} crossings by the slope, {counted} counted"


def _text(x: float, y: float, said: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(said)}</text>'
