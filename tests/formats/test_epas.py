"""EPAS: what an event means, what init is told, and what a session adds up to."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.event import Name
from exporter.events.playback import told
from exporter.events.playback.classes import ErrorType
from exporter.formats.epas import EVENT, HEARTBEAT_MS
from exporter.formats.format import RefusedError, Sender
from exporter.telemetry import Rejection
from tests.apps import Running
from tests.beacons import CHROME
from tests.formats.viewings import CANARIES, events, mutated, survives, written
from tests.pipelines import FORMATS, START, Piped, Series, parse

PATH = "/epas"
SESSION = "5e0e2a0c-9d6a-4a4e-8d43-0d2a3a3f9f11"
BEGAN = 1_723_640_598_000


def beacon(
    event: str, after: float, playhead: float = -1, payload: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An event some seconds after init, of a video of 60 s."""
    body: dict[str, Any] = {
        "event": event,
        "sessionId": SESSION,
        "timestamp": BEGAN + int(1000 * after),
        "playhead": playhead,
        "duration": 60 if after else -1,
    }
    return body if payload is None else body | {"payload": payload}


METADATA = {
    "live": False,
    "contentTitle": "Ann Anderson",
    "contentId": "movie-42",
    "contentUrl": "https://203.0.113.77/a.mpd?token=secret-token",
    "userId": "ann@example.com",
    "deviceId": "viewer-of-the-device",
    "deviceType": "tv",
    "category": ["a key", "of the page's own"],
}
# 0.8 s to load; played for 10 s; a stall of 3 s; 5 s; a pause of 4 s, in which it jumped; 8 s.
WHOLE: tuple[dict[str, Any], ...] = (
    beacon("init", 0),
    beacon("metadata", 0.1, payload=METADATA),
    beacon("loading", 0.2),
    beacon("loaded", 1.0),
    beacon("bitrate_changed", 1.1, payload={"bitrate": 246.44, "width": 320}),
    beacon("playing", 20.0),
    beacon("buffering", 30.0, 10),
    beacon("buffered", 33.0, 10),
    beacon("paused", 38.0, 15),
    beacon("seeking", 39.0, 15),
    beacon("seeked", 40.0, 30),
    beacon("playing", 42.0, 30),
    beacon("heartbeat", 45.0, 33),
    beacon("stopped", 50.0, 38, {"reason": "aborted"}),
)
ERROR = beacon(
    "error",
    45.0,
    33,
    {
        "category": "NETWORK",
        "code": "503",
        "message": "https://203.0.113.77/a.mp4?token=secret-token of Ann Anderson",
        "data": {"mail": "ann@example.com"},
    },
)


def count(order: Sequence[Mapping[str, Any]]) -> Series:
    """Every number of beacons that come in this order within the time that an end settles."""
    piped = Piped()
    for body in order:
        piped.beacon(PATH, body)
        piped.wait(0.3)
    piped.outlast()
    return piped.series("video_")


def test_a_session_is_counted_by_its_states() -> None:
    piped, before = Piped(), 0.0
    for body in WHOLE:
        after = (body["timestamp"] - BEGAN) / 1000
        piped.now += after - before
        before = after
        piped.beacon(PATH, body, user_agent=CHROME)
    piped.wait(10.0)

    assert piped.total("video_playback_attempts_total", player="other") == 1
    assert piped.total("video_playback_ended_total", outcome="left") == 1
    assert piped.total("video_playback_ended_by_device_total", device="desktop") == 1
    # 20 to 38, with the stall, and 42 to 50
    assert piped.total("video_playback_watched_seconds_total") == pytest.approx(26)
    assert piped.total("video_playback_stalls_total") == 1
    assert piped.total("video_playback_stalled_seconds_total") == pytest.approx(3)
    assert piped.total("video_playback_stall_seconds_sum") == pytest.approx(3)
    assert piped.total("video_playback_pauses_total") == 1
    assert piped.total("video_playback_seeks_total") == 1
    # of what was watched, 23 s moved
    assert piped.total("video_playback_media_seconds_total") == pytest.approx(23)
    assert piped.total("video_playback_bits_total") == pytest.approx(23 * 246_440)
    # loading to loaded; that somebody pressed play 19 s later is no startup
    assert piped.total("video_playback_startup_by_player_seconds_sum") == pytest.approx(0.8)
    assert piped.total("video_playback_completions_total", completed="no") == 1
    ((point, _),) = [each for each in piped.points if each[0].measurement == "play"]
    assert dict(point.tags)["video"] == "movie-42"
    assert dict(point.fields)["furthest_seconds"] == 38


@pytest.mark.parametrize(
    ("event", "payload", "kind"),
    [
        ("init", None, told.Prepared),
        ("metadata", {}, told.Prepared),
        ("metadata", None, told.Prepared),
        ("loading", None, told.Prepared),
        ("loaded", None, told.Prepared),
        ("heartbeat", None, told.Progressed),
        ("playing", None, told.Started),
        ("resume", None, told.Resumed),
        ("paused", None, told.Paused),
        ("buffering", None, told.Stalled),
        ("buffered", None, told.Buffered),
        ("seeking", None, told.Seeked),
        ("seeked", None, told.Buffered),
        ("bitrate_changed", {"bitrate": 100}, told.RenditionChanged),
        ("stopped", {"reason": "ended"}, told.Finished),
        ("stopped", {"reason": "aborted"}, told.Left),
        ("stopped", {"reason": "unknown"}, told.Left),
        ("stopped", None, told.Left),
        ("stopped", {"reason": "error"}, told.Failed),
        ("error", {"code": "1"}, told.Failed),
        ("error", {"code": "no such code " * 9}, told.Failed),
        ("warning", {"code": 1}, told.Failed),
    ],
)
def test_every_event_has_its_meaning(event: str, payload: Any, kind: type) -> None:
    (found,) = events(PATH, beacon(event, 1.0, 5, payload))

    assert type(found) is kind
    assert isinstance(found, told.Told)
    assert (found.play_id, found.at, found.duration_seconds) == (SESSION, BEGAN / 1000 + 1, 60)
    assert found.id is None


def test_what_a_player_does_not_know_is_unsaid() -> None:
    (heartbeat,) = events(PATH, beacon("heartbeat", 0))

    assert isinstance(heartbeat, told.Prepared), "no playhead is no progress"
    assert heartbeat.duration_seconds is None


def test_a_warning_is_no_end_and_an_end_names_the_error_of_another_beacon() -> None:
    warning, error, end = events(
        PATH,
        beacon("warning", 1, 1, {"category": "MEDIA", "code": "decode"}),
        ERROR,
        beacon("stopped", 45, 33, {"reason": "error"}),
    )

    assert isinstance(warning, told.Failed)
    assert not warning.fatal
    assert isinstance(error, told.Failed)
    assert error.fatal
    assert (warning.error_type, error.error_type) == (ErrorType.MEDIA, ErrorType.NETWORK)
    assert (warning.error_code, error.error_code) == ("decode", "503")
    assert isinstance(end, told.Failed)
    assert end.error_type is None
    numbers = count((*WHOLE[:6], ERROR, beacon("stopped", 45, 33, {"reason": "error"})))
    assert numbers['video_playback_errors_total{error_type="network"}'] == 1
    assert 'video_playback_errors_total{error_type="other"}' not in numbers
    assert numbers['video_playback_ended_total{outcome="failed",player="other"}'] == 1


def test_what_is_loaded_and_never_played_is_no_attempt() -> None:
    assert count(WHOLE[:5]) == {}
    assert count((*WHOLE[:5], beacon("stopped", 30, -1, {"reason": "aborted"}))) == {}


def test_a_player_that_waits_for_its_first_frame_and_goes_away_has_exited() -> None:
    piped = Piped()
    for body in (*WHOLE[:4], beacon("buffering", 2)):
        piped.beacon(PATH, body)
    piped.wait(3.0)
    piped.beacon(PATH, beacon("stopped", 5, -1, {"reason": "aborted"}))
    piped.outlast()

    assert piped.total("video_playback_ended_total", outcome="start_exited") == 1
    assert piped.total("video_playback_started_total") == 0


# -- names of sessions -----------------------------------------------------------------------


def named(body: Mapping[str, Any], **about: Any) -> str:
    """What the answer to init calls the session, which is what its event calls it."""
    parsed = FORMATS[PATH].parse(msgspec.json.encode(body), Sender(PATH, **about))
    assert parsed.reply is not None
    reply = msgspec.json.decode(parsed.reply)
    assert reply["heartbeatInterval"] == HEARTBEAT_MS
    (event,) = parsed.events
    assert reply["sessionId"] == event.play_id  # type: ignore[attr-defined]
    return msgspec.convert(reply["sessionId"], Name)


def test_a_session_with_a_name_keeps_it() -> None:
    assert named(beacon("init", 0)) == SESSION


@pytest.mark.parametrize("given", ["ann@example.com", "two words", "é", "x" * 129, "a\n"])
def test_a_name_that_is_no_identifier_becomes_a_hash_whoever_says_it(given: str) -> None:
    play = named(beacon("init", 0) | {"sessionId": given})
    (later,) = events(PATH, beacon("playing", 1) | {"sessionId": given})
    (told_back,) = events(PATH, beacon("playing", 1) | {"sessionId": play})

    assert play != given
    assert later.play_id == told_back.play_id == play  # type: ignore[attr-defined]


@pytest.mark.parametrize("nothing", [{}, {"sessionId": None}, {"sessionId": ""}])
def test_a_session_without_a_name_gets_one_that_no_other_has(nothing: dict[str, Any]) -> None:
    body = {k: v for k, v in beacon("init", 0).items() if k != "sessionId"} | nothing
    names = {
        named(body, at=START),
        named(body, at=START + 0.000_001),
        named(body, at=START, user_agent=CHROME),
        named(body, at=START, origin="https://example.com"),
        named(body | {"timestamp": BEGAN + 1}, at=START),
    }

    assert len(names) == 5
    assert named(body, at=START) in names, "what is asked again is answered again"


def test_a_beacon_of_no_session_is_incomplete() -> None:
    body = beacon("playing", 1)
    del body["sessionId"]
    with pytest.raises(RefusedError) as caught:
        parse(PATH, body)

    assert caught.value.reason is Rejection.INCOMPLETE


def test_the_header_names_the_event_where_the_body_does_not() -> None:
    body = msgspec.json.encode({"sessionId": SESSION})
    (event,) = FORMATS[PATH].parse(body, Sender(PATH, headers={EVENT: "playing"})).events

    assert type(event) is told.Started


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Rejection.MALFORMED),
        (b"[]", Rejection.INVALID),
        ({}, Rejection.UNKNOWN_TYPE),
        ({"event": "rebuffered", "sessionId": "s"}, Rejection.UNKNOWN_TYPE),
        ({"event": 5, "sessionId": "s"}, Rejection.INVALID),
        ({"event": "playing", "sessionId": 5}, Rejection.INVALID),
        ({"event": "playing", "sessionId": "s", "timestamp": "now"}, Rejection.INVALID),
        ({"event": "bitrate_changed", "sessionId": "s"}, Rejection.INCOMPLETE),
        ({"event": "bitrate_changed", "sessionId": "s", "payload": []}, Rejection.INVALID),
        ({"event": "stopped", "sessionId": "s", "payload": {"reason": 1}}, Rejection.INVALID),
    ],
)
def test_what_cannot_be_read_is_refused_for_its_reason(body: Any, reason: Rejection) -> None:
    with pytest.raises(RefusedError) as caught:
        parse(PATH, body)
    assert caught.value.reason is reason


async def test_init_is_answered_with_json_and_everything_else_with_an_empty_object(
    app: Running,
) -> None:
    init = await app.post(PATH, beacon("init", 0))
    other = await app.post(PATH, beacon("playing", 1))

    assert (init.status, other.status) == (200, 200)
    assert init.headers["Content-Type"] == "application/json"
    assert init.json == {"sessionId": SESSION, "heartbeatInterval": HEARTBEAT_MS}
    assert other.json == {}


# -- whatever comes --------------------------------------------------------------------------


def test_nothing_that_names_anybody_is_written_down() -> None:
    body = written(events(PATH, *WHOLE, ERROR, user_agent="Ann Anderson"))

    assert [each for each in CANARIES if each.encode() in body] == []
    assert b"example.com" not in body


def test_any_order_and_repetition_gives_the_same_numbers() -> None:
    one = count(WHOLE)
    for seed in range(40):
        order = [*WHOLE, *random.Random(seed).choices(WHOLE, k=8)]  # noqa: S311
        random.Random(seed).shuffle(order)  # noqa: S311
        assert count(order) == pytest.approx(one), seed


@given(mutated([*WHOLE, ERROR]))
@settings(max_examples=150)
def test_any_bytes_end_in_events_or_in_a_refusal(body: bytes) -> None:
    survives(PATH, body)


@given(st.lists(mutated([*WHOLE, ERROR]), max_size=8))
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
        piped.wait(0.7)
    piped.outlast()

    attempts = piped.total("video_playback_attempts_total")
    assert attempts == piped.total("video_playback_ended_total")
    assert attempts == piped.total("video_playback_views_total")
    assert attempts <= len(sessions)
