"""Lines in a box: where points come to lie, and what is not drawn."""

from zoneinfo import ZoneInfo

from exporter.reports.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, draw
from exporter.reports.quantity import Unit
from exporter.reports.report import Plot

ZONE = ZoneInfo("Europe/Berlin")
HOUR = 3600.0
NOON = 1_774_864_800.0  # Monday, 30 March 2026, 12:00 in Berlin


def plot(*points: tuple[float, float], target: float | None = None) -> Plot:
    return Plot("A plot", Unit.SHARE, tuple((NOON + at * HOUR, v) for at, v in points), target)


def test_the_corners_of_the_box_are_the_first_and_the_last_the_lowest_and_the_highest() -> None:
    drawing = draw(plot((0, 0.5), (1, 1.0), (2, 0.75)), ZONE)
    (line,) = [each for each in drawing.lines if each.kind == "value"]

    assert line.points == (
        (LEFT, HEIGHT - BOTTOM),
        (LEFT + (WIDTH - LEFT - RIGHT) / 2, TOP),
        (WIDTH - RIGHT, (TOP + HEIGHT - BOTTOM) / 2),
    )
    assert drawing.dots == (line.points[-1],)


def test_the_target_is_inside_the_box_even_where_no_value_is_near() -> None:
    drawing = draw(plot((0, 0.5), (1, 0.6), target=0.98), ZONE)
    (target,) = [each for each in drawing.lines if each.kind == "target"]

    assert target.points == ((LEFT, TOP), (WIDTH - RIGHT, TOP))
    assert [word.text for word in drawing.words if word.anchor == "end"][:2] == ["50.0 %", "98.0 %"]


def test_a_gap_is_not_bridged_and_a_lone_point_is_a_dot() -> None:
    drawing = draw(plot((0, 0.5), (1, 0.6), (2, 0.7), (9, 0.6), (14, 0.5), (15, 0.6)), ZONE)
    runs = [len(each.points) for each in drawing.lines if each.kind == "value"]

    assert runs == [3, 2]
    assert len(drawing.dots) == 2


def test_a_value_that_never_changes_and_a_single_point_can_be_drawn() -> None:
    flat = draw(plot((0, 1.0), (1, 1.0)), ZONE)
    single = draw(plot((0, 0.0)), ZONE)

    assert {y for line in flat.lines if line.kind == "value" for _, y in line.points} == {
        (TOP + HEIGHT - BOTTOM) / 2
    }
    assert len(single.dots) == 1
    assert [word.text for word in single.words][-1] == "Mon 12:00"


def test_times_are_those_of_the_zone_by_the_hour_or_by_the_day() -> None:
    day = draw(plot((0, 0.5), (24, 0.6)), ZONE)
    week = draw(plot((0, 0.5), (168, 0.6)), ZONE)

    assert {word.text for word in day.words} >= {"Mon 12:00", "Tue 00:00", "Tue 12:00"}
    assert {word.text for word in week.words} >= {"Mon 30 Mar", "Mon 6 Apr"}
