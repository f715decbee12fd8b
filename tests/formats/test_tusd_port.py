"""tusd's hooks through the public port: whatever happens here, no hook and no upload fails."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from exporter.formats.tusd import Tusd
from exporter.telemetry import Rejection
from tests.apps import Answer, Running, Start
from tests.formats.hooks import CANARIES, hook

PATH = "/hooks/tusd"
JSON = {"Content-Type": "application/json"}


def bears(answer: Answer) -> bool:
    """What tusd takes for a hook that ran: 2xx, this type, an object, and nothing in it."""
    kind = answer.headers["Content-Type"]
    return (answer.status, kind, answer.body) == (200, "application/json", b"{}")


async def post(app: Running, body: Any, path: str = PATH, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await app.post(path, body, headers=JSON | named)


async def count(app: Running, series: str) -> float:
    return (await app.scrape()).get(series, 0.0)


def rejected(reason: Rejection) -> str:
    return f'exporter_events_rejected_total{{reason="{reason}"}}'


async def test_a_hook_is_counted_once_and_its_sender_told_nothing(app: Running) -> None:
    for _ in range(3):
        assert bears(await post(app, hook("post-create")))

    assert await count(app, 'exporter_events_accepted_total{type="upload.started"}') == 1
    assert await count(app, "exporter_events_duplicate_total{}") == 2


async def test_a_hook_of_version_1_is_read_by_its_header(app: Running) -> None:
    assert bears(await post(app, hook("post-create", version=1), Hook_Name="post-create"))

    assert await count(app, 'exporter_events_accepted_total{type="upload.started"}') == 1


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"", {}, Rejection.MALFORMED),
        (b"\xff{", {}, Rejection.MALFORMED),
        (b"[]", {}, Rejection.INVALID),
        (b"{}", {}, Rejection.INCOMPLETE),
        (json.dumps(hook("post-eaten")).encode(), {}, Rejection.UNKNOWN_TYPE),
        (b"x" * 65_537, {}, Rejection.TOO_LARGE),
        (gzip.compress(b" " * 10**6), {"Content_Encoding": "gzip"}, Rejection.TOO_LARGE),
        (b"not gzip", {"Content_Encoding": "gzip"}, Rejection.MALFORMED),
        (b"{}", {"Content_Encoding": "br"}, Rejection.UNSUPPORTED_ENCODING),
        (b"{}", {"Content_Type": "text/html"}, Rejection.UNSUPPORTED_TYPE),
    ],
)
async def test_what_is_wrong_is_counted_and_not_told(
    app: Running, body: bytes, headers: dict[str, str], reason: Rejection
) -> None:
    assert bears(await post(app, body, **headers))
    assert await count(app, rejected(reason)) == 1


async def test_a_wrong_key_is_counted_and_not_told_and_its_hook_is_not_read(start: Start) -> None:
    app = await start(receiver={"keys": ("first",)})
    paths = (PATH, f"{PATH}?key=second", f"/k/second{PATH}", f"{PATH}?key=first", f"/k/first{PATH}")
    for path in paths:
        assert bears(await post(app, hook("post-create"), path))

    assert await count(app, rejected(Rejection.UNAUTHORISED)) == 3
    assert await count(app, 'exporter_events_accepted_total{type="upload.started"}') == 1


async def test_who_refuses_is_not_counted_where_tusd_hands_that_on(start: Start) -> None:
    app = await start(consent={"without": "nothing"})
    assert bears(await post(app, hook("post-create"), Sec_GPC="1"))

    assert await count(app, rejected(Rejection.NO_CONSENT)) == 1
    assert await count(app, "video_upload_started_total{}") == 0


async def test_who_sends_too_much_is_counted_and_not_told(start: Start) -> None:
    app = await start(receiver={"rate_per_second": 0.001, "rate_burst": 1})
    for _ in range(3):
        assert bears(await post(app, hook("post-create")))

    assert await count(app, "exporter_events_limited_total{}") == 2


async def test_a_full_disk_is_counted_and_not_told(app: Running) -> None:
    app.engine.room = False
    assert bears(await post(app, hook("pre-create", ID="")))
    assert bears(await post(app, hook("post-create")))
    assert bears(await post(app, b"nonsense"))
    app.engine.room = True

    assert await count(app, "exporter_events_refused_total{}") == 3


async def test_a_journal_that_cannot_write_is_counted_and_not_told(app: Running) -> None:
    await app.counted()
    app.engine.journal._db.execute("PRAGMA query_only=ON")
    answers = [await post(app, hook("post-create")) for _ in range(2)]
    app.engine.journal._db.execute("PRAGMA query_only=OFF")
    await app.until(lambda: app.engine.writable)

    assert all(map(bears, answers))
    assert await count(app, "exporter_events_refused_total{}") == 2


async def test_an_error_of_ours_is_logged_and_counted_and_not_told(
    app: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Tusd, "parse", fails)

    assert bears(await post(app, hook("post-create")))
    assert "ZeroDivisionError" in caplog.text
    assert await count(app, "exporter_events_refused_total{}") == 1


async def test_a_body_that_hangs_is_counted_and_cut_off_so_that_tusd_tries_again(
    start: Start,
) -> None:
    app = await start(receiver={"read_timeout_seconds": 0.2})
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    async with app.connected() as (reader, writer), asyncio.timeout(5):
        writer.write(f"{head}Content-Length: 5\r\n\r\n{{".encode())
        assert await reader.read() == b""

    assert await count(app, "exporter_events_refused_total{}") == 1


async def test_nothing_of_a_refused_hook_is_kept(app: Running) -> None:
    for body in (json.dumps(hook("post-eaten")).encode(), json.dumps(hook("x")).encode()[:-1]):
        assert bears(await post(app, body))
    await app.engine.checkpoint()
    folder = app.application._settings.journal.directory
    kept = b"".join(file.read_bytes() for file in folder.iterdir())

    assert app.engine.dead_letters == 0
    assert not [canary for canary in CANARIES if canary.encode() in kept]
