"""What was refused can be looked at, sent again once it is understood, and forgotten."""

import argparse
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from exporter import audit, dead_letters
from exporter.formats.format import RefusedError, decode
from exporter.receiver import SAMPLE
from exporter.telemetry import Rejection
from tests.apps import Running, Start
from tests.beacons import UPLOAD_PERFORMANCE

Run = Callable[..., Awaitable[int]]


@pytest.fixture
def run(app: Running) -> Run:
    """Run the command against the files and the port of the exporter of this test."""

    async def say(*words: str) -> int:
        parser = argparse.ArgumentParser()
        dead_letters.add(parser)
        said = parser.parse_args(words)
        return await dead_letters.run(app.application._settings, said, time.time)

    return say


async def refused(app: Running, path: str, body: Any) -> None:
    """Send something that is refused, and wait until it is kept."""
    await app.post(path, body)
    app.engine.tick()
    await app.counted()
    await app.engine.checkpoint()


def refuse(monkeypatch: pytest.MonkeyPatch, word: bytes, *modules: str) -> None:
    """Refuse events with a word in them, as a release does that has a defect."""

    def refuse(decoder: Any, body: bytes) -> Any:
        if word in body and not body.startswith(b'{"events"'):
            raise RefusedError(Rejection.INVALID)
        return decode(decoder, body)

    for module in modules:
        monkeypatch.setattr(f"exporter.formats.{module}.decode", refuse)


@pytest.fixture
def misunderstood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of ``upload.completed`` are refused."""
    refuse(monkeypatch, b"upload.completed", "native")


DONE = {"type": "upload.completed", "id": "e1", "upload_id": "c0ffee00-1234-4321-abcd-0123456789ab"}
ACCEPTED = 'exporter_events_accepted_total{type="upload.completed"}'


async def test_nothing_refused_is_nothing_kept(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("list") == 0
    assert capsys.readouterr().out == "0 kept\n"


async def test_what_was_refused_is_listed_with_why(
    app: Running, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    await refused(app, UPLOAD_PERFORMANCE, b'{"totalTime": "12 s"}')
    assert await run("list") == 0
    row, kept = capsys.readouterr().out.splitlines()

    assert row.split()[3:6] == ["1x", "invalid", UPLOAD_PERFORMANCE]
    assert row.endswith('{"totalTime": "12 s"}')
    assert kept == "1 kept"


async def test_the_same_again_is_one_letter_that_came_twice(
    app: Running, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        await refused(app, UPLOAD_PERFORMANCE, b'{"totalTime": "12 s"}')
    await run("show", "--json")
    (letter,) = map(json.loads, capsys.readouterr().out.splitlines())

    assert letter["times"] == 2
    assert letter["last_at"] >= letter["at"]
    assert app.engine.dead_letters == 1


async def test_letters_are_chosen_by_number_reason_and_path(
    app: Running, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    await refused(app, UPLOAD_PERFORMANCE, b'{"totalTime": "12 s"}')
    await refused(app, UPLOAD_PERFORMANCE, b"{")
    await refused(app, "/api/metrics", b"{")

    for words, count in (
        ((), 3),
        (("1", "3"), 2),
        (("--reason", "malformed"), 2),
        (("--path", "/api/metrics"), 1),
        (("--reason", "invalid", "--path", "/api/metrics"), 0),
    ):
        await run("list", *words)
        assert capsys.readouterr().out.splitlines()[-1] == f"{count} kept"


@pytest.mark.usefixtures("misunderstood")
async def test_what_is_understood_by_now_is_counted_once_and_forgotten(
    app: Running, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await refused(app, "/v1/events", {"events": [DONE, {**DONE, "id": "e2"}]})
    monkeypatch.undo()

    assert await run("replay", "--url", app.public) == 0
    assert (await app.scrape())[ACCEPTED] == 2
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 2 taken"
    await run("list")
    assert capsys.readouterr().out == "0 kept\n"
    await app.engine.write(())
    await app.engine.checkpoint()
    assert app.engine.dead_letters == 0, "the exporter sees what others took out"


async def test_the_errors_of_a_page_are_replayed_one_by_one(
    app: Running, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"errors": [{"id": 5, "type": [], "message": "x"}, {"id": "a", "type": "javascript"}]}
    await refused(app, "/api/errors", body)

    assert await run("replay", "--url", app.public) == 1
    assert "kept: 400 unknown_type" in capsys.readouterr().out, (
        "as an error of a page, and no other way"
    )


async def test_a_path_that_the_settings_name_is_replayed_as_any_other(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    app = await start(cmcd={"targets": ("ours",)})
    await refused(app, "/cmcd/ours", "v=9\n")
    parser = argparse.ArgumentParser()
    dead_letters.add(parser)

    said = parser.parse_args(["replay", "--url", app.public])
    assert await dead_letters.run(app.application._settings, said, time.time) == 1
    assert "kept: 400 malformed" in capsys.readouterr().out


async def test_what_is_refused_again_stays_and_is_no_second_letter(
    app: Running, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    await refused(app, UPLOAD_PERFORMANCE, b"{")
    assert await run("replay", "--url", app.public) == 1
    assert "kept: 400 malformed" in capsys.readouterr().out
    app.engine.tick()
    await app.counted()
    await app.engine.checkpoint()

    await run("show", "--json")
    (letter,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert letter["times"] == 2


async def test_what_was_cut_cannot_be_replayed(
    app: Running, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    await refused(app, UPLOAD_PERFORMANCE, b'{"totalTime": "' + b"1" * SAMPLE + b'"}')

    assert await run("replay", "--url", app.public) == 1
    assert "kept: it was cut" in capsys.readouterr().out


async def test_nobody_there_keeps_them_all(
    app: Running, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    await refused(app, UPLOAD_PERFORMANCE, b"{")

    assert await run("replay", "--url", "http://127.0.0.1:9") == 1
    assert "http://127.0.0.1:9" in capsys.readouterr().err
    await run("list")
    assert capsys.readouterr().out.splitlines()[-1] == "1 kept"


async def test_a_key_is_sent_where_one_is_needed(start: Start) -> None:
    app = await start(receiver={"keys": "a-key"})
    headers = {"X-API-Key": "a-key"}
    await app.post(UPLOAD_PERFORMANCE, b"{", headers=headers)
    app.engine.tick()
    await app.counted()
    await app.engine.checkpoint()
    parser = argparse.ArgumentParser()
    dead_letters.add(parser)
    said = parser.parse_args(["replay", "--url", app.public])

    assert await dead_letters.run(app.application._settings, said, time.time) == 1
    series = await app.scrape()
    assert series['exporter_events_rejected_total{reason="malformed"}'] == 2


async def test_purging_everything_must_be_said(app: Running, run: Run) -> None:
    await refused(app, UPLOAD_PERFORMANCE, b"{")

    assert await run("purge") == 2
    assert app.application.state.dead_letters() == 1
    assert await run("purge", "--all") == 0
    assert app.application.state.dead_letters() == 0


async def test_whoever_looks_sends_or_forgets_is_written_down(
    app: Running, run: Run, tmp_path: Path
) -> None:
    await refused(app, UPLOAD_PERFORMANCE, b"{")
    for words in (("list",), ("show", "1"), ("replay", "--url", app.public), ("purge", "1")):
        await run(*words)
    lines = [json.loads(line.text) for line in audit.read(tmp_path / "state")]

    assert [line["what"] for line in lines] == [
        "exporter.started",
        "dead_letters.listed",
        "dead_letters.shown",
        "dead_letters.replayed",
        "dead_letters.purged",
    ]
    assert lines[1]["details"] == {"numbers": [1]}
    assert lines[3]["details"] == {"numbers": [1], "taken": []}


async def test_a_folder_without_a_state_is_named(app: Running, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    dead_letters.add(parser)
    journal = app.application._settings.journal.model_copy(update={"directory": tmp_path})
    settings = app.application._settings.model_copy(update={"journal": journal})

    with pytest.raises(dead_letters.UnreadableLettersError, match=r"state\.db does not exist"):
        await dead_letters.run(settings, parser.parse_args(["list"]), time.time)


# -- whoever is named by a hash --------------------------------------------------------------------

VIEW = "/api/analytics/video-view"
WATCHED = {"session_id": "p1", "video_id": 7.5, "user_id": "canary-user"}


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views and pages are refused."""
    refuse(monkeypatch, b"canary", "native", "trackers")


def held(app: Running) -> str:
    """All states."""
    sessions = app.engine.pipeline.sessions
    return repr([item for bodies in sessions.asleep for item in bodies.items()])


NAMED: list[tuple[str, dict[str, Any]]] = [
    (VIEW, {**WATCHED, "video_id": "v1"}),
    (
        "/v1/events",
        {"events": [{"type": "web.page_viewed", "user_id": "canary-user", "session_id": "s1"}]},
    ),
]


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(("path", "body"), NAMED, ids=["view", "page"])
async def test_who_is_replayed_is_who_they_were(
    app: Running, run: Run, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    await refused(app, path, body)
    monkeypatch.undo()
    assert await run("replay", "--url", app.public) == 0
    await app.engine.checkpoint()

    person = app.application._cleaner.person
    assert person("canary-user") in held(app)
    assert person(person("canary-user")) not in held(app)
    assert person(f"#{person('canary-user')}") not in held(app)


async def test_who_is_refused_again_is_who_they_were_and_no_second_letter(
    app: Running, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    await refused(app, VIEW, WATCHED)
    assert await run("replay", "--url", app.public) == 1
    app.engine.tick()
    await app.counted()
    await app.engine.checkpoint()
    capsys.readouterr()

    await run("show", "--json")
    (letter,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert letter["times"] == 2
    assert app.application._cleaner.person("canary-user") in letter["sample"]


@pytest.mark.parametrize("name", ["0123456789abcdef", "#0123456789abcdef"])
async def test_a_name_that_looks_like_a_hash_is_hashed_all_the_same(
    app: Running, name: str
) -> None:
    await app.post(VIEW, {**WATCHED, "video_id": "v1", "user_id": name})
    await app.engine.checkpoint()

    assert app.application._cleaner.person(name) in held(app)
    assert "0123456789abcdef" not in held(app)


async def test_what_is_replayed_needs_no_consent_that_is_said(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = await start(consent={"required": True})
    body = json.dumps({**WATCHED, "video_id": "v1", "user_id": "#0123456789abcdef"}).encode()
    proof = app.application._cleaner.proof(VIEW, body)

    assert (await app.post(VIEW, body, headers={"X-Replayed": proof})).status == 202
    await app.engine.checkpoint()
    assert "0123456789abcdef" in held(app)


@pytest.mark.parametrize("wrong", ["", "0" * 32, "\xff", "another body", "another path"])
async def test_who_does_not_have_the_key_replays_nothing(app: Running, wrong: str) -> None:
    body = json.dumps({**WATCHED, "video_id": "v1"}).encode()
    proofs = {
        "another body": app.application._cleaner.proof(VIEW, body + b" "),
        "another path": app.application._cleaner.proof("/v1/events", body),
    }
    answer = await app.post(VIEW, body, headers={"X-Replayed": proofs.get(wrong, wrong)})

    assert answer.status == 401
    assert app.application.state.dead_letters() == 0
