"""After the key is replaced, nobody who is known can be found in anything that is kept."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import blake2b, md5, sha1, sha256
from pathlib import Path

import msgspec
import pytest

from exporter import audit, distinct, key
from exporter.__main__ import main
from exporter.catalogue import DEFAULTS
from exporter.privacy import Privacy
from tests.apps import Running, Start
from tests.test_consent import PAGE, VIEW, VIEWS

KNOWN = ("canary-user", "canary-session", str(VIEW["session_id"]))
"""What an attacker knows: how the page calls somebody."""
NOBODY = tuple(f"nobody-{number}" for number in range(len(KNOWN)))
DAY = 86_400.0
SKETCH = distinct.REGISTERS


def folder(app: Running) -> Path:
    return app.application._settings.journal.directory


def kept(app: Running) -> dict[str, bytes]:
    """Every byte of the instance."""
    return {path.name: path.read_bytes() for path in folder(app).rglob("*") if path.is_file()}


def guesses(own: bytes, name: str) -> Iterator[bytes]:
    """What somebody may be called in what is kept, by who has the key that is there."""
    text = name.encode()
    digests = [Privacy(DEFAULTS, own).person(name).encode()]
    digests += [blake2b(text, key=own, digest_size=size).digest() for size in (8, 16, 32)]
    digests += [blake2b(text, digest_size=size).digest() for size in (8, 16, 32)]
    digests += [hashed(text).digest() for hashed in (md5, sha1, sha256)]
    for digest in digests:
        yield digest
        yield digest.hex().encode()


def sketches(app: Running) -> list[bytes]:
    """The registers of everybody who was counted without being remembered."""
    with closing(sqlite3.connect(folder(app) / "state.db")) as db:
        rows = db.execute("SELECT body FROM session WHERE lifecycle = 'activity'").fetchall()
    fields = [field for (body,) in rows for field in msgspec.msgpack.decode(body).values()]
    return [
        each for each in fields if isinstance(each, bytes) and len(each) == SKETCH and any(each)
    ]


def in_sketch(registers: bytes, own: bytes, name: str) -> bool:
    """What who has the key can ask a sketch: would it change, if this one came?"""
    return not distinct.add(bytearray(registers), Privacy(DEFAULTS, own).person(name))


async def told(app: Running) -> None:
    """Somebody watches, looks, uses a feature, and sends what is refused."""
    assert (await app.post(VIEWS, VIEW)).status == 202
    assert (await app.post("/v1/events", PAGE)).status == 202
    assert (await app.post(VIEWS, {**VIEW, "video_id": {}})).status == 400
    await app.counted()
    app.engine.tick()
    await app.counted()
    await app.engine.checkpoint()


def found(files: dict[str, bytes], own: bytes, names: tuple[str, ...]) -> set[tuple[str, str]]:
    files = {name: held for name, held in files.items() if name != "key"}
    return {
        (file, name)
        for name in names
        for guess in guesses(own, name)
        for file, held in files.items()
        if guess in held
    }


async def test_who_was_there_before_cannot_be_confirmed_afterwards(app: Running) -> None:
    await told(app)
    old = key.load(folder(app))
    files, registers = kept(app), sketches(app)
    assert {file for file, _ in found(files, old, KNOWN)} >= {"state.db-wal"}, "an attack works"
    assert registers
    assert all(in_sketch(each, old, "canary-user") for each in registers)

    key.rotate(folder(app))
    new = key.load(folder(app))
    files = kept(app)

    assert found(files, new, KNOWN) == found(files, new, NOBODY) == set()
    assert [each for each in registers if in_sketch(each, new, "canary-user")] == []
    assert not any(old in held or old.hex().encode() in held for held in files.values())


def test_the_old_key_is_not_only_forgotten_but_overwritten(tmp_path: Path) -> None:
    key.load(tmp_path)
    with (tmp_path / "key").open("rb") as still_open:
        key.rotate(tmp_path)
        assert still_open.read() == bytes(key.SIZE)
    assert key.load(tmp_path) != bytes(key.SIZE)
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


async def test_an_instance_that_runs_uses_the_new_key_for_everybody(app: Running) -> None:
    await told(app)
    key.rotate(folder(app))
    await app.application._look_at_key()
    await app.post("/v1/events", PAGE)
    await app.engine.checkpoint()

    new = key.load(folder(app))
    assert found(kept(app), new, ("canary-session",)), "who comes now is there, by the new key"
    assert app.application._cleaner.person("a") == Privacy(DEFAULTS, new).person("a")
    assert app.application._nameless.person("a") == Privacy(DEFAULTS, new).person("a")


@pytest.mark.parametrize(
    ("days", "age", "due"),
    [(0, 1000, False), (30, 29, False), (30, 30, True), (30, 400, True), (1, 1, True)],
)
def test_a_key_is_replaced_at_the_midnight_after_its_days(
    tmp_path: Path, days: int, age: int, due: bool
) -> None:
    assert not key.is_due(tmp_path, days, 1e9), "there is none yet"
    key.load(tmp_path)
    late_evening = 1_700_000_000 // DAY * DAY + DAY - 60
    os.utime(tmp_path / "key", (late_evening, late_evening))
    midnight = late_evening + 60 + (age - 1) * DAY

    assert key.is_due(tmp_path, days, midnight) is due
    assert not key.is_due(tmp_path, days, midnight - 1) or age > days


async def test_an_old_key_is_replaced_by_itself_and_that_is_written_down(start: Start) -> None:
    app = await start(journal={"key_days": 30})
    directory = folder(app)
    old = key.load(directory)
    await app.application._look_at_key()
    assert key.load(directory) == old
    year = app.engine.clock.now() - 365 * DAY
    os.utime(directory / "key", (year, year))
    await app.application._look_at_key()

    assert key.load(directory) != old
    assert app.application._cleaner.person("a") == Privacy(DEFAULTS, key.load(directory)).person(
        "a"
    )
    assert '"key.replaced"' in list(audit.read(directory))[-1].text


def test_an_operator_replaces_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORTER_JOURNAL__DIRECTORY", str(tmp_path))
    old = key.load(tmp_path)

    assert main(["rotate-key"]) == 0
    assert key.load(tmp_path) != old
    assert '"key.replaced"' in list(audit.read(tmp_path))[-1].text
