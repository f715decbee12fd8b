"""The key of the hashes: made once, private, and never silently replaced."""

import os
import stat
from pathlib import Path

import pytest

from exporter import key
from exporter.catalogue import DEFAULTS
from exporter.privacy import Privacy


def test_a_key_is_made_once(tmp_path: Path) -> None:
    made = key.load(tmp_path)

    assert len(made) == key.SIZE
    assert key.load(tmp_path) == made
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    key.load(tmp_path)

    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_two_deployments_have_two_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    assert key.load(tmp_path / "a") != key.load(tmp_path / "b")


@pytest.mark.parametrize("found", [b"", b"short", b"x" * 33, bytes(32)])
def test_a_damaged_key_stops_the_start_instead_of_making_everybody_new(
    tmp_path: Path, found: bytes
) -> None:
    (tmp_path / "key").write_bytes(found)

    with pytest.raises(key.UnusableKeyError, match="restore it, or remove it"):
        key.load(tmp_path)


def test_the_new_key_is_there_to_stay_before_the_old_one_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, synced = key.load(tmp_path), []
    sync = os.fsync

    def noting(descriptor: int) -> None:
        directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((directory, replaced.read(), key.load(tmp_path) != old))
        replaced.seek(0)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    with (tmp_path / "key").open("rb", buffering=0) as replaced:
        key.rotate(tmp_path)

    assert synced == [(False, old, False), (True, old, True), (False, bytes(key.SIZE), True)]


def test_a_start_that_was_interrupted_leaves_no_half_a_key(tmp_path: Path) -> None:
    (tmp_path / "key.new").write_bytes(b"half")

    assert len(key.load(tmp_path)) == key.SIZE


def test_a_person_has_one_hash_for_each_key() -> None:
    one, other = Privacy(DEFAULTS, b"a" * 32), Privacy(DEFAULTS, b"b" * 32)

    assert one.person("ann@example.com") == one.person("ann@example.com")
    assert one.person("ann@example.com") != other.person("ann@example.com")
    assert "ann" not in one.person("ann@example.com")
    assert len(one.person("")) == 16
