"""SQLite as the journal and the state use it: a commit returns after the sync that covers it."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def connect(path: Path) -> sqlite3.Connection:
    """Open a file of this instance; where it exists already, a full disk is no obstacle."""
    try:
        return _connect(path, "NORMAL")
    except sqlite3.OperationalError:
        # There was no room for the index that readers of the file would share with us. Where we
        # are alone, it is in memory.
        return _connect(path, "EXCLUSIVE")


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
