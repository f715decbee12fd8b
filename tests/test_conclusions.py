"""What the pipeline does with conclusions and points: lifecycles fed by others, bounded tags."""

from collections.abc import Iterable
from typing import Any

import pytest

from exporter import telemetry
from exporter.dedup import Dedup
from exporter.event import Event, Moment, Patience, Point, State, Step
from exporter.metric import Counter, EventType, Observation, Unlabelled
from exporter.pipeline import MOST_FIELDS, Pipeline
from exporter.record import Entry
from exporter.sessions import Sessions
from exporter.store import Store

SEEN = Counter("test_seen_total", "Seen.", Unlabelled)
TOTALLED = Counter("test_totalled_total", "Totalled.", Unlabelled)
WAIT = Patience(silence=10.0, settle=0.0, remember=1.0)


class Shown(Event, frozen=True, kw_only=True, gc=False, tag="test.shown"):
    """A picture was shown."""

    picture: str

    def points(self) -> Iterable[Point]:
        """At once."""
        return (Point("shown", (("video", self.picture),), (("n", 1.0),), open_tags=True),)


class Looked(Event, frozen=True, kw_only=True, gc=False, tag="test.looked"):
    """Somebody looked at a picture: concluded."""

    picture: str

    def observe(self) -> Iterable[Observation]:
        """One look."""
        return [SEEN()]


class Totalled(Event, frozen=True, kw_only=True, gc=False, tag="test.totalled"):
    """So many looks: concluded from conclusions."""

    picture: str
    looks: int

    def observe(self) -> Iterable[Observation]:
        """One look each."""
        return [TOTALLED((), float(self.looks))]

    def points(self) -> Iterable[Point]:
        """The total."""
        return (
            Point("looks", (("video", self.picture),), (("n", float(self.looks)),), open_tags=True),
        )


class Tally(State, gc=False, kw_only=True, omit_defaults=True):
    """Looks so far."""

    picture: str
    looks: int = 0


class Looks:
    """Turns every showing into a look."""

    name, state, silence = "looks", Tally, 10.0
    about = (Shown,)

    def subject(self, event: Any) -> str | None:
        return str(event.picture)

    def saw(self, state: Tally | None, event: Any, moment: Moment) -> Step:
        kept = state or Tally(due=moment.now + 10, picture=event.picture)
        return Step(kept, (Looked(picture=event.picture),))

    def silent(self, state: Tally, moment: Moment) -> Step:
        return Step(None)

    def is_open(self, state: Tally) -> bool:
        return True


class Totals(Looks):
    """Adds looks up until nobody looks."""

    name = "totals"
    about = (Looked,)

    def saw(self, state: Tally | None, event: Any, moment: Moment) -> Step:
        kept = state or Tally(due=moment.now + 10, picture=event.picture)
        kept.looks += 1
        return Step(kept)

    def silent(self, state: Tally, moment: Moment) -> Step:
        return Step(None, (Totalled(picture=state.picture, looks=state.looks),))


@pytest.fixture
def pipeline() -> Pipeline:
    members = {EventType: ("test.shown",)}
    return Pipeline(
        store=Store((SEEN, TOTALLED, *telemetry.ACCOUNTING), members),
        dedup=Dedup(7200.0),
        sessions=Sessions([Looks(), Totals()], {"looks": WAIT, "totals": WAIT}),
        trials=("frame/gold",),
        most_tag_values=2,
    )


def show(pipeline: Pipeline, now: float, *pictures: str, **trial: str) -> list[Point]:
    pipeline.apply(Entry(now, tuple(Shown(picture=picture, **trial) for picture in pictures)))
    points = [point for point, _ in pipeline.points]
    pipeline.points.clear()
    return points


def tags(points: list[Point], name: str = "video") -> list[str]:
    return [dict(point.tags)[name] for point in points]


def test_a_conclusion_feeds_the_lifecycles_that_are_about_it(pipeline: Pipeline) -> None:
    show(pipeline, 1.0, "a", "a", "b")
    assert pipeline.store.value(SEEN) == 3
    assert pipeline.store.value(TOTALLED) == 0

    totals = show(pipeline, 20.0)
    assert pipeline.store.value(TOTALLED) == 3
    assert {(dict(p.tags)["video"], dict(p.fields)["n"]) for p in totals} == {("a", 2), ("b", 1)}


def test_values_beyond_the_limit_share_other_and_are_counted(pipeline: Pipeline) -> None:
    assert tags(show(pipeline, 1.0, "a", "b", "c", "a", "d")) == ["a", "b", "other", "a", "other"]
    labels = telemetry.ByTag(telemetry.OpenTag.VIDEO)
    assert pipeline.store.value(telemetry.TAG_VALUES_CAPPED, labels) == 2
    assert pipeline.store.value(SEEN) == 5, "what is counted does not depend on tags"


def test_a_listed_trial_becomes_two_tags(pipeline: Pipeline) -> None:
    (point,) = show(pipeline, 1.0, "a", experiment="frame", variant="gold")

    assert dict(point.tags) == {"video": "a", "experiment": "frame", "variant": "gold"}


def test_a_trial_that_no_setting_lists_is_dropped(pipeline: Pipeline) -> None:
    (point,) = show(pipeline, 1.0, "a", experiment="frame", variant="made up")

    assert dict(point.tags) == {"video": "a"}


def test_names_of_fields_that_clients_choose_are_bounded(pipeline: Pipeline) -> None:
    class Chosen(Shown, frozen=True, kw_only=True, gc=False, tag="test.shown"):
        """With a field of the client's choice."""

        def points(self) -> Iterable[Point]:
            """One field."""
            return (Point("chosen", (), ((self.picture, 1.0),), open_fields=True),)

    pipeline.apply(Entry(1.0, tuple(Chosen(picture=f"f{n}") for n in range(MOST_FIELDS + 50))))
    names = {name for point, _ in pipeline.points for name, _ in point.fields}

    assert len(names) == MOST_FIELDS
