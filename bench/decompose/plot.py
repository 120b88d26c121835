"""Times against the cost of a hop, as a plot of characters: `m` and `l` are measured, `.` is the line."""

from bench.decompose.dial import ARCHITECTURES
from bench.decompose.words import TITLES, number, unit
from bench.table import Numbers

WIDTH, HEIGHT, LEFT = 61, 13, 10
WORK = "create_write_sync"


def points(numbers: Numbers, architecture: str, work: str) -> dict[float, float]:
    """Hop -> microseconds, as measured."""
    found = (r for r in numbers.records if r["architecture"] == architecture and r["metric"] == "dialled")
    return {r["conditions"]["hop_us"]: r["value"] for r in found if r["conditions"]["operation"] == work}


def line(numbers: Numbers, architecture: str, work: str) -> tuple[float, float]:
    """Start and slope."""
    found = (numbers.value(architecture, metric, operation=work) for metric in ("dial_start", "dial_slope"))
    start, slope = (value or 0.0 for value in found)
    return start, slope


def plot(numbers: Numbers, work: str = WORK) -> str:
    """The lines of both architectures, with axes."""
    measured = {name: points(numbers, name, work) for name in ARCHITECTURES}
    right = max(max(some) for some in measured.values())
    top = max(max(some.values()) for some in measured.values())
    rows = [[" "] * WIDTH for _ in range(HEIGHT)]

    def put(hop: float, time: float, mark: str) -> None:
        row = HEIGHT - 1 - round(time / top * (HEIGHT - 1))
        if 0 <= row < HEIGHT:
            rows[row][round(hop / right * (WIDTH - 1))] = mark

    for name in ARCHITECTURES:
        start, slope = line(numbers, name, work)
        for column in range(0, WIDTH, 2):
            hop = right * column / (WIDTH - 1)
            put(hop, start + slope * hop, ".")
    for name, some in measured.items():
        for hop, time in some.items():
            put(hop, time, name[0])
    word, per = unit(work)
    labels = {0: number(top / per), HEIGHT - 1: "0"}
    lines = [f"{labels.get(number_, ''):>{LEFT - 2}} |{''.join(row)}".rstrip() for number_, row in enumerate(rows)]
    axis = f"{'':>{LEFT - 2}} +{'-' * WIDTH}"
    ends = f"{'':>{LEFT}}0{'h, microseconds':^{WIDTH - 4}}{right:g}"
    marks = ", ".join(f"{name[0]} {name}" for name in ARCHITECTURES)
    return "\n".join([f"  {TITLES[work]}, {word} ({marks}, . the line)", *lines, axis, ends])
