"""On disk before it is acknowledged: append, read, prune, open again; and when that fails."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Queue
from typing import Any

import msgspec
import pytest

from exporter import database
from exporter import journal as journals
from exporter.journal import Commit, Journal
from exporter.record import VERSION, Codec, Entry, Refusal, UnreadableJournalError
from exporter.telemetry import Rejection
from tests.pipelines import codec, told

SECONDS = 10.0

Open = Callable[[], Journal]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    """Opens the journal; what a test leaves open is closed at its end."""
    found: list[Journal] = []

    def opens() -> Journal:
        found.append(Journal(path, codec()))
        return found[-1]

    yield opens
    for journal in found:
        journal.close()


class Committed:
    """Commits in the order in which they are announced."""

    def __init__(self, journal: Journal) -> None:
        self._queue: Queue[Commit] = Queue()
        journal.start(self._queue.put)

    def next(self) -> Commit:
        return self._queue.get(timeout=SECONDS)

    def until(self, entries: int) -> list[Commit]:
        """The commits that hold so many entries together."""
        commits = [self.next()]
        while sum(len(commit.entries) for commit in commits) < entries:
            commits.append(self.next())
        return commits

    @property
    def empty(self) -> bool:
        return self._queue.empty()


def entry(number: int) -> Entry:
    return Entry(float(number), told({"type": "upload.completed", "upload_id": f"u{number}"}))


def held(journal: Journal, after: int = 0) -> list[tuple[int, Any]]:
    """What a journal holds, as plain values: what is decoded is of a class of the codec's own."""
    return [(position, msgspec.structs.astuple(each)) for position, each in journal.read(after)]


def plain(each: Entry) -> Any:
    return msgspec.structs.astuple(each)


def written(journal: Journal, *numbers: int) -> list[Commit]:
    """Start a journal and write entries, each in a commit of its own."""
    committed = Committed(journal)
    found = []
    for number in numbers:
        journal.append(entry(number))
        found.append(committed.next())
    return found


def rows(path: Path, columns: str = "first, count") -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as db:
        found = db.execute(f"SELECT {columns} FROM batch ORDER BY first").fetchall()  # noqa: S608
    db.close()
    return found


# -- what is written is there ----------------------------------------------------------------


def test_what_was_written_is_read_in_its_order_with_its_positions(opened: Open) -> None:
    commits = written(opened(), *range(1, 6))
    again = opened()

    assert [commit.error for commit in commits] == [None] * 5
    assert [commit.first for commit in commits] == [1, 2, 3, 4, 5]
    assert held(again) == [(number, plain(entry(number))) for number in range(1, 6)]
    assert held(again, 3) == [(4, plain(entry(4))), (5, plain(entry(5)))]
    assert held(again, 5) == []
    assert again.last == 5


def test_an_entry_is_on_disk_when_its_commit_is_announced(opened: Open, path: Path) -> None:
    journal = opened()
    seen: Queue[list[tuple[Any, ...]]] = Queue()
    journal.start(lambda commit: seen.put(rows(path)))
    for number in range(3):
        journal.append(entry(number))
        assert (number + 1, 1) in seen.get(timeout=SECONDS)


def test_everything_that_an_entry_holds_comes_back(opened: Open) -> None:
    journal = opened()
    committed = Committed(journal)
    full = Entry(
        1.5,
        told({"type": "upload.failed", "upload_id": "u1", "error": "timeout", "id": "e1", "at": 7}),
        (Refusal(Rejection.MALFORMED, "/v1/events", "{"), Refusal(Rejection.INVALID, count=7)),
        limited=3,
        refused=2,
    )
    journal.append(full)
    journal.append(Entry(2.5))
    committed.until(2)

    assert [found for _, found in held(opened())] == [plain(full), plain(Entry(2.5))]


def test_every_sync_is_a_full_one(opened: Open) -> None:
    journal = opened()
    pragmas = {
        name: journal._db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2}


# -- group commit ----------------------------------------------------------------------------


class Gate:
    """Holds a commit back until the test lets it go on."""

    def __init__(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        self._encode = journal._codec.encode
        self.reached, self.go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(journal._codec, "encode", self.encode)

    def encode(self, entries: Sequence[Entry]) -> bytes:
        self.reached.set()
        assert self.go_on.wait(SECONDS)
        return self._encode(entries)


def test_what_gathers_while_a_commit_runs_is_the_next_commit(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened()
    gate = Gate(journal, monkeypatch)
    committed = Committed(journal)
    journal.append(entry(1))
    assert gate.reached.wait(SECONDS)
    for number in range(2, 50):
        journal.append(entry(number))
    assert committed.empty, "nothing is announced while the first commit runs"
    gate.go_on.set()

    assert [(commit.first, len(commit.entries)) for commit in committed.until(49)] == [
        (1, 1),
        (2, 48),
    ]


def test_a_commit_does_not_grow_without_bounds(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "MOST_ENTRIES", 10)
    journal = opened()
    gate = Gate(journal, monkeypatch)
    committed = Committed(journal)
    for number in range(1, 36):
        journal.append(entry(number))
    assert gate.reached.wait(SECONDS)
    gate.go_on.set()
    commits = committed.until(35)

    assert max(len(commit.entries) for commit in commits) <= 10
    assert [found for commit in commits for found in commit.entries] == [
        entry(number) for number in range(1, 36)
    ]
    assert [position for position, _ in opened().read(0)] == list(range(1, 36))


def test_reading_may_begin_within_a_commit(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened()
    gate = Gate(journal, monkeypatch)
    committed = Committed(journal)
    for number in range(1, 11):
        journal.append(entry(number))
    assert gate.reached.wait(SECONDS)
    gate.go_on.set()
    committed.until(10)

    for after in range(11):
        found = [position for position, _ in opened().read(after)]
        assert found == list(range(after + 1, 11))


def test_closing_writes_what_is_queued(opened: Open, path: Path) -> None:
    journal = opened()
    committed = Committed(journal)
    for number in range(100):
        journal.append(entry(number))
    journal.close()

    assert sum(len(commit.entries) for commit in committed.until(100)) == 100
    assert sum(count for _, count in rows(path)) == 100


# -- when it cannot be written ---------------------------------------------------------------


def test_a_commit_that_fails_says_so_leaves_nothing_and_the_next_takes_its_place(
    opened: Open,
) -> None:
    journal = opened()
    committed = Committed(journal)
    journal._db.execute("PRAGMA query_only=ON")
    journal.append(entry(1))
    failed = committed.next()
    journal._db.execute("PRAGMA query_only=OFF")
    journal.append(entry(2))
    good = committed.next()

    assert isinstance(failed.error, sqlite3.OperationalError)
    assert good.error is None
    assert (failed.first, good.first) == (1, 1)
    assert held(opened()) == [(1, plain(entry(2)))]


def test_what_cannot_be_encoded_fails_alone(opened: Open) -> None:
    journal = opened()
    committed = Committed(journal)
    journal.append(Entry(1.0, (object(),)))  # type: ignore[arg-type]
    failed = committed.next()
    journal.append(entry(2))

    assert isinstance(failed.error, TypeError)
    assert committed.next().error is None


class Broken:
    """A connection that fails at everything, and says that it is within a transaction."""

    in_transaction = True

    def execute(self, *statement: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    def close(self) -> None:
        """A real one may be closed in any state."""


def test_a_connection_that_cannot_even_roll_back_is_opened_again(opened: Open) -> None:
    journal = opened()
    committed = Committed(journal)
    journal._db.close()
    journal._db = Broken()  # type: ignore[assignment]
    journal.append(entry(1))
    assert str(committed.next().error) == "disk I/O error"
    journal.append(entry(2))

    assert committed.next().error is None
    assert held(opened()) == [(1, plain(entry(2)))]


def test_where_opening_fails_as_well_every_commit_tries_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened()
    committed = Committed(journal)

    def fails(path: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("no room")

    monkeypatch.setattr(database, "connect", fails)
    journal._db.close()
    journal._db = Broken()  # type: ignore[assignment]
    for number in range(3):
        journal.append(entry(number))
        assert committed.next().error is not None
    monkeypatch.undo()
    journal.append(entry(4))
    assert committed.next().error is not None
    journal.append(entry(5))

    assert committed.next().error is None


def test_a_file_whose_making_a_crash_cut_short_is_made_to_its_end(opened: Open, path: Path) -> None:
    opened().close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=0")
    db.close()

    assert held(opened()) == []


# -- pruning and opening again ---------------------------------------------------------------


def test_only_what_a_checkpoint_holds_is_removed(opened: Open, path: Path) -> None:
    journal = opened()
    committed = Committed(journal)
    for number in range(1, 6):
        journal.append(entry(number))
        committed.next()
    journal.prune(3)
    journal.append(entry(6))
    committed.next()
    journal.append(entry(7))
    committed.next()

    assert [first for first, _ in rows(path)] == [4, 5, 6, 7]


def test_a_batch_is_kept_until_all_of_it_is_in_a_checkpoint(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened()
    gate = Gate(journal, monkeypatch)
    committed = Committed(journal)
    for number in range(1, 11):
        journal.append(entry(number))
    assert gate.reached.wait(SECONDS)
    gate.go_on.set()
    commits = committed.until(10)
    last = commits[-1]
    journal.prune(last.first + len(last.entries) - 2)
    journal.append(entry(11))
    committed.next()
    journal.append(entry(12))
    committed.next()

    assert (last.first, len(last.entries)) in rows(path)
    assert [position for position, _ in opened().read(last.first - 1)] == list(
        range(last.first, 13)
    )


def test_a_position_is_never_given_twice_even_after_everything_was_removed(
    opened: Open, path: Path
) -> None:
    journal = opened()
    written(journal, 1, 2, 3)
    journal.close()
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM batch")
    db.close()
    again = opened()
    again.continue_after(3)

    assert [commit.first for commit in written(again, 4)] == [4]


def test_an_older_checkpoint_does_not_move_positions_back(opened: Open) -> None:
    journal = opened()
    written(journal, 1, 2, 3)
    again = opened()
    again.continue_after(1)

    assert again.last == 3


def test_its_size_is_that_of_its_files(opened: Open, path: Path) -> None:
    journal = opened()
    before = journal.size()
    written(journal, *range(20))

    assert journal.size() > before
    assert journal.size() == sum(file.stat().st_size for file in path.parent.glob("journal.db*")
                                 if not file.name.endswith("-shm"))  # fmt: skip


# -- other releases --------------------------------------------------------------------------


def test_a_record_of_an_older_release_is_read_by_its_reader(opened: Open, path: Path) -> None:
    opened().close()
    with sqlite3.connect(path) as db:
        old = msgspec.json.encode([[7.0, "u1"], [8.0, "u2"]])
        db.execute("INSERT INTO batch VALUES (1, 2, 0, ?)", (old,))
    db.close()
    reading = codec()

    def read_version_0(body: bytes) -> list[Entry]:
        return [
            Entry(at, told({"type": "upload.completed", "upload_id": upload}))
            for at, upload in msgspec.json.decode(body)
        ]

    reading.readers[0] = read_version_0
    journal = Journal(path, reading)
    found = list(journal.read(0))
    written_now = written(journal, 9)[0].entries
    journal.close()

    assert [(position, each.at) for position, each in found] == [(1, 7.0), (2, 8.0)]
    assert [each.at for _, each in opened_with(path, reading)] == [7.0, 8.0, written_now[0].at]


def opened_with(path: Path, reading: Codec) -> list[tuple[int, Entry]]:
    journal = Journal(path, reading)
    found = list(journal.read(0))
    journal.close()
    return found


def test_a_record_of_a_newer_release_is_an_error_that_says_what_to_do(opened: Open) -> None:
    body = codec().encode([entry(1)])
    with pytest.raises(UnreadableJournalError, match=r"version 99.*start the newer release"):
        codec().decode(99, body)

    assert [plain(each) for each in codec().decode(VERSION, body)] == [plain(entry(1))]


@pytest.mark.parametrize("body", [b"", b"\x91", b"nonsense", b"\x91\x91\xa1x"])
def test_a_record_that_is_damaged_is_an_error_that_says_so(body: bytes) -> None:
    with pytest.raises(UnreadableJournalError, match="cannot be decoded"):
        codec().decode(VERSION, body)


def test_a_file_of_a_newer_release_is_refused_and_left_as_it_is(opened: Open, path: Path) -> None:
    opened().close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(UnreadableJournalError, match=r"schema 99.*start the newer release"):
        opened()

    assert path.read_bytes() == before


def test_what_is_no_journal_is_refused_by_name(opened: Open, path: Path) -> None:
    path.write_bytes(b"nonsense " * 1000)
    with pytest.raises(UnreadableJournalError, match=r"journal\.db: file is not a database"):
        opened()
