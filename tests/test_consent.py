"""Who did not consent is counted without identity, or not at all, as the settings say."""

import json
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import pytest

from exporter.settings import Consent
from tests.apps import Running, Start

SIGNALS = [{"Sec-GPC": "1"}, {"DNT": "1"}]
NO_SIGNAL: list[dict[str, str]] = [{}, {"Sec-GPC": "0"}, {"DNT": "0"}, {"DNT": "null"}]
VIEW = {
    "video_id": "v1",
    "course_id": "c1",
    "session_id": "1699123456789-kx7m2n4",
    "user_id": "canary-user",
    "video_duration_seconds": 60,
    "is_preview": False,
}
PAGE = {
    "events": [
        {
            "type": "web.page_viewed",
            "session_id": "canary-session",
            "user_id": "canary-user",
            "url": "https://video.example.com/watch/1",
            "user_agent": "canary-agent",
        },
        {"type": "person.active", "person": "canary-user"},
        {"type": "feature.adopted", "person": "canary-user", "feature": "captions"},
    ]
}
VIEWS = "/api/analytics/video-view"
TOLD_APART = 3
"""What is kept of who consents: a hash of the person, one of the session, and the play's id."""
COUNTED = 'exporter_events_accepted_total{type="web.page_viewed"}'
NOT_WANTED = 'exporter_events_rejected_total{reason="no_consent"}'


def journal(app: Running) -> bytes:
    """Everything that was written down."""
    path = app.application._settings.journal.directory / "journal.db"
    db = sqlite3.connect(path)
    try:
        return b"".join(body for (body,) in db.execute("SELECT body FROM batch"))
    finally:
        db.close()


def written(app: Running) -> bytes:
    """Everything that is kept in any file."""
    folder = app.application._settings.journal.directory
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def hashes(app: Running, *names: str) -> list[bytes]:
    """What an event may hold of somebody who consented."""
    return [app.application._cleaner.person(name).encode() for name in names]


async def asked(app: Running, path: str, body: Any, **options: Any) -> int:
    return (await app.post(path, body, **options)).status


async def identities(app: Running, **options: Any) -> int:
    """How many names of people and sessions are written down of a view and a page, or hashes."""
    path = options.pop("query", "")
    assert await asked(app, VIEWS + path, VIEW, **options) == 202
    assert await asked(app, "/v1/events" + path, PAGE, **options) == 202
    await app.engine.checkpoint()
    names = ("canary-user", "canary-session", str(VIEW["session_id"]))
    raw = [name.encode() for name in names]
    return sum(each in written(app) for each in (*raw, *hashes(app, *names)))


@pytest.mark.parametrize("headers", NO_SIGNAL)
async def test_unless_somebody_objects_people_are_told_apart(
    app: Running, headers: dict[str, str]
) -> None:
    assert await identities(app, headers=headers) == TOLD_APART


@pytest.mark.parametrize("headers", SIGNALS)
async def test_who_objects_is_counted_without_identity(
    app: Running, headers: dict[str, str]
) -> None:
    assert await identities(app, headers=headers) == 0
    series = await app.scrape()
    assert series[COUNTED] == 1
    assert series['video_playback_views_total{preview="no"}'] == 1


@pytest.mark.parametrize("headers", SIGNALS)
async def test_signals_may_be_left_to_others(start: Start, headers: dict[str, str]) -> None:
    app = await start(consent=Consent(signals=False))

    assert await identities(app, headers=headers) == TOLD_APART


@pytest.mark.parametrize(
    ("said", "found"), [("granted", TOLD_APART), ("denied", 0), ("", 0), ("GRANTED", 0), (None, 0)]
)
@pytest.mark.parametrize("way", ["header", "query"])
async def test_where_consent_is_required_it_must_be_said(
    start: Start, way: str, said: str | None, found: int
) -> None:
    app = await start(consent=Consent(required=True))
    if said is None:
        options: dict[str, Any] = {}
    elif way == "header":
        options = {"headers": {"X-Consent": said}}
    else:
        options = {"query": f"?consent={said}"}

    assert await identities(app, **options) == found


async def test_what_is_said_of_this_page_outweighs_what_is_said_of_all(app: Running) -> None:
    headers = {"Sec-GPC": "1", "X-Consent": "granted"}

    assert await identities(app, headers=headers) == TOLD_APART


async def test_nothing_may_be_wanted_of_who_did_not_consent(start: Start) -> None:
    app = await start(consent=Consent(without="nothing"))

    assert await asked(app, VIEWS, VIEW, headers={"DNT": "1"}) == 204
    assert await asked(app, VIEWS, VIEW) == 202
    series = await app.scrape()
    assert series[NOT_WANTED] == 1
    assert series["exporter_events_received_total{}"] == 2
    assert app.engine.dead_letters == 0


async def in_pieces(body: Any) -> AsyncIterator[bytes]:
    """A body that is not there whole when its head is."""
    for byte in json.dumps(body).encode():
        yield bytes((byte,))


INIT = {"event": "init", "timestamp": 1, "playhead": -1, "duration": -1, "sessionId": "s1"}
NEEDS_JSON: list[tuple[str, Any, Any]] = [
    ("/epas", INIT, {"sessionId": "s1", "heartbeatInterval": 30_000}),
    ("/epas", INIT | {"event": "heartbeat"}, {}),
    ("/epas", INIT | {"event": "no such event"}, {}),
    ("/epas", ["init"], {}),
    ("/hooks/tusd", {"Type": "post-create", "Event": {}}, {}),
]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "in pieces"])
@pytest.mark.parametrize(("path", "body", "expected"), NEEDS_JSON)
async def test_who_needs_json_gets_it_and_nothing_is_written_down(
    start: Start, path: str, body: Any, expected: Any, *, whole: bool
) -> None:
    app = await start(consent=Consent(without="nothing"))
    headers = {"Sec-GPC": "1", "Content-Type": "application/json"}
    how: dict[str, Any] = {"json": body} if whole else {"data": in_pieces(body)}
    answer = await app.ask("POST", path, headers=headers, **how)

    assert (answer.status, answer.json) == (200, expected)
    assert answer.headers["Content-Type"] == "application/json"
    series = await app.scrape()
    assert series[NOT_WANTED] == 1
    assert not any(name.startswith("exporter_events_accepted") for name in series)
    assert app.engine.dead_letters == 0
    assert b"s1" not in journal(app)


@pytest.mark.parametrize("path", ["/cmcd", "/pillarbox", "/collect", "/web-vitals", "/v1/events"])
async def test_who_needs_no_body_gets_none(start: Start, path: str) -> None:
    app = await start(consent=Consent(without="nothing"))

    assert await asked(app, path, PAGE, headers={"Sec-GPC": "1"}) == 204


async def test_the_trackers_say_it_in_their_address_and_keep_their_meaning(app: Running) -> None:
    body = {"duration": 1000, "readings": []}
    answer = await app.post("/api/analytics?type=resource&consent=denied", body)

    assert answer.status == 202
    kinds = [name for name in await app.scrape() if "exporter_events_accepted" in name]
    assert kinds == ['exporter_events_accepted_total{type="upload.resources_reported"}']


async def test_a_page_may_send_the_header(start: Start) -> None:
    app = await start(receiver={"origins": "https://video.example.com"})
    origin = {"Origin": "https://video.example.com", "Access-Control-Request-Method": "POST"}
    answer = await app.ask("OPTIONS", VIEWS, headers=origin)

    assert "x-consent" in answer.headers["Access-Control-Allow-Headers"]


REFUSED: list[tuple[str, Any]] = [
    ("/v1/events", {"events": [{**PAGE["events"][0], "country": 7}]}),
    ("/v1/events", {"events": 7, **PAGE["events"][0]}),
    (VIEWS, {**VIEW, "video_id": []}),
]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "in pieces"])
@pytest.mark.parametrize(("path", "body"), REFUSED, ids=["part", "batch", "beacon"])
@pytest.mark.parametrize(
    ("headers", "kept"), [({}, 1), *((each, 0) for each in [*SIGNALS, {"X-Consent": "denied"}])]
)
async def test_nothing_is_kept_of_what_is_refused_of_who_objects(
    app: Running, headers: dict[str, str], kept: int, path: str, body: Any, *, whole: bool
) -> None:
    how: dict[str, Any] = {"json": body} if whole else {"data": in_pieces(body)}
    answer = await app.ask("POST", path, headers={"Content-Type": "text/plain", **headers}, **how)
    app.engine.tick()
    await app.counted()
    await app.engine.checkpoint()

    assert answer.status == 400
    assert app.engine.dead_letters == kept
    assert (hashes(app, "canary-user")[0] in written(app)) == bool(kept)
    assert b"canary-user" not in written(app)
    assert (await app.scrape())['exporter_events_rejected_total{reason="invalid"}'] == 1


SESSION = "canary-session"
TOLD = {"play_id": SESSION}
PILLARBOX = {"session_id": SESSION, "timestamp": 1723640608474}
EPAS = {"sessionId": SESSION, "timestamp": 1723640608474, "playhead": 1, "duration": 60}
PLAYS: dict[str, list[tuple[str, Any]]] = {
    "trackers": [
        (VIEWS, {**VIEW, "session_id": SESSION}),
        ("/api/analytics/video-progress", {"session_id": SESSION, "watch_time_seconds": 9}),
        ("/api/analytics/video-complete", {"session_id": SESSION, "watch_time_seconds": 9}),
    ],
    "events": [
        ("/v1/events", {"events": [{**TOLD, "type": "playback.requested", "viewer": "x"}]}),
        ("/v1/events", {"events": [{**TOLD, "type": "playback.started"}]}),
        ("/v1/events", {"events": [{**TOLD, "type": "playback.failed", "error": "network"}]}),
        ("/v1/events", {"events": [{**TOLD, "type": "playback.sampled", "user_agent": "x"}]}),
    ],
    "cmcd": [
        ("/cmcd", f'e=ps,sid="{SESSION}",sn={n},sta={sta},ts=1723640608474,v=2\n'.encode())
        for n, sta in enumerate("spe")
    ],
    "pillarbox": [
        ("/pillarbox", {**PILLARBOX, "event_name": name, "data": {"device": {"id": SESSION}}})
        for name in ("START", "HEARTBEAT", "ERROR", "STOP")
    ],
    "epas": [
        ("/epas", {**EPAS, "event": "init"}),
        ("/epas", {**EPAS, "event": "metadata", "payload": {"userId": SESSION}}),
        ("/epas", {**EPAS, "event": "playing"}),
        ("/epas", {**EPAS, "event": "error", "payload": {"message": "network"}}),
        ("/epas", {**EPAS, "event": "stopped", "payload": {"reason": "error"}}),
    ],
}


def plays(app: Running) -> int:
    """How many plays are known."""
    return {name: known for name, _, known in app.engine.pipeline.sessions.counts()}["play"]


@pytest.mark.parametrize("headers", [{}, {"Sec-GPC": "1"}], ids=["consent", "none"])
@pytest.mark.parametrize("beacons", PLAYS.values(), ids=PLAYS)
async def test_the_session_of_a_player_is_kept_of_who_consents_and_is_one_play_of_anybody(
    app: Running, beacons: list[tuple[str, Any]], headers: dict[str, str]
) -> None:
    for path, body in beacons:
        assert await asked(app, path, body, headers=headers) < 300
    await app.engine.checkpoint()

    assert plays(app) == 1
    assert (SESSION.encode() in written(app)) == (not headers)
    assert not any(each in written(app) for each in hashes(app, SESSION) if headers)


async def test_a_view_of_who_objects_that_comes_again_is_a_repetition(app: Running) -> None:
    for _ in range(2):
        await asked(app, VIEWS, VIEW, headers={"Sec-GPC": "1"})

    assert (await app.scrape())["exporter_events_duplicate_total{}"] == 1
