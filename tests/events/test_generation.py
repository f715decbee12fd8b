"""The generation domain: what is sent about generations, and every number that comes of it."""

import pytest

from exporter.events import generation
from exporter.events.generation.classes import Deal, ErrorType, Outcome
from tests.events import stories
from tests.events.stories import Case
from tests.pipelines import Piped

CASES = stories.cases("generation")


@pytest.mark.parametrize("case", CASES, ids=[case["it"] for case in CASES])
def test_story(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    stories.check_series(piped, case)


WITH_POINTS = [case for case in CASES if "points" in case]


@pytest.mark.parametrize("case", WITH_POINTS, ids=[case["it"] for case in WITH_POINTS])
def test_points_of(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    stories.check_points(piped, case)
