"""From an accepted beacon to its effects, with a crash at every point between."""

import asyncio
import logging
import re
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exporter import engine as engines_module
from exporter import telemetry
from exporter.checkpoint import Snapshot
from exporter.engine import HANGS, MOST_SAMPLES, Engine, NotWrittenError
from exporter.event import FORGOTTEN, Point
from exporter.journal import Commit
from exporter.record import Entry, People, Refusal
from exporter.sinks.influx import line
from exporter.telemetry import Rejection
from tests.engines import Engines, engines, series, tell
from tests.pipelines import told

SECONDS = 10.0


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Engines]:
    async with engines(tmp_path) as found:
        yield found


# -- a crash at every point ------------------------------------------------------------------

# What is told, in bodies; between two of them a second passes, and a checkpoint may be.
BODIES: list[list[dict[str, Any]]] = [
    [{"type": "upload.started", "upload_id": "u1", "id": "a", "at": 10, "file_size_bytes": 5}],
    [{"type": "upload.started", "upload_id": "u1", "id": "a", "at": 10, "file_size_bytes": 5}],
    [{"type": "upload.chunk_received", "upload_id": "u1", "index": 0, "ok": True, "at": 11}],
    [
        {"type": "upload.completed", "upload_id": "u1", "id": "b", "at": 12},
        {"type": "api.called", "route": "/api/uploads", "status": 503, "request_id": "r1"},
    ],
    [{"type": "upload.preview_shown", "upload_id": "u1", "after_seconds": 1.5}],
    [{"type": "api.failed", "route": "/api/uploads", "error": "503", "request_id": "r1"}],
    [{"type": "upload.started", "upload_id": "u2"}],
    [{"type": "upload.completed", "upload_id": "u1", "id": "b", "at": 12}],
]
CHECKPOINTS = {1, 4}
PAUSE = 4.0

Crash = Callable[[Engine, pytest.MonkeyPatch], Awaitable[None]]


async def before_the_commit(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """Die with the next body in memory: nobody was told that it is safe."""
    patch.setattr(engine.journal, "append", lambda entry: None)


async def before_it_is_counted(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """Die with the next body on disk and not counted."""
    patch.setattr(engine, "_on_commit", lambda commit: None)


async def before_the_checkpoint(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """Die with everything counted since the last checkpoint in memory alone."""


async def within_the_checkpoint(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """Die with half a checkpoint written."""

    def fails(*arguments: object) -> int:
        raise sqlite3.OperationalError("disk I/O error")

    patch.setattr(engine._state, "_post", fails)
    if engine.applied != engine._saved:
        with pytest.raises(sqlite3.OperationalError):
            await engine.checkpoint()


async def after_the_checkpoint(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """Die with the checkpoint written and the journal not pruned."""
    await engine.checkpoint()


CRASHES: list[Crash] = [
    before_the_commit,
    before_it_is_counted,
    before_the_checkpoint,
    within_the_checkpoint,
    after_the_checkpoint,
]


class Ended(NamedTuple):
    """What one life, or several, came to."""

    series: dict[str, float]
    outbox: list[str]


async def finished(files: Engines, engine: Engine) -> Ended:
    """Wait for every upload to end, save, and look."""
    for _ in range(2):
        files.wait(engine, 1800.0)
        await tell(engine)
    await engine.checkpoint()
    return Ended(series(engine), files.outbox())


async def lived(files: Engines, crash: Crash | None = None, at: int = -1) -> Ended:
    """Tell everything, with a crash after the body at a place, or without any."""
    engine = files.start()
    for place, body in enumerate(BODIES):
        files.wait(engine, PAUSE)
        await tell(engine, *body)
        if place in CHECKPOINTS:
            await engine.checkpoint()
        if place == at and crash is not None:
            engine = await crashed(files, engine, crash, place)
    return await finished(files, engine)


async def crashed(files: Engines, engine: Engine, crash: Crash, place: int) -> Engine:
    """Crash, start again, and do what a client does that got no answer: send it once more."""
    with pytest.MonkeyPatch.context() as patch:
        await crash(engine, patch)
        under_way = crash in {before_the_commit, before_it_is_counted}
        if under_way:
            written = engine.write(())
            for _ in range(20):
                await asyncio.sleep(0.005)
            assert not written.done()
    again = files.start()
    if under_way:
        await tell(again)
    return again


@pytest.mark.parametrize("place", range(len(BODIES)))
@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash.__name__)
async def test_a_crash_changes_neither_numbers_nor_points(
    tmp_path: Path, crash: Crash, place: int
) -> None:
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    async with engines(tmp_path / "without") as files:
        truth = await lived(files)
    async with engines(tmp_path / "with") as files:
        found = await lived(files, crash, place)

    assert found.series == truth.series
    assert [without_stamp(line) for line in found.outbox] == [
        without_stamp(line) for line in truth.outbox
    ]
    assert len(set(found.outbox)) == len(found.outbox) == 2


def without_stamp(line: str) -> str:
    """A tick that a crash swallowed may take a number; the point is the same."""
    return line.rpartition(" ")[0]


async def test_what_was_killed_on_its_way_to_disk_was_never_acknowledged(
    files: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = files.start()
    await tell(engine, BODIES[0][0])
    await before_the_commit(engine, monkeypatch)
    lost = engine.write(())
    await asyncio.sleep(0.05)

    assert not lost.done()
    again = files.start()
    assert again.applied == 1
    assert again.replayed == 1


async def test_a_long_journal_is_saved_while_it_is_replayed(
    files: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines_module, "REPLAY_STRETCH", 3)
    engine = files.start()
    for number in range(8):
        await tell(engine, {"type": "upload.started", "upload_id": f"u{number}"})
    again = files.start()

    assert again.replayed == 8
    assert again._state.load().position == 6
    assert series(again) == series(engine)


async def test_a_replay_whose_checkpoints_fail_counts_all_and_saves_it_later(
    files: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines_module, "REPLAY_STRETCH", 3)
    engine = files.start()
    for number in range(8):
        await tell(engine, {"type": "upload.completed", "upload_id": f"u{number}"})

    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(engines_module.StateFile, "save", full)
        again = files.start()
    assert (again.replayed, again._saved) == (8, 0)
    assert series(again) == series(engine)
    await again.close()
    last = files.start()
    assert (last.replayed, last._saved) == (0, 8)
    assert series(last) == series(engine)


async def test_a_state_without_its_journal_goes_on_counting(files: Engines) -> None:
    engine = files.start()
    for number in range(3):
        await tell(engine, {"type": "upload.started", "upload_id": f"u{number}"})
    await engine.checkpoint()
    await asyncio.to_thread(engine.journal.close)
    for file in files.folder.glob("journal.db*"):
        file.unlink()
    again = files.start()
    await tell(again, {"type": "upload.started", "upload_id": "u9"})

    assert again.applied == 4
    assert series(again)["video_upload_started_total{}"] == 4


async def test_a_clock_that_went_back_over_a_restart_does_not_take_time_back(
    files: Engines,
) -> None:
    engine = files.start()
    await tell(engine, {"type": "upload.started", "upload_id": "u1"})
    before = engine.pipeline.now
    files.now -= 7200.0
    again = files.start()
    await tell(again)

    assert again.clock.now() >= before
    assert again.pipeline.now >= before


# -- what cannot be written ------------------------------------------------------------------


async def test_what_cannot_be_written_is_told_and_not_counted(files: Engines) -> None:
    engine = files.start()
    await tell(engine)
    engine.journal._db.execute("PRAGMA query_only=ON")
    with pytest.raises(NotWrittenError):
        await tell(engine, {"type": "upload.started", "upload_id": "u1"})

    assert not engine.writable
    assert series(engine) == {}
    engine.journal._db.execute("PRAGMA query_only=OFF")
    await tell(engine, {"type": "upload.started", "upload_id": "u2"})
    assert engine.writable
    assert engine.process.value(telemetry.APPEND_ERRORS) == 1
    assert series(engine)["video_upload_started_total{}"] == 1


async def test_what_was_turned_away_meanwhile_is_counted_later(files: Engines) -> None:
    engine = files.start()
    engine.journal._db.execute("PRAGMA query_only=ON")
    engine.turn_away((Refusal(Rejection.MALFORMED, "/", "sample"),), limited=2)
    engine.refuse()
    for _ in range(2):
        with pytest.raises(NotWrittenError):
            await tell(engine)
    engine.journal._db.execute("PRAGMA query_only=OFF")
    await tell(engine)

    counted = {
        'exporter_events_rejected_total{reason="malformed"}': 1,
        "exporter_events_limited_total{}": 2,
        "exporter_events_refused_total{}": 1,
        "exporter_events_received_total{}": 4,
    }
    assert series(engine) == counted
    assert series(files.start()) == counted


async def test_of_many_refused_beacons_some_are_kept_and_all_are_counted(files: Engines) -> None:
    engine = files.start()
    for number in range(MOST_SAMPLES + 30):
        assert engine.wants_samples == (number < MOST_SAMPLES)
        engine.turn_away((Refusal(Rejection.INVALID, "/", f"sample {number}"),))
    await tell(engine)
    await engine.checkpoint()

    rejected = 'exporter_events_rejected_total{reason="invalid"}'
    assert not engine.wants_samples, "until time has passed"
    engine.tick()
    assert engine.wants_samples
    assert series(engine)[rejected] == MOST_SAMPLES + 30
    assert engine.dead_letters == MOST_SAMPLES
    assert files.start().dead_letters == MOST_SAMPLES


async def test_an_entry_that_cannot_be_counted_does_not_stop_the_others(
    files: Engines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = files.start()
    real = engine.pipeline.apply
    monkeypatch.setattr(engine.pipeline, "apply", _raise)
    await tell(engine, {"type": "upload.started", "upload_id": "u1"})
    monkeypatch.setattr(engine.pipeline, "apply", real)
    await tell(engine, {"type": "upload.started", "upload_id": "u2"})

    assert engine.process.value(telemetry.APPLY_ERRORS) == 1
    assert series(engine)["video_upload_started_total{}"] == 1
    assert "could not be counted" in caplog.text
    assert engine.applied == 2


def _raise(entry: object) -> None:
    raise ZeroDivisionError


# -- checkpoints -----------------------------------------------------------------------------


async def test_a_checkpoint_that_failed_is_tried_again_as_it_was(
    files: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = files.start()
    await tell(engine, {"type": "upload.completed", "upload_id": "u1"})
    files.wait(engine, 10.0)
    await tell(engine)
    with monkeypatch.context() as patch:
        await within_the_checkpoint(engine, patch)
    await tell(engine, {"type": "upload.completed", "upload_id": "u2"})
    await engine.checkpoint()
    assert engine._state.load().position == 2
    await engine.checkpoint()

    assert engine._state.load().position == 3
    assert len(files.outbox()) == 1
    assert series(files.start()) == series(engine)


async def test_nothing_new_is_no_checkpoint(
    files: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = files.start()
    await tell(engine)
    await engine.checkpoint()
    monkeypatch.setattr(engine, "_save", _raise)
    await engine.checkpoint()


async def test_two_who_ask_for_one_checkpoint_write_its_points_once(files: Engines) -> None:
    engine = files.start()
    await tell(engine, {"type": "upload.completed", "upload_id": "u1"})
    files.wait(engine, 10.0)
    await tell(engine)
    await asyncio.gather(engine.checkpoint(), engine.checkpoint())

    assert len(files.outbox()) == 1


async def test_a_checkpoint_of_many_sessions_gives_way_and_tells_of_its_beginning(
    files: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines_module, "SLICE", 1)
    engine = files.start()
    for number in range(20):
        await tell(engine, {"type": "upload.started", "upload_id": f"u{number}"})
    saving = asyncio.create_task(engine.checkpoint())
    await asyncio.sleep(0)
    turns = 0
    while not saving.done():
        if turns < 20:
            engine.applied += 1
            engine._apply(Entry(files.now, told({"type": "upload.failed", "upload_id": "u1"})))
        turns += 1
        await asyncio.sleep(0)

    assert turns >= 20
    again = files.start()
    assert again.applied == 20
    assert next(iter(again.pipeline.sessions.counts())) == ("upload", 20, 20)
    assert again.pipeline.sessions._state(0, "u1").outcome is None
    assert engine.pipeline.sessions._state(0, "u1").outcome == "failed"


async def test_a_name_that_is_forgotten_is_in_no_line_that_is_not_yet_saved(
    files: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = files.start()
    play = {"play_id": "p1", "video_id": "v1"}
    await tell(engine, {"type": "playback.requested", "viewer": "canary", **play})
    await tell(engine, {"type": "playback.left", **play})
    files.wait(engine, 10.0)
    await tell(engine)
    (person,) = {word for line in engine._lines for word in re.findall(r'viewer="(\w+)"', line)}
    with monkeypatch.context() as patch:
        patch.setattr(engine._state, "forget", lambda *people: 0)
        await engine.forget(People((person,)))

    assert f'viewer="{FORGOTTEN}"' in files.outbox()[-1]
    assert not [line for line in files.outbox() if person in line]


async def test_a_point_that_is_no_line_costs_the_others_nothing(
    files: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = files.start()

    def refuse_first(point: Point, stamp: int) -> str:
        if ("upload_id", "u0") in point.fields:
            raise ValueError(point)
        return line(point, stamp)

    monkeypatch.setattr(engine, "_line", refuse_first)
    for number in range(3):
        await tell(engine, {"type": "upload.completed", "upload_id": f"u{number}"})
    files.wait(engine, 10.0)
    await tell(engine)
    await tell(engine, {"type": "upload.started", "upload_id": "u3"})
    await engine.checkpoint()

    assert engine.process.value(telemetry.APPLY_ERRORS) == 1
    assert [re.findall('upload_id="(u.)"', each) for each in files.outbox()] == [["u1"], ["u2"]]


async def test_points_beyond_the_limit_of_the_outbox_are_counted(
    files: Engines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = files.start()
    monkeypatch.setattr(engine._state, "_most_outbox_bytes", 300)
    for number in range(3):
        await tell(engine, {"type": "upload.completed", "upload_id": f"u{number}"})
        files.wait(engine, 10.0)
        await tell(engine)
        await engine.checkpoint()

    labels = telemetry.BySink(telemetry.SinkName.INFLUX)
    assert engine.process.value(telemetry.OUTBOX_DROPPED, labels) == 2
    assert engine.backlog.points == 1
    assert "the outbox is full" in caplog.text


async def test_what_a_checkpoint_holds_leaves_the_journal(files: Engines) -> None:
    engine = files.start()
    for _ in range(5):
        await tell(engine)
    await engine.checkpoint()
    for _ in range(2):
        await tell(engine)

    kept = engine.journal._db.execute("SELECT min(first), max(first) FROM batch").fetchone()
    assert kept == (6, 7)


async def test_a_start_behind_what_was_counted_goes_on_from_there_and_says_so(
    files: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    files.now += 86_400.0
    engine = files.start()
    await tell(engine)
    await engine.checkpoint()
    files.now -= 86_400.0 - 2.0
    again = files.start()

    assert again.clock.now() == engine.clock.now()
    (record,) = caplog.records
    assert (record.message, record.seconds) == (
        "the wall clock is behind what was counted", 86_398
    )  # fmt: skip


async def test_a_series_that_no_longer_exists_is_said_and_left_out(
    files: Engines, caplog: pytest.LogCaptureFixture
) -> None:
    engine = files.start()
    await tell(engine)
    engine._state.save(
        Snapshot(position=1, now=1.0, stamps=0, generation=0, turned=0.0,
                 counters={"video_of_yesterday_total": b"\x92\xc0\x90"})
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        files.start()

    assert "no longer exist" in caplog.text


async def test_closing_counts_and_saves_everything(files: Engines) -> None:
    engine = files.start()
    written = [engine.write(()) for _ in range(50)]
    await engine.close()

    assert all(each.done() and each.exception() is None for each in written)
    again = files.start()
    assert (again.replayed, again.applied) == (0, 50)


async def test_closing_writes_down_what_was_turned_away_last(files: Engines) -> None:
    engine = files.start()
    engine.turn_away([Refusal(Rejection.MALFORMED)], limited=2)
    engine.refuse()
    await engine.close()

    store = files.start().pipeline.store
    assert store.value(telemetry.REJECTED, telemetry.ByReason(Rejection.MALFORMED)) == 1
    assert store.value(telemetry.LIMITED) == 2
    assert store.value(telemetry.REFUSED) == 1


# -- what it says of itself ------------------------------------------------------------------


async def test_lag_is_the_age_of_what_is_not_yet_counted(
    files: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = files.start()
    assert engine.lag == 0.0
    held: list[Commit] = []
    real = engine._on_commit
    monkeypatch.setattr(engine, "_on_commit", held.append)
    written = engine.write(())
    async with asyncio.timeout(SECONDS):
        while not held:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
    files.wait(engine, 7.0)
    assert engine.lag == pytest.approx(7.0)
    real(held[0])
    await written

    assert engine.lag == 0.0


async def test_a_disk_that_hangs_is_told_to_who_waits_and_to_who_comes(
    files: Engines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = files.start()
    goes_on = threading.Event()
    commit = engine.journal._commit

    def hangs(batch: list[Entry]) -> Commit:
        goes_on.wait(10)
        return commit(batch)

    monkeypatch.setattr(engine.journal, "_commit", hangs)
    waits = asyncio.create_task(tell(engine, {"type": "upload.started", "upload_id": "u1"}))
    for _ in range(HANGS):
        await asyncio.sleep(0)
        assert engine.writable
        engine.tick()
    with pytest.raises(NotWrittenError, match="hangs"):
        await waits
    waiting = len(engine._waiting)
    engine.tick()
    assert len(engine._waiting) == waiting, "nothing more gathers"
    assert not engine.writable
    goes_on.set()
    await tell(engine, {"type": "upload.started", "upload_id": "u2"})

    assert engine.writable
    assert series(engine)["video_upload_started_total{}"] == 2, (
        "what was not acknowledged may count"
    )
    assert [record.message for record in caplog.records] == [
        "beacons are refused: the disk hangs",
        "beacons are taken again: the disk goes on",
    ]


async def test_beacons_are_refused_before_what_no_checkpoint_holds_fills_the_memory(
    files: Engines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engines_module, "MOST_UNSAVED_BYTES", 1000)
    engine = files.start()
    with monkeypatch.context() as patch:
        patch.setattr(engine._state, "save", _raise)
        while engine.writable:
            await tell(engine, {"type": "upload.started", "upload_id": f"u{engine.applied}"})
            with suppress(ZeroDivisionError):
                await engine.checkpoint()
            engine.tick()
    assert 1000 < engine.unsaved_bytes < 1200
    await engine.checkpoint()
    await engine.checkpoint()
    assert engine.unsaved_bytes == 0
    engine.tick()

    assert engine.writable
    assert [record.message for record in caplog.records] == [
        "beacons are refused: checkpoints fail",
        "beacons are taken again",
    ]


async def test_a_disk_below_its_floor_takes_no_beacons_and_writes_no_time(
    files: Engines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = files.start()
    usage = shutil.disk_usage(files.folder)
    assert engine.watch_disk(files.folder, 0) == pytest.approx(usage.free, rel=0.5)
    assert engine.writable
    for free, writable in ((99, False), (98, False), (100, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert engine.watch_disk(files.folder, 100) == free
        assert engine.writable is writable
        engine.tick()
    await tell(engine)

    assert engine.applied == 2, "one tick, and what was told at the end"
    assert [record.message for record in caplog.records] == [
        "beacons are refused: disk full",
        "beacons are taken again",
    ]
