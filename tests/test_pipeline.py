"""The pipeline is a fold: what order, repetition, batching and crashes may not change."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter import telemetry
from exporter.event import Event, Patience, event_type
from exporter.formats.format import Parsed, RefusedError
from exporter.record import Entry, Refusal
from exporter.telemetry import Rejection
from tests import hostile
from tests.beacons import (
    ANALYTICS,
    CHROME,
    EVENTS,
    EXPERIENCE,
    LARGEST,
    PERFORMANCE,
    RESOURCES,
    UPLOAD_EXPERIENCE,
    UPLOAD_PERFORMANCE,
)
from tests.pipelines import START, TYPES, Piped, Saved, Series, codec, entries, parse, told

SETTLE = Patience().settle
SILENCE = Patience().silence
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


class Facts(NamedTuple):
    """What happened to one upload, whoever tells of it."""

    upload_id: str
    outcome: str | None
    began: float
    took: float
    ttfb: float
    size: int | None
    retried: tuple[bool, ...]
    error: str | None
    agent: str
    network: str
    preview: float | None
    rating: int | None


finite = st.floats(0.25, 1000).map(lambda value: round(value * 16) / 16)

facts = st.builds(
    Facts,
    upload_id=st.integers(0, 10**9).map(lambda number: f"u{number}"),
    outcome=st.sampled_from(("completed", "failed", None)),
    began=st.floats(0, 2e9).map(round).map(float),
    took=finite,
    ttfb=finite,
    size=st.none() | st.sampled_from((1, 9_999_999, 29_999_999, 30_000_000, 2**40)),
    retried=st.lists(st.booleans(), max_size=4).map(tuple),
    error=st.none() | st.sampled_from(("timeout", "HTTP 503", "failed to fetch", "odd")),
    agent=st.sampled_from((CHROME, PHONE)),
    network=st.sampled_from(("4g", "3g", "5g")),
    preview=st.none() | finite,
    rating=st.none() | st.integers(1, 5),
)


def by_server(it: Facts) -> list[Event]:
    """What a server tells of an upload."""
    one = {"upload_id": it.upload_id}
    started: dict[str, Any] = one | {
        "type": "upload.started",
        "at": it.began,
        "network": it.network,
    }
    if it.size is not None:
        started["file_size_bytes"] = it.size
    events = [started]
    for index, again in enumerate(it.retried):
        chunk = one | {"type": "upload.chunk_received", "index": index}
        at = it.began + it.ttfb + index
        if again:
            events.append(chunk | {"ok": False, "at": at})
        events.append(chunk | {"ok": True, "at": at, "attempt": 1 + again})
    if it.error is not None:
        events.append(one | {"type": "upload.recovery_tried", "error": it.error})
    if it.outcome is not None:
        events.append(one | {"type": f"upload.{it.outcome}", "at": it.began + it.took})
    if it.preview is not None:
        events.append(one | {"type": "upload.preview_shown", "after_seconds": it.preview})
    return list(told(*({**each, "id": f"{it.upload_id}-{n}"} for n, each in enumerate(events))))


def by_page(it: Facts) -> list[Event]:
    """What its page reports of it: the experience, twice, and the performance."""
    interactions: list[dict[str, Any]] = [{"type": "start", "time": 0}]
    if it.error is not None:
        interactions.append({"type": "error", "time": 1, "data": {"message": it.error}})
    if it.outcome is not None:
        ended = {"success": it.outcome == "completed"}
        interactions.append({"type": "complete", "time": it.took * 1000, "data": ended})
    if it.rating is not None:
        interactions.append({"type": "feedback", "data": {"rating": it.rating}})
    experience = {
        "uploadId": it.upload_id,
        "userAgent": it.agent,
        "interactions": interactions,
        "isAbandonment": it.outcome is None,
    }
    performance = {
        "uploadId": it.upload_id,
        "success": None if it.outcome is None else it.outcome == "completed",
        "ttfb": it.ttfb * 1000,
        "systemInfo": {"userAgent": it.agent},
        "networkInfo": {"effectiveType": it.network},
    }
    bodies: list[tuple[str, dict[str, Any]]] = [
        (UPLOAD_EXPERIENCE, experience),
        (UPLOAD_EXPERIENCE, experience | {"timestamp": 2}),
        (UPLOAD_PERFORMANCE, performance),
    ]
    return [event for path, body in bodies for event in parse(path, body).events]


uploads = st.lists(facts, min_size=1, max_size=4, unique_by=lambda it: it.upload_id)


def everything(those: Sequence[Facts]) -> list[Event]:
    """Every event about those uploads, and some that are about none."""
    others = told(*EVENTS[6:7], *EVENTS[8:])
    reports = parse(UPLOAD_PERFORMANCE, PERFORMANCE).events
    resources = parse(ANALYTICS, RESOURCES, kind="resource").events
    of_uploads = [event for it in those for event in (*by_server(it), *by_page(it))]
    return [*of_uploads, *others, *reports, *resources]


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[float, tuple[Event, ...]]]:
    """Entries as they may come: events in any order, repeated, in any bodies, with any pauses."""
    events = everything(draw(uploads))
    order = draw(st.permutations(range(len(events))))
    again = draw(st.lists(st.integers(0, len(events) - 1), max_size=5))
    shuffled = [events[place] for place in (*order, *again)]
    cuts = draw(st.lists(st.integers(0, len(shuffled)), max_size=8))
    edges = [0, *sorted(cuts), len(shuffled)]
    pauses = st.sampled_from((0.0, 0.001, 3.0, SETTLE, SILENCE / 2, SILENCE, 90_000.0))
    return [(draw(pauses), tuple(shuffled[one:other])) for one, other in pairwise(edges)]


def counted(those: Sequence[Entry]) -> Piped:
    piped = Piped()
    for entry in those:
        piped.apply(entry)
    return piped


def same(one: Series, other: Series) -> bool:
    """Whether numbers are equal; sums of floats may differ in the order in which they came."""
    return one == pytest.approx(other, rel=1e-9)


# -- what may not change the numbers ---------------------------------------------------------


@given(streams())
@bounded(max_examples=60)
def test_replaying_what_was_written_gives_what_was_counted_live(
    stream: list[tuple[float, tuple[Event, ...]]],
) -> None:
    journal = codec()
    live = entries(stream)
    replayed = journal.decode(1, journal.encode(live))
    one, other = counted(live), counted(replayed)

    assert one.series() == other.series()
    assert one.points == other.points
    assert one.pipeline.sessions.changed() == other.pipeline.sessions.changed()


@given(streams(), st.data())
@bounded(max_examples=60)
def test_a_crash_after_any_checkpoint_changes_nothing(
    stream: list[tuple[float, tuple[Event, ...]]], data: st.DataObject
) -> None:
    those = [*entries(stream), Entry(START + 200_000.0)]
    checkpoints = data.draw(st.sets(st.integers(0, len(those) - 1)))
    crash = data.draw(st.integers(0, len(those)))
    without = counted(those)

    saved, kept, points = Saved(), 0, []
    piped = Piped()
    saved.save(piped)
    for place, entry in enumerate(those[:crash]):
        piped.apply(entry)
        if place in checkpoints:
            saved.save(piped)
            points += piped.points
            piped.points.clear()
            kept = place + 1
    after = saved.restored()
    for entry in those[kept:]:
        after.apply(entry)

    assert after.series() == without.series()
    assert points + after.points == without.points
    counts = [list(each.pipeline.sessions.counts()) for each in (after, without)]
    assert counts[0] == counts[1]


@given(uploads, st.data())
@bounded(max_examples=80)
def test_any_order_within_the_settling_time_gives_the_same_numbers(
    those: list[Facts], data: st.DataObject
) -> None:
    events = everything(those)
    shuffled = data.draw(st.permutations(events))
    apart = (SETTLE - 1) / len(events)
    found = []
    for order in (events, shuffled):
        piped = Piped()
        for event in order:
            piped.apply(Entry(piped.now, (event,)))
            piped.wait(apart)
        piped.outlast()
        found.append(piped)

    assert same(found[1].series("video_"), found[0].series("video_"))
    assert len(found[0].points) == len(found[1].points)


@given(uploads, st.data())
@bounded(max_examples=50)
def test_cutting_bodies_anywhere_changes_nothing(those: list[Facts], data: st.DataObject) -> None:
    events = tuple(everything(those))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(events)))))
    edges = [0, *cuts, len(events)]
    whole = counted([Entry(START, events)])
    cut = counted([Entry(START, events[one:other]) for one, other in pairwise(edges)])
    whole.outlast()
    cut.outlast()

    assert cut.series() == whole.series()
    assert cut.points == whole.points


@given(uploads, st.data())
@bounded(max_examples=50)
def test_beacons_that_come_again_never_change_what_is_counted(
    those: list[Facts], data: st.DataObject
) -> None:
    events = everything(those)
    with_ids = [event for event in events if event.id is not None]
    again = data.draw(st.lists(st.sampled_from(with_ids), min_size=1, max_size=10))
    once, often = Piped(), Piped()
    for event in events:
        once.apply(Entry(once.now, (event,)))
        often.apply(Entry(often.now, (event,)))
    for event in again:
        often.apply(Entry(often.now, (event,)))
    once.outlast()
    often.outlast()

    assert often.series("video_") == once.series("video_")
    assert len(often.points) == len(once.points)
    duplicates = "exporter_events_duplicate_total"
    assert often.total(duplicates) == once.total(duplicates) + len(again)


@given(uploads, st.data())
@bounded(max_examples=50)
def test_what_is_told_of_an_upload_twice_without_an_id_counts_once_too(
    those: list[Facts], data: st.DataObject
) -> None:
    nameless = [msgspec.structs.replace(e, id=None) for it in those for e in by_server(it)]
    once = counted([Entry(START, tuple(nameless))])
    again = data.draw(st.lists(st.sampled_from(nameless), max_size=10))
    often = counted([Entry(START, (*nameless, *again))])
    once.outlast()
    often.outlast()

    assert often.series("video_") == once.series("video_")


# -- what always holds -----------------------------------------------------------------------


@given(streams())
@bounded(max_examples=60)
def test_every_upload_that_begins_ends_exactly_once(
    stream: list[tuple[float, tuple[Event, ...]]],
) -> None:
    piped = counted(entries(stream))
    piped.now = piped.pipeline.now
    piped.outlast()
    started = piped.total("video_upload_started_total")

    for family in ("", "_by_client", "_by_age", "_by_region"):
        assert piped.total(f"video_upload_ended{family}_total") == started
    ended = [
        point
        for point, _ in piped.points
        if point.measurement == "upload" and "upload_id" in dict(point.fields)
    ]
    assert len(ended) == started
    assert {going_on for _, going_on, _ in piped.pipeline.sessions.counts()} == {0}
    piped.wait(Patience().remember)
    assert {remembered for _, _, remembered in piped.pipeline.sessions.counts()} == {0}


@given(streams())
@bounded(max_examples=15)
def test_no_counter_ever_goes_back_and_nothing_received_is_lost(
    stream: list[tuple[float, tuple[Event, ...]]],
) -> None:
    piped = Piped()
    before: Series = {}
    for entry in entries([*stream, (SILENCE, ()), (SILENCE, ())]):
        piped.apply(entry)
        now = piped.series()
        assert [name for name, value in before.items() if now.get(name, 0.0) < value] == []
        before = now
        parts = ("accepted", "duplicate", "rejected", "limited", "refused")
        ways = sum(piped.total(f"exporter_events_{part}_total") for part in parts)
        assert piped.total("exporter_events_received_total") == ways


@given(streams())
@bounded(max_examples=15)
def test_no_two_points_share_a_timestamp_unless_one_completes_the_other(
    stream: list[tuple[float, tuple[Event, ...]]],
) -> None:
    piped = counted(entries(stream))
    whole = [(point.measurement, stamp) for point, stamp in piped.points if point.stamp is None]
    by_stamp: dict[int, set[Any]] = {}
    for point, stamp in piped.points:
        by_stamp.setdefault(stamp, set()).add((point.measurement, point.tags))

    assert len(whole) == len(set(whole))
    assert {len(series) for series in by_stamp.values()} <= {1}


# -- whatever comes --------------------------------------------------------------------------

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from((LARGEST, -LARGEST, 5e-324, "4g", "error", "complete", "timeout", CHROME))
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)

FORMS = (
    (UPLOAD_PERFORMANCE, None, PERFORMANCE),
    (UPLOAD_EXPERIENCE, None, EXPERIENCE),
    (ANALYTICS, "resource", RESOURCES),
    (ANALYTICS, "anything", PERFORMANCE),
    *(("/v1/events", None, {"events": [event]}) for event in EVENTS),
)


def places(value: Any) -> list[tuple[Any, ...]]:
    """Where in a body something else could stand."""
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    found: list[tuple[Any, ...]] = []
    for key, each in inner:
        found += [(key,), *((key, *rest) for rest in places(each))]
    return found


def put(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    """The same body with something else at a place."""
    if not place:
        return other
    key, *rest = place
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = put(value[key], tuple(rest), other)
    return copy


def taken(path: str, body: bytes, kind: str | None) -> Parsed | None:
    try:
        return parse(path, body, kind=kind)
    except RefusedError:
        return None


@given(st.data())
@bounded(max_examples=250)
def test_whatever_stands_in_a_body_is_counted_under_labels_of_the_catalogue_or_refused(
    data: st.DataObject,
) -> None:
    path, kind, body = data.draw(st.sampled_from(FORMS))
    for _ in range(data.draw(st.integers(1, 3))):
        body = put(body, data.draw(st.sampled_from(places(body))), data.draw(json_values))
        if not isinstance(body, dict) or not places(body):
            return
    try:
        raw = msgspec.json.encode(body)
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError):
        return  # beyond what this encoder writes
    parsed = taken(path, raw, kind)
    if parsed is not None:
        # The store has no cell for other labels: it would raise.
        piped = counted([Entry(START, parsed.events)])
        piped.outlast()
        journal = codec()
        written = journal.decode(1, journal.encode([Entry(START, parsed.events)]))
        assert written[0].events == parsed.events


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode(errors="replace"))
)
@bounded(max_examples=200)
def test_any_bytes_are_events_or_refused(body: bytes) -> None:
    for path, kind in ((UPLOAD_PERFORMANCE, None), (ANALYTICS, "x"), ("/v1/events", None)):
        taken(path, body, kind)


# -- accounting ------------------------------------------------------------------------------


def test_every_type_of_event_is_accepted_under_its_own_name(piped: Piped) -> None:
    forms: list[tuple[str, Any, str | None]] = [
        (UPLOAD_PERFORMANCE, PERFORMANCE, None),
        (UPLOAD_EXPERIENCE, EXPERIENCE, None),
        (ANALYTICS, RESOURCES, "resource"),
        (ANALYTICS, {}, "x"),
        ("/v1/events", {"events": EVENTS}, None),
        ("/api/metrics", {"name": "web_vitals_lcp", "value": None}, None),
        ("/api/metrics", {"name": "of_our_own", "value": 1.0}, None),
    ]
    for path, body, kind in forms:
        piped.beacon(path, body, kind=kind)
    told = {each["type"] for each in EVENTS}
    for event in hostile.TYPES:
        if event_type(event) not in told:
            piped.take(hostile.taken(event))

    for event in TYPES:
        assert piped.total("exporter_events_accepted_total", type=event_type(event)) == 1


def test_what_was_turned_away_is_received_as_well(piped: Piped) -> None:
    refusals = (
        Refusal(Rejection.MALFORMED, "/v1/events", "sample"),
        Refusal(Rejection.INVALID, count=4),
    )
    piped.apply(Entry(START, (), refusals, limited=3, refused=2))

    assert piped.series("exporter_") == {
        'exporter_events_rejected_total{reason="malformed"}': 1,
        'exporter_events_rejected_total{reason="invalid"}': 4,
        "exporter_events_limited_total{}": 3,
        "exporter_events_refused_total{}": 2,
        "exporter_events_received_total{}": 10,
    }
    assert [refusal.sample for _, refusal in piped.pipeline.refusals] == ["sample"]


def test_time_never_goes_back_whatever_the_entries_say(piped: Piped) -> None:
    piped.apply(Entry(START, told({"type": "upload.started", "upload_id": "u1"})))
    piped.apply(Entry(START + SILENCE - 1))
    piped.apply(Entry(START - 1000.0))

    assert piped.pipeline.now == START + SILENCE - 1
    assert piped.total("video_upload_ended_total") == 0
    piped.apply(Entry(START + SILENCE))
    assert piped.total("video_upload_ended_total", outcome="abandoned") == 1


def test_the_counters_that_are_counted_in_directly_are_those_of_the_store(piped: Piped) -> None:
    piped.tell({"type": "upload.completed", "upload_id": "u1", "id": "e1"})
    piped.tell({"type": "upload.completed", "upload_id": "u1", "id": "e1"})
    store = piped.pipeline.store

    assert store.value(telemetry.RECEIVED) == 2
    assert store.value(telemetry.DUPLICATE) == 1
    assert telemetry.RECEIVED.name in store.changed()
