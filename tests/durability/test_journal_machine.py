"""The journal as a machine: whatever fails between two appends, what it said is there is there.

After each step a copy of the files, made without closing anything, is what a crash would leave.
It must hold every acknowledged entry at the position that was told, in order, and nothing that
was never written.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hypothesis import settings as bounded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exporter.journal import Journal
from exporter.record import Entry
from tests.pipelines import codec

CODEC = codec()
FILES = ("journal.db", "journal.db-wal")


class Broken:
    """A connection whose next insertion fails before it reaches the disk."""

    def __init__(self, db: sqlite3.Connection, journal: Journal) -> None:
        self._db, self._journal = db, journal

    def execute(self, statement: str, *values: Any) -> Any:
        if statement.startswith("INSERT"):
            self._journal._db = self._db
            raise sqlite3.OperationalError("disk I/O error")
        return self._db.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


class JournalMachine(RuleBasedStateMachine):
    """Appends, failures and crashes in any order."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="journal-machine-"))
        self.generation = 0
        self.number = 0
        self.acknowledged: dict[int, float] = {}
        self.perhaps: set[float] = set()
        self.saved = 0
        self.journal = self.opened()

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)

    @property
    def here(self) -> Path:
        return self.folder / str(self.generation)

    def opened(self) -> Journal:
        self.here.mkdir(exist_ok=True)
        return Journal(self.here / "journal.db", CODEC)

    def batch(self, size: int) -> list[Entry]:
        """Entries that can be told apart by their time."""
        self.number += size
        return [Entry(float(number)) for number in range(self.number - size + 1, self.number + 1)]

    def commit(self, batch: Sequence[Entry]) -> bool:
        done = self.journal._commit(list(batch))
        if done.error is None:
            for offset, entry in enumerate(done.entries):
                assert done.first + offset not in self.acknowledged, "a position is given once"
                self.acknowledged[done.first + offset] = entry.at
        return done.error is None

    def left(self, into: Path) -> Path:
        """What a crash would leave."""
        into.mkdir()
        for name in FILES:
            if (self.here / name).exists():
                shutil.copy(self.here / name, into / name)
        return into / "journal.db"

    def check(self, found: Iterator[tuple[int, Entry]]) -> None:
        recovered = {}
        last = self.saved
        for position, entry in found:
            assert position > last, "in order, and each position once"
            last = position
            recovered[position] = entry.at
        for position, at in self.acknowledged.items():
            if position > self.saved:
                assert recovered.pop(position) == at
        assert set(recovered.values()) <= self.perhaps, "nothing that was never written"

    # -- what happens ----------------------------------------------------------------------------

    @rule(size=st.integers(1, 5))
    def append(self, size: int) -> None:
        assert self.commit(self.batch(size))

    @rule(size=st.integers(1, 3))
    def append_with_an_error(self, size: int) -> None:
        broken: Any = Broken(self.journal._db, self.journal)
        self.journal._db = broken
        assert not self.commit(self.batch(size))

    @rule(size=st.integers(60, 200))
    def append_without_room(self, size: int) -> None:
        """As many entries as need a page more than there may be."""
        db = self.journal._db
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages}")
        self.commit(self.batch(size))
        db.execute("PRAGMA max_page_count=1000000")

    @rule(share=st.floats(0, 1), garbage=st.binary(max_size=64), size=st.integers(1, 5))
    def crash_within_a_commit(self, share: float, garbage: bytes, size: int) -> None:
        """Some of what a commit wrote is on the disk, and perhaps something else behind it."""
        wal, db = self.here / "journal.db-wal", self.here / "journal.db"
        before, content = wal.stat().st_size if wal.exists() else 0, db.read_bytes()
        batch = self.batch(size)
        self.journal._commit(batch)
        self.perhaps |= {entry.at for entry in batch}
        grown = wal.stat().st_size - before
        copy = self.left(self.folder / f"{self.generation + 1}")
        if grown > 0 and db.read_bytes() == content:
            with (copy.parent / "journal.db-wal").open("r+b") as torn:
                torn.truncate(before + int(share * grown))
                torn.seek(0, 2)
                torn.write(garbage)
        self.journal.close()
        self.generation += 1
        self.journal = self.opened()
        self.go_on()

    @rule()
    def crash(self) -> None:
        self.left(self.folder / f"{self.generation + 1}")
        self.journal.close()
        self.generation += 1
        self.journal = self.opened()
        self.go_on()

    @rule()
    def stop_and_start(self) -> None:
        self.journal.close()
        self.journal = self.opened()
        self.go_on()

    def go_on(self) -> None:
        """As a start does: what is there is counted, whether or not anybody was told."""
        self.journal.continue_after(self.saved)
        found = list(self.journal.read(self.saved))
        self.check(iter(found))
        self.acknowledged |= {position: entry.at for position, entry in found}

    @precondition(lambda self: self.acknowledged)
    @rule(data=st.data())
    def save_a_checkpoint(self, data: st.DataObject) -> None:
        self.saved = data.draw(st.integers(self.saved, max(self.acknowledged)), "position")
        self.journal.prune(self.saved)
        self.journal._remove()

    @invariant()
    def a_crash_now_would_lose_nothing(self) -> None:
        copy = self.left(self.folder / "look")
        look = Journal(copy, CODEC)
        try:
            self.check(look.read(self.saved))
        finally:
            look.close()
            shutil.rmtree(self.folder / "look")


TestJournal = JournalMachine.TestCase
TestJournal.settings = bounded(max_examples=15, stateful_step_count=20)
