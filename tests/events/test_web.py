"""The web domain: what is sent about pages, and every number that comes of it."""

from collections.abc import Iterator

import pytest

from exporter.events import web
from tests.events import stories
from tests.events.stories import Case
from tests.pipelines import Piped

CASES = stories.cases("web")

IMPLIED = {
    "video_web_page_views_by_device_total": "video_web_page_views_total",
    "video_web_vitals_by_page_total": "video_web_vitals_total",
    "video_web_load_by_page_seconds_sum": "video_web_load_seconds_sum",
    "video_web_load_by_page_seconds_count": "video_web_load_seconds_count",
}
"""What a case may leave out, and what it must then add up like."""

ACTIVE = "video_web_active_people"


def implied(case: Case) -> Iterator[str]:
    listed = {name for name, _, _ in case["series"]}
    yield from (family for family in (*IMPLIED, ACTIVE) if family not in listed)


@pytest.mark.parametrize("case", CASES, ids=[case["it"] for case in CASES])
def test_story(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    left_out = tuple(implied(case))
    for family in left_out:
        if family in IMPLIED:
            assert piped.total(family) == pytest.approx(piped.total(IMPLIED[family])), family
    stories.check_series(piped, case, left_out)


WITH_POINTS = [case for case in CASES if "points" in case]


@pytest.mark.parametrize("case", WITH_POINTS, ids=[case["it"] for case in WITH_POINTS])
def test_points_of(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    stories.check_points(piped, case)


def test_every_metric_of_the_domain_is_in_the_table() -> None:
    assert stories.families(CASES) == {metric.name for metric in web.DOMAIN.metrics}


def test_every_event_type_of_the_domain_is_in_the_table() -> None:
    assert stories.told(CASES) == stories.types(web.DOMAIN)
