"""Walks as text and as SVG."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from bench.walk.build import build
from bench.walk.model import Lane
from bench.walk.svg import svg
from bench.walk.text import table, text
from tests.walk.canned import BEGIN, LIBRARY
from tests.walk.test_walk_build import walked

MONOLITH = """\
files.open /f .read 0 4096 as monolith: 100.0 us

    at us app          files        disk          takes us
          └app-1─────┘ └kernel─────────────────┘
      0.0 ┃c           │            │                  1.0  in app
      1.0 │───────────>│            │                 30.0  File.read, 32 B
     31.0 │            ┃wcv         │                  3.0  in files
     34.0 │            │╌╌╌╌╌╌╌╌╌╌╌>│                       BlockDevice.read
     34.0 │            │            ┃                  5.0  in disk
     39.0 │            │<╌╌╌╌╌╌╌╌╌╌╌│                       returns
     39.0 │            ┃c           │                  2.0  in files
     41.0 │<───────────│            │                 21.0  reply, 4112 B
     62.0 ┃wc          │            │                 38.0  in app
    100.0                                            100.0  in all"""

MACH = """\
files.open /f .read 0 4096 as mach: 98.0 us, the median of 9 in a row

    at us app          kernel       files         takes us
          └app-1─────┘ └──────────┘ └──────────┘
      0.0 ┃c           │            │                  1.0  in app
      1.0 │───────────>│            │                 20.0  File.read, 48 B
     21.0 │            ┃wcvc        │                  4.0  in kernel
     25.0 │            │───────────>│                 21.0  File.read, 48 B
     46.0 │            │            ┃wcc               4.0  in files
     50.0 │            │<───────────│                 20.0  reply, 142 B
     70.0 │            ┃cvc         │                  5.0  in kernel
     75.0 │<───────────│            │                 21.0  reply, 142 B
     96.0 ┃wc          │            │                  2.0  in app
     98.0                                             98.0  in all"""


def test_text_of_a_monolith():
    assert text(walked("MONOLITH")) == MONOLITH


def test_text_of_mach():
    assert text(replace(walked("MACH", 98_000), walked=9)) == MACH


@pytest.mark.parametrize("kind", ["LIBRARY", "MONOLITH", "MACH", "HOSTING"])
def test_text_takes_as_long_as_the_call(kind):
    """What the rows take is the total."""
    walk = walked(kind)
    lines = text(walk).splitlines()[4:-1]
    column = text(walk).splitlines()[2].index("takes us")
    took = [line[column - 1 : column + 9].split() for line in lines]
    assert sum(float(cells[0]) for cells in took if cells) == pytest.approx(walk.total / 1000)


def test_text_of_five_lanes_fits_80_columns():
    walk = walked("MACH", 98_000)
    more = tuple(Lane(f"a-server-with-a-long-name{number}", f"domain{number}", False, True) for number in range(2))
    chart = text(replace(walk, lanes=walk.lanes + more, call="files.create /a/long/path " * 5))
    assert max(map(len, chart.splitlines())) <= 80


def test_table_has_a_column_for_each_architecture():
    lines = table([walked("MONOLITH"), walked("MACH")]).splitlines()
    assert lines[0].split() == ["monolith", "mach"]
    assert next(line.split() for line in lines if line.startswith("bytes"))[2:] == ["8", "288", "760"]


@pytest.mark.parametrize("kinds", [["LIBRARY"], ["MONOLITH", "MACH"], []])
def test_svg_is_well_formed_and_holds_every_leg(kinds):
    walks = [replace(walked(kind), call='a "<&> b"') for kind in kinds]
    root = ElementTree.fromstring(svg(walks))
    arrows = [e for e in root.iter("{http://www.w3.org/2000/svg}path") if "leg" in e.get("class").split()]
    assert len(arrows) == sum(len(walk.legs) for walk in walks)
    said = "".join(root.itertext())
    assert all(f"as {walk.architecture}" in said and walk.call in said for walk in walks)


def test_svg_of_a_call_without_legs():
    ElementTree.fromstring(svg([build("library", "f", [], LIBRARY, BEGIN, BEGIN + 500)]))
