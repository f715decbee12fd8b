"""Pillarbox: what a beacon means, and what a session of them adds up to."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.event import Device, System
from exporter.events.playback import told
from exporter.events.playback.classes import ErrorType, Player
from exporter.formats.format import RefusedError
from exporter.telemetry import Rejection
from tests.beacons import CHROME
from tests.formats.viewings import CANARIES, events, mutated, survives, written
from tests.pipelines import Piped, Series, parse

PATH = "/pillarbox"
SESSION = "ebdb3da7-bc77-454e-9de0-a1dfa8091e84"
BEGAN = 1_723_640_598_000

START: dict[str, Any] = {
    "event_name": "START",
    "session_id": SESSION,
    "timestamp": BEGAN,
    "version": 1,
    "data": {
        "browser": {"user_agent": CHROME},
        "device": {"id": "viewer-of-the-device"},
        "media": {
            "asset_url": "https://cdn.example.com/a.m3u8?token=secret-token",
            "id": "urn:rts:video:14895342",
            "metadata_url": "https://il.example.com/byUrn/urn:rts:video:14895342",
            "origin": "https://www.example.com/watch?mail=ann@example.com",
        },
        "player": {"name": "Pillarbox", "platform": "Web", "version": "1.32.2"},
        "qoe_timings": {"asset": 1164, "metadata": 320, "total": 1484},
        "qos_timings": {"asset": 1164, "drm": 80, "metadata": 320, "token": 60},
        "screen": {"height": 720, "width": 1280},
    },
}
STATUS: dict[str, Any] = {
    "bandwidth": 23_285_774,
    "bitrate": 6_000_000,
    "buffered_duration": 36_000,
    "frame_drops": 2,
    "log": '{"viewer": "Ann Anderson"}',
    "playback_duration": 0,
    "position": 0,
    "stall": {"count": 0, "duration": 0},
    "stream_type": "On-demand",
    "url": "https://203.0.113.77/segment.ts?token=secret-token",
}
ERROR: dict[str, Any] = {
    "event_name": "ERROR",
    "session_id": SESSION,
    "timestamp": BEGAN + 70_000,
    "version": 1,
    "data": {
        "log": "Ann Anderson, ann@example.com",
        "message": "HTTP request failed: https://cdn.example.com/a?token=secret-token",
        "name": "MEDIA_ERR_NETWORK: 2",
        "position": 50_000,
        "url": "https://203.0.113.77/a.m3u8",
    },
}


def status(name: str, after: float, **data: Any) -> dict[str, Any]:
    """A HEARTBEAT or STOP some seconds after the START."""
    return {
        "event_name": name,
        "session_id": SESSION,
        "timestamp": BEGAN + int(1000 * after),
        "version": 1,
        "data": STATUS | data,
    }


def played(
    seconds: float, position: float, stalls: int = 0, stalled: float = 0.0
) -> dict[str, Any]:
    """What a heartbeat says of a play that moves."""
    return {
        "playback_duration": int(1000 * seconds),
        "position": int(1000 * position),
        "stall": {"count": stalls, "duration": int(1000 * stalled)},
    }


# First frame half a second after the START; a stall of 3 s at 40 s, after which its own count
# begins again; stopped after 75 s, 71.5 s of which showed a moving picture.
WHOLE: tuple[dict[str, Any], ...] = (
    START,
    status("HEARTBEAT", 0.01),
    status("HEARTBEAT", 30, **played(29.5, 29.5)),
    status("HEARTBEAT", 60, **played(17, 56.5, 1, 3)),
    status("STOP", 75, **played(32, 71.5, 1, 3)),
)


def count(order: Sequence[Mapping[str, Any]]) -> Series:
    """Every number of beacons that come in this order within the time that an end settles."""
    piped = Piped()
    for body in order:
        piped.beacon(PATH, body)
        piped.wait(0.5)
    piped.outlast()
    return piped.series("video_")


def test_a_session_is_counted_by_what_is_known_of_it() -> None:
    piped = Piped()
    for body in WHOLE:
        piped.now += 15.0
        piped.beacon(PATH, body)
    piped.wait(10.0)
    player = {"player": "pillarbox"}

    assert piped.total("video_playback_attempts_total", **player) == 1
    assert piped.total("video_playback_started_total", **player) == 1
    assert piped.total("video_playback_ended_total", outcome="left", **player) == 1
    assert piped.total("video_playback_ended_by_device_total", device="desktop") == 1
    # 29.5, then the 30 s between two heartbeats of a play that goes on, then 32 - 17
    assert piped.total("video_playback_watched_seconds_total", **player) == pytest.approx(74.5)
    assert piped.total("video_playback_media_seconds_total") == pytest.approx(74.5)
    assert piped.total("video_playback_bits_total") == pytest.approx(74.5 * 6e6)
    assert piped.total("video_playback_stalls_total", **player) == 1
    assert piped.total("video_playback_stalled_seconds_total", **player) == pytest.approx(3)
    startup = piped.series("video_playback_startup_by_player_seconds_sum")
    assert startup == {'video_playback_startup_by_player_seconds_sum{player="pillarbox"}': 1.484}
    assert piped.total("video_playback_clamped_total") == 0
    ((point, _),) = [each for each in piped.points if each[0].measurement == "play"]
    assert dict(point.tags)["video"] == "urn:rts:video:14895342"
    assert dict(point.fields)["furthest_seconds"] == 71.5


def test_a_session_whose_start_was_lost_counts_for_the_rest() -> None:
    without = count(WHOLE[2:])

    assert without['video_playback_attempts_total{player="pillarbox"}'] == 1
    assert without['video_playback_watched_seconds_total{player="pillarbox"}'] == pytest.approx(
        74.5
    )
    assert without['video_playback_stalls_total{player="pillarbox"}'] == 1
    assert not any(name.startswith("video_playback_startup") for name in without)


def test_a_player_that_nobody_starts_is_no_attempt() -> None:
    assert count((START, status("HEARTBEAT", 0.01), status("HEARTBEAT", 30))) == {}
    bookmark = {"position": 600_000}
    assert count((START, status("HEARTBEAT", 30, **bookmark), status("STOP", 40, **bookmark))) == {}


def test_who_stops_in_a_stall_has_had_its_totals() -> None:
    """On the web the count begins again with the first frame after a stall; there was none."""
    found = count((START, status("STOP", 20, **played(0, 12, 2, 3.5))))

    assert found['video_playback_started_total{player="pillarbox"}'] == 1
    assert found['video_playback_ended_total{outcome="left",player="pillarbox"}'] == 1
    assert found['video_playback_stalls_total{player="pillarbox"}'] == 2
    assert found['video_playback_stalled_seconds_total{player="pillarbox"}'] == 3.5


def test_an_error_before_anything_moved_is_a_start_that_failed() -> None:
    numbers = count((START, ERROR))

    assert numbers['video_playback_ended_total{outcome="start_failed",player="pillarbox"}'] == 1
    assert numbers['video_playback_errors_total{error_type="network"}'] == 1
    assert 'video_playback_started_total{player="pillarbox"}' not in numbers


@pytest.mark.parametrize(
    ("severity", "fatal"),
    [(None, True), ("Fatal", True), ("FATAL", True), ("Warning", False), ("WARNING", False)],
)
def test_only_a_warning_is_no_end(severity: str | None, fatal: bool) -> None:
    (event,) = events(PATH, ERROR | {"data": ERROR["data"] | {"severity": severity}})

    assert isinstance(event, told.Failed)
    assert (event.fatal, event.error_type) == (fatal, ErrorType.NETWORK)


@pytest.mark.parametrize(
    ("name", "error_type"),
    [
        ("MEDIA_ERR_NETWORK: 2", ErrorType.NETWORK),
        ("MEDIA_ERR_DECODE: 3", ErrorType.MEDIA),
        ("MEDIA_ERR_SRC_NOT_SUPPORTED: 4", ErrorType.UNSUPPORTED),
        ("MEDIA_ERR_ENCRYPTED: 5", ErrorType.DRM),
        ("CoreMediaErrorDomain(-12318)", ErrorType.MEDIA),
        ("STARTDATE: 7", ErrorType.OTHER),
        (None, ErrorType.OTHER),
    ],
)
def test_errors_by_the_names_that_players_give_them(
    name: str | None, error_type: ErrorType
) -> None:
    (event,) = events(PATH, ERROR | {"data": {"name": name}})

    assert isinstance(event, told.Failed)
    # An end that names nothing leaves it to other events.
    assert event.error_type == (None if name is None else error_type)


@pytest.mark.parametrize(
    ("data", "finished"),
    [
        ({"duration": 72_000, "position": 71_500}, True),
        ({"duration": 72_000, "position": 71_000}, True),
        ({"duration": 72_000, "position": 70_999}, False),
        ({"duration": 72_000, "position": 71_500, "stream_type": "live"}, False),
        ({"duration": None, "position": 71_500}, False),
        ({"duration": 72_000, "position": None}, False),
    ],
)
def test_a_stop_is_the_end_where_the_duration_says_so(data: dict[str, Any], finished: bool) -> None:
    (event,) = events(PATH, status("STOP", 75, **(played(70, 71.5) | data)))

    assert type(event) is (told.Finished if finished else told.Left)


@pytest.mark.parametrize(
    ("timings", "seconds"),
    [
        ({"asset": 1164, "metadata": 320, "total": 1484}, 1.484),
        ({"asset": 1164, "total": None}, 1.164),
        ({"asset": 0, "total": 0}, 0.0),
        ({}, None),
        (None, None),
    ],
)
def test_startup_is_the_whole_wait_or_else_that_for_the_asset(
    timings: Any, seconds: float | None
) -> None:
    (event,) = events(PATH, START | {"data": START["data"] | {"qoe_timings": timings}})

    assert isinstance(event, told.Prepared)
    assert event.loading_seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("said", "device", "system"),
    [
        ({"device": {"type": "Phone"}, "os": {"name": "iOS"}}, Device.MOBILE, System.IOS),
        ({"device": {"type": "Tablet"}, "os": {"name": "iPadOS"}}, Device.TABLET, System.IOS),
        ({"device": {"type": "TV"}, "os": {"name": "tvOS"}}, Device.TV, System.OTHER),
        ({"device": {"type": "Car"}, "os": {"name": "Android"}}, Device.OTHER, System.ANDROID),
        ({"device": {}, "os": {}}, Device.OTHER, System.OTHER),
    ],
)
def test_apps_say_what_they_run_on(said: dict[str, Any], device: Device, system: System) -> None:
    (event,) = events(PATH, START | {"data": said}, user_agent="okhttp/4.12.0")

    assert isinstance(event, told.Told)
    assert (event.device, event.system, event.player) == (device, system, Player.PILLARBOX)


def test_the_browser_is_that_of_the_page_and_else_that_of_the_request() -> None:
    (page,) = events(PATH, START, user_agent="curl/8.8.0", country="CH")
    (heartbeat,) = events(PATH, status("HEARTBEAT", 0, bitrate=None), user_agent=CHROME)

    assert page.client[:2] == heartbeat.client[:2] == ("desktop", "chrome")  # type: ignore[attr-defined]
    assert page.client.country == "CH"  # type: ignore[attr-defined]


def test_a_live_stream_that_is_behind_its_beginning_is_at_it() -> None:
    event, _ = events(PATH, status("HEARTBEAT", 30, playback_duration=30_000, position=-4000))

    assert isinstance(event, told.Progressed)
    assert event.position_seconds == 0


def test_a_player_that_says_the_time_of_day_for_what_it_played_is_not_believed() -> None:
    # Two pauses with no picture in between add Date.now() to the total (Pillarbox Web 1.32.2).
    absurd = status("HEARTBEAT", 30, playback_duration=1_723_640_627_000, position=20_000)
    numbers = count((START, absurd, status("STOP", 60, **played(30, 40))))

    assert numbers["video_playback_clamped_total{}"] == 1
    assert numbers['video_playback_watched_seconds_total{player="pillarbox"}'] == pytest.approx(30)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Rejection.MALFORMED),
        (b"[]", Rejection.INVALID),
        ({"session_id": "s", "data": {}}, Rejection.INCOMPLETE),
        ({"event_name": "START", "data": {}}, Rejection.INCOMPLETE),
        ({"event_name": "PAUSE", "session_id": "s"}, Rejection.UNKNOWN_TYPE),
        ({"event_name": "START", "session_id": "ann@example.com"}, Rejection.INVALID),
        ({"event_name": "START", "session_id": ""}, Rejection.INVALID),
        ({"event_name": "START", "session_id": "s", "data": []}, Rejection.INVALID),
        ({"event_name": "STOP", "session_id": "s", "data": {"position": "1"}}, Rejection.INVALID),
    ],
)
def test_what_cannot_be_read_is_refused_for_its_reason(body: Any, reason: Rejection) -> None:
    with pytest.raises(RefusedError) as caught:
        parse(PATH, body)
    assert caught.value.reason is reason


def test_the_path_of_the_players_default_is_read_as_well() -> None:
    assert events("/api/events", START) == events(PATH, START)


def test_nothing_that_names_anybody_is_written_down() -> None:
    body = written(events(PATH, *WHOLE, ERROR, user_agent="Ann Anderson"))

    assert [each for each in CANARIES if each.encode() in body] == []
    assert b"example.com" not in body


def test_any_order_and_repetition_gives_the_same_numbers() -> None:
    one = count(WHOLE)
    for seed in range(40):
        order = [*WHOLE, *random.Random(seed).choices(WHOLE, k=5)]  # noqa: S311
        random.Random(seed).shuffle(order)  # noqa: S311
        assert count(order) == pytest.approx(one), seed


@given(mutated([START, *WHOLE[1:], ERROR]))
@settings(max_examples=150)
def test_any_bytes_end_in_events_or_in_a_refusal(body: bytes) -> None:
    survives(PATH, body)


@given(st.lists(mutated([START, *WHOLE[1:], ERROR]), max_size=6))
@settings(max_examples=60)
def test_a_session_of_any_beacons_is_at_most_one_attempt_that_ends(bodies: list[bytes]) -> None:
    piped, sessions = Piped(), set()
    for body in bodies:
        try:
            found = parse(PATH, body).events
        except RefusedError:
            continue
        sessions |= {event.play_id for event in found}  # type: ignore[attr-defined]
        piped.take(found)
        piped.wait(1.0)
    piped.outlast()

    attempts = piped.total("video_playback_attempts_total")
    assert attempts == piped.total("video_playback_ended_total")
    assert attempts == piped.total("video_playback_views_total")
    assert attempts <= len(sessions)
