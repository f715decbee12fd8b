"""The audit log: what operators did, in lines that nobody can change unnoticed."""

import json
import threading
from pathlib import Path

import pytest

from exporter import audit
from tests.apps import Start

NOW = 1_700_000_000.0


def written(folder: Path) -> list[str]:
    for number in range(4):
        audit.write(folder, "dead_letters.shown", {"numbers": [number]}, NOW + number)
    return (folder / audit.NAME).read_text().splitlines(keepends=True)


def intact(folder: Path, *lines: str) -> list[bool]:
    (folder / audit.NAME).write_text("".join(lines))
    return [line.intact for line in audit.read(folder)]


def test_a_line_says_when_who_and_what(tmp_path: Path) -> None:
    said = json.loads(written(tmp_path)[1])

    assert said["at"] == "2023-11-14T22:13:21Z"
    assert said["who"]
    assert (said["what"], said["details"]) == ("dead_letters.shown", {"numbers": [1]})


def test_what_was_written_is_intact(tmp_path: Path) -> None:
    assert intact(tmp_path, *written(tmp_path)) == [True] * 4


def test_a_line_that_was_changed_is_found(tmp_path: Path) -> None:
    one, two, three, four = written(tmp_path)
    changed = two.replace("[1]", "[7]")

    assert intact(tmp_path, one, changed, three, four) == [True, False, True, True]


def test_a_line_that_was_taken_out_is_found(tmp_path: Path) -> None:
    one, _, three, four = written(tmp_path)

    assert intact(tmp_path, one, three, four) == [True, False, True]


def test_lines_that_were_exchanged_are_found(tmp_path: Path) -> None:
    one, two, three, four = written(tmp_path)

    assert intact(tmp_path, one, three, two, four) == [True, False, False, False]


@pytest.mark.parametrize("damage", ["{\n", "[]\n", "\n", "{}\n", '{"hash": 1}\n', "\x00\xff\n"])
def test_a_line_that_is_none_is_found(tmp_path: Path, damage: str) -> None:
    assert intact(tmp_path, written(tmp_path)[0], damage) == [True, False]


def test_two_who_write_at_once_spoil_nothing(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            audit.write(tmp_path, "x", {"by": number}, NOW)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [line.intact for line in audit.read(tmp_path)] == [True] * 80


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    written(tmp_path)

    assert (tmp_path / audit.NAME).stat().st_mode & 0o077 == 0


async def test_a_start_says_with_which_settings(start: Start, tmp_path: Path) -> None:
    await start(receiver={"keys": "hidden-key"}, log_level="ERROR")
    (line,) = audit.read(tmp_path / "state")
    said = json.loads(line.text)
    settings = said["details"]["settings"]

    assert (line.intact, said["what"]) == (True, "exporter.started")

    assert settings["EXPORTER_LOG_LEVEL"] == "ERROR"
    assert settings["EXPORTER_RECEIVER__KEYS"] == "********"
    assert "EXPORTER_RECEIVER__HOST" not in settings, "as shipped"
