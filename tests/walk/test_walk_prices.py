"""Published prices: the shipped table, files of one's own, predictions."""

import pytest

from bench.walk import prices
from microlith.interface.status import UsageError
from tests.walk.test_walk_build import walked

OWN = """
[[kernel]]
name = "mine"
copies = 2
trap = {{ ns = 100, standing = "published", source = "a paper" }}
ipc = {{ cycles = 600, ghz = 2.0, standing = "published", source = "a paper" }}
copy = {{ ns = 0.5, standing = "{standing}", source = "a paper", how = "a guess" }}
"""


@pytest.fixture
def own(tmp_path):
    def write(text=OWN, standing="published"):
        path = tmp_path / "prices.toml"
        path.write_text(text.format(standing=standing))
        return str(path)

    return write


def test_load_of_the_shipped_table_gives_every_figure_a_source():
    kernels = prices.load(None)
    assert len({kernel.name for kernel in kernels}) == len(kernels) > 8
    for kernel in kernels:
        assert kernel.machine
        assert kernel.trap or kernel.ipc
        for name, figure in prices.figures(kernel):
            assert figure.source or figure.standing == "estimated", (kernel.name, name)
            assert 0 < figure.nanoseconds < 1e6


def test_shipped_prices_of_known_sources():
    by_name = {kernel.name: kernel for kernel in prices.load(None)}
    assert by_name["L4, Pentium (1997)"].ipc.nanoseconds == pytest.approx(121 / 0.166)
    assert by_name["Linux, no isolation"].trap.nanoseconds == pytest.approx(146 / 2.2)


def test_predicted_is_counts_times_prices(own):
    (kernel,) = prices.load(own())
    assert prices.predicted(walked("MONOLITH"), kernel) == pytest.approx(100 + (8 + 4096) * 2 * 0.5)
    assert prices.predicted(walked("MACH"), kernel) == pytest.approx(2 * 300 + (8 + 102) * 2 * 0.5)
    assert prices.predicted(walked("LIBRARY"), kernel) == 0


def test_predicted_without_a_price_that_is_needed_is_none(own):
    (kernel,) = prices.load(own('[[kernel]]\nname = "m"\nipc = {{ ns = 1, standing = "published", source = "p" }}'))
    assert prices.predicted(walked("MONOLITH"), kernel) is None
    assert "- " in prices.table([walked("MONOLITH")], [kernel])


def test_guessed_marks_what_rests_on_an_estimate(own):
    walk = walked("MONOLITH")
    assert prices.guessed(walk, prices.load(own(standing="estimated"))[0])
    assert not prices.guessed(walk, prices.load(own())[0])
    assert "*" in prices.table([walk], prices.load(own(standing="estimated"))).splitlines()[2]


def test_guessed_marks_bytes_without_a_price(own):
    text = '[[kernel]]\nname = "m"\ntrap = {{ ns = 1, standing = "published", source = "p" }}\n'
    (kernel,) = prices.load(own(text + 'ipc = {{ ns = 1, standing = "published", source = "p" }}'))
    assert prices.guessed(walked("MONOLITH"), kernel)
    assert not prices.guessed(walked("LIBRARY"), kernel)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[kernel", "not TOML"),
        ("[[kernel]]\nnames = 1", "kernel"),
        ('[[kernel]]\nname = "m"\nipc = {{ ns = 1, standing = "sure" }}', "published, derived, estimated"),
        ('[[kernel]]\nname = "m"\nipc = {{ ns = 1, standing = "published" }}', "no source"),
        ('[[kernel]]\nname = "m"\nipc = {{ ns = 1, standing = "estimated" }}', "does not say how"),
        ('[[kernel]]\nname = "m"\nipc = {{ cycles = 1, standing = "estimated", how = "h" }}', "cycles and ghz"),
    ],
)
def test_load_of_a_broken_file_is_one_sentence(own, text, words):
    with pytest.raises(UsageError, match=words) as refused:
        prices.load(own(text))
    assert "\n" not in str(refused.value)
