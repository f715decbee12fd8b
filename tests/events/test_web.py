"""The web domain: what is sent about pages, and every number that comes of it."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, TypeGuard

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.event import Event, Patience
from exporter.events import web
from exporter.events.web import error_kind, metrics
from exporter.events.web.classes import (
    FALLING,
    Action,
    ErrorType,
    LogLevel,
    Phase,
    Rating,
    RequestResult,
    Vital,
)
from exporter.events.web.told import VitalMeasured
from exporter.metric import Histogram
from exporter.record import Entry
from exporter.telemetry import Rejection
from tests.beacons import CHROME
from tests.events import stories
from tests.events.stories import Case
from tests.pipelines import START, Piped, codec, entries, parse, told

DAY = 86_400.0

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


def test_every_limit_of_a_histogram_comes_once_and_in_order() -> None:
    for metric in web.DOMAIN.metrics:
        if isinstance(metric, Histogram):
            assert list(metric.buckets) == sorted(set(metric.buckets)), metric.name


def test_every_class_is_in_the_table() -> None:
    said: dict[str, set[str]] = {}
    for case in CASES:
        for _, labels, _ in case["series"]:
            for name, value in labels.items():
                said.setdefault(name, set()).add(value)

    assert said["vital"] == set(Vital)
    assert said["rating"] == set(Rating)
    assert said["phase"] == set(Phase)
    assert said["error_type"] == set(ErrorType)
    assert said["result"] == set(RequestResult)
    assert said["action"] == set(Action)
    assert said["bounced"] == said["erred"] == {"yes", "no"}
    assert said["window"] == {"5m", "1d", "30d"}
    assert said["level"] == set(LogLevel)


# -- bodies ----------------------------------------------------------------------------------


def test_an_entry_that_cannot_be_read_costs_the_others_nothing() -> None:
    entries = (
        b'{"id": "e1", "type": "javascript", "message": "a"}',
        b'"TypeError"',
        b"null",
        b'{"id": "e2", "message": "no type"}',
        b'{"id": "e3", "type": "javascript", "duration": "long"}',
        b'{"id": "e4", "type": "http_error", "status": "502", "duration": "12.5"}',
        b'{"id": "e5", "type": "javascript", "message": "\xff"}',
    )
    parsed = parse("/api/errors", b'{"errors": [' + b",".join(entries) + b"]}")

    assert [(each.place, each.reason) for each in parsed.rejected] == [
        (1, Rejection.INVALID),
        (2, Rejection.INVALID),
        (3, Rejection.UNKNOWN_TYPE),
        (4, Rejection.INVALID),
        (6, Rejection.MALFORMED),
    ]
    assert parsed.rejected[0].body == b'"TypeError"'
    assert len(parsed.events) == 2


def test_a_body_without_errors_is_no_error() -> None:
    assert parse("/api/errors", {"errors": []}).events == ()


@pytest.mark.parametrize(
    ("said", "at"),
    [
        (1_700_000_000_500, 1_700_000_000.5),
        ("2023-11-14T22:13:20.500Z", 1_700_000_000.5),
        ("yesterday", None),
        (-1, None),
        (1e300, None),
        (None, None),
    ],
)
def test_a_time_is_read_however_a_page_writes_it(said: Any, at: float | None) -> None:
    (event,) = parse("/api/metrics", {"name": "x", "value": 1, "timestamp": said}).events

    assert event.at == at


SPELLINGS = (
    {"page_view_id": "v1", "session_id": "s1", "user_id": "u1", "url": "/watch/1"},
    {"pageViewId": "v1", "sessionId": "s1", "userId": "u1", "href": "https://h.example/watch/1"},
    {"view_id": "v1", "sessionId": "s1", "userId": "u1", "path": "/watch/1?x=1#y"},
    {"viewId": "v1", "session_id": "s1", "user_id": "u1", "page_url": "/watch/1", "url": "/no"},
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_keys_are_spelt_in_several_ways(spelling: dict[str, str]) -> None:
    by_server = {"type": "web.page_viewed", **SPELLINGS[0]}
    (expected,) = told(by_server)
    body = {"type": "page_view", "data": spelling}
    (event,) = parse("/api/analytics/events", body).events

    assert msgspec.structs.replace(event, id=None) == expected


# -- what may be written down ----------------------------------------------------------------

CANARIES = (
    "ann.canary@example.com",
    "4f9d2c1bcanarytoken8e7a6b5c4d3e2f1a",
    "canary-user-4711",
    "canary-session",
    "canary-view",
    "canary-metric",
    "canary-request",
    "canary-error",
    "canary-query",
    "canaryfunction",
    "canary-build",
    "Canary/147",
    "canary-slug",
    "canary-tag",
)
MAIL, TOKEN, USER, SESSION, VIEW, METRIC, REQUEST, ERROR, QUERY, STACK, BUILD, AGENT, SLUG, TAG = (
    CANARIES
)
URL = f"https://{MAIL}:{TOKEN}@video.example.com/{SLUG}?q={QUERY}&t={TOKEN}#{USER}"
MESSAGE = f"User {USER} ({MAIL}) of {SESSION} has no right to {URL} with Bearer {TOKEN}"
NAMES = {"pageViewId": VIEW, "sessionId": SESSION, "userId": USER, "userAgent": AGENT}
TAGS = {**NAMES, "url": URL, "id": METRIC, "requestId": REQUEST, "note": TAG, "environment": TAG}

BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    *(
        ("/api/metrics", {"name": name, "value": value, "tags": TAGS})
        for name in ("web_vitals_lcp", "navigation_total_load_time", "resource_load_time", TAG)
        for value in (120, None)
    ),
    ("/api/errors", {"errors": [{"id": ERROR, "type": "javascript", "message": MESSAGE,
                                 "stack": f"{STACK} at {URL}", "url": URL, "buildVersion": BUILD,
                                 "requestId": REQUEST, **NAMES}]}),
    ("/api/errors", {"errors": [{"type": "http_error", "stack": f"{STACK} {MESSAGE}",
                                 "message": f"{URL} {MAIL}", "url": URL, **NAMES}]}),
    ("/api/analytics/events", {"type": "page_view", "data": {**NAMES, "url": URL, "title": TAG}}),
    ("/api/analytics/events", {"type": "user_action",
                               "data": {**NAMES, "url": URL, "action": TAG, "text": TAG}}),
)  # fmt: skip

NATIVE = {"page_view_id": VIEW, "session_id": SESSION, "user_id": USER, "user_agent": AGENT}
NATIVE |= {"url": URL, "country": "DE"}
SAID: dict[str, dict[str, Any]] = {
    "web.page_viewed": {"title": TAG},
    "web.vital_measured": {"vital": "lcp", "value": 1, "metric_id": METRIC},
    "web.navigation_timed": {"load_seconds": 1},
    "web.resource_loaded": {"duration_seconds": 1, "request_id": REQUEST},
    "web.long_task_ran": {"duration_seconds": 1},
    "web.error_met": {"error_type": "javascript", "message": MESSAGE, "stack": f"{STACK} {URL}",
                      "error_id": ERROR, "group": MESSAGE, "build_version": BUILD, "sample": TAG,
                      "fingerprint": TAG, "request_id": REQUEST},
    "web.request_made": {"result": "ok", "request_id": REQUEST},
    "web.action_taken": {"action": TAG},
    "web.session_seen": {"title": TAG},
    "web.log_written": {"level": TAG, "message": MESSAGE},
    "web.spans_dropped": {"spans": 3, "names": [TAG]},
    "web.custom_happened": {"name": TAG, "attributes": {"of": USER}},
    "web.duration_measured": {"name": TAG, "duration_seconds": 1, "measurement": TAG},
}  # fmt: skip
FORGED = {"place_id": TAG, "page": f"/{TAG}"}


def sent() -> list[Event]:
    """Everything that can be sent, with somebody in every place where somebody can be."""
    events = [
        event
        for path, body in BODIES
        for event in parse(path, body, user_agent=f"Mozilla/5.0 {AGENT}", country="DE").events
    ]
    for kind, said in SAID.items():
        events += told({"type": kind, **NATIVE, **said})
        # Without an id of its own, and with what only cleaning may say.
        rest = {name: value for name, value in NATIVE.items() if name != "url"}
        events += told({"type": kind, **rest, **said, **FORGED})
    return events


def test_nobody_is_found_in_the_journal_the_state_or_the_points() -> None:
    assert set(SAID) == stories.types(web.DOMAIN)
    events = tuple(sent())
    piped = Piped()
    piped.take(events)
    states = [body for *_, body in piped.pipeline.sessions.changed()]
    piped.wait(60)
    piped.wait(3600)
    points = repr(piped.points)

    assert {point.measurement for point, _ in piped.points} == {
        "page_view",
        "web_session",
        "web_error",
        "web_event",
        "web_metric",
    }
    for written in (codec().encode([Entry(START, events)]).decode("latin1"), repr(states), points):
        for canary in CANARIES:
            assert canary.lower() not in written.lower(), canary
    people = {event.user_id for event in events if isinstance(event, web.told.Told)}
    sessions = {event.session_id for event in events if isinstance(event, web.told.Told)}
    for hashed in people | sessions:
        assert str(hashed) not in points


@pytest.mark.parametrize(
    ("message", "sample"),
    [
        (
            "Cannot read properties of undefined (reading 'x')",
            "Cannot read properties of undefined (reading …)",
        ),
        ("TypeError: player.load is not a function", "TypeError: … is not a function"),
        ("The profile of Alice Canary, born Smith, is locked", "The … of …, is locked"),
        ("alice could not be found", "… could not be found"),
        ("Loading chunk 12 failed", "Loading chunk 12 failed"),
        ("Order 48213 of ann@example.com", "Order [id] of [email]"),
        ("no such user: usr_1234567", "no such user: [id]"),
        ("session sess-1 of user u-77 is over", "session [id] of user [id] is over"),
        ("GET https://h.example/a?b=c failed", "GET [url] failed"),
        ("x" * 300, "[token]"),
        ("error " * 100, ("error " * 100)[:200]),
    ],
)
def test_a_sample_says_what_went_wrong_and_not_for_whom(message: str, sample: str) -> None:
    error = {"type": "web.error_met", "error_type": "javascript", "message": message}
    (event,) = told({**error, "user_id": "u-77", "session_id": "sess-1"})

    assert isinstance(event, web.told.ErrorMet)
    assert event.sample == sample


def test_an_error_without_a_message_is_known_by_its_stack_or_its_kind() -> None:
    error = {"type": "web.error_met", "error_type": "http_error"}
    samples = [
        event.sample
        for event in told(
            {**error, "stack": "Error: odd\n    at a.js:1:2"}, {**error, "status": 503}, error
        )
        if isinstance(event, web.told.ErrorMet)
    ]

    assert samples == ["Error: …", "http_error 503", "http_error"]


# -- what may not change the numbers ---------------------------------------------------------

VITALS = ("lcp", "inp", "cls", "fcp", "ttfb", "fid")
AGENTS = (
    CHROME,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
)
binary = st.integers(1, 4000).map(lambda n: n / 1024)


MEASURED = st.tuples(st.sampled_from(VITALS), binary, st.integers(1, 50))


@st.composite
def views(draw: st.DrawFn, name: str, session: str | None, began: float) -> list[dict[str, Any]]:
    """What is sent of one page view that starts at ``began`` and lasts a minute."""
    one: dict[str, Any] = {"url": draw(st.sampled_from(("/", "/watch/7", "/nowhere")))}
    one["at"] = began + 30
    # Told apart by an id, or by session and page alone.
    if session is None or draw(st.booleans()):
        one["page_view_id"] = name
    else:
        one["url"] += name
    if session is not None:
        one |= {"session_id": session, "user_id": f"of-{session}"}
    one["user_agent"] = AGENTS[int(name[1]) % 2]
    events: list[dict[str, Any]] = [
        *({"type": "web.page_viewed", "at": began} for _ in range(draw(st.integers(0, 1)))),
        *(
            {"type": "web.vital_measured", "vital": vital, "value": value, "at": began + after}
            for vital, value, after in draw(st.lists(MEASURED, max_size=5))
        ),
        *(
            {"type": "web.error_met", "error_type": kind, "message": f"of {kind}"}
            for kind in draw(st.lists(st.sampled_from(tuple(ErrorType)), max_size=2))
        ),
        *(
            {"type": "web.action_taken", "action": action, "at": began + 59}
            for action in draw(st.lists(st.sampled_from(("click", "odd")), max_size=2))
        ),
        *(
            {"type": "web.request_made", "result": result, "request_id": f"r{name}"}
            for result in draw(st.lists(st.sampled_from(tuple(RequestResult)), max_size=3))
        ),
        *(
            {"type": "web.navigation_timed", "load_seconds": seconds, "at": began + 1}
            for seconds in draw(st.lists(binary, max_size=1))
        ),
        # Its first and its last sign, so that only the page's clock says how long it was.
        {"type": "web.long_task_ran", "duration_seconds": draw(binary), "at": began},
        {"type": "web.action_taken", "action": "page_visible", "at": began + 60},
    ]
    return [one | event for event in events]


@st.composite
def visits(draw: st.DrawFn) -> list[Event]:
    """Everything about a few sessions, and about page views without one, each with an id."""
    found: list[dict[str, Any]] = []
    for person in range(draw(st.integers(1, 3))):
        session = draw(st.sampled_from((None, f"s{person}")))
        began = 1000.0
        for place in range(draw(st.integers(1, 3))):
            found += draw(views(f"/{person}{'x' * place}", session, began))
            began += 200.0
    return list(told(*({"id": f"e{n}", **event} for n, event in enumerate(found))))


def counted(those: Sequence[Entry]) -> Piped:
    piped = Piped()
    for entry in those:
        piped.apply(entry)
    piped.now = piped.pipeline.now
    return piped


def end(piped: Piped) -> None:
    for seconds in (10.0, 60.0, 300.0, 1800.0, 60.0):
        piped.wait(seconds)


PEOPLE = ("video_web_active_people", "video_web_affected_people")


def lasting(piped: Piped) -> dict[str, float]:
    """The series of the domain that do not go away again."""
    found = piped.series("video_web")
    return {name: value for name, value in found.items() if not name.startswith(PEOPLE)}


def _is_falling(event: Event) -> TypeGuard[VitalMeasured]:
    return isinstance(event, VitalMeasured) and event.vital in FALLING


@given(visits(), st.data())
@bounded(max_examples=40)
def test_any_order_and_any_repetition_within_the_settling_time_give_the_same_numbers(
    events: list[Event], data: st.DataObject
) -> None:
    # Of two values of INP in one millisecond the one that arrives later counts, and no other can.
    falling = {(e.page_view_id, e.at): e.value for e in events if _is_falling(e)}
    assume(all(falling[e.page_view_id, e.at] == e.value for e in events if _is_falling(e)))
    again = data.draw(st.lists(st.sampled_from(events), max_size=5)) if events else []
    shuffled = data.draw(st.permutations([*events, *again]))
    found = []
    for order in (events, shuffled):
        piped = Piped()
        for event in order:
            piped.take((event,))
            piped.wait((Patience().settle - 1) / len(order))
        end(piped)
        found.append(piped)
    one, other = found

    # A session is as long as its page says, and that is the same; sums of floats may differ.
    assert lasting(other) == pytest.approx(lasting(one))
    people = [each.series(PEOPLE[0]) for each in found]
    assert people[0] == people[1]
    kinds = [sorted(point.measurement for point, _ in each.points) for each in found]
    assert kinds[0] == kinds[1]


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[float, tuple[Event, ...]]]:
    """Entries with any pauses between them, some of them empty."""
    events = draw(visits())
    order = draw(st.permutations(events))
    pauses = st.sampled_from((0.0, 3.0, 10.0, 61.0, 300.0, 1800.0, 4000.0, 90_000.0))
    return [
        *((draw(pauses), (event,)) for event in order),
        *((draw(pauses), ()) for _ in range(3)),
    ]


@given(streams())
@bounded(max_examples=25)
def test_replaying_what_was_written_gives_what_was_counted_live(
    stream: list[tuple[float, tuple[Event, ...]]],
) -> None:
    journal = codec()
    live = entries(stream)
    one, other = counted(live), counted(journal.decode(1, journal.encode(live)))

    assert one.series() == other.series()
    assert one.points == other.points
    assert one.pipeline.sessions.changed() == other.pipeline.sessions.changed()


@given(streams(), st.data())
@bounded(max_examples=25)
def test_a_crash_after_a_checkpoint_changes_nothing(
    stream: list[tuple[float, tuple[Event, ...]]], data: st.DataObject
) -> None:
    those = [*entries(stream), Entry(START + 10_000_000.0)]
    cut = data.draw(st.integers(0, len(those)))
    without, before, after = counted(those), counted(those[:cut]), Piped()
    saved, restored = before.pipeline, after.pipeline
    restored.now, restored.stamps = saved.now, saved.stamps
    dedup = saved.dedup
    restored.dedup.restore(dedup.generation, dedup.turned, list(dedup.fresh().items()))
    restored.store.restore(saved.store.changed())
    restored.sessions.restore(
        [(name, key, body) for name, key, body in saved.sessions.changed() if body is not None]
    )
    restored.roster.restore(saved.roster.fresh(), saved.now)
    for entry in those[cut:]:
        after.apply(entry)

    assert after.series() == without.series()
    assert before.points + after.points == without.points


@given(streams())
@bounded(max_examples=20)
def test_every_page_view_and_session_ends_and_families_agree(
    stream: list[tuple[float, tuple[Event, ...]]],
) -> None:
    piped = counted(entries(stream))
    end(piped)
    total = piped.total

    for erred in ("yes", "no"):
        whole = total("video_web_page_views_total", erred=erred)
        assert total("video_web_page_views_by_device_total", erred=erred) == whole
    for vital in Vital:
        whole = total("video_web_vitals_total", vital=vital)
        assert total("video_web_vitals_by_page_total", vital=vital) == whole
        unit = "score" if vital is Vital.CLS else "seconds"
        assert total(f"video_web_{vital}_{unit}_count") == whole
    assert total("video_web_load_by_page_seconds_count") == total("video_web_load_seconds_count")
    sessions = total("video_web_sessions_total")
    assert total("video_web_session_seconds_count") == sessions
    assert total("video_web_engagement_score_count") == sessions
    going_on = {name: open_ for name, open_, _ in piped.pipeline.sessions.counts()}
    assert (going_on["page_view"], going_on["web_session"], going_on["web_request"]) == (0, 0, 0)
    ended = [p for p, _ in piped.points if "errors" in dict(p.fields)]
    assert len(ended) == total("video_web_page_views_total")
    piped.wait(40 * DAY)
    piped.wait(40 * DAY)
    assert {remembered for _, _, remembered in piped.pipeline.sessions.counts()} == {0}


# -- how many different people ---------------------------------------------------------------


def viewed(*people: str, **more: Any) -> tuple[Event, ...]:
    return told(*({"type": "web.page_viewed", "user_id": each, **more} for each in people))


def active(piped: Piped) -> dict[str, float]:
    current = piped.pipeline.store.current(metrics.ACTIVE_PEOPLE, piped.now)
    return {window: value for (window,), value in current if value}


def test_people_come_and_go_over_31_days_and_are_counted_within_two_percent() -> None:
    """Each day 1000 people whom nobody has seen, 300 of the day before, and 200 who always come.

    They come at noon, so a day's people are in the last 24 hours until noon of the day after.
    """
    piped = Piped()
    piped.wait(DAY - START % DAY + DAY / 2)
    regulars = [f"regular-{n}" for n in range(200)]
    by_day: list[set[str]] = []
    for day in range(33):
        fresh = [f"{day}-{n}" for n in range(1000)]
        back = sorted(by_day[-1] - set(regulars))[:300] if by_day else []
        today = {*fresh, *back, *regulars}
        by_day.append(today)
        for some in range(0, len(fresh), 250):
            piped.take(viewed(*fresh[some : some + 250]))
        piped.take(viewed(*back))
        piped.take(viewed(*regulars))
        piped.take(viewed(*regulars))
        piped.wait(60)
        month = set[str]().union(*by_day[-30:])
        assert active(piped) == {
            "5m": pytest.approx(len(today), rel=0.02),
            "1d": pytest.approx(len(today), rel=0.02),
            "30d": pytest.approx(len(month), rel=0.02),
        }
        for _ in range(6):
            piped.wait(60)
        assert "5m" not in active(piped), "after five minutes they are gone"
        piped.wait(DAY / 2 - 420)
        assert active(piped)["30d"] == pytest.approx(
            len(set[str]().union(*by_day[-29:])), rel=0.02
        ), "at midnight a day leaves the window"
        for _ in range(11):
            piped.wait(3600)
        assert active(piped)["1d"] == pytest.approx(len(today), rel=0.02)
        piped.wait(3600)
        assert "1d" not in active(piped), "the hour in which they came is 24 hours ago"


def test_windows_end_where_they_should() -> None:
    piped = Piped()
    piped.wait(3600 - START % 3600)
    piped.take(viewed("ann"))
    seen: dict[str, float] = {}
    began = piped.now
    for step in [60.0] * 10 + [3600.0] * 24 * 31:
        piped.wait(step)
        for window in active(piped):
            seen[window] = piped.now - began

    assert seen["5m"] == 300
    assert 23 * 3600 <= seen["1d"] <= DAY
    assert 29 * DAY <= seen["30d"] <= 30 * DAY
    assert active(piped) == {}


def test_affected_people_are_those_of_the_last_day() -> None:
    piped = Piped()

    def affected() -> float:
        current = dict(piped.pipeline.store.current(metrics.AFFECTED_PEOPLE, piped.now))
        return current.get((ErrorType.JAVASCRIPT,), 0.0)

    for hour in range(30):
        errors = [
            {"type": "web.error_met", "error_type": "javascript", "user_id": f"{hour}-{n}"}
            for n in range(100)
        ]
        piped.tell(*errors)
        piped.tell(*errors[:50])
        piped.wait(3600)
        # The hour that has just begun is one of the 24.
        assert affected() == pytest.approx(100 * min(hour + 1, 23), rel=0.02)
    for _ in range(23):
        piped.wait(3600)
    assert affected() == 0
    piped.wait(60)
    assert "affected" not in {n for n, going_on, _ in piped.pipeline.sessions.counts() if going_on}


def test_a_name_that_comes_after_the_session_has_settled_is_another_person() -> None:
    """The limit that the documentation tells of: nobody knew the name in time."""
    piped = Piped()
    piped.tell({"type": "web.page_viewed", "session_id": "s1", "url": "/"})
    piped.wait(11)
    piped.tell({"type": "web.page_viewed", "session_id": "s1", "user_id": "ann", "url": "/"})
    piped.wait(60)

    assert active(piped)["1d"] == 2


# -- what hostile clients cannot do ----------------------------------------------------------


def test_no_more_kinds_of_errors_are_followed_than_there_are_places() -> None:
    piped = Piped()
    words = ("".join(chr(97 + int(d)) for d in str(n)) for n in count())
    for _ in range(60):
        errors = [
            {"type": "web.error_met", "error_type": "javascript", "message": f"e {next(words)}"}
            for _ in range(100)
        ]
        piped.tell(*errors)
    kinds = piped.total("video_web_new_errors_total")
    piped.wait(60)
    points = [point for point, _ in piped.points if point.measurement == "web_error"]

    most = 16**error_kind.DIGITS * error_kind.PLACES
    assert piped.total("video_web_errors_total") == 6000
    assert 0.8 * most < kinds <= most
    assert len(points) == kinds

    piped.wait(DAY)
    piped.tell(*errors)
    assert piped.total("video_web_new_errors_total") > kinds, "after a day there is room again"


def test_a_session_remembers_few_pages_and_waits_for_few_events() -> None:
    piped = Piped()
    for place in range(80):
        one = {"session_id": "s1", "url": f"/watch/{place}"}
        piped.tell({"type": "web.long_task_ran", "duration_seconds": 1, **one})
    ((_, _, state),) = [
        each for each in piped.pipeline.sessions.changed() if each[0] == "web_session"
    ]
    decoded = msgspec.msgpack.decode(state or b"")
    assert (len(decoded["waiting"]), len(decoded["places"])) == (50, 8)

    piped.wait(10)
    end(piped)
    assert piped.total("video_web_page_views_total") == 80


def test_values_with_ids_of_their_own_are_counted_however_many_people_share_a_page_view() -> None:
    piped = Piped()
    for number in range(100):
        tags = {"url": "/", "id": f"v6-{number}"}
        piped.beacon("/api/metrics", {"name": "web_vitals_cls", "value": 0, "tags": tags})
    piped.wait(300)

    assert piped.total("video_web_vitals_total") == 100
