"""The platform domain: actions and services, and every number that comes of them."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.event import Event
from exporter.events import platform
from exporter.events.platform.classes import CheckSource, Condition, Part, Phase, is_healthy
from exporter.formats.format import RefusedError
from exporter.record import Entry
from tests.events import stories
from tests.events.stories import Case
from tests.pipelines import START, Piped, Saved, codec, parse, told

CASES = stories.cases("platform")
HEALTH = "/api/health/status"


@pytest.mark.parametrize("case", CASES, ids=[case["it"] for case in CASES])
def test_story(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    stories.check_series(piped, case)


WITH_POINTS = [case for case in CASES if "points" in case]


@pytest.mark.parametrize("case", WITH_POINTS, ids=[case["it"] for case in WITH_POINTS])
def test_points_of(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    stories.check_points(piped, case)


def test_every_metric_of_the_domain_is_in_the_table() -> None:
    assert stories.families(CASES) == {metric.name for metric in platform.DOMAIN.metrics}


def test_every_event_type_of_the_domain_is_in_the_table() -> None:
    assert stories.told(CASES) == stories.types(platform.DOMAIN)


def test_every_phase_source_and_condition_is_in_the_table() -> None:
    said = stories.said(CASES)

    assert said["phase"] == set(Phase)
    assert said["source"] == set(CheckSource)
    assert said["state"] == set(Condition)
    assert said["result"] == {"ok", "failed"}
    assert said["lookup"] == {"hit", "miss"}


@pytest.mark.parametrize("part", Part)
def test_a_rating_is_about_a_part(piped: Piped, part: Part) -> None:
    piped.tell({"type": "feedback.rated", "rating": 3, "about": part})

    assert piped.series("video_feedback_rating_count") == {
        f'video_feedback_rating_count{{part="{part}"}}': 1
    }


@pytest.mark.parametrize(
    ("status", "healthy"),
    [
        ("healthy", True), ("ok", True), ("OK", True), (" up ", True), ("pass", True),
        ("passing", True), ("warn", True), ("warning", True), ("degraded", True),
        ("unhealthy", False), ("down", False), ("DOWN", False), ("fail", False),
        ("failing", False), ("failed", False), ("error", False), ("critical", False),
        ("out_of_service", False),
        ("unknown", None), ("starting", None), ("", None), ("okay-ish", None),
    ],
)  # fmt: skip
def test_a_status_is_healthy_or_not_or_says_neither(status: str, healthy: bool | None) -> None:
    assert is_healthy(status) is healthy


@pytest.mark.parametrize(
    "event",
    [
        {"type": "auth.login_tried"},
        {"type": "auth.login_tried", "ok": "yes"},
        {"type": "resources.measured", "service": "api", "memory_used_ratio": 80},
        {"type": "resources.measured", "service": "api", "cpu_used_ratio": 1.01},
        {"type": "resources.measured", "service": "api", "disk_used_ratio": -0.1},
        {"type": "resources.measured", "service": "api", "queue_length": -1},
        {"type": "resources.measured", "memory_used_ratio": 0.5},
        {"type": "cache.looked_up", "cache": "cdn", "hits": -1},
        {"type": "cache.looked_up", "cache": "cdn", "hits": 1.5},
        {"type": "service.checked", "service": "api"},
        {"type": "service.checked", "service": "api", "ok": True, "source": "hearsay"},
        {"type": "feedback.rated", "rating": 0},
        {"type": "feedback.rated", "rating": 6},
    ],
    ids=str,
)
def test_what_is_wrong_where_it_matters_is_refused(event: Mapping[str, Any]) -> None:
    """A percentage above all: nobody can tell 0.9 from 0.9 %."""
    parsed = parse("/v1/events", {"events": [event]})

    assert parsed.events == ()
    assert len(parsed.rejected) == 1


@pytest.mark.parametrize(
    "body",
    [{"checks": "all well"}, {"checks": {"api": 1}}, {"status": 200}, {"checks": [1]}, []],
    ids=str,
)
def test_a_health_report_in_another_form_is_refused(body: Any) -> None:
    with pytest.raises(RefusedError):
        parse(HEALTH, body)


def test_more_checks_than_a_beacon_may_hold_are_refused() -> None:
    many = {f"s{number}": {"status": "ok"} for number in range(501)}

    with pytest.raises(RefusedError):
        parse(HEALTH, {"checks": many})


CANARY = "c4n4ry@example.com"


def test_no_text_of_a_report_reaches_the_journal_or_a_point(piped: Piped) -> None:
    report = {
        "status": CANARY,
        "service": CANARY,
        "checks": {CANARY: {"status": "down", "message": CANARY}, "api": {"status": "down"}},
        "summary": {"text": CANARY},
    }
    events = (
        *parse(HEALTH, report).events,
        *told(
            {"type": "auth.login_tried", "ok": False, "action": CANARY},
            {"type": "content.acted", "ok": True, "action": CANARY},
            {"type": "service.checked", "service": CANARY, "ok": True},
            {"type": "resources.measured", "service": CANARY, "cpu_used_ratio": 0.5},
            {"type": "cache.looked_up", "cache": CANARY, "hits": 1},
            {"type": "service.checked", "service": "api", "ok": True},
        ),
    )
    piped.apply(Entry(piped.now, events))

    assert len(events) == 8
    assert len(piped.points) == 1, "the service came up again"
    assert b"c4n4ry" not in codec().encode([Entry(piped.now, events)])
    assert "c4n4ry" not in repr(piped.points)
    assert "c4n4ry" not in repr(piped.pipeline.sessions.changed())


# -- what may not change the numbers ---------------------------------------------------------

flags = st.booleans()
services = st.sampled_from(("api", "Database", "mainframe"))
numbered = st.one_of(
    st.builds(
        lambda kind, ok: {"type": kind, "ok": ok},
        st.sampled_from(
            ("auth.login_tried", "auth.acted", "content.acted", "pwa.acted", "system.acted")
        ),
        flags,
    ),
    st.sampled_from(({"type": "pwa.install_offered"}, {"type": "pwa.installed"})),
    st.builds(
        lambda hits, misses: {
            "type": "cache.looked_up",
            "cache": "cdn",
            "hits": hits,
            "misses": misses,
        },
        st.integers(0, 100),
        st.integers(0, 100),
    ),
    st.builds(
        lambda service, ok, seconds: {
            "type": "service.checked",
            "service": service,
            "ok": ok,
            "duration_seconds": seconds,
        },
        services,
        flags,
        st.sampled_from((0.0625, 0.5, 4, -1, 1e9)),
    ),
    st.builds(lambda rating: {"type": "feedback.rated", "rating": rating}, st.integers(1, 5)),
)
batches = st.lists(numbered, min_size=1, max_size=12).map(
    lambda events: list(
        told(*({**event, "id": f"e{number}"} for number, event in enumerate(events)))
    )
)


@given(batches, st.data())
@bounded(max_examples=40)
def test_neither_order_nor_repetition_changes_any_counter(
    events: list[Event], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=5))
    shuffled = data.draw(st.permutations(events))
    found = []
    for order in (events, [*shuffled, *again]):
        piped = Piped()
        for event in order:
            piped.apply(Entry(piped.now, (event,)))
        series = piped.series("video_")
        # The last check says whether a service is up: it is a level, and order is what it is about.
        found.append({name: n for name, n in series.items() if "_up{" not in name})

    assert found[1] == pytest.approx(found[0])


@given(batches, st.data())
@bounded(max_examples=30)
def test_a_crash_and_a_replay_change_nothing(events: list[Event], data: st.DataObject) -> None:
    now, entries = START, []
    for event in events:
        now += data.draw(st.sampled_from((0.0, 5.0, 300.0, 90_000.0)))
        entries.append(Entry(now, (event,)))
    crash = data.draw(st.integers(0, len(entries)))
    journal, live, before, saved = codec(), Piped(), Piped(), Saved()
    for entry in entries:
        live.apply(entry)
    for entry in entries[:crash]:
        before.apply(entry)
    saved.save(before)
    after = saved.restored()
    for entry in journal.decode(1, journal.encode(entries[crash:])):
        after.apply(entry)
    live.now = after.now = now

    assert after.series() == live.series()
    assert before.points + after.points == live.points


@given(st.lists(st.tuples(st.sampled_from((1.0, 5.0, 60.0)), flags), min_size=1, max_size=20))
def test_the_times_of_a_service_add_up_to_when_it_last_changed(
    checks: list[tuple[float, bool]],
) -> None:
    piped, results, last = Piped(), [], START
    for seconds, ok in checks:
        piped.tell({"type": "service.checked", "service": "api", "ok": ok})
        if results and results[-1] != ok:
            last = piped.now
        results.append(ok)
        piped.now += seconds
    lasted = [dict(point.fields)["previous_seconds"] for point, _ in piped.points]
    states = [dict(point.tags)["state"] for point, _ in piped.points]

    assert sum(map(float, lasted)) == last - START
    changes = [ok for before, ok in pairwise(results) if before != ok]
    assert states == ["up" if ok else "down" for ok in changes]
