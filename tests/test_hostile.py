"""Nothing that a client sends makes one more series, or a total inexact."""

from tests import hostile
from tests.pipelines import CATALOGUE


def test_hostile_values_make_no_series_and_no_total_inexact() -> None:
    before = hostile.run(0, 0)[0].exposed()
    piped, taken = hostile.run(6_000, seed=1)

    assert set(taken) == {hostile.event_type(event) for event in hostile.TYPES}
    assert taken.total() > 5_000, "most of what is made must be taken, or nothing is tried"
    assert hostile.differences(piped, taken) == {}
    assert piped.exposed() <= CATALOGUE.most_series()
    assert piped.exposed() >= before


def test_a_wrong_total_is_found() -> None:
    piped, taken = hostile.run(200, seed=2)
    taken["upload.started"] += 1

    assert hostile.differences(piped, taken) == {"upload.started": -1}
