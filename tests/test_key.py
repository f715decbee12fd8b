"""The key of the hashes: made once, private, and never silently replaced."""

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


def test_a_damaged_key_stops_the_start_instead_of_making_everybody_new(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")

    with pytest.raises(key.UnusableKeyError, match="restore it, or remove it"):
        key.load(tmp_path)


def test_a_start_that_was_interrupted_leaves_no_half_a_key(tmp_path: Path) -> None:
    (tmp_path / "key.new").write_bytes(b"half")

    assert len(key.load(tmp_path)) == key.SIZE


def test_a_person_has_one_hash_for_each_key() -> None:
    one, other = Privacy(DEFAULTS, b"a" * 32), Privacy(DEFAULTS, b"b" * 32)

    assert one.person("ann@example.com") == one.person("ann@example.com")
    assert one.person("ann@example.com") != other.person("ann@example.com")
    assert "ann" not in one.person("ann@example.com")
    assert len(one.person("")) == 16
