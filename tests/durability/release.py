"""The files of a release, as SQL: what every later release must be able to read.

``python -m tests.durability.release`` writes those of this release. Until it is out, run it after
a change of what is written down; from then on, write an upgrade or a reader instead.
"""

import re
import sqlite3
import sys
import tempfile
from contextlib import closing
from itertools import islice
from pathlib import Path

from exporter import __version__
from exporter.record import VERSION, Entry
from tests.durability import model
from tests.durability.traffic import Stories

FOLDER = Path(__file__).with_name("releases")
FILES = ("state", "journal")
SEED = 1
STORIES = 24
SAVED = 30
"""Entries that the state holds; the journal holds the others, two in each row."""

NOUGHTS = 64
"""So many noughts and more are written as their number: most of a sketch of people is nobody."""


def traffic() -> list[Entry]:
    """The entries of the files, at times that are always the same."""
    posts = [post for story in islice(iter(Stories(SEED)), STORIES) for post in story]
    return model.entries(posts, apart=0.2)


def write(folder: Path) -> None:
    """Write the files of this release."""
    entries = traffic()
    engine = model.engine(folder)
    engine.recover()
    for entry in entries[:SAVED]:
        engine._apply(entry)
    engine.applied = SAVED
    engine._save_early()
    for first in range(SAVED, len(entries), 2):
        batch = entries[first : first + 2]
        body = engine.journal._codec.encode(batch)
        row = (first + 1, len(batch), VERSION, body)
        engine.journal._db.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", row)
    model.close(engine)


def dump(file: Path) -> str:
    """A database as SQL, with its schema's number, which ``iterdump`` leaves out."""
    with closing(sqlite3.connect(file)) as db:
        (schema,) = db.execute("PRAGMA user_version").fetchone()
        sql = "\n".join([*db.iterdump(), f"PRAGMA user_version={schema};\n"])
    return re.sub(f"0{{{NOUGHTS},}}", lambda run: f"{{{len(run[0])} noughts}}", sql)


def restore(release: Path, folder: Path) -> None:
    """Make the files of a release out of their SQL."""
    for name in FILES:
        with closing(sqlite3.connect(folder / f"{name}.db", isolation_level=None)) as db:
            sql = (release / f"{name}.sql").read_text()
            db.executescript(re.sub(r"\{(\d+) noughts\}", lambda run: "0" * int(run[1]), sql))


def main() -> int:
    """Write the SQL of this release."""
    release = FOLDER / __version__
    release.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        for name in FILES:
            (release / f"{name}.sql").write_text(dump(Path(folder) / f"{name}.db"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
