"""The state file: everything that counting needs, as of one position of the journal.

One transaction holds position, counters, sessions, dedup ids, the outbox and the dead letters, so
a crash leaves either the whole checkpoint or the one before; replaying the journal from its
position gives the same numbers again. Only what changed is written.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from exporter.database import Kind, transaction
from exporter.event import FORGOTTEN
from exporter.record import People, Refusal
from exporter.roster import Value


class StateInUseError(Exception):
    """Another process uses the state directory; the message names it."""


class UnreadableStateError(Exception):
    """The state file was written by a newer release, or is damaged; the message says which."""


class Parcel(NamedTuple):
    """The oldest lines of the outbox; ``rows`` are those they come from, with so many of each."""

    lines: tuple[str, ...]
    rows: tuple[tuple[int, int], ...]


class Backlog(NamedTuple):
    """What waits in the outbox."""

    points: int
    bytes: int
    oldest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What changed since the last checkpoint, and the position up to which it is counted.

    ``lines`` are points for the outbox.
    """

    position: int
    now: float
    stamps: int
    generation: int
    turned: float
    counters: Mapping[str, bytes] = field(default_factory=dict)
    sessions: Sequence[tuple[str, str, bytes | None]] = ()
    ids: Mapping[int, bytes] = field(default_factory=dict)
    refusals: Sequence[tuple[float, Refusal]] = ()
    values: Sequence[Value] = ()
    oldest_values: int = 0
    lines: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """Everything that a state file holds."""

    position: int
    now: float
    stamps: int
    generation: int
    turned: float
    counters: Mapping[str, bytes]
    sessions: Sequence[tuple[str, str, bytes]]
    ids: Sequence[tuple[int, bytes]]
    values: Sequence[Value]


PARCEL_POINTS: Final = 5000
"""Points in one row of the outbox, and in one delivery, at the most."""

MOST_DEAD_LETTERS: Final = 10_000
MOST_SET_ASIDE: Final = 10_000
"""Lines that the sink refused; of more, the latest are kept."""

_SCHEMA_1: Final = (
    "CREATE TABLE mark (position INTEGER, now REAL, stamps INTEGER, generation INTEGER, "
    "turned REAL)",
    "INSERT INTO mark VALUES (0, 0.0, 0, 0, 0.0)",
    "CREATE TABLE counter (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE session (lifecycle TEXT, subject TEXT, body BLOB NOT NULL, "
    "PRIMARY KEY (lifecycle, subject)) WITHOUT ROWID",
    "CREATE TABLE seen (number INTEGER PRIMARY KEY, generation INTEGER NOT NULL, "
    "ids BLOB NOT NULL)",
    "CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, "
    "points INTEGER NOT NULL, bytes INTEGER NOT NULL, lines TEXT NOT NULL)",
    "CREATE TABLE set_aside (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, "
    "reason TEXT NOT NULL, line TEXT NOT NULL)",
    "CREATE INDEX waiting ON outbox (points, bytes, at)",
    "CREATE TABLE dead_letter (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, "
    "reason TEXT NOT NULL, path TEXT NOT NULL, sample TEXT NOT NULL)",
)

_SCHEMA_2: Final = (
    "CREATE TABLE tag_value (generation INTEGER, name TEXT, value TEXT, "
    "PRIMARY KEY (generation, name, value)) WITHOUT ROWID",
)

_SCHEMA_3: Final = (
    "ALTER TABLE dead_letter ADD COLUMN whole INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE dead_letter ADD COLUMN part INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE dead_letter ADD COLUMN times INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE dead_letter ADD COLUMN last_at REAL NOT NULL DEFAULT 0",
    "ALTER TABLE dead_letter ADD COLUMN digest BLOB",
    "UPDATE dead_letter SET last_at = at",
    "CREATE UNIQUE INDEX same_letter ON dead_letter (digest)",
)

KIND: Final = Kind(
    (_SCHEMA_1, _SCHEMA_2, _SCHEMA_3),
    "counters, sessions, ids that are remembered, points that wait for InfluxDB and refused "
    "beacons",
    UnreadableStateError,
)


class StateFile:
    """The state of one instance; used by one thread at a time."""

    def __init__(self, path: Path, *, most_outbox_bytes: int) -> None:
        self._path = path
        self._most_outbox_bytes = most_outbox_bytes
        self._version = 0
        self._db = KIND.open(path)

    def readable(self) -> AbstractContextManager[None]:
        """Within it, what SQLite says is an UnreadableStateError: for the start."""
        return KIND.readable(self._path)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def load(self) -> Saved:
        """The last checkpoint; of an empty state, position 0 and nothing else."""
        with self.readable():
            return self._load()

    def _load(self) -> Saved:
        position, now, stamps, generation, turned = self._db.execute(
            "SELECT * FROM mark"
        ).fetchone()
        return Saved(
            position=position,
            now=now,
            stamps=stamps,
            generation=generation,
            turned=turned,
            counters=dict(self._db.execute("SELECT name, body FROM counter")),
            sessions=self._db.execute("SELECT lifecycle, subject, body FROM session").fetchall(),
            ids=self._db.execute("SELECT generation, ids FROM seen").fetchall(),
            values=self._db.execute("SELECT generation, name, value FROM tag_value").fetchall(),
        )

    def save(self, snapshot: Snapshot) -> int:
        """Write a checkpoint; returns how many points the outbox had to drop for its limit."""
        return transaction(self._db, lambda: self._save(snapshot))

    def _save(self, snapshot: Snapshot) -> int:
        db = self._db
        db.execute(
            "UPDATE mark SET position = ?, now = ?, stamps = ?, generation = ?, turned = ?",
            (
                snapshot.position,
                snapshot.now,
                snapshot.stamps,
                snapshot.generation,
                snapshot.turned,
            ),
        )
        db.executemany(
            "INSERT OR REPLACE INTO counter VALUES (?, ?)", list(snapshot.counters.items())
        )
        db.executemany(
            "DELETE FROM session WHERE lifecycle = ? AND subject = ?",
            [(name, subject) for name, subject, body in snapshot.sessions if body is None],
        )
        db.executemany(
            "INSERT OR REPLACE INTO session VALUES (?, ?, ?)",
            [each for each in snapshot.sessions if each[2] is not None],
        )
        db.executemany(
            "INSERT INTO seen (generation, ids) VALUES (?, ?)", list(snapshot.ids.items())
        )
        db.execute("DELETE FROM seen WHERE generation < ?", (snapshot.generation - 1,))
        db.executemany("INSERT OR IGNORE INTO tag_value VALUES (?, ?, ?)", snapshot.values)
        db.execute("DELETE FROM tag_value WHERE generation < ?", (snapshot.oldest_values,))
        self._bury(snapshot.refusals)
        return self._post(snapshot.lines, snapshot.now)

    def _bury(self, refusals: Sequence[tuple[float, Refusal]]) -> None:
        if refusals:
            self._db.executemany(
                "INSERT INTO dead_letter (at, last_at, reason, path, sample, whole, part, digest) "
                "VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7) "
                "ON CONFLICT (digest) DO UPDATE SET times = times + 1, last_at = excluded.at",
                [
                    (at, each.reason.value, each.path, each.sample, each.whole, each.part, digest)
                    for at, each in refusals
                    for digest in (_digest(each),)
                ],
            )
            self._db.execute(
                "DELETE FROM dead_letter WHERE number <= (SELECT max(number) FROM dead_letter) - ?",
                (MOST_DEAD_LETTERS,),
            )

    def _post(self, lines: Sequence[str], now: float) -> int:
        for start in range(0, len(lines), PARCEL_POINTS):
            some = lines[start : start + PARCEL_POINTS]
            text = "\n".join(some)
            self._db.execute(
                "INSERT INTO outbox (at, points, bytes, lines) VALUES (?, ?, ?, ?)",
                (now, len(some), len(text.encode()), text),
            )
        dropped = 0
        points, size, _ = self.backlog() if lines else Backlog(0, 0, None)
        while size > self._most_outbox_bytes:
            number, some_points, some_bytes = self._db.execute(
                "SELECT number, points, bytes FROM outbox ORDER BY number LIMIT 1"
            ).fetchone()
            self._db.execute("DELETE FROM outbox WHERE number = ?", (number,))
            dropped += some_points
            points -= some_points
            size -= some_bytes
        return dropped

    def backlog(self) -> Backlog:
        """How much waits in the outbox, and since when."""
        return Backlog(
            *self._db.execute(
                "SELECT coalesce(sum(points), 0), coalesce(sum(bytes), 0), min(at) FROM outbox"
            ).fetchone()
        )

    def dead_letters(self) -> int:
        """How many refused beacons are kept."""
        (count,) = self._db.execute("SELECT count(*) FROM dead_letter").fetchone()
        return int(count)

    def forget(self, people: People, plays: Sequence[str]) -> int:
        """Take people, and plays by id, out of what waits; returns how many points had one.

        What was refused goes where it holds a hash, or a name as a whole value.
        """

        def forget() -> int:
            points = 0
            for said, instead in _sayings(people.hashes, plays):
                for table, column, change in _NAMING:
                    rows = self._db.execute(
                        f"SELECT number, {column} FROM {table} WHERE instr({column}, ?)",  # noqa: S608
                        (said,),
                    ).fetchall()
                    points += sum(text.count(said) for _, text in rows)
                    self._db.executemany(
                        change,
                        [(text.replace(said, instead), number) for number, text in rows],
                    )
            for person in people.hashes:
                self._db.execute(
                    "UPDATE set_aside SET reason = ? WHERE instr(reason, ?)", (FORGOTTEN, person)
                )
            for held in (
                *people.hashes,
                *(each for name in people.names for each in _quoted(name)),
            ):
                self._db.execute("DELETE FROM dead_letter WHERE instr(sample, ?)", (held,))
            return points

        return transaction(self._db, forget)

    def changed_by_others(self) -> bool:
        """Whether somebody else has written into the file since this was last asked."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, version
        return bool(before != version)

    def next_parcel(self) -> Parcel | None:
        """The oldest lines that wait."""
        rows, lines = list[tuple[int, int]](), list[str]()
        for number, points, text in self._db.execute(
            "SELECT number, points, lines FROM outbox ORDER BY number"
        ):
            if lines and len(lines) + points > PARCEL_POINTS:
                break
            rows.append((number, points))
            lines += text.split("\n")
        return Parcel(tuple(lines), tuple(rows)) if lines else None

    def delivered(self, parcel: Parcel, refused: Sequence[tuple[str, str]], now: float) -> None:
        """Take a parcel out of the outbox; lines that the sink refused, with why, are set aside.

        They are so as they are now: somebody may have been forgotten since they were sent.
        """

        def done() -> None:
            current = self._current(parcel) if refused else {}
            self._db.executemany(
                "DELETE FROM outbox WHERE number = ?", [(number,) for number, _ in parcel.rows]
            )
            self._db.executemany(
                "INSERT INTO set_aside (at, reason, line) VALUES (?, ?, ?)",
                [
                    (now, reason if current[line] == line else FORGOTTEN, current[line])
                    for line, reason in refused
                    if line in current
                ],
            )
            self._db.execute(
                "DELETE FROM set_aside WHERE number <= (SELECT max(number) FROM set_aside) - ?",
                (MOST_SET_ASIDE,),
            )

        transaction(self._db, done)

    def _current(self, parcel: Parcel) -> dict[str, str]:
        """What a line of a parcel says now; not those whose row is gone, as the outbox was full."""
        current, place = dict[str, str](), 0
        for number, points in parcel.rows:
            sent = parcel.lines[place : place + points]
            place += points
            for (text,) in self._db.execute("SELECT lines FROM outbox WHERE number = ?", (number,)):
                current |= zip(sent, text.split("\n"), strict=True)
        return current


_NAMING: Final = (
    (
        "outbox",
        "lines",
        "UPDATE outbox SET lines = ?1, bytes = length(CAST(?1 AS BLOB)) WHERE number = ?2",
    ),
    # The sink's words quote the line, or as much of it as there is room for.
    ("set_aside", "line", "UPDATE set_aside SET line = ?1, reason = 'forgotten' WHERE number = ?2"),
)
"""Where points wait: the table, the column that holds them, and how one row is changed."""


def without(lines: str, people: Iterable[str], plays: Iterable[str]) -> str:
    """Lines that name none of some people, by hash, and none of some plays, by id."""
    for said, instead in _sayings(people, plays):
        lines = lines.replace(said, instead)
    return lines


def _sayings(people: Iterable[str], plays: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What a line says of them, and what it says instead."""
    for person in people:
        yield f'="{person}"', f'="{FORGOTTEN}"'
    for play in plays:
        yield f'play_id="{play}"', f'play_id="{FORGOTTEN}"'


def _quoted(name: str) -> Iterator[str]:
    """A name as a whole value, as JSON writes it, JSON within JSON, and Python."""
    for text in {json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}:
        for quote in ('"', r"\"", "'"):
            yield f"{quote}{text}{quote}"


def _digest(refusal: Refusal) -> bytes:
    """Equal for what a client sends again and again, which is one letter."""
    said = f"{refusal.reason}\0{refusal.path}\0{refusal.part}\0{refusal.sample}"
    return blake2b(said.encode(errors="replace"), digest_size=16).digest()


def holder(directory: Path) -> str:
    """The id of the process that holds a directory, or nothing; makes nothing."""
    try:
        looked = os.open(directory / "lock", os.O_RDONLY)
    except OSError:
        return ""
    try:
        fcntl.flock(looked, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _written(looked)
    else:
        return ""
    finally:
        os.close(looked)


def _written(held: int) -> str:
    return os.read(held, 32).decode(errors="replace").strip() or "unknown"


def lock(directory: Path) -> int:
    """Hold the state directory for this process; returns the descriptor that holds it."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "lock"
    held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        process = _written(held)
        os.close(held)
        raise StateInUseError(
            f"{directory} is in use by process {process}; one instance needs a directory of its "
            "own (EXPORTER_JOURNAL__DIRECTORY)"
        ) from None
    try:
        # Padded instead of cut: what is written over needs no room on a full disk.
        os.pwrite(held, f"{os.getpid():<20}\n".encode(), 0)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    return held
