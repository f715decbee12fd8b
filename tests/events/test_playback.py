"""The playback domain: what is sent about plays, and every number that comes of it."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.catalogue import Catalogue
from exporter.event import Event, Patience
from exporter.events import playback
from exporter.events.playback.classes import Completion, ErrorType, Outcome, Preview
from exporter.events.playback.order import MOST_GAP, WINDOW, sequence
from exporter.events.playback.path import (
    MOST_RUNS,
    MOST_SEGMENTS,
    MOST_WAITING,
    Path,
    reached,
    runs,
)
from exporter.events.playback.state import Play
from exporter.events.playback.timeline import Change, Mode, Sign, Timeline
from exporter.events.playback.video import MOST_FIELDS
from exporter.instant import Instant
from exporter.metric import Histogram
from exporter.record import Entry
from tests.events import stories
from tests.events.stories import Case
from tests.pipelines import START, Piped, Saved, Series, codec, entries, parse, told

CASES = stories.cases("playback")
VIEW, PROGRESS, COMPLETE = (
    f"/api/analytics/video-{each}" for each in ("view", "progress", "complete")
)
SETTLE = Patience().settle
SILENCE = Patience().silence

IMPLIED = {
    "video_playback_watched": ("by_network_seconds_total", "by_cdn_seconds_total"),
    "video_playback_stalled": ("by_network_seconds_total", "by_cdn_seconds_total"),
    "video_playback_media": ("by_network_seconds_total",),
    "video_playback_bits": ("by_network_total",),
}
"""Families that say the same number under other segments."""


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
    assert stories.families(CASES) == {metric.name for metric in playback.DOMAIN.metrics}


def test_every_limit_of_a_histogram_ascends() -> None:
    for metric in playback.DOMAIN.metrics:
        if isinstance(metric, Histogram):
            assert list(metric.buckets) == sorted(set(metric.buckets)), metric.name


def test_every_event_type_of_the_domain_is_in_the_table() -> None:
    assert stories.told(CASES) == stories.types(playback.DOMAIN)


def test_every_way_to_end_and_every_kind_of_player_is_in_the_table() -> None:
    said: dict[str, set[str]] = {}
    for case in CASES:
        for _, labels, _ in case["series"]:
            for name, value in labels.items():
                said.setdefault(name, set()).add(value)

    assert said["outcome"] == set(Outcome)
    assert said["preview"] == set(Preview)
    assert said["player"] == {"hls.js", "dash.js", "shaka", "pillarbox", "native", "other"}


def test_the_domain_keeps_its_share_of_the_series() -> None:
    members = Catalogue((playback.DOMAIN,)).members

    assert sum(metric.most_series(members) for metric in playback.DOMAIN.metrics) <= 400


# -- what order and repetition may not change ------------------------------------------------


class Watched(NamedTuple):
    """One play, as it was: seconds, whoever tells of it."""

    play_id: str
    video: str
    preview: bool
    duration: float
    steps: tuple[tuple[float, float], ...]
    """Seconds watched, and how far it jumped before."""
    pauses: int
    ends: str | None


quarters = st.integers(1, 120).map(lambda number: number / 4)

plays = st.lists(
    st.builds(
        Watched,
        play_id=st.integers(0, 999).map(lambda number: f"16991234567{number}-kx7m2n4"),
        video=st.sampled_from(("v1", "v2")),
        preview=st.booleans(),
        duration=st.integers(20, 400).map(float),
        steps=st.lists(
            st.tuples(quarters, st.sampled_from((0.0, 0.0, 60.0, -20.0))), max_size=5
        ).map(tuple),
        pauses=st.integers(0, 3),
        ends=st.sampled_from(("complete", "finished", "left", "failed", None)),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda it: it.play_id,
)


def by_tracker(it: Watched) -> list[Event]:
    """What the page of a play sends."""
    view = {
        "session_id": it.play_id,
        "video_id": it.video,
        "video_duration_seconds": it.duration,
        "is_preview": it.preview,
        "user_id": "ann",
    }
    bodies: list[tuple[str, dict[str, Any]]] = [(VIEW, view), (VIEW, view | {"referrer": "again"})]
    for number, (watched, position) in enumerate(walk(it)):
        bodies.append(
            (
                PROGRESS,
                {
                    "session_id": it.play_id,
                    "current_position_seconds": position,
                    "watch_time_seconds": watched,
                    "pause_count": min(number, it.pauses),
                    "seek_count": number // 2,
                },
            )
        )
    if it.ends == "complete":
        bodies.append((COMPLETE, bodies[-1][1] | {"session_id": it.play_id}))
    return [event for path, body in bodies for event in parse(path, body).events]


def walk(it: Watched) -> Iterable[tuple[float, float]]:
    watched = position = 0.0
    for seconds, jump in it.steps:
        watched += seconds
        position = max(0.0, position + jump) + seconds
        yield watched, position


def by_player(it: Watched) -> list[Event]:
    """What a player sends that tells its states, with its clock and its sequence."""
    at, events = 1_600_000_000.0, list[dict[str, Any]]()
    same = {"play_id": it.play_id, "player": "hls.js", "network": "4g"}

    def tell(kind: str, **fields: Any) -> None:
        number = {"sequence": len(events), "at": at}
        events.append({"type": f"playback.{kind}", **same, **number, **fields})

    tell(
        "requested",
        video_id=it.video,
        duration_seconds=it.duration,
        preview=it.preview,
        viewer="ann",
    )
    for number, (seconds, jump) in enumerate(it.steps):
        at += 0.5
        tell("resumed" if number else "started")
        tell("rendition_changed", bitrate_bps=1e6 * (1 + number % 2))
        at += seconds
        if jump:
            tell("seeked")
        elif number < it.pauses:
            tell("paused")
        else:
            tell("stalled")
    at += 2
    if it.ends == "failed":
        tell("failed", error="decode error")
    elif it.ends is not None:
        tell("finished" if it.ends == "complete" else it.ends, position_seconds=it.duration)
    return list(told(*events))


def by_samples(it: Watched) -> list[Event]:
    """What a player sends that says now and then how it is; in some plays it knows no states."""
    at, events = 1_600_000_000.0, list[dict[str, Any]]()
    knows = it.pauses != 1

    def tell(state: str, **fields: Any) -> None:
        number = len(events)
        said = {"state": state} if knows else {}
        sample = {
            "type": "playback.sampled",
            "id": f"{it.play_id}:{number}",
            "at": at,
            "sequence": number,
            "play_id": it.play_id,
            "video_id": it.video,
            "player": "dash.js",
            "throughput_bps": 1e6 + number,
        }
        events.append(sample | said | fields)

    tell("starting", startup_seconds=0.001)
    at += 0.5
    for number, (seconds, jump) in enumerate(it.steps):
        tell("playing", bitrate_bps=1e6 * (1 + number % 2), **({} if knows else {"stalls": number}))
        at += seconds
        tell("playing", bitrate_bps=1e6 * (1 + number % 2), repaired=["bare_ec"])
        tell("seeking" if jump else "rebuffering", stall_seconds=seconds)
        at += 0.5
        tell("rebuffering", stall_seconds=seconds, error_type="media")
    at += 2
    ends = {"complete": "ended", "finished": "ended", "left": "quit", "failed": "failed"}
    if it.ends is not None:
        tell(ends[it.ends])
    return list(told(*events))


def everything(those: Sequence[Watched]) -> list[Event]:
    """Each play by its page, or by a player that tells what happens, or by one that samples."""
    tell = (by_tracker, by_player, by_samples)
    return [event for number, it in enumerate(those) for event in tell[number % 3](it)]


def totals(piped: Piped) -> tuple[Series, list[dict[str, Any]], dict[str, float]]:
    """Every number; the plays' points without their timestamps; the videos' totals."""
    ended: list[dict[str, Any]] = [
        {**dict(point.tags), **dict(point.fields)}
        for point, _ in piped.points
        if point.measurement == "play"
    ]
    of_videos: dict[str, float] = {}
    for point, _ in piped.points:
        if point.measurement == "video_minute":
            for name, value in point.fields:
                key = f"{sorted(point.tags)} {name}"
                of_videos[key] = of_videos.get(key, 0.0) + float(value)
        elif point.measurement == "video_heatmap":
            # The later one replaces the earlier one.
            of_videos |= {f"{sorted(point.tags)} {n}": float(value) for n, value in point.fields}
    return piped.series("video_"), sorted(ended, key=lambda it: str(it["play_id"])), of_videos


def told_in(order: Sequence[Event]) -> Piped:
    """All within the time that an end has to settle; then silence."""
    piped = Piped()
    for event in order:
        piped.apply(Entry(piped.now, (event,)))
        piped.wait((SETTLE - 1) / len(order))
    for pause in (SETTLE, 60.0, SILENCE, 3600.0):
        piped.wait(pause)
    return piped


@given(plays, st.data())
@bounded(max_examples=40)
def test_any_order_and_repetition_gives_the_same_numbers(
    those: list[Watched], data: st.DataObject
) -> None:
    events = everything(those)
    again = data.draw(st.lists(st.sampled_from(events), max_size=10))
    shuffled = data.draw(st.permutations([*events, *again]))
    one, other = totals(told_in(events)), totals(told_in(shuffled))

    assert other[0] == pytest.approx(one[0])
    assert [list(each) for each in other[1]] == [list(each) for each in one[1]]
    for mine, theirs in zip(one[1], other[1], strict=True):
        numbers = {name: v for name, v in mine.items() if isinstance(v, int | float)}
        assert {name: theirs[name] for name in numbers} == pytest.approx(numbers)
        assert {n: v for n, v in theirs.items() if n not in numbers} == {
            n: v for n, v in mine.items() if n not in numbers
        }
    assert other[2] == pytest.approx(one[2])


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[float, tuple[Event, ...]]]:
    """Entries as they may come: events in any order, repeated, in any bodies, with any pauses."""
    events = everything(draw(plays))
    order = draw(st.permutations(range(len(events))))
    again = draw(st.lists(st.integers(0, len(events) - 1), max_size=5))
    shuffled = [events[place] for place in (*order, *again)]
    cuts = draw(st.lists(st.integers(0, len(shuffled)), max_size=8))
    edges = [0, *sorted(cuts), len(shuffled)]
    pauses = st.sampled_from((0.0, 0.001, 3.0, SETTLE, 61.0, SILENCE, 9000.0, 90_000.0))
    return [(draw(pauses), tuple(shuffled[one:other])) for one, other in pairwise(edges)]


@given(streams())
@bounded(max_examples=25)
def test_replaying_what_was_written_gives_what_was_counted_live(
    stream: list[tuple[float, tuple[Event, ...]]],
) -> None:
    journal = codec()
    live = [*entries(stream), Entry(START + 500_000.0)]
    found = []
    for those in (live, journal.decode(1, journal.encode(live))):
        piped = Piped()
        for entry in those:
            piped.apply(entry)
        found.append((piped.series(), piped.points, piped.pipeline.sessions.changed()))

    assert found[0] == found[1]


@given(streams(), st.data())
@bounded(max_examples=25)
def test_a_state_that_was_saved_goes_on_as_if_nothing_had_happened(
    stream: list[tuple[float, tuple[Event, ...]]], data: st.DataObject
) -> None:
    those = [*entries(stream), Entry(START + 500_000.0)]
    crash = data.draw(st.integers(0, len(those)))
    without, before, saved = Piped(), Piped(), Saved()
    for entry in those:
        without.apply(entry)
    for entry in those[:crash]:
        before.apply(entry)
    saved.save(before)
    after = saved.restored()
    for entry in those[crash:]:
        after.apply(entry)

    assert after.series() == without.series()
    assert [*before.points, *after.points] == without.points


@given(streams())
@bounded(max_examples=25)
def test_every_attempt_is_one_view_and_ends_once(
    stream: list[tuple[float, tuple[Event, ...]]],
) -> None:
    piped = Piped()
    for entry in entries(stream):
        piped.apply(entry)
    piped.now = piped.pipeline.now
    for _ in range(3):
        piped.wait(SILENCE)
    attempts = piped.total("video_playback_attempts_total")
    started = piped.total("video_playback_started_total")
    unstarted = sum(
        piped.total("video_playback_ended_total", outcome=outcome)
        for outcome in ("start_failed", "start_exited", "start_dropped")
    )

    assert attempts == piped.total("video_playback_ended_total")
    assert attempts == piped.total("video_playback_ended_by_device_total")
    assert attempts == piped.total("video_playback_views_total")
    assert started + unstarted == attempts
    for family, others in IMPLIED.items():
        whole = piped.total(family + "_total") + piped.total(family + "_seconds_total")
        for each in others:
            assert piped.total(f"{family}_{each}") == pytest.approx(whole), each
    open_plays = {name: going_on for name, going_on, _ in piped.pipeline.sessions.counts()}
    assert (open_plays["play"], open_plays["video"]) == (0, 0)
    piped.wait(7200.0)
    piped.wait(Patience().remember)
    assert {remembered for *_, remembered in piped.pipeline.sessions.counts()} == {0}


MEANS = {"throughput_bps", "buffer_seconds", "ttfb_seconds"}


@given(streams())
@bounded(max_examples=15)
def test_a_point_that_comes_again_replaces_the_one_before(
    stream: list[tuple[float, tuple[Event, ...]]],
) -> None:
    piped = Piped()
    for entry in [*entries(stream), Entry(START + 500_000.0)]:
        piped.apply(entry)
    seen: dict[tuple[str, Any, int], dict[str, Any]] = {}
    for point, stamp in piped.points:
        key = (point.measurement, point.tags, stamp)
        before, now = seen.get(key, {}), dict(point.fields)
        assert point.measurement != "video_minute" or not before
        # What grows with a play may not fall; a mean of what its player measured may.
        again = (before.keys() & now.keys()) - MEANS
        fell = [name for name in again if now[name] < before[name]]
        assert not fell, fell
        seen[key] = before | now


# -- time ------------------------------------------------------------------------------------


def test_a_play_is_open_until_its_end_is_counted_and_then_remembered_for_a_day(
    piped: Piped,
) -> None:
    def counts() -> tuple[int, int]:
        return next((o, r) for name, o, r in piped.pipeline.sessions.counts() if name == "play")

    piped.beacon(VIEW, {"session_id": "p1"})
    piped.beacon(COMPLETE, {"session_id": "p1"})
    assert counts() == (1, 1)
    piped.wait(SETTLE)
    assert counts() == (0, 1)
    piped.wait(7200.0)
    state = piped.pipeline.sessions._state(_place("play"), "p1")
    assert state.facts is None, "long after its end nothing but its name is remembered"
    piped.beacon(PROGRESS, {"session_id": "p1", "watch_time_seconds": 50})
    assert piped.total("video_playback_watched_seconds_total") == 0
    piped.wait(Patience().remember - 7200.0)
    assert counts() == (0, 0)


def _place(name: str) -> int:
    return [each.name for each in Piped().pipeline.sessions.lifecycles].index(name)


def test_a_long_play_is_counted_while_it_goes_on(piped: Piped) -> None:
    piped.beacon(VIEW, {"session_id": "p1", "video_id": "v1"})
    counted = []
    for seconds in (15, 30, 45):
        piped.wait(15.0)
        progress = {"session_id": "p1", "watch_time_seconds": seconds}
        piped.beacon(PROGRESS, progress | {"current_position_seconds": seconds})
        counted.append(piped.total("video_playback_watched_seconds_total"))

    assert counted == [15, 30, 45]


def test_a_heat_map_grows_within_its_hour_and_keeps_its_timestamp(piped: Piped) -> None:
    for number in range(3):
        view = {"session_id": f"p{number}", "video_id": "v1", "video_duration_seconds": 30}
        piped.beacon(VIEW, view)
        body = {"session_id": f"p{number}", "watch_time_seconds": 30}
        piped.beacon(COMPLETE, body | {"current_position_seconds": 30})
        for _ in range(14):
            piped.wait(60.0)
    piped.wait(3600.0)
    maps = [(dict(p.fields), at) for p, at in piped.points if p.measurement == "video_heatmap"]

    # 22:13:20, 22:27 and 22:41 are in one hour.
    assert [fields["s0"] for fields, _ in maps] == [1, 2, 3]
    (stamp,) = {at for _, at in maps}
    assert stamp // 10**9 == START // 3600 * 3600
    minutes = {at // 10**9 for p, at in piped.points if p.measurement == "video_minute"}
    assert all(minute % 60 == 0 for minute in minutes)


def test_a_heat_map_is_there_a_minute_after_the_first_play_of_an_hour(piped: Piped) -> None:
    body = {"session_id": "p0", "watch_time_seconds": 30, "current_position_seconds": 30}
    piped.beacon(VIEW, {"session_id": "p0", "video_id": "v1"})
    piped.beacon(COMPLETE, body)
    for _ in range(2):
        piped.wait(60.0)
    (stamp,) = [at for point, at in piped.points if point.measurement == "video_heatmap"]

    assert stamp // 10**9 == START // 3600 * 3600


def test_an_hour_begins_with_an_empty_heat_map(piped: Piped) -> None:
    for number in range(2):
        body = {"session_id": f"p{number}", "watch_time_seconds": 30}
        piped.beacon(VIEW, {"session_id": f"p{number}", "video_id": "v1"})
        piped.beacon(COMPLETE, body | {"current_position_seconds": 30})
        for _ in range(60):
            piped.wait(60.0)
    maps = [(dict(p.fields), at) for p, at in piped.points if p.measurement == "video_heatmap"]

    assert [fields["s0"] for fields, _ in maps] == [1, 1]
    assert maps[1][1] - maps[0][1] == 3600 * 10**9


def test_videos_that_share_a_tag_have_points_of_their_own(piped: Piped) -> None:
    for video in ("v1", "v2"):
        piped.beacon(VIEW, {"session_id": f"play-of-{video}", "video_id": video})
    piped.wait(60.0)

    assert len({at for _, at in piped.points}) == 2


def test_a_heat_map_with_many_segments_is_several_points_that_make_one(piped: Piped) -> None:
    piped.beacon(VIEW, {"session_id": "p1", "video_id": "v1"})
    body = {"session_id": "p1", "watch_time_seconds": 86_400, "current_position_seconds": 86_400}
    piped.beacon(COMPLETE, body)
    for _ in range(60):
        piped.wait(60.0)
    maps = [(p, at) for p, at in piped.points if p.measurement == "video_heatmap"]
    fields = [field for point, _ in maps for field in point.fields]

    assert {(point.tags, at) for point, at in maps} == {(maps[0][0].tags, maps[0][1])}
    assert max(len(point.fields) for point, _ in maps) <= MOST_FIELDS
    assert len(dict(fields)) == len(fields) == MOST_SEGMENTS + 1
    assert dict(fields)[f"d{(MOST_SEGMENTS - 1) * 10}"] == 1


def test_what_is_watched_again_is_said_of_its_segments(piped: Piped) -> None:
    piped.beacon(VIEW, {"session_id": "p1", "video_id": "v1"})
    for watched, position in ((30, 30), (30, 10), (50, 30), (60, 40)):
        body = {"session_id": "p1", "watch_time_seconds": watched}
        piped.beacon(PROGRESS, body | {"current_position_seconds": position})
        piped.wait(SETTLE)
    for _ in range(90):
        piped.wait(60.0)
    (fields,) = [dict(p.fields) for p, _ in piped.points if p.measurement == "video_heatmap"]

    assert fields == {"s0": 1, "s10": 2, "s20": 2, "s30": 1, "r10": 1, "r20": 1, "d30": 1}


# -- parts -----------------------------------------------------------------------------------


def path_of(*samples: tuple[float, float], speed: float | None = None) -> list[tuple[int, int]]:
    path = Path()
    for watched, position in samples:
        path.saw(watched, position, speed, 0.0)
    path.settle(0.0)
    return list(runs(path.runs))


@pytest.mark.parametrize(
    ("samples", "walked"),
    [
        ([], []),
        ([(0, 0)], []),
        ([(15, 15)], [(0, 1)]),
        ([(15, 615)], [(60, 61)]),
        ([(20, 20)], [(0, 1)]),
        ([(15, 15), (30, 30), (45, 45)], [(0, 4)]),
        ([(15, 15), (15, 15)], [(0, 1)]),
        # A pause, and a jump while it is paused.
        ([(15, 15), (15, 200), (30, 215)], [(0, 1), (20, 21)]),
        # Jumps forward and back: of them only the last seconds are known.
        ([(15, 15), (30, 300)], [(0, 1), (29, 29)]),
        ([(115, 115), (130, 20), (145, 35)], [(0, 11), (1, 3)]),
        # A stall: time goes by and nothing is seen.
        ([(15, 15), (30, 15), (45, 30)], [(0, 2)]),
        # Beacons that were lost.
        ([(15, 15), (300, 300)], [(0, 29)]),
        ([(15, 15), (30, 2)], [(0, 1), (0, 0)]),
        ([(86_400, 86_400)], [(0, MOST_SEGMENTS - 1)]),
        ([(1, 80_000)], []),
        # A clock instead of watched time: where it began is not known.
        ([(1.7e9, 100), (1.7e9 + 15, 115)], [(10, 11)]),
    ],
)
def test_what_a_play_has_shown(
    samples: list[tuple[float, float]], walked: list[tuple[int, int]]
) -> None:
    assert path_of(*samples) == walked


def test_who_watches_faster_comes_further() -> None:
    assert path_of((15, 15), (30, 45), speed=2.0) == [(0, 4)]
    assert path_of((15, 15), (30, 45)) == [(0, 1), (4, 4)]


def test_before_the_first_beacon_and_after_a_jump_the_speed_says_how_far_it_was() -> None:
    assert path_of((15, 107.5), (17, 302), speed=0.5) == [(10, 10), (30, 30)]
    assert path_of((15, 130), (17, 304), speed=2.0) == [(10, 12), (30, 30)]
    assert path_of((2, 131), speed=4.0) == [(12, 13)]


def test_the_segments_that_a_play_reached_are_counted_once_each() -> None:
    path = Path()
    for watched, position in ((30, 30), (31, 300), (46, 315), (47, 10), (67, 30), (68, 50)):
        path.saw(watched, position, None, 0.0)
    path.settle(0.0)

    assert list(runs(path.runs)) == [(0, 2), (29, 31), (0, 2), (4, 4)]
    assert reached(path.runs) == [(0, 2), (4, 4), (29, 31)]


def test_samples_wait_for_those_that_may_overtake_them_and_then_no_longer() -> None:
    path = Path()
    path.saw(30.0, 30.0, None, 100.0)
    path.settle(99.0)
    assert path.runs == b""
    path.saw(15.0, 115.0, None, 105.0)
    path.settle(100.0)
    assert list(runs(path.runs)) == [(10, 11), (2, 2)]
    path.saw(20.0, 20.0, None, 106.0)
    path.settle(200.0)
    assert list(runs(path.runs)) == [(10, 11), (2, 2)], "what comes too late changes nothing"


def test_a_play_that_jumps_about_costs_no_more_than_its_limits() -> None:
    path = Path()
    for number in range(1, 2000):
        path.saw(float(number), float(number * 7919 % 20_000), None, 0.0)
        path.settle(-1.0)
    path.settle(0.0)

    assert len(list(runs(path.runs))) <= MOST_RUNS
    assert len(path.waiting) <= (MOST_WAITING + 1) * 32


def sign(change: Change, at: float, number: int = -1, value: float = 0.0) -> Sign:
    return Sign(change, number, Instant(at, at), value)


def test_more_signs_than_can_wait_are_taken_as_they_are() -> None:
    timeline = Timeline()
    timeline.saw(sign(Change.PLAYING, 1.0))
    for number in range(200):
        timeline.saw(sign(Change.ALIVE, 2.0 + number))
        timeline.settle(0.0)

    assert len(timeline.waiting) <= MOST_WAITING
    assert timeline.watched > 100


def test_states_without_a_clock_count_as_they_come() -> None:
    timeline = Timeline()
    changes = (Change.REQUESTED, Change.PLAYING, Change.STALLED, Change.PLAYING, Change.STALLED)
    for number, change in enumerate(changes):
        timeline.saw(Sign(change, -1, Instant(float(number))))

    assert timeline.settle(10.0) == [1.0]
    assert (timeline.watched, timeline.stalls, timeline.mode) == (4.0, 2.0, Mode.STALLED)


def test_a_pause_in_a_stall_ends_it_and_a_jump_in_a_pause_does_not_end_the_pause() -> None:
    timeline = Timeline()
    for at, change in enumerate(
        (Change.PLAYING, Change.STALLED, Change.PAUSED, Change.SEEKED, Change.PAUSED, Change.OVER)
    ):
        timeline.saw(sign(change, float(at)))

    assert timeline.settle(10.0) == [1.0]
    assert (timeline.watched, timeline.stalled) == (2.0, 1.0)
    assert (timeline.pauses, timeline.seeks) == (1.0, 1.0)


def test_a_clock_that_jumps_is_counted_and_not_used(piped: Piped) -> None:
    piped.tell({"type": "playback.requested", "play_id": "p1", "at": 1000})
    piped.wait(1.0)
    piped.tell({"type": "playback.started", "play_id": "p1", "at": 90_000})
    piped.wait(SETTLE)

    assert piped.total("video_playback_clamped_total") == 1
    sums = "video_playback_startup_seconds_sum"
    assert [value for name, value in piped.series(sums).items()] == [1.0]


def test_a_sequence_knows_what_is_missing() -> None:
    seen = sequence(5)
    for number in (7, 5, 3, 8, 7):
        assert seen.saw(number)

    assert (seen.expected, seen.missing) == (6, 2)


def test_a_sequence_that_is_absurd_is_not_believed() -> None:
    seen = sequence(5)

    assert not seen.saw(5 + MOST_GAP + 1)
    assert seen.saw(5 + MOST_GAP)
    assert (seen.expected, seen.missing) == (MOST_GAP + 1, MOST_GAP - 1)


@given(st.integers(0, 300), st.integers(1, WINDOW // 2), st.data())
def test_a_sequence_in_any_order_is_the_same(first: int, count: int, data: st.DataObject) -> None:
    numbers = list(range(first, first + count))
    came = data.draw(st.lists(st.sampled_from(numbers), min_size=1))
    shuffled = data.draw(st.permutations([*came, *came[:5]]))
    seen = sequence(shuffled[0])
    for number in shuffled:
        seen.saw(number)

    assert (seen.lowest, seen.highest) == (min(came), max(came))
    assert seen.seen == len(set(came))


def test_a_long_sequence_is_remembered_in_a_few_bytes() -> None:
    seen = sequence(0)
    for number in range(0, 100_000, 2):
        seen.saw(number)

    assert (seen.expected, seen.missing) == (99_999, 49_999)
    assert len(seen.bits) <= WINDOW // 8


def test_a_state_is_small_when_it_is_saved(piped: Piped) -> None:
    piped.beacon(VIEW, {"session_id": "1699123456789-kx7m2n4", "video_id": "v1", "user_id": "a"})
    for seconds in range(15, 3600, 15):
        body = {"session_id": "1699123456789-kx7m2n4", "watch_time_seconds": seconds}
        piped.beacon(PROGRESS, body | {"current_position_seconds": seconds})
        piped.wait(15.0)
    saved = {name: body for name, _, body in piped.pipeline.sessions.changed()}

    assert len(saved["play"] or b"") < 600
    assert msgspec.msgpack.decode(saved["play"] or b"", type=Play).facts is not None


# -- classes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "completion"),
    [(None, "unknown"), (0, "low"), (0.499, "low"), (0.5, "medium"), (0.75, "medium"),
     (0.7501, "high"), (1, "high")],
)  # fmt: skip
def test_a_share_has_a_class(ratio: float | None, completion: str) -> None:
    assert Completion.of(ratio) == completion


@pytest.mark.parametrize(
    ("text", "error_type"),
    [
        ("manifestLoadError", "manifest"),
        ("manifestLoadTimeOut", "timeout"),
        ("levelLoadError", "manifest"),
        ("levelEmptyError", "manifest"),
        ("fragLoadError", "network"),
        ("fragLoadTimeOut", "timeout"),
        ("keyLoadError", "network"),
        ("networkError", "network"),
        ("HTTP 503", "network"),
        ("504 Gateway Time-out", "timeout"),
        ("MEDIA_ERR_DECODE", "media"),
        ("MEDIA_ERR_SRC_NOT_SUPPORTED", "unsupported"),
        ("bufferAppendError", "media"),
        ("fragParsingError", "media"),
        ("manifestIncompatibleCodecsError", "manifest"),
        ("bufferAddCodecError", "unsupported"),
        ("keySystemNoSession", "drm"),
        ("Widevine licence refused", "drm"),
        ("drm", "drm"),
        ("it broke", "other"),
        ("", "other"),
    ],
)
def test_an_error_has_a_class(text: str, error_type: str) -> None:
    assert ErrorType.of(text) == error_type


# -- bodies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [{"session_id": "p1", "video_id": 17}, {"session_id": "p1", "user_id": 4}],
)
def test_an_id_may_be_a_number(body: Mapping[str, Any]) -> None:
    (event,) = parse(VIEW, body).events

    assert event.play_id == "p1"  # type: ignore[attr-defined]


def test_who_is_the_same_is_the_same_viewer_whoever_tells() -> None:
    def viewer(event: Event) -> Any:
        return event.viewer  # type: ignore[attr-defined]

    by_page = parse(VIEW, {"session_id": "p1", "user_id": "ann"}).events
    by_server = told({"type": "playback.requested", "play_id": "p2", "viewer": "ann"})
    nobody = parse(VIEW, {"session_id": "p1", "user_id": ""}).events
    at_all = told({"type": "playback.requested", "play_id": "p1"})

    assert viewer(by_page[0]) == viewer(by_server[0])
    assert viewer(nobody[0]) == viewer(at_all[0]) != viewer(by_page[0])
    assert "ann" not in repr(by_page)


def test_a_body_without_its_session_is_refused() -> None:
    for path in (VIEW, PROGRESS, COMPLETE):
        with pytest.raises(Exception, match="incomplete"):
            parse(path, {"video_id": "v1"})
