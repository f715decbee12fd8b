"""SQLite as the journal and the state use it: a commit returns after the sync that covers it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def connect(path: Path) -> sqlite3.Connection:
    """Open a file of this instance; where it exists already, a full disk is no obstacle."""
    try:
        return _connect(path, "NORMAL")
    except sqlite3.OperationalError:
        # There was no room for the index that readers of the file would share with us. Where we
        # are alone, it is in memory.
        return _connect(path, "EXCLUSIVE")


class Kind(NamedTuple):
    """What all files of one name are.

    ``upgrades`` are the statements that make schema n+1 out of schema n, an empty file having
    schema 0; ``lost`` says what is nowhere else; ``error`` is for a file that cannot be used.
    """

    upgrades: tuple[tuple[str, ...], ...]
    lost: str
    error: type[Exception]

    def open(self, path: Path) -> sqlite3.Connection:
        """A connection to a file that is made, or upgraded, where it has to be."""
        with self.readable(path):
            db = connect(path)
            try:
                self._upgrade(db, path)
            except BaseException:
                db.close()
                raise
        return db

    @contextmanager
    def readable(self, path: Path) -> Iterator[None]:
        """Within it, what SQLite says of a file is an ``error`` that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            said = f"{path}: {error}"
            if _code(error) in DAMAGED:
                said += f"; {self.remedy(path)}"
            raise self.error(said) from error

    def look(self, path: Path) -> None:
        """``error`` where the start would be refused because of the file; changes nothing.

        Only its beginning is looked at: it may be large.
        """
        with self.readable(path):
            self._refuse_newer(_schema(path), path)

    def remedy(self, path: Path) -> str:
        """What to do with a damaged file."""
        return (
            f"it is damaged: restore a backup of the whole folder, or move {path.name}* away and "
            f"start without it, which loses {self.lost}"
        )

    def _refuse_newer(self, found: int, path: Path) -> None:
        if found > len(self.upgrades):
            raise self.error(
                f"{path} has schema {found} and this release knows {len(self.upgrades)}: "
                "start the newer release"
            )

    def _upgrade(self, db: sqlite3.Connection, path: Path) -> None:
        (found,) = db.execute("PRAGMA user_version").fetchone()
        self._refuse_newer(found, path)
        if found == len(self.upgrades):
            return

        def apply() -> None:
            for statements in self.upgrades[found:]:
                for statement in statements:
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={len(self.upgrades)}")

        transaction(db, apply)


def transaction(db: sqlite3.Connection, work: Callable[[], T]) -> T:
    """All of ``work`` or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work()
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return result


def _schema(path: Path) -> int:
    """The schema of a file, 0 of one that is not there or is locked; looking changes nothing."""
    if not path.exists():
        return 0
    # A reader makes files of its own beside one that nobody has open, and leaves them there; where
    # there is no WAL, nobody has it open and all of it is in the one file.
    wal = path.with_name(f"{path.name}-wal").exists()
    address = f"{path.absolute().as_uri()}?{'mode=ro' if wal else 'immutable=1'}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=1)) as db:
            (found,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError as error:
        if _code(error) in BUSY:
            return 0
        raise
    return int(found)


def _code(error: sqlite3.Error) -> int | None:
    # Errors of the module itself have no code; the lowest byte of a code is its kind.
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _connect(path: Path, locking: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        db.execute(f"PRAGMA locking_mode={locking}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA wal_autocheckpoint=1000")
    except sqlite3.Error:
        db.close()
        raise
    return db
