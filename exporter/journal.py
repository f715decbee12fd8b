"""On disk before it is acknowledged: an append-only file with adaptive group commit.

SQLite in WAL mode with ``synchronous=FULL``: a commit returns after the sync that covers it. One
thread writes; whatever gathers while a commit runs is the next commit, so the batch grows with
the load and nobody waits for a window to pass. One row holds one batch.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

from exporter.database import Kind
from exporter.record import VERSION, Codec, DamagedRecordError, Entry, UnreadableJournalError

log = logging.getLogger(__name__)

_SCHEMA_1: Final = (
    # A crash may have come between the table and its number, in releases that made them apart.
    "CREATE TABLE IF NOT EXISTS batch (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, "
    "version INTEGER NOT NULL, body BLOB NOT NULL) STRICT",
)

KIND: Final = Kind(
    (_SCHEMA_1,),
    "beacons of the last seconds before it stopped, which no checkpoint holds yet",
    UnreadableJournalError,
)

MOST_ENTRIES: Final = 2000
"""Entries in one commit at the most, so that one commit stays short."""

PACE_SECONDS: Final = 0.005
"""Between the beginnings of two commits at the least; who comes after a rest never waits.

A commit costs as much CPU as a few beacons. As fast as the disk can, they take a quarter of the
processor under load, and the answers wait for that longer than for this (docs/benchmarks.md).
"""

BUSY_PACE_SECONDS: Final = 0.010
BUSY_ENTRIES: Final = 12
"""The pace after a commit of so many entries, for the same reason: the more come, the dearer it is
to wake for each few of them."""


class Commit(NamedTuple):
    """What became of a batch: ``error`` is None where it is on disk."""

    entries: Sequence[Entry]
    first: int
    size: int
    seconds: float
    error: Exception | None


class Journal:
    """The journal of one instance. ``committed`` is called on the writer's thread, in order."""

    def __init__(self, path: Path, codec: Codec) -> None:
        self._path = path
        self._codec = codec
        self._pending: SimpleQueue[Entry | None] = SimpleQueue()
        self._pruned_to = self._prune_to = 0
        self._thread: threading.Thread | None = None
        self._committed: Callable[[Commit], None] = _nobody
        self._db = KIND.open(path)
        self._next = self._last() + 1

    def _last(self) -> int:
        try:
            with KIND.readable(self._path):
                row = self._db.execute("SELECT max(first + count - 1) FROM batch").fetchone()
        except UnreadableJournalError:
            self._db.close()
            raise
        return int(row[0] or 0)

    @property
    def last(self) -> int:
        """The position of the last entry on disk."""
        return self._next - 1

    def continue_after(self, position: int) -> None:
        """Never give a position again that a checkpoint has seen, even after pruning to empty.

        A checkpoint that is older than what was pruned was brought back from somewhere: what lies
        between is neither in it nor here. Only where there is none at all (position 0) is the
        rest of the journal better than nothing.
        """
        (first,) = self._db.execute("SELECT min(first) FROM batch").fetchone()
        if first is not None and first > position + 1:
            if position:
                raise UnreadableJournalError(
                    f"{self._path} begins at {first} and the state ends at {position}: restore "
                    "the state that belongs to it, or remove it to begin with empty counters"
                )
            log.warning("the state is gone; older entries are lost", extra={"first": first})
        self._next = max(self._next, position + 1)

    def read(self, after: int) -> Iterator[tuple[int, Entry]]:
        """The entries behind a position, each with its own position; only before start()."""
        with KIND.readable(self._path):
            yield from self._read(after)

    def _read(self, after: int) -> Iterator[tuple[int, Entry]]:
        rows = self._db.execute(
            "SELECT first, version, body FROM batch WHERE first + count > ? ORDER BY first",
            (after + 1,),
        )
        for first, version, body in rows:
            try:
                entries = self._codec.decode(version, body)
            except UnreadableJournalError as error:
                says = f"{self._path}, row {first}: {error}"
                if isinstance(error, DamagedRecordError):
                    says += f"; {KIND.remedy(self._path)}"
                raise UnreadableJournalError(says) from error
            for offset, entry in enumerate(entries):
                if first + offset > after:
                    yield first + offset, entry

    def start(self, committed: Callable[[Commit], None]) -> None:
        """Begin to write what is appended."""
        self._committed = committed
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def append(self, entry: Entry) -> None:
        """Queue an entry; it is on disk when ``committed`` says so."""
        self._pending.put(entry)

    def prune(self, position: int) -> None:
        """Allow the next commit to remove what a checkpoint up to ``position`` holds."""
        self._prune_to = max(self._prune_to, position)

    def size(self) -> int:
        """Bytes of the journal's files."""
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Write what is queued, then stop."""
        self._pending.put(None)
        if self._thread is not None:
            self._thread.join()
        self._db.close()

    def _write(self) -> None:
        more, began, pace = True, 0.0, PACE_SECONDS
        while more:
            time.sleep(max(0.0, began + pace - time.perf_counter()))
            batch, more = self._gather()
            pace = PACE_SECONDS if len(batch) < BUSY_ENTRIES else BUSY_PACE_SECONDS
            began = time.perf_counter()
            if batch:
                self._committed(self._commit(batch))
            if self._prune_to > self._pruned_to:
                self._remove()

    def _gather(self) -> tuple[list[Entry], bool]:
        """Wait for an entry, and take what else is there; False when it was the last."""
        pending = self._pending
        entry = pending.get()
        batch: list[Entry] = []
        while entry is not None:
            batch.append(entry)
            if len(batch) == MOST_ENTRIES or pending.empty():
                return batch, True
            entry = pending.get()
        return batch, False

    def _commit(self, batch: list[Entry]) -> Commit:
        began = time.perf_counter()
        first, body, error = self._next, b"", None
        try:
            body = self._codec.encode(batch)
            # One statement is one transaction, and its return is the end of its sync.
            self._db.execute(
                "INSERT INTO batch (first, count, version, body) VALUES (?, ?, ?, ?)",
                (first, len(batch), VERSION, body),
            )
        except Exception as failure:  # noqa: BLE001 - whatever it is, somebody waits for an answer
            error = failure
            self._roll_back()
        else:
            self._next += len(batch)
        seconds = time.perf_counter() - began
        return Commit(batch, first, len(body), seconds, error)

    def _remove(self) -> None:
        """Give back the room of what a checkpoint holds; a failure only leaves it for later."""
        prune_to = self._prune_to
        try:
            self._db.execute("DELETE FROM batch WHERE first + count - 1 <= ?", (prune_to,))
        except sqlite3.Error:
            log.warning("the journal could not be pruned", exc_info=True)
            self._roll_back()
        else:
            self._pruned_to = prune_to

    def _roll_back(self) -> None:
        """Leave no transaction open, or every later commit fails as well."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("the journal could not roll back; opening it again")
            self._open_again()

    def _open_again(self) -> None:
        """Where that fails too, the next commit fails and tries once more."""
        self._db.close()
        try:
            self._db = KIND.open(self._path)
        except UnreadableJournalError:
            log.exception("the journal could not be opened again")


def _nobody(commit: Commit) -> None:
    raise AssertionError("nothing is written before start()")
