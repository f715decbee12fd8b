"""Somebody who is forgotten is named nowhere any more; what was counted stays counted."""

import argparse
import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from pydantic import SecretStr

from exporter import audit, forgetting
from exporter.event import FORGOTTEN
from exporter.record import Entry
from exporter.settings import Influx, Operations
from tests.apps import Running, Start
from tests.dashboards.engines import InfluxDb, influxdb
from tests.pipelines import CLEANER, Piped, Saved, codec
from tests.sinks.server import Sink

SOMEBODY, OTHER = "canary-user", "other-user"
VIEWS = "/api/analytics/video-view"
PROGRESS = "/api/analytics/video-progress"


def view(play: str, user: str) -> dict[str, Any]:
    return {
        "video_id": "v1",
        "course_id": "c1",
        "session_id": play,
        "user_id": user,
        "video_duration_seconds": 60,
        "is_preview": False,
    }


def progress(play: str, seconds: float) -> dict[str, Any]:
    return {
        "session_id": play,
        "current_position_seconds": seconds,
        "watch_time_seconds": seconds,
        "play_count": 1,
        "pause_count": 0,
        "seek_count": 0,
    }


def page(user: str) -> dict[str, Any]:
    return {"type": "web.page_viewed", "session_id": f"s-{user}", "user_id": user, "url": "/"}


# -- the states and points of one instance ---------------------------------------------------------


def watched(piped: Piped) -> None:
    for user in (SOMEBODY, OTHER):
        piped.beacon(VIEWS, view(f"play-{user}", user))
        piped.beacon(PROGRESS, progress(f"play-{user}", 30))
        piped.tell(page(user))


def forget(piped: Piped, *names: str) -> None:
    hashes = tuple(CLEANER.person(name) for name in names)
    piped.apply(Entry(piped.now, forgotten=hashes))


def kept(piped: Piped) -> str:
    """All states and all points."""
    sessions = piped.pipeline.sessions
    sessions.changed()
    states = b"".join(
        subject.encode() + body for bodies in sessions.asleep for subject, body in bodies.items()
    )
    return states.decode(errors="replace") + repr(piped.points)


def test_no_state_and_no_point_names_who_is_forgotten(piped: Piped) -> None:
    watched(piped)
    forget(piped, SOMEBODY)
    piped.outlast()

    assert CLEANER.person(SOMEBODY) not in kept(piped)
    assert CLEANER.person(OTHER) in kept(piped)


def test_what_is_counted_is_the_same_for_everybody(piped: Piped) -> None:
    other = Piped()
    for each in (piped, other):
        watched(each)
    forget(piped, SOMEBODY)
    for each in (piped, other):
        each.outlast()

    of_playback = piped.series("video_playback_")
    assert of_playback == other.series("video_playback_")
    assert of_playback


def test_a_session_that_is_forgotten_by_its_id_is_gone(piped: Piped) -> None:
    watched(piped)
    assert CLEANER.person(f"s-{SOMEBODY}") in kept(piped)
    forget(piped, f"s-{SOMEBODY}")

    assert CLEANER.person(f"s-{SOMEBODY}") not in kept(piped)


def test_a_record_of_forgetting_is_read_as_it_was_written() -> None:
    entry = Entry(1.0, forgotten=("0123456789abcdef",), plays=("p1",))

    (read,) = codec().decode(1, codec().encode([entry]))
    assert (read.forgotten, read.plays) == (entry.forgotten, entry.plays)


NAMED: dict[str, list[dict[str, Any]]] = {
    "present": [page(SOMEBODY)],
    "waiting": [{**page(SOMEBODY), "type": "web.vital_measured", "vital": "lcp", "value": 1}],
    "value": [
        {
            "type": "web.vital_measured",
            "user_id": SOMEBODY,
            "vital": "lcp",
            "value": 1,
            "metric_id": "m",
        }
    ],
    "play": [{"type": "playback.requested", "play_id": "p1", "viewer": SOMEBODY}],
}


@pytest.mark.parametrize("asleep", [False, True], ids=["awake", "asleep"])
@pytest.mark.parametrize("events", NAMED.values(), ids=NAMED)
def test_no_part_of_a_state_names_who_is_forgotten_and_it_can_still_be_read(
    piped: Piped, events: list[dict[str, Any]], *, asleep: bool
) -> None:
    piped.tell(*events)
    saved = Saved()
    if asleep:
        saved.save(piped)
    forget(piped, SOMEBODY)
    saved.save(piped)
    restored = saved.restored()

    for each in (piped, restored):
        assert CLEANER.person(SOMEBODY) not in kept(each)
        each.outlast()
    assert piped.series() == restored.series()


def test_a_page_view_that_is_named_by_a_session_goes_with_it(piped: Piped) -> None:
    piped.tell({"type": "web.page_viewed", "session_id": "s"})
    assert CLEANER.person("s") in kept(piped)
    forget(piped, "s")

    assert CLEANER.person("s") not in kept(piped)


def test_a_play_that_is_forgotten_by_its_id_is_gone_and_nothing_else_of_that_name(
    piped: Piped,
) -> None:
    for play in ("4711", "47111"):
        piped.tell(
            {"type": "playback.requested", "play_id": play},
            {"type": "playback.sampled", "play_id": play, "video_id": "v1"},
            {"type": "upload.started", "upload_id": play},
        )
    piped.apply(Entry(piped.now, plays=("4711",)))
    sessions = piped.pipeline.sessions
    sessions.changed()
    held = {
        (lifecycle.name, subject)
        for lifecycle, bodies in zip(sessions.lifecycles, sessions.asleep, strict=True)
        for subject, _ in bodies.items()
        if "4711" in subject
    }

    assert held == {
        ("upload", "4711"),
        ("upload", "47111"),
        ("play", "47111"),
        ("play", "47111/v1"),
    }
    counts = {name: known for name, _, known in sessions.counts()}
    assert counts["play"] == 2


# -- the command -----------------------------------------------------------------------------------
Run = Callable[..., Awaitable[int]]


async def run(app: Running, *words: str) -> int:
    parser = argparse.ArgumentParser()
    forgetting.add(parser)
    said = parser.parse_args([*words, "--url", app.operations])
    return await forgetting.run(app.application._settings, said, time.time)


async def finished(app: Running) -> None:
    """Two plays that are over, and one message that nobody understood."""
    for user in (SOMEBODY, OTHER):
        await app.post(VIEWS, view(f"play-{user}", user))
        await app.post("/api/analytics/video-complete", progress(f"play-{user}", 60))
        await app.post(VIEWS, {**view(f"play-{user}", user), "video_id": 7})
    app.engine.tick()
    await app.counted()


def on_disk(app: Running) -> str:
    """All rows of the state file."""
    path = app.application._settings.journal.directory / "state.db"
    with closing(sqlite3.connect(path)) as db:
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        rows = [row for table in tables for row in db.execute(f"SELECT * FROM {table}")]  # noqa: S608
    return "\n".join(
        part.decode(errors="replace") if isinstance(part, bytes) else str(part)
        for row in rows
        for part in row
    )


async def test_nothing_on_the_disk_names_who_is_forgotten(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    app = await start(sessions={"settle_seconds": 0.0})
    await finished(app)
    app.engine.tick()
    await app.counted()
    await app.engine.checkpoint()
    somebody, other = map(app.application._cleaner.person, (SOMEBODY, OTHER))
    before = on_disk(app)
    assert somebody in before
    assert other in before

    assert await run(app, "--viewer", SOMEBODY) == 0
    after = on_disk(app)
    assert somebody not in after
    assert other in after
    assert f'viewer="{FORGOTTEN}"' in after
    assert "no InfluxDB is configured" in capsys.readouterr().out


REFUSED: dict[str, Any] = {
    "JSON": {"events": [{"type": "web.page_viewed", "session_id": "play-canary", "country": 7}]},
    "JSON in JSON": {"errors": [{"type": [], "message": json.dumps({"sid": "play-canary"})}]},
    "Python": {"errors": [{"type": [], "message": str({"sid": "play-canary"})}]},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
async def test_what_was_refused_of_a_session_goes_with_it(app: Running, body: Any) -> None:
    await app.post("/v1/events" if "events" in body else "/api/errors", body)
    app.engine.tick()
    await app.counted()
    await app.engine.checkpoint()
    assert app.application.state.dead_letters() == 1
    assert "play-canary" in on_disk(app)

    assert await run(app, "--viewer", "play") == 0
    assert app.application.state.dead_letters() == 1
    assert await run(app, "--viewer", "play-canary") == 0
    assert app.application.state.dead_letters() == 0
    assert "play-canary" not in on_disk(app)


@pytest.mark.parametrize("headers", [{}, {"Sec-GPC": "1"}], ids=["consent", "none"])
@pytest.mark.parametrize("session", ["play-canary", "canary@example.com"])
async def test_a_play_is_forgotten_by_the_id_that_was_sent(
    start: Start, session: str, headers: dict[str, str]
) -> None:
    app = await start(sessions={"settle_seconds": 0.0})
    for event in ("init", "playing", "stopped"):
        body = {"event": event, "sessionId": session, "timestamp": 1, "playhead": 1}
        await app.post("/epas", body, headers=headers)
    app.engine.tick()
    await app.counted()
    await app.engine.checkpoint()
    cleaner = app.application._cleaner
    names = {session, *cleaner.traces(session)}
    assert any(f'play_id="{name}"' in on_disk(app) for name in names)

    assert await run(app, "--viewer", session) == 0
    assert not any(name in on_disk(app) for name in names)
    assert f'play_id="{FORGOTTEN}"' in on_disk(app)


async def test_the_audit_log_says_that_it_was_done_and_not_for_whom(
    app: Running, tmp_path: Path
) -> None:
    assert await run(app, "--viewer", SOMEBODY) == 0
    lines = [line.text for line in audit.read(tmp_path / "state")]

    assert '"people.forgotten"' in lines[-1]
    assert SOMEBODY not in lines[-1]
    assert app.application._cleaner.person(SOMEBODY) not in lines[-1]


@pytest.fixture
def database(tmp_path: Path) -> Any:
    with influxdb(tmp_path) as engine:
        yield engine


@pytest.fixture
async def sink(database: InfluxDb) -> AsyncIterator[Sink]:
    # Debian's InfluxDB takes lines elsewhere than newer ones do.
    async with Sink(f"{database.url}/write?db=video").serving() as sink:
        yield sink


async def delivered(start: Start, sink: Sink, plays: Callable[[], Collection[Any]]) -> Running:
    """An instance whose two plays, which ``plays`` asks for, are in InfluxDB."""
    app = await start(
        sessions={"settle_seconds": 0.0}, influx=Influx(url=sink.url, every_seconds=0.1)
    )
    await finished(app)
    async with asyncio.timeout(20):
        while len(plays()) < 2:
            app.engine.tick()
            await asyncio.sleep(0.1)
    return app


async def test_points_that_were_delivered_lose_the_name_and_nothing_else(
    start: Start, database: InfluxDb, sink: Sink
) -> None:
    def plays() -> dict[str, dict[str, Any]]:
        series = database.query("SELECT * FROM play")
        found = [(each["columns"], row) for each in series for row in each["values"]]
        rows = [dict(zip(columns, row, strict=True)) for columns, row in found]
        return {row["play_id"]: row for row in rows}

    app = await delivered(start, sink, plays)
    before = plays()
    assert await run(app, "--viewer", SOMEBODY) == 0
    after = plays()

    changed = {**before[f"play-{SOMEBODY}"], "viewer": FORGOTTEN}
    assert after == {**before, f"play-{SOMEBODY}": changed}


async def test_a_point_that_was_delivered_loses_the_id_of_its_play(
    start: Start, database: InfluxDb, sink: Sink
) -> None:
    def ids() -> set[str]:
        series = database.query("SELECT play_id FROM play")
        return {play_id for each in series for _, play_id in each["values"]}

    app = await delivered(start, sink, ids)
    names = (f"play-{SOMEBODY}", "O'Brien", "back\\slash'", "two\nlines")
    assert await run(app, *(word for name in names for word in ("--viewer", name))) == 0

    assert ids() == {FORGOTTEN, f"play-{OTHER}"}


async def test_an_influxdb_that_does_not_understand_is_said_and_written_down(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(request: web.BaseRequest) -> web.Response:
        return web.json_response({"results": [{"statement_id": 0, "error": "no such thing"}]})

    async with RawTestServer(fail) as server:
        app = await start(influx=Influx(url=str(server.make_url("")), every_seconds=0.1))
        assert await run(app, "--viewer", SOMEBODY) == 1

    assert "no such thing; what waited is forgotten, InfluxDB is not" in capsys.readouterr().err
    *_, last = audit.read(tmp_path / "state")
    said = json.loads(last.text)
    assert said["what"] == "people.forgotten_in_influxdb"
    assert said["details"] == {"people": 1, "not_done": "all or a part"}


async def test_an_instance_that_is_not_there_is_said(
    app: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    forgetting.add(parser)
    said = parser.parse_args(["--viewer", "x", "--url", "http://127.0.0.1:9"])

    assert await forgetting.run(app.application._settings, said, time.time) == 1
    assert "the instance must run" in capsys.readouterr().err


# -- who may ask -----------------------------------------------------------------------------------
HASH = "0123456789abcdef"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (f'{{"hashes":["{HASH}"]}}', "application/json", 200),
        (f'{{"hashes":["{HASH}"],"names":["a b"]}}', "application/json", 200),
        (f'{{"hashes":["{HASH}"]}}', "text/plain", 415),
        ('{"hashes":[]}', "application/json", 400),
        ('{"hashes":["canary-user"]}', "application/json", 400),
        (f'{{"hashes":["{HASH}\\n"]}}', "application/json", 400),
        (f'["{HASH}"]', "application/json", 400),
        ("{", "application/json", 400),
        (f'{{"hashes":["{HASH}"]{" " * 70_000}}}', "application/json", 413),
    ],
)
async def test_only_who_has_a_hash_is_forgotten_and_no_page_can_ask(
    app: Running, body: str, kind: str, status: int
) -> None:
    headers = {"Content-Type": kind}
    answer = await app.ask("POST", f"{app.operations}/forget", data=body, headers=headers)

    assert answer.status == status


async def test_an_erasure_is_written_down_whoever_asked_for_it(
    app: Running, tmp_path: Path
) -> None:
    people = {"hashes": [HASH, "f" * 16]}
    assert (await app.ask("POST", f"{app.operations}/forget", json=people)).status == 200
    *_, last = audit.read(tmp_path / "state")
    said = json.loads(last.text)

    assert last.intact
    assert (said["what"], said["details"]) == (
        "people.forgotten",
        {"people": 2, "points_waiting": 0},
    )


async def test_an_erasure_that_is_not_written_down_is_not_said_to_be_done(
    app: Running, tmp_path: Path
) -> None:
    log = tmp_path / "state" / audit.NAME
    log.rename(tmp_path / "elsewhere")
    log.mkdir()
    refused = await app.ask("POST", f"{app.operations}/forget", json={"hashes": [HASH]})
    log.rmdir()
    done = await app.ask("POST", f"{app.operations}/forget", json={"hashes": [HASH]})

    assert [refused.status, done.status] == [503, 200]


async def test_the_token_is_asked_for(start: Start) -> None:
    app = await start(operations=Operations(port=0, token=SecretStr("a token")))
    asked = app.ask("POST", f"{app.operations}/forget", json={"hashes": [HASH]})

    assert (await asked).status == 401
    assert await run(app, "--viewer", "x") == 0


async def test_what_cannot_be_written_down_is_not_done(app: Running) -> None:
    app.engine.journal._db.execute("PRAGMA query_only=1")
    answer = await app.ask("POST", f"{app.operations}/forget", json={"hashes": [HASH]})

    assert answer.status == 503
