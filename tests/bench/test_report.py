"""The report follows from the records, and fits."""

import pytest
from canned import document

from bench.report import WIDTH, report
from bench.table import shown, us


def text(*arguments, **changes):
    """Its words, however the lines are broken."""
    return " ".join(report(document(*arguments, **changes)).split())


def section(title, **changes):
    """The lines of one section of the table."""
    lines = report(document(**changes)).splitlines()
    start = lines.index(title)
    return lines[start : lines.index("", start)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("campaign", [False, True])
def test_report_fits_80_columns_however_many_architectures(count, campaign):
    calls = {f"architect{number}": 3.0**number * 12345 for number in range(count)}
    made = report(document(calls, campaign=campaign))
    assert max(len(line) for line in made.splitlines()) <= WIDTH
    assert all(name in made for name in calls)


def test_table_has_a_row_for_each_architecture_in_every_section():
    names = [f"architect{number}" for number in range(7)]
    found = section("one operation, microseconds: median (99 of 100 are faster)", calls=dict.fromkeys(names, 5.0))
    assert [line.split()[0] for line in found[2:]] == names
    assert all(len(line) == len(found[1]) for line in found[2:])


def test_sentence_on_calls_follows_the_numbers():
    found = text()
    assert (
        "0.10 us in library, 20.0 us in monolith (200 times library) and 100 us in mach (5.0 times monolith)" in found
    )
    found = text({"library": 0.1, "monolith": 100.0, "mach": 50.0})
    assert "50.0 us in mach (500 times library) and 100 us in monolith (2.0 times mach)" in found


def test_sentence_on_calls_does_not_tell_apart_what_the_control_cannot():
    assert "(not told apart from monolith)" in text(control=(0.1, 6.0))
    assert "not told apart" not in text(control=(0.9, 1.1))


def test_sentence_on_crossings_follows_the_numbers():
    assert "none in library, 6 in monolith and 32 in mach; mach crosses 5.3 times as often as monolith" in text()


def test_sentence_on_copying_names_the_faster():
    assert "monolith is 3.0 times as fast as mach" in text(speeds={"library": 20.0, "monolith": 30.0, "mach": 10.0})
    assert "cannot be told apart" in text(speeds={"library": 10.0, "monolith": 10.1, "mach": 10.0})


def test_sentence_on_kills_follows_the_numbers():
    found = text(failed={"library": 1.0, "monolith": 1.0})
    assert "took the copying program down in library (first good answer after 1 ms) and monolith" in found
    assert (
        "and left it running in mach (first good answer after 1000 ms). No file that had been synced was lost" in found
    )
    assert "Of the synced files, 3 in monolith came back wrong" in text(lost={"monolith": 3})
    assert "took the copying program down" not in text()


def test_sentence_on_interrupts_tells_apart_what_their_intervals_tell_apart():
    late = {"library": 50.0, "monolith": 51.0, "mach": 200.0}
    found = text(late=late)
    assert "after 50.0 us in library, 51.0 us in monolith (not told apart from library) and 200 us in mach" in found
    assert "while a program calls as fast as it can, after 150 us in library (3.0 times as long)" in found
    assert "25.0 us in library (0.50 times as long)" in text(late=late, loaded=0.5)
    assert "made no difference that stands out" in text(late=late, loaded=1.0)
    assert "200 us in mach (not told apart from monolith)" in text(late=late, control=(0.2, 5.0))


def test_sentence_on_clients_follows_the_numbers():
    found = text(clients={"library": (1,)})
    assert "with 8 clients at once: 400 000 in monolith (8.0 times what one client makes) and 80 000 in mach" in found
    assert "library runs one program at a time." in found
    assert "at a time" not in text()
    assert "80 000 in mach (not told apart from one client)" in text(control=(0.1, 10.0))


def test_clients_that_cannot_be_together_are_dashes():
    (row,) = (
        line
        for line in section("null calls a second, of all clients together", clients={"library": (1,)})
        if "library" in line
    )
    assert row.split()[-3:] == ["-", "-", "-"]


def test_sentence_on_placement_says_what_stands_out():
    calls = {"library": 0.1, "mach": 100.0}
    found = text(calls, placed={"same-core": 0.5, "spread": 1.0})
    assert "a null call takes, with all on one core, 0.50 times as long in library and 0.50 times as long" in found
    assert "client and servers on two" not in found
    assert "Against where" not in text(calls, control=(0.3, 3.0))


def test_sentence_on_bulk_names_the_fastest_first():
    assert "comes at 100 GB/s in library, 0.5 GB/s in monolith and 0.1 GB/s in mach" in text()


def test_kernel_lines_are_told_where_a_microkernel_ran():
    assert "The microkernel is 1234 lines of code, and all of its process 2345, standing on much." in text()
    assert "The microkernel is" not in text(microkernels=[])


def test_control_out_of_range_is_said():
    assert "too busy; run it again" in text(control=(1.2, 1.4))
    assert "noisy" in text(control=(0.5, 2.0))


def test_wrong_data_comes_first():
    assert "WRONG DATA CAME BACK: 2 files, 'a' first." in text(wrong=["a", "b"])


def test_campaign_prints_all_outcomes_and_their_intervals():
    made = report(document(campaign=True))
    assert "not activated" in made
    assert "silent wrong answer" in made
    assert made.count("1 of 2, 9.4 to 90.5 %") == 3 * 8


@pytest.mark.parametrize(
    ("value", "short"), [(None, "-"), (0.0, "0"), (3.0, "3"), (16732.0, "16 732"), (3.456, "3.5"), (0.034, "0.034")]
)
def test_shown(value, short):
    assert shown(value) == short


@pytest.mark.parametrize(
    ("value", "short"), [(0.034, "0.03"), (5.26, "5.3"), (99.7, "100"), (12345.0, "12k"), (2.5e6, "2s")]
)
def test_us(value, short):
    assert us(value) == short
