"""CMCD through the public port: how players are answered, whatever happens here."""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter import app as application
from exporter.event import Cleaner, Event
from exporter.events.playback.told import Requested
from exporter.formats.cmcd.reader import Cmcd, Knobs
from exporter.formats.cmcd.record import Record
from exporter.formats.format import Format, Sender
from exporter.telemetry import Rejection
from tests.apps import Running, Start

REPORT = b'cid="movie-42",e=ps,sid="s1",sn=1,sta=p,ts=1795227669142,v=2\n'
PLAYER = "https://player.example.com"
PAGE = {"Origin": PLAYER}
STORM = (
    Path(__file__).parents[1]
    / "clients"
    / "captured"
    / "hls.js-1.7.4_cmcd2_retry_storm_on_500.jsonl"
)
KNOBS = Knobs(
    targets=("web", "tv"),
    unwanted_targets=("tv", "old"),
    unwanted_origins=("https://gone.example.com",),
)


def told(record: Record, sender: Sender, cleaner: Cleaner) -> Iterable[Event]:
    """One event for a report that says how the player is, none for any other."""
    if record.sta == "f":
        raise ZeroDivisionError("an error of ours")
    if record.sta is not None or record.mode == "request":
        yield Requested(play_id="p1", id=record.id)


@pytest.fixture
async def begin(start: Start, monkeypatch: pytest.MonkeyPatch) -> Start:
    def formats(domains: Any, cleaner: Cleaner, *more: Any) -> dict[str, Format]:
        cmcd = Cmcd(cleaner, KNOBS, told)
        return dict.fromkeys(cmcd.paths, cmcd)

    monkeypatch.setattr(application, "formats", formats)
    return start


@pytest.fixture
async def app(begin: Start) -> Running:
    return await begin()


async def accepted(app: Running) -> float:
    series = await app.scrape()
    return series.get('exporter_events_accepted_total{type="playback.requested"}', 0.0)


def rejected(reason: Rejection) -> str:
    return f'exporter_events_rejected_total{{reason="{reason}"}}'


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cmcd",
        "text/cmcd",
        "text/plain;charset=UTF-8",
        "application/cmcd; charset=x",
        "",
    ],
)
async def test_a_report_is_taken_under_every_type_that_players_give_it(
    app: Running, content_type: str
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await app.post("/cmcd", REPORT, headers=headers)

    assert (answer.status, answer.body) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert await accepted(app) == 1


@pytest.mark.parametrize("path", ["/cmcd", "/cmcd/web", "/k/any/cmcd", "/k/any/cmcd/web?key=x"])
async def test_a_target_may_have_a_name_and_a_key_in_its_address(app: Running, path: str) -> None:
    assert (await app.post(path, REPORT)).status == 204
    assert await accepted(app) == 1


@pytest.mark.parametrize("path", ["/k/second/cmcd", "/k/second/cmcd/web", "/cmcd?key=second"])
async def test_a_key_is_asked_for_where_there_are_keys(begin: Start, path: str) -> None:
    app = await begin(receiver={"keys": ("first", "second")})

    assert (await app.post(path, REPORT)).status == 204
    assert (await app.post(path.replace("second", "third"), REPORT)).status == 401
    assert (await app.post("/cmcd", REPORT)).status == 401


async def test_a_target_that_has_no_name_here_is_not_there(app: Running) -> None:
    assert (await app.post("/cmcd/other", REPORT)).status == 404
    assert (await app.post("/cmcd/", REPORT)).status == 404


async def test_a_report_may_come_compressed(app: Running) -> None:
    headers = {"Content-Encoding": "gzip"}

    assert (await app.post("/cmcd", gzip.compress(REPORT), headers=headers)).status == 204
    assert await accepted(app) == 1


async def test_a_request_of_media_carries_its_report_in_the_query_or_in_headers(
    app: Running,
) -> None:
    in_query = await app.ask("GET", "/cmcd?CMCD=bl%3D21300%2Cbr%3D3200%2Cot%3Dv%2Csid%3D%22s1%22")
    headers = {
        "CMCD-Object": "br=3200,ot=v",
        "cmcd-request": "bl=21300",
        "CMCD-Session": 'sid="s1"',
    }
    in_headers = await app.ask("GET", "/cmcd/web", headers=headers)

    assert [in_query.status, in_headers.status] == [204, 204]
    assert await accepted(app) == 2


async def test_a_request_without_a_report_is_told_so(app: Running) -> None:
    answer = await app.ask("GET", "/cmcd")

    assert (answer.status, answer.json["error"]) == (400, "incomplete")


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/cmcd/old", PLAYER),
        ("/cmcd/tv", PLAYER),
        ("/k/any/cmcd/old", PLAYER),
        ("/cmcd", "https://gone.example.com"),
        ("/cmcd/web", "https://gone.example.com"),
    ],
)
@pytest.mark.parametrize("body", [REPORT, b"nonsense ("])
async def test_a_player_that_is_unwanted_is_told_to_stop(
    begin: Start, path: str, origin: str, body: bytes
) -> None:
    app = await begin(receiver={"origins": ("*",)})
    answer = await app.post(path, body, headers={"Origin": origin})

    assert (answer.status, answer.json) == (410, {"error": "unwanted"})
    # A page cannot read the status of an answer that does not allow its origin.
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    series = await app.scrape()
    assert series[rejected(Rejection.UNWANTED)] == 1
    assert series['exporter_http_responses_total{code="410"}'] == 1
    assert await accepted(app) == 0


async def test_of_a_body_the_good_reports_count_and_the_others_cost_nothing(app: Running) -> None:
    answer = await app.post("/cmcd", REPORT + b'e=ps,ts=1,sid="\n' + b"e=ps,v=2\n")

    assert answer.status == 204
    series = await app.scrape()
    assert await accepted(app) == 1
    assert series[rejected(Rejection.MALFORMED)] == 1
    assert series[rejected(Rejection.INCOMPLETE)] == 1


async def test_a_report_that_means_nothing_to_us_is_no_reason_to_call_its_body_bad(
    app: Running,
) -> None:
    assert (await app.post("/cmcd", b"e=t,ts=1,v=2\ne=ps,v=2\n")).status == 204


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", Rejection.MALFORMED),
        (b"e=ps,v=2", Rejection.INCOMPLETE),
        (b"e=xx,ts=1,v=2", Rejection.UNKNOWN_TYPE),
        (b"[1]", Rejection.INVALID),
    ],
)
async def test_a_body_without_any_report_is_refused_but_no_page_is_told(
    app: Running, body: bytes, reason: Rejection
) -> None:
    """dash.js would send it again at once, for ever; who has no origin can be told why."""
    answer = await app.post("/cmcd", body)
    in_page = await app.post("/cmcd", body, headers=PAGE)

    assert (answer.status, answer.json["error"]) == (400, reason)
    assert (in_page.status, in_page.body) == (204, b"")
    assert (await app.scrape())[rejected(reason)] == 2


@pytest.mark.parametrize(
    ("settings", "headers", "status", "reason"),
    [
        ({"keys": ("first",)}, {}, 401, Rejection.UNAUTHORISED),
        ({"beacon_bytes": 1024}, {}, 413, Rejection.TOO_LARGE),
        ({}, {"Content-Encoding": "br"}, 415, Rejection.UNSUPPORTED_ENCODING),
        ({}, {"Content-Type": "image/png"}, 415, Rejection.UNSUPPORTED_TYPE),
    ],
)
async def test_no_page_is_told_of_what_it_would_send_again(
    begin: Start,
    settings: Mapping[str, Any],
    headers: Mapping[str, str],
    status: int,
    reason: Rejection,
) -> None:
    app = await begin(receiver=settings)
    told = await app.post("/cmcd", REPORT * 100, headers=headers)
    in_page = await app.post("/cmcd", REPORT * 100, headers={**headers, **PAGE})

    assert (told.status, in_page.status) == (status, 204)
    assert (await app.scrape())[rejected(reason)] == 2


async def test_a_report_that_is_too_new_is_ignored_and_counted(app: Running) -> None:
    answer = await app.post("/cmcd", b"e=ps,sta=p,ts=1,v=3")

    assert answer.status == 204
    series = await app.scrape()
    assert series[rejected(Rejection.UNSUPPORTED_VERSION)] == 1
    assert await accepted(app) == 0


# -- never 429, never 5xx: players come again at once ----------------------------------------


async def test_a_full_disk_is_not_told_and_what_is_lost_is_counted(app: Running) -> None:
    app.engine.room = False
    dropped = [
        await app.post("/cmcd", REPORT),
        await app.ask("GET", "/cmcd?CMCD=bl%3D21300"),
        await app.post("/cmcd/web", b"nonsense ("),
    ]
    app.engine.room = True

    assert [(answer.status, answer.body) for answer in dropped] == [(204, b"")] * 3
    assert "Retry-After" not in dropped[0].headers
    assert (await app.scrape())["exporter_events_refused_total{}"] == 3
    assert (await app.post("/cmcd", REPORT)).status == 204
    assert await accepted(app) == 1


async def test_a_journal_that_cannot_write_is_not_told(app: Running) -> None:
    await app.counted()
    app.engine.journal._db.execute("PRAGMA query_only=ON")
    dropped = [await app.post("/cmcd", REPORT) for _ in range(2)]
    app.engine.journal._db.execute("PRAGMA query_only=OFF")
    await app.until(lambda: app.engine.writable)

    assert [answer.status for answer in dropped] == [204, 204]
    assert (await app.scrape())["exporter_events_refused_total{}"] == 2


async def test_who_sends_too_much_is_not_told(begin: Start) -> None:
    app = await begin(receiver={"rate_per_second": 0.001, "rate_burst": 1})
    answers = [await app.post("/cmcd", REPORT) for _ in range(3)]

    assert [answer.status for answer in answers] == [204, 204, 204]
    assert (await app.scrape())["exporter_events_limited_total{}"] == 2
    assert await accepted(app) == 1


async def test_an_error_of_ours_is_not_told_either_but_logged_and_counted(
    app: Running, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await app.post("/cmcd", b'e=ps,sta=f,ts=1,sid="s1",sn=0,v=2')

    assert answer.status == 204
    assert "a beacon could not be handled" in caplog.text
    assert (await app.scrape())["exporter_events_refused_total{}"] == 1


# -- once ------------------------------------------------------------------------------------


async def test_a_repetition_counts_once(app: Running) -> None:
    for body in (REPORT, REPORT.strip(), REPORT * 3, b"v=2," + REPORT.replace(b",v=2", b"")):
        assert (await app.post("/cmcd", body)).status == 204
    assert await accepted(app) == 1
    assert (await app.scrape())["exporter_events_duplicate_total{}"] == 5


async def test_pages_may_ask_before_they_send(begin: Start) -> None:
    app = await begin(receiver={"origins": (PLAYER,)})
    asks = {
        "Origin": PLAYER,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "cmcd-request,cmcd-session",
    }
    answer = await app.ask("OPTIONS", "/cmcd", headers=asks)

    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PLAYER
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {f"cmcd-{shard}" for shard in ("object", "request", "session", "status")} <= {*allowed}
    assert answer.headers["Allow"] == "GET, POST, OPTIONS"


async def test_other_methods_are_refused(app: Running) -> None:
    answer = await app.ask("PUT", "/cmcd")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST, OPTIONS")


# -- as it is shipped --------------------------------------------------------------------------


async def test_who_is_unwanted_is_said_in_the_settings(start: Start) -> None:
    app = await start(
        cmcd={"targets": ("web",), "unwanted_targets": ("old",), "unwanted_origins": ("*",)},
    )

    for path in ("/cmcd", "/cmcd/web", "/cmcd/old"):
        assert (await app.post(path, REPORT)).status == 410
        assert (await app.ask("GET", f"{path}?CMCD=bs")).status == 410
    assert (await app.post("/cmcd/hls.js", REPORT)).status == 404


async def test_a_player_that_was_told_500_181_times_told_23_things(start: Start) -> None:
    app = await start()
    posts = [json.loads(line) for line in STORM.read_text().splitlines()]
    for post in posts:
        headers = {"Content-Type": "application/cmcd"}
        answer = await app.post("/cmcd/hls.js", post["body"].encode(), headers=headers)
        assert answer.status == 204

    series = await app.scrape()
    assert len(posts) == 181
    assert series['exporter_events_accepted_total{type="playback.sampled"}'] == 23
    assert series["exporter_events_duplicate_total{}"] == 181 - 23
