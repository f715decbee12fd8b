"""SQLite as the journal and the state use it: a commit returns after the sync that covers it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

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


def schema(path: Path) -> int | None:
    """The schema of a file that is there and not locked; looking changes nothing."""
    if not path.exists():
        return None
    # A reader makes files of its own beside one that nobody has open, and leaves them there; where
    # there is no WAL, nobody has it open and all of it is in the one file.
    wal = path.with_name(f"{path.name}-wal").exists()
    address = f"{path.absolute().as_uri()}?{'mode=ro' if wal else 'immutable=1'}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=1)) as db:
            (found,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError as error:
        if _kind(error) in BUSY:
            return None
        raise
    return int(found)


def why(path: Path, error: sqlite3.Error, lost: str) -> str:
    """Why a file cannot be read; of a damaged one what to do, and that it may cost ``lost``."""
    if _kind(error) in DAMAGED:
        return f"{path}: {error}; {remedy(path, lost)}"
    return f"{path}: {error}"


def remedy(path: Path, lost: str) -> str:
    """What to do with a damaged file."""
    return (
        f"it is damaged: restore a backup of the whole folder, or move {path.name}* away and start "
        f"without it, which loses {lost}"
    )


def _kind(error: sqlite3.Error) -> int | None:
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
