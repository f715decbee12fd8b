"""The audit log: what operators did, in lines that nobody can change unnoticed."""

import json
import threading
from pathlib import Path

import pytest

from exporter import audit
from exporter.__main__ import main
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


def text_of(folder: Path) -> str:
    return (folder / audit.NAME).read_text()


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_a_line_that_was_never_finished_swallows_no_other(tmp_path: Path, kept: int) -> None:
    *whole, last = written(tmp_path)
    (tmp_path / audit.NAME).write_text("".join(whole) + last[:kept])
    for what in ("exporter.started", "key.replaced"):
        audit.write(tmp_path, what, {}, NOW)
    lines = list(audit.read(tmp_path))

    assert [line.intact for line in lines] == [True] * 3 + [False] + [True] * 2
    assert [line.torn for line in lines] == [False] * 3 + [True] + [False] * 2
    assert [json.loads(line.text)["what"] for line in lines[4:]] == [
        "exporter.started",
        "key.replaced",
    ]


def test_a_line_of_which_the_end_alone_is_missing_is_whole(tmp_path: Path) -> None:
    text = "".join(written(tmp_path))
    (tmp_path / audit.NAME).write_text(text.rstrip("\n"))
    audit.write(tmp_path, "key.replaced", {}, NOW)

    assert text_of(tmp_path).startswith(text)
    assert [line.intact for line in audit.read(tmp_path)] == [True] * 5


@pytest.mark.parametrize("left", [b"\x00" * 50, b"\xff\xfe", b""])
def test_whatever_a_crash_left_behind_the_log_goes_on(tmp_path: Path, left: bytes) -> None:
    written(tmp_path)
    with (tmp_path / audit.NAME).open("ab") as file:
        file.write(left)
    audit.write(tmp_path, "key.replaced", {}, NOW)
    lines = list(audit.read(tmp_path))

    assert (lines[-1].intact, len(lines)) == (True, 6 if left else 5)


def test_a_line_that_was_made_to_look_torn_is_missing_to_the_next(tmp_path: Path) -> None:
    one, two, three, four = written(tmp_path)

    assert intact(tmp_path, one, two[:30] + "\n", three, four) == [True, False, False, True]


def test_the_command_tells_a_torn_line_from_a_changed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXPORTER_JOURNAL__DIRECTORY", str(tmp_path))
    text = "".join(written(tmp_path))
    for damage, mark, code in (("", "{", 0), ('{"at"', "TORN ", 0), ('{"at": 1}\n', "CHANGED ", 1)):
        (tmp_path / audit.NAME).write_text(text + damage)

        assert main(["audit"]) == code
        assert capsys.readouterr().out.splitlines()[-1].startswith(mark)


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
