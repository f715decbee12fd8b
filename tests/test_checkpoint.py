"""The state file: a whole checkpoint or the one before, the outbox, and who may open it."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter import checkpoint
from exporter.checkpoint import (
    Backlog,
    Snapshot,
    StateFile,
    StateInUseError,
    UnreadableStateError,
    lock,
)
from exporter.record import People, Refusal
from exporter.telemetry import Rejection
from tests.engines import upgraded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def state(path: Path) -> Iterator[StateFile]:
    file = StateFile(path, most_outbox_bytes=10_000)
    yield file
    file.close()


def snapshot(position: int, **parts: Any) -> Snapshot:
    fixed = {"now": 100.0 + position, "stamps": position, "generation": 0, "turned": 1.0}
    return Snapshot(position=position, **(fixed | parts))


def reopened(path: Path) -> StateFile:
    return StateFile(path, most_outbox_bytes=10_000)


# -- checkpoints -----------------------------------------------------------------------------


def test_an_empty_state_is_position_0_and_nothing_else(state: StateFile) -> None:
    saved = state.load()

    assert (saved.position, saved.now, saved.stamps) == (0, 0.0, 0)
    assert (saved.generation, saved.turned) == (0, 0.0)
    assert saved.counters == {}
    assert saved.sessions == []
    assert saved.ids == []
    assert state.backlog() == Backlog(0, 0, None)
    assert state.next_parcel() is None


def test_what_was_saved_is_loaded(state: StateFile, path: Path) -> None:
    state.save(
        snapshot(
            7,
            counters={"a": b"1", "b": b"2"},
            sessions=[("upload", "u1", b"x"), ("upload", "u2", b"y")],
            ids={0: b"i" * 16},
            lines=["one", "two"],
        )
    )
    state.close()
    saved = reopened(path).load()

    assert (saved.position, saved.now, saved.stamps) == (7, 107.0, 7)
    assert saved.counters == {"a": b"1", "b": b"2"}
    assert sorted(saved.sessions) == [("upload", "u1", b"x"), ("upload", "u2", b"y")]
    assert saved.ids == [(0, b"i" * 16)]


def test_only_what_changed_is_written_and_the_rest_stays(state: StateFile) -> None:
    state.save(snapshot(1, counters={"a": b"1", "b": b"2"}, sessions=[("upload", "u1", b"x")]))
    state.save(
        snapshot(
            2,
            counters={"b": b"3"},
            sessions=[("upload", "u1", None), ("upload", "u2", b"y"), ("upload", "u9", None)],
        )
    )
    saved = state.load()

    assert saved.counters == {"a": b"1", "b": b"3"}
    assert saved.sessions == [("upload", "u2", b"y")]


def test_ids_of_generations_that_are_forgotten_are_forgotten_here_too(state: StateFile) -> None:
    state.save(snapshot(1, generation=0, ids={0: b"a"}))
    state.save(snapshot(2, generation=1, ids={0: b"b", 1: b"c"}))
    assert sorted(state.load().ids) == [(0, b"a"), (0, b"b"), (1, b"c")]
    state.save(snapshot(3, generation=2))

    assert state.load().ids == [(1, b"c")]


@pytest.mark.parametrize("part", ["mark", "counter", "session", "seen", "outbox", "dead_letter"])
def test_a_checkpoint_that_fails_anywhere_leaves_the_one_before(
    state: StateFile, path: Path, part: str
) -> None:
    whole = {
        "counters": {"a": b"1"},
        "sessions": [("upload", "u1", b"x")],
        "ids": {0: b"i" * 16},
        "refusals": [(1.0, Refusal(Rejection.INVALID, "/", "s"))],
    }
    state.save(snapshot(1, **whole, lines=["one"]))
    verb = "UPDATE" if part == "mark" else "INSERT"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(
        f"CREATE TRIGGER refuse BEFORE {verb} ON {part} "
        "BEGIN SELECT RAISE(FAIL, 'the disk is full'); END"
    )
    before = (state.load(), state.backlog(), state.dead_letters())
    with pytest.raises(sqlite3.DatabaseError, match="the disk is full"):
        state.save(snapshot(2, **(whole | {"counters": {"a": b"2"}}), lines=["two"]))
    assert (state.load(), state.backlog(), state.dead_letters()) == before

    db.execute("DROP TRIGGER refuse")
    db.close()
    state.save(snapshot(2, **(whole | {"counters": {"a": b"2"}}), lines=["two"]))
    assert state.load().counters == {"a": b"2"}
    assert state.backlog().points == 2


def test_values_of_tags_are_kept_as_long_as_they_are_needed(state: StateFile, path: Path) -> None:
    state.save(snapshot(1, values=[(1, "video", "a"), (2, "video", "b")], oldest_values=1))
    state.save(snapshot(2, values=[(2, "video", "b"), (3, "video", "c")], oldest_values=2))
    state.close()

    assert sorted(reopened(path).load().values) == [(2, "video", "b"), (3, "video", "c")]


def test_refused_beacons_are_kept_up_to_a_number(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "MOST_DEAD_LETTERS", 5)
    for position in range(1, 9):
        letters = [
            (float(position), Refusal(Rejection.INVALID, "/", f"s{position}{n}")) for n in "ab"
        ]
        state.save(snapshot(position, refusals=letters))

    assert state.dead_letters() == 5
    kept = state._db.execute("SELECT sample FROM dead_letter ORDER BY number").fetchall()
    assert kept == [("s6b",), ("s7a",), ("s7b",), ("s8a",), ("s8b",)]


# -- the outbox ------------------------------------------------------------------------------


def test_lines_leave_the_outbox_in_the_order_in_which_they_came(state: StateFile) -> None:
    state.save(snapshot(1, lines=["one", "two"]))
    state.save(snapshot(2))
    state.save(snapshot(3, lines=["three"]))
    parcel = state.next_parcel()

    assert parcel is not None
    assert parcel.lines == ("one", "two", "three")
    assert state.backlog() == Backlog(3, len("one\ntwothree"), 101.0)
    state.delivered(parcel, [], 200.0)
    assert state.next_parcel() is None


def test_what_comes_while_a_parcel_is_under_way_stays(state: StateFile) -> None:
    state.save(snapshot(1, lines=["one"]))
    parcel = state.next_parcel()
    assert parcel is not None
    state.save(snapshot(2, lines=["two"]))
    state.delivered(parcel, [], 200.0)

    rest = state.next_parcel()
    assert rest is not None
    assert rest.lines == ("two",)


def test_what_waits_is_measured_in_bytes(state: StateFile) -> None:
    state.save(snapshot(1, lines=['play viewer="0123456789abcdef",title="zoë" 1']))
    before = state.backlog().bytes
    state.forget(People(("0123456789abcdef",)), [])

    assert before == 45
    assert state.backlog().bytes == 45 - len("0123456789abcdef") + len("forgotten")


def test_a_parcel_has_so_many_lines_at_the_most(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "PARCEL_POINTS", 10)
    lines = [f"line {number}" for number in range(37)]
    state.save(snapshot(1, lines=lines[:25]))
    for position, line in enumerate(lines[25:], start=2):
        state.save(snapshot(position, lines=[line]))
    found: list[str] = []
    while parcel := state.next_parcel():
        assert len(parcel.lines) <= 10
        found += parcel.lines
        state.delivered(parcel, [], 200.0)

    assert found == lines


def test_an_outbox_that_is_full_drops_its_oldest_and_says_how_many(state: StateFile) -> None:
    dropped = [state.save(snapshot(n, lines=[f"{n}{'x' * 999}"] * 3)) for n in range(1, 6)]
    parcel = state.next_parcel()

    assert dropped == [0, 0, 0, 3, 3]
    assert parcel is not None
    assert {line[0] for line in parcel.lines} == {"3", "4", "5"}
    assert state.backlog().bytes <= 10_000


def test_what_a_sink_refuses_is_set_aside_with_its_reason(state: StateFile) -> None:
    state.save(snapshot(1, lines=["good", "bad"]))
    parcel = state.next_parcel()
    assert parcel is not None
    state.delivered(parcel, [("bad", "400: field type conflict")], 200.0)

    assert state.backlog().points == 0
    rows = state._db.execute("SELECT at, reason, line FROM set_aside").fetchall()
    assert rows == [(200.0, "400: field type conflict", "bad")]


WHO = "0123456789abcdef"
PLAYED = f'play viewer="{WHO}",play_id="p1" 1'
NOBODY = 'play viewer="forgotten",play_id="forgotten" 1'


def test_who_is_forgotten_while_a_line_is_under_way_is_not_in_it_when_it_is_set_aside(
    state: StateFile,
) -> None:
    state.save(snapshot(1, lines=["one", PLAYED]))
    state.save(snapshot(2, lines=["two"]))
    parcel = state.next_parcel()
    assert parcel is not None
    assert state.forget(People((WHO,), ("p1",)), ["p1"]) == 2
    why = "400: field type conflict"
    refused = [("one", why), (PLAYED, f"400: cannot parse '{PLAYED}'"), ("two", why)]
    state.delivered(parcel, refused, 200.0)

    rows = state._db.execute("SELECT line, reason FROM set_aside ORDER BY number").fetchall()
    assert rows == [("one", why), (NOBODY, "forgotten"), ("two", why)]


def test_a_row_that_the_outbox_dropped_meanwhile_sets_nothing_aside(state: StateFile) -> None:
    state.save(snapshot(1, lines=["one"]))
    parcel = state.next_parcel()
    assert parcel is not None
    state.save(snapshot(2, lines=["x" * 10_000]))
    state.delivered(parcel, [("one", "no")], 200.0)

    assert state._db.execute("SELECT * FROM set_aside").fetchall() == []
    assert state.backlog().points == 1


@pytest.mark.parametrize(
    "reason", [PLAYED, json.dumps({"message": PLAYED}), json.dumps(PLAYED)[:30]]
)
def test_what_the_sink_said_of_a_line_goes_with_whom_it_names(
    state: StateFile, reason: str
) -> None:
    state.save(snapshot(1, lines=[PLAYED, "other"]))
    parcel = state.next_parcel()
    assert parcel is not None
    state.delivered(parcel, [(PLAYED, reason), ("other", "no")], 200.0)
    state.forget(People((WHO,)), ["p1"])

    rows = state._db.execute("SELECT line, reason FROM set_aside ORDER BY number").fetchall()
    assert rows == [(NOBODY, "forgotten"), ("other", "no")]


def test_what_is_set_aside_does_not_grow_without_bounds(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "MOST_SET_ASIDE", 3)
    for number in range(1, 9):
        state.save(snapshot(number, lines=[f"line {number}"]))
        parcel = state.next_parcel()
        assert parcel is not None
        state.delivered(parcel, [(f"line {number}", "no")], 200.0)

    rows = state._db.execute("SELECT line FROM set_aside ORDER BY number").fetchall()
    assert rows == [("line 6",), ("line 7",), ("line 8",)]


# -- other releases and other instances ------------------------------------------------------


def test_a_state_of_every_older_schema_is_upgraded(
    state: StateFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.save(snapshot(5, counters={"a": b"1"}, lines=["one"]))
    state.close()
    later = ("CREATE TABLE later (x INTEGER)", "UPDATE mark SET stamps = 99")
    monkeypatch.setattr(checkpoint, "KIND", upgraded(later))
    file = reopened(path)
    saved = file.load()

    assert (saved.position, saved.stamps, saved.counters) == (5, 99, {"a": b"1"})
    assert file._db.execute("PRAGMA user_version").fetchone() == (len(checkpoint.KIND.upgrades),)
    assert file._db.execute("SELECT count(*) FROM later").fetchone() == (0,)
    file.close()
    reopened(path).close()


def test_an_upgrade_that_fails_leaves_the_state_as_it_was(
    state: StateFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.save(snapshot(5))
    state.close()
    wrong = ("UPDATE mark SET stamps = 99", "CREATE TABLE mark (x INTEGER)")
    with monkeypatch.context() as upgrade:
        upgrade.setattr(checkpoint, "KIND", upgraded(wrong))
        with pytest.raises(UnreadableStateError, match="mark already exists"):
            reopened(path)
    file = reopened(path)

    assert file.load().stamps == 5
    file.close()


def test_a_state_of_a_newer_release_is_refused(state: StateFile, path: Path) -> None:
    state._db.execute("PRAGMA user_version=99")
    with pytest.raises(UnreadableStateError, match=r"schema 99.*start the newer release"):
        reopened(path)


def test_what_is_no_state_is_refused_by_name(path: Path) -> None:
    path.write_bytes(b"nonsense " * 1000)
    with pytest.raises(UnreadableStateError, match=r"state\.db: file is not a database"):
        reopened(path)


def test_a_directory_belongs_to_one_process(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "state"
    held = lock(directory)
    with pytest.raises(StateInUseError, match=f"in use by process {os.getpid()};"):
        lock(directory)
    os.close(held)

    os.close(lock(directory))


def test_the_lock_of_a_process_that_died_is_free(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from exporter.checkpoint import lock\n"
    code += "lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        (sys.executable, "-c", code, str(tmp_path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(StateInUseError, match=f"in use by process {process.pid};"):
            lock(tmp_path)
        process.kill()
        process.wait()

    os.close(lock(tmp_path))
