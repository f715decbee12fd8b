"""The generation domain: what is sent about generations, and every number that comes of it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.event import Event, Patience
from exporter.events import generation
from exporter.events.generation.classes import Deal, ErrorType, Outcome
from exporter.record import Entry
from tests.events import stories
from tests.events.stories import Case
from tests.pipelines import CLEANER, START, Piped, Saved, codec, parse, told

CASES = stories.cases("generation")
DAY = 86_400.0
SETTLE = Patience().settle


@pytest.mark.parametrize("case", CASES, ids=[case["it"] for case in CASES])
def test_story(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    stories.check_series(piped, case)


WITH_POINTS = [case for case in CASES if "points" in case]


@pytest.mark.parametrize("case", WITH_POINTS, ids=[case["it"] for case in WITH_POINTS])
def test_points_of(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    stories.check_points(piped, case)


def test_a_rating_that_comes_late_completes_the_point_that_is_there(piped: Piped) -> None:
    late = next(c for c in CASES if c["it"].startswith("A rating counts once"))
    stories.play(piped, late["story"])
    _, (whole, stamp), (rest, again) = piped.points

    assert (whole.measurement, whole.tags, stamp) == (rest.measurement, rest.tags, again)


def test_every_metric_of_the_domain_is_in_the_table() -> None:
    assert stories.families(CASES) == {metric.name for metric in generation.DOMAIN.metrics}


def test_every_event_type_of_the_domain_is_in_the_table() -> None:
    assert stories.told(CASES) == stories.types(generation.DOMAIN)


def test_every_outcome_error_and_deal_is_in_the_table() -> None:
    said = stories.said(CASES)

    assert said["outcome"] == set(Outcome)
    assert said["error_type"] == {*ErrorType, "none"}
    assert said["kind"] == set(Deal)
    assert {"other", "mux", "replicate", "internal"} == said["provider"]


@pytest.mark.parametrize(
    ("text", "error_type"),
    [
        ("Request timed out", "timeout"),
        ("504 Gateway Time-out", "timeout"),
        ("context deadline exceeded", "timeout"),
        ("429", "rate_limit"),
        ("rate_limit", "rate_limit"),
        ("503: rate limit exceeded", "rate_limit"),
        ("You exceeded your quota", "rate_limit"),
        ("The prompt was flagged by our safety system", "moderation"),
        ("NSFW content detected", "moderation"),
        ("content policy violation", "moderation"),
        ("No space left on device", "storage"),
        ("could not write to the S3 bucket", "storage"),
        ("prompt is too long", "input"),
        ("HTTP 422 Unprocessable", "input"),
        ("Invalid aspect ratio", "input"),
        ("502 Bad Gateway", "provider"),
        ("Prediction failed", "provider"),
        ("CUDA error: out of memory", "provider"),
        ("Service Unavailable", "provider"),
        ("provider", "provider"),
        ("frame 5003 was lost", "other"),
        ("it broke", "other"),
        ("", "other"),
    ],
)
def test_an_error_text_has_a_class(text: str, error_type: str) -> None:
    assert ErrorType.of(text) == error_type


@pytest.mark.parametrize(
    "event",
    [
        {"type": "generation.rated", "generation_id": "g1", "rating": 0},
        {"type": "generation.rated", "generation_id": "g1", "rating": 6},
        {"type": "generation.rated", "generation_id": "g1", "rating": 4.5},
        {"type": "generation.started", "generation_id": "g1", "attempt": 0},
        {"type": "generation.requested", "generation_id": "two words"},
        {"type": "generation.requested"},
        {"type": "generation.queue_measured", "length": -1},
        {"type": "revenue.received", "amount": 2e9, "currency": "EUR"},
        {"type": "revenue.received", "amount": 5},
        {"type": "feature.adopted", "person": "ada"},
        {"type": "person.active", "person": ""},
        {"type": "person.active"},
    ],
    ids=str,
)
def test_what_is_wrong_where_it_matters_is_refused(event: Mapping[str, Any]) -> None:
    parsed = parse("/v1/events", {"events": [event]})

    assert parsed.events == ()
    assert len(parsed.rejected) == 1


# -- nobody is found again -------------------------------------------------------------------

CANARIES = [
    {"type": "person.active", "person": "c4n4ry@example.com"},
    {"type": "premium.offered", "person": "c4n4ry@example.com"},
    {"type": "premium.purchased", "person": "c4n4ry@example.com"},
    {"type": "feature.adopted", "feature": "subtitles", "person": "c4n4ry@example.com"},
    {"type": "revenue.received", "amount": 1, "currency": "EUR", "payment_id": "c4n4ry"},
    {"type": "generation.failed", "generation_id": "g1", "error": "no c4n4ry@example.com"},
    {"type": "generation.completed", "generation_id": "g2", "provider": "c4n4ry", "cost": 1,
     "currency": "c4n4ry"},
]  # fmt: skip


@pytest.mark.parametrize("event", CANARIES, ids=lambda event: event["type"])
def test_who_it_was_reaches_neither_the_journal_nor_the_state_nor_a_point(
    piped: Piped, event: Mapping[str, Any]
) -> None:
    events = told(event)
    piped.apply(Entry(piped.now, events))
    states = [body or b"" for _, _, body in piped.pipeline.sessions.changed()]
    piped.wait(DAY)
    piped.wait(DAY)
    states += [body or b"" for _, _, body in piped.pipeline.sessions.changed()]

    assert b"c4n4ry" not in codec().encode([Entry(piped.now, events)])
    assert b"c4n4ry" not in b"".join(states)
    assert "c4n4ry" not in repr(piped.points)
    hashed = CLEANER.person("c4n4ry@example.com")
    assert hashed.encode() not in b"".join(states), "a state remembers sketches, nobody's hash"


# -- what may not change the numbers ---------------------------------------------------------


class Facts(NamedTuple):
    """What happened to one generation."""

    generation_id: str
    began: float
    queued: float
    took: float
    failures: Sequence[str]
    outcome: str | None
    providers: tuple[str, str]
    rating: int | None
    said: Mapping[str, Any]


# Together less than half an hour: beyond that, clocks that contradict the arrival are not believed.
seconds = st.floats(0.25, 300).map(lambda value: round(value * 16) / 16)
facts = st.builds(
    Facts,
    generation_id=st.integers(0, 10**9).map(lambda number: f"g{number}"),
    began=st.integers(0, 10**9).map(float),
    queued=seconds,
    took=seconds,
    failures=st.lists(st.sampled_from(list(ErrorType)), max_size=3),
    outcome=st.sampled_from(("completed", "cancelled", None)),
    providers=st.tuples(*2 * [st.sampled_from(("mux", "replicate", "unheard of"))]),
    rating=st.none() | st.integers(1, 5),
    said=st.fixed_dictionaries(
        {},
        optional={
            "quality_score": st.sampled_from((0, 7.5, 10, 11)),
            "cost": st.sampled_from((0.25, -1)),
            "currency": st.sampled_from(("EUR", "JPY")),
            "bytes": st.sampled_from((0, 10**6, -1)),
            "attempts": st.sampled_from((1, 4, 1e6)),
            "duration_seconds": st.sampled_from((30, 1e9)),
        },
    ),
)
those = st.lists(facts, min_size=1, max_size=4, unique_by=lambda it: it.generation_id)


def sent(it: Facts) -> list[dict[str, Any]]:
    """What servers tell of one generation, by their clocks."""
    first, last = it.providers
    at = it.began
    events: list[dict[str, Any]] = [{"type": "generation.requested", "at": at, "provider": first}]
    for attempt, error_type in enumerate(it.failures, start=1):
        at += it.queued
        events.append({"type": "generation.started", "at": at, "attempt": attempt})
        failed = {"attempt": attempt, "error_type": error_type, "provider": first}
        events.append({"type": "generation.failed", "at": at + 0.125, **failed})
    at += it.queued
    if it.outcome is not None:
        events.append({"type": "generation.started", "at": at, "attempt": len(it.failures) + 1})
        events.append({"type": "generation.progressed", "at": at + 0.125})
    at += it.took
    if it.outcome == "completed":
        events.append({"type": "generation.completed", "at": at, "provider": last, **it.said})
    if it.outcome == "cancelled":
        events.append({"type": "generation.cancelled", "at": at})
    if it.rating is not None:
        events.append({"type": "generation.rated", "rating": it.rating})
    return [{**event, "generation_id": it.generation_id} for event in events]


def everything(many: Sequence[Facts]) -> list[Event]:
    business = [
        {"type": "premium.offered", "id": "o1", "person": "ada"},
        {"type": "premium.purchased", "id": "o1"},
        {"type": "revenue.received", "amount": 9.5, "currency": "EUR", "payment_id": "p1"},
        {"type": "revenue.received", "amount": -9.5, "currency": "EUR", "id": "r1"},
        {"type": "feature.adopted", "feature": "chapters", "person": "ada"},
        {"type": "person.active", "person": "bob"},
    ]
    return list(told(*business, *(event for it in many for event in sent(it))))


def ended(order: Sequence[Event]) -> Piped:
    """The numbers when all has come, within the settling time, and nothing more comes."""
    piped = Piped()
    for event in order:
        piped.apply(Entry(piped.now, (event,)))
        piped.wait((SETTLE - 1) / len(order))
    for _ in range(3):
        piped.wait(7200)
    return piped


def told_points(piped: Piped) -> list[str]:
    return sorted(
        str((point.measurement, point.tags, sorted(point.fields))) for point, _ in piped.points
    )


@given(those, st.data())
@bounded(max_examples=40)
def test_neither_order_nor_repetition_changes_any_number(
    many: list[Facts], data: st.DataObject
) -> None:
    events = everything(many)
    again = data.draw(st.lists(st.sampled_from(events), max_size=6))
    one, other = ended(events), ended(data.draw(st.permutations([*events, *again])))

    assert other.series("video_") == pytest.approx(one.series("video_"))
    assert told_points(other) == told_points(one)


@given(those)
@bounded(max_examples=30)
def test_every_generation_ends_once_as_it_was_told(many: list[Facts]) -> None:
    piped = ended(everything(many))
    name = {"completed": "succeeded", "cancelled": "cancelled"}
    outcomes = [name.get(it.outcome or "", "failed" if it.failures else "lost") for it in many]

    assert piped.total("video_generation_requested_total") == len(many)
    for outcome in Outcome:
        found = piped.total("video_generation_ended_total", outcome=outcome)
        assert found == outcomes.count(outcome)
    errors = sum(len(it.failures) for it in many)
    assert piped.total("video_generation_errors_total") == errors
    assert not [count for _, count, _ in piped.pipeline.sessions.counts() if count > 2]


PAUSES = st.sampled_from((0.0, 1.0, SETTLE, 60.0, 240.0, 7200.0, DAY, 31 * DAY))


@given(those, st.data())
@bounded(max_examples=40)
def test_a_crash_and_a_replay_change_nothing(many: list[Facts], data: st.DataObject) -> None:
    events = data.draw(st.permutations(everything(many)))
    now, entries = START, []
    for event in events:
        now += data.draw(PAUSES)
        entries.append(Entry(now, (event,)))
    entries.append(Entry(now + 40 * DAY))
    crash = data.draw(st.integers(0, len(entries)))
    journal = codec()
    live, before, saved = Piped(), Piped(), Saved()
    for entry in entries:
        live.apply(entry)
    for entry in entries[:crash]:
        before.apply(entry)
    saved.save(before)
    after = saved.restored()
    for entry in journal.decode(1, journal.encode(entries[crash:])):
        after.apply(entry)
    live.now = after.now = entries[-1].at

    assert after.series() == live.series()
    assert before.points + after.points == live.points


# -- who comes back --------------------------------------------------------------------------


def people(numbers: range) -> tuple[Event, ...]:
    named = [{"type": "person.active", "person": f"p{number}"} for number in numbers]
    return tuple(event for at in range(0, len(named), 500) for event in told(*named[at : at + 500]))


def retention(piped: Piped) -> tuple[float, float]:
    series = piped.series("video_people")
    return tuple(series.get(f"video_people_{name}{{}}", 0.0) for name in ("before", "retained"))  # type: ignore[return-value]


def test_retention_over_61_days_is_within_2_percent(piped: Piped) -> None:
    """Every day others come, and some of them again: the truth is known by sets."""
    days: list[set[int]] = []
    for day in range(61):
        # Slowly moving windows of people: who is there today was there for 40 days, and goes.
        today = range(day * 100, day * 100 + 1500)
        days.append(set(today))
        piped.apply(Entry(piped.now, people(today)))
        piped.wait(240.0)
        before = set().union(*days[max(0, day - 59) : max(0, day - 29)])
        last = set().union(*days[max(0, day - 29) :])

        assert retention(piped) == (
            pytest.approx(len(before), rel=0.02),
            pytest.approx(len(before & last), rel=0.02),
        ), day
        piped.wait(DAY - 240.0)


def test_the_estimate_is_never_older_than_a_scrape_can_see(piped: Piped) -> None:
    piped.apply(Entry(piped.now, people(range(10))))
    piped.wait(30 * DAY)
    piped.wait(1.0)
    for _ in range(60):
        piped.wait(20.0)
        assert retention(piped)[0] == 10


def test_what_is_saved_of_people_is_small_but_for_once_a_day(piped: Piped) -> None:
    """A checkpoint comes every second: it must not write two months of sketches each time."""
    for day in range(60):
        piped.apply(Entry(piped.now, people(range(day, day + 2))))
        piped.wait(DAY)
    sizes = []
    piped.pipeline.sessions.changed()
    for _ in range(3):
        piped.apply(Entry(piped.now, people(range(3))))
        changed = piped.pipeline.sessions.changed()
        sizes.append(sum(len(body or b"") for _, _, body in changed))
        piped.wait(1.0)
        piped.pipeline.sessions.changed()

    assert max(sizes) < 100_000
    piped.wait(DAY)
    assert sum(len(body or b"") for _, _, body in piped.pipeline.sessions.changed()) > 1_500_000


def test_two_months_after_the_last_person_nothing_is_remembered(piped: Piped) -> None:
    piped.apply(Entry(piped.now, people(range(5))))
    for _ in range(62):
        piped.wait(DAY)
    piped.wait(DAY)

    assert [remembered for _, _, remembered in piped.pipeline.sessions.counts()] == [0] * len(
        list(piped.pipeline.sessions.counts())
    )
    assert retention(piped) == (0, 0)


def test_a_state_of_sketches_is_read_back_as_it_was(piped: Piped) -> None:
    piped.apply(Entry(piped.now, people(range(100))))
    saved = Saved()
    saved.save(piped)
    restored = saved.restored()
    ((_, body),) = [each for each in saved.sessions.items() if each[0][0] == "activity"]

    assert len(msgspec.msgpack.decode(body)["people"]) == 2**15
    restored.now = piped.now
    for each in (piped, restored):
        each.wait(30 * DAY)
        each.wait(1.0)
    assert restored.series("video_people") == piped.series("video_people")
    assert retention(restored)[0] == pytest.approx(100, rel=0.02)
