"""Somebody who is forgotten is named nowhere any more; what was counted stays counted."""

import argparse
import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from exporter import audit, forgetting
from exporter.checkpoint import FORGOTTEN
from exporter.record import Entry
from exporter.settings import Influx, Operations
from tests.apps import Running, Start
from tests.dashboards.engines import InfluxDb, influxdb
from tests.pipelines import CLEANER, Piped, codec
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
    entry = Entry(1.0, forgotten=("0123456789abcdef",))

    (read,) = codec().decode(1, codec().encode([entry]))
    assert read.forgotten == entry.forgotten


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


async def test_points_that_were_delivered_lose_the_name_and_nothing_else(
    start: Start, database: InfluxDb, sink: Sink
) -> None:
    app = await start(
        sessions={"settle_seconds": 0.0}, influx=Influx(url=sink.url, every_seconds=0.1)
    )
    await finished(app)

    async def plays() -> dict[str, dict[str, Any]]:
        series = database.query("SELECT * FROM play")
        found = [(each["columns"], row) for each in series for row in each["values"]]
        rows = [dict(zip(columns, row, strict=True)) for columns, row in found]
        return {row["play_id"]: row for row in rows}

    async with asyncio.timeout(20):
        while len(before := await plays()) < 2:
            app.engine.tick()
            await asyncio.sleep(0.1)
    assert await run(app, "--viewer", SOMEBODY) == 0
    after = await plays()

    changed = {**before[f"play-{SOMEBODY}"], "viewer": FORGOTTEN}
    assert after == {**before, f"play-{SOMEBODY}": changed}


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
        (f'["{HASH}"]', "application/json", 200),
        (f'["{HASH}"]', "text/plain", 415),
        ("[]", "application/json", 400),
        ('["canary-user"]', "application/json", 400),
        ("{", "application/json", 400),
        (f'["{HASH}"{" " * 2000}]', "application/json", 413),
    ],
)
async def test_only_hashes_are_forgotten_and_no_page_can_ask(
    app: Running, body: str, kind: str, status: int
) -> None:
    headers = {"Content-Type": kind}
    answer = await app.ask("POST", f"{app.operations}/forget", data=body, headers=headers)

    assert answer.status == status


async def test_the_token_is_asked_for(start: Start) -> None:
    app = await start(operations=Operations(port=0, token=SecretStr("a token")))
    asked = app.ask("POST", f"{app.operations}/forget", json=[HASH])

    assert (await asked).status == 401
    assert await run(app, "--viewer", "x") == 0


async def test_what_cannot_be_written_down_is_not_done(app: Running) -> None:
    app.engine.journal._db.execute("PRAGMA query_only=1")
    answer = await app.ask("POST", f"{app.operations}/forget", json=[HASH])

    assert answer.status == 503
