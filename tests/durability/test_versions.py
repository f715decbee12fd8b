"""One instance for one directory, and files of other releases: read, upgraded, or refused."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter import checkpoint
from exporter.checkpoint import StateFile, UnreadableStateError
from exporter.event import Event
from exporter.events.upload.reported import GenericHappened
from exporter.journal import Journal
from exporter.record import VERSION, Codec, Entry
from exporter.telemetry import APPLY_ERRORS
from tests.durability import model
from tests.durability.processes import Exporter, accepted, until
from tests.durability.release import FOLDER, SAVED, restore, traffic, write
from tests.engines import upgraded

GENERIC = ("video_generic_events_total", frozenset[tuple[str, str]]())
REFUSED_START = 2


async def clicks(exporter: Exporter, *numbers: int) -> None:
    """Send beacons that are counted as generic events."""
    async with aiohttp.ClientSession() as http:
        for number in numbers:
            body = {"clicks": number}
            async with http.post(f"{exporter.url}/api/analytics", json=body) as answer:
                assert answer.status == 202


async def refused(exporter: Exporter) -> str:
    """The one sentence of an exporter that will not start."""
    exporter.log.write_text("")
    await exporter.begin()
    code, said = await exporter.wait()
    assert code == REFUSED_START
    (sentence,) = said.splitlines()
    return sentence


def ask(file: Path, statement: str) -> Any:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        return db.execute(statement).fetchone()


def change(file: Path, statement: str) -> None:
    assert ask(file, statement) is None


async def test_a_second_instance_on_one_directory_names_the_first_and_gives_up(
    tmp_path: Path,
) -> None:
    async with Exporter(tmp_path) as first:
        second = Exporter(tmp_path / "second", {"JOURNAL__DIRECTORY": first.directory})
        sentence = await refused(second)
        assert str(first.directory) in sentence
        assert f"process {first.process.pid};" in sentence
        await clicks(first, 1)
        await first.kill()
        await second.start()
        assert (await second.samples())[GENERIC] == 1
        await second.kill()


async def test_either_file_may_be_gone_and_counting_goes_on_from_the_other(tmp_path: Path) -> None:
    async with Exporter(tmp_path, {"JOURNAL__CHECKPOINT_SECONDS": 60}) as exporter:
        await clicks(exporter, *range(20))
        await exporter.kill()
        for file in exporter.directory.glob("state.db*"):
            file.unlink()
        await exporter.start()
        assert (await exporter.samples())[GENERIC] == 20
        await clicks(exporter, 0, 19, 20)
        assert (await exporter.samples())[GENERIC] == 21
        assert await exporter.stop() == 0
        for file in exporter.directory.glob("journal.db*"):
            file.unlink()
        await exporter.start()
        await clicks(exporter, 0, 20, 21)
        await exporter.kill()
        await exporter.start()
        assert (await exporter.samples())[GENERIC] == 22


async def test_a_state_that_is_older_than_what_was_pruned_is_refused(tmp_path: Path) -> None:
    async with Exporter(tmp_path, {"JOURNAL__CHECKPOINT_SECONDS": 0.05}) as exporter:
        journal, state = exporter.directory / "journal.db", exporter.directory / "state.db"
        await clicks(exporter, *range(20))
        await until(lambda: first_row(journal) > 20)
        await exporter.kill()
        change(state, "UPDATE mark SET position = 7")
        sentence = await refused(exporter)
        assert sentence.startswith(f"{journal} begins at ")
        assert "the state ends at 7: restore the state that belongs to it" in sentence
        change(state, "UPDATE mark SET position = 0")
        await exporter.start()
        assert (await exporter.samples())[GENERIC] == 20
        assert "the state is gone; older entries are lost" in {
            line["message"] for line in exporter.said()
        }


def first_row(journal: Path) -> int:
    (first,) = ask(journal, "SELECT min(first) FROM batch")
    return int(first or 0)


async def test_a_file_of_a_newer_release_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    async with Exporter(tmp_path) as exporter:
        assert await exporter.stop() == 0
        for file in ("journal.db", "state.db"):
            path = exporter.directory / file
            change(path, "PRAGMA user_version=7")
            before = path.read_bytes()
            sentence = await refused(exporter)
            assert sentence.startswith(f"{path} has schema 7 ")
            assert sentence.endswith("start the newer release")
            assert path.read_bytes() == before


async def test_what_cannot_be_read_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    async with Exporter(tmp_path, {"JOURNAL__CHECKPOINT_SECONDS": 60}) as exporter:
        await clicks(exporter, 1)
        await exporter.kill()
        journal, state = exporter.directory / "journal.db", exporter.directory / "state.db"
        change(journal, "INSERT INTO batch VALUES (1000000, 1, 9, x'00')")
        sentence = await refused(exporter)
        assert sentence.startswith(f"{journal}, row 1000000: ")
        assert "version 9" in sentence
        assert sentence.endswith("start the newer release")
        change(journal, "UPDATE batch SET version = 1 WHERE version = 9")
        assert "cannot be decoded" in await refused(exporter)
        change(journal, "DELETE FROM batch WHERE first = 1000000")
        change(state, "INSERT INTO session VALUES ('upload', 'u', x'00')")
        assert "the state holds what this release cannot read" in await refused(exporter)
        change(state, "UPDATE session SET lifecycle = 'gone'")
        assert "the state holds what this release cannot read" in await refused(exporter)
        change(state, "DELETE FROM session")
        await exporter.start()
        assert (await exporter.samples())[GENERIC] == 1


def test_a_journal_may_hold_records_of_several_releases(tmp_path: Path) -> None:
    def old(body: bytes) -> list[Entry]:
        """A release before the first wrote one number for each event."""
        return [Entry(float(number), (GenericHappened(kind="old"),)) for number in body]

    codec = Codec(model.TYPES)
    codec.readers[0] = old
    new: list[Entry] = [Entry(7.0, (GenericHappened(kind="new"),))]
    journal = Journal(tmp_path / "journal.db", codec)
    for row in ((1, 3, 0, b"\x01\x02\x03"), (4, 1, VERSION, codec.encode(new))):
        journal._db.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", row)
    read = list(journal.read(1))
    assert [(position, entry.at) for position, entry in read] == [(2, 2.0), (3, 3.0), (4, 7.0)]
    kinds = [event.kind for _, entry in read for event in _generic(entry.events)]
    assert kinds == ["old", "old", "new"]
    journal.close()


def _generic(events: Iterable[Event]) -> list[GenericHappened]:
    return [event for event in events if isinstance(event, GenericHappened)]


def test_an_older_state_is_upgraded_with_everything_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    old = StateFile(path, most_outbox_bytes=10**6)
    old._db.execute("UPDATE mark SET position = 41, now = 1.5")
    old._db.execute("INSERT INTO counter VALUES ('a', x'62')")
    old.close()
    addition = ("CREATE TABLE added (number)", "INSERT INTO added SELECT position FROM mark")
    monkeypatch.setattr(checkpoint, "KIND", upgraded(addition))
    new = StateFile(path, most_outbox_bytes=10**6)
    saved = new.load()
    assert (saved.position, saved.now, dict(saved.counters)) == (41, 1.5, {"a": b"b"})
    assert new._db.execute("SELECT number FROM added").fetchall() == [(41,)]
    assert new._db.execute("PRAGMA user_version").fetchone() == (len(checkpoint.KIND.upgrades),)
    new.close()
    monkeypatch.undo()
    with pytest.raises(UnreadableStateError, match="start the newer release"):
        StateFile(path, most_outbox_bytes=10**6)


def test_an_upgrade_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    StateFile(path, most_outbox_bytes=10**6).close()
    broken = ("CREATE TABLE added (number INTEGER)", "INSERT INTO nowhere VALUES (1)")
    with monkeypatch.context() as newer:
        newer.setattr(checkpoint, "KIND", upgraded(broken))
        with pytest.raises(UnreadableStateError, match="nowhere"):
            StateFile(path, most_outbox_bytes=10**6)
    again = StateFile(path, most_outbox_bytes=10**6)
    assert again.load().position == 0
    tables = again._db.execute("SELECT name FROM sqlite_schema WHERE name = 'added'").fetchall()
    assert tables == []
    again.close()


@pytest.mark.parametrize("release", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_the_files_of_every_release_are_read(
    tmp_path: Path, release: Path, caplog: pytest.LogCaptureFixture
) -> None:
    restore(release, tmp_path)
    everything_is_read(tmp_path, caplog)


def test_the_files_of_this_release_are_written_with_everything_in_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path)
    everything_is_read(tmp_path, caplog)


def everything_is_read(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = model.engine(folder)
    engine.recover()
    assert caplog.messages == []
    assert engine.process.value(APPLY_ERRORS) == 0
    entries = traffic()
    assert engine.replayed == len(entries) - SAVED
    events = sum(len(entry.events) for entry in entries)
    assert accepted(model.samples(engine.pipeline)) == events
    page = model.samples(engine.pipeline)
    counts = {name: (still, kept) for name, still, kept in engine.pipeline.sessions.counts()}
    assert all(counts[name][1] > 0 for name in model.GIVEN_UP), counts
    still, remembered = counts["upload"]
    assert 0 < still < remembered
    assert engine.backlog.points > 0
    for entry in entries:
        engine.pipeline.apply(entry)
    again = model.samples(engine.pipeline)
    anew = model.accepted_anew(again) - model.accepted_anew(page)
    assert accepted(again) - anew == events
    assert anew == model.accepted_anew(page) > 0
    model.close(engine)
