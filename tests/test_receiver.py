"""The public port, asked over HTTP: every status, every reason, and nothing said back."""

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib
from typing import Any

import psutil
import pytest
from jsonschema import Draft202012Validator

from exporter.formats.format import RefusedError
from exporter.receiver import STATUS, inflate
from exporter.telemetry import Rejection
from tests.apps import Running, Start
from tests.beacons import (
    ANALYTICS,
    CHROME,
    EVENTS,
    EXPERIENCE,
    LARGEST,
    PERFORMANCE,
    PROGRESS,
    RESOURCES,
    UPLOAD_EXPERIENCE,
    UPLOAD_PERFORMANCE,
    VIEW,
    Body,
    largest,
    nulls,
)

ONE_ACCEPTED = {"success": True, "accepted": 1, "duplicate": 0, "rejected": []}
CANARY = "c4n4ry"
JSON = {"Content-Type": "application/json"}
OURS = "https://upload.example.com"


def gzipped(body: Any) -> bytes:
    return gzip.compress(json.dumps(body).encode())


def head(*lines: str, path: str = UPLOAD_PERFORMANCE, method: str = "POST") -> bytes:
    """The head of a request, to be followed by a body."""
    fixed = (f"{method} {path} HTTP/1.1", "Host: here", "Connection: close")
    return "\r\n".join([*fixed, *lines, "", ""]).encode("latin-1")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# -- what is taken ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (UPLOAD_PERFORMANCE, PERFORMANCE),
        (UPLOAD_PERFORMANCE, PERFORMANCE | {"uploadId": "u7"}),
        (UPLOAD_PERFORMANCE, PERFORMANCE | {"success": False, "networkInfo": None}),
        (UPLOAD_PERFORMANCE, nulls(PERFORMANCE)),
        (UPLOAD_PERFORMANCE, largest(PERFORMANCE)),
        (UPLOAD_PERFORMANCE, {}),
        (UPLOAD_EXPERIENCE, EXPERIENCE),
        (UPLOAD_EXPERIENCE, EXPERIENCE | {"isAbandonment": True, "interactions": []}),
        (UPLOAD_EXPERIENCE, nulls(EXPERIENCE) | {"uploadId": "u1"}),
        (UPLOAD_EXPERIENCE, {"uploadId": "u1"}),
        (f"{ANALYTICS}/video-view", VIEW),
        (f"{ANALYTICS}/video-view", nulls(VIEW) | {"session_id": "1699123456789-kx7m2n4"}),
        (f"{ANALYTICS}/video-view", largest(VIEW)),
        (f"{ANALYTICS}/video-progress", PROGRESS),
        (f"{ANALYTICS}/video-progress", nulls(PROGRESS) | {"session_id": "p1"}),
        (f"{ANALYTICS}/video-progress", largest(PROGRESS)),
        (f"{ANALYTICS}/video-complete", PROGRESS),
        (f"{ANALYTICS}/video-complete", {"session_id": "p1"}),
        (f"{ANALYTICS}?type=performance", PERFORMANCE),
        (f"{ANALYTICS}?type=experience", EXPERIENCE),
        (f"{ANALYTICS}?type=resource", RESOURCES),
        (f"{ANALYTICS}?type=resource", nulls(RESOURCES)),
        (f"{ANALYTICS}?type=resource", {"readings": [nulls(RESOURCES["readings"][0])]}),
        (f"{ANALYTICS}?type=something_new", {"anything": [1, 2], "number": 3}),
        (f"{ANALYTICS}?type=", {"type": "named_inside"}),
        (ANALYTICS, {}),
    ],
)
async def test_every_body_of_the_trackers_is_accepted(app: Running, path: str, body: Body) -> None:
    answer = await app.post(path, body)

    assert (answer.status, answer.json) == (202, ONE_ACCEPTED)


async def test_every_event_type_of_servers_is_accepted(app: Running) -> None:
    answer = await app.events(*EVENTS)

    assert answer.status == 202
    assert answer.json == {
        "success": True,
        "accepted": len(EVENTS),
        "duplicate": 0,
        "rejected": [],
    }


async def test_no_events_are_no_error(app: Running) -> None:
    answer = await app.events()

    assert (answer.status, answer.json["accepted"]) == (202, 0)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain", "text/plain;charset=UTF-8", "Application/JSON; charset=x"],
)
async def test_json_may_come_as_json_or_as_text(app: Running, content_type: str) -> None:
    answer = await app.post(UPLOAD_PERFORMANCE, {}, headers={"Content-Type": content_type})

    assert answer.status == 202


async def test_a_body_in_chunks_is_accepted(app: Running) -> None:
    chunks = b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"

    assert status(await app.raw(head("Transfer-Encoding: chunked") + chunks)) == 202


async def test_gzip_is_accepted(app: Running) -> None:
    answer = await app.post(
        UPLOAD_PERFORMANCE, gzipped(PERFORMANCE), headers={"Content-Encoding": "gzip"}
    )

    assert answer.status == 202


async def test_a_repetition_is_accepted_and_called_a_duplicate(app: Running) -> None:
    first = await app.post(UPLOAD_PERFORMANCE, PERFORMANCE)
    second = await app.post(UPLOAD_PERFORMANCE, PERFORMANCE)
    event = {"type": "upload.completed", "upload_id": "u1", "id": "e1"}
    third = await app.events(event, event)

    assert [each.status for each in (first, second, third)] == [202, 202, 202]
    assert first.json["duplicate"] == 0
    assert (second.json["accepted"], second.json["duplicate"]) == (0, 1)
    assert (third.json["accepted"], third.json["duplicate"]) == (1, 1)
    series = await app.scrape()
    assert series["exporter_events_duplicate_total{}"] == 2
    assert series["exporter_events_received_total{}"] == 4


async def test_the_same_bytes_of_two_kinds_are_two_beacons(app: Running) -> None:
    kinds = ["one", "other", "a_long_name_of_a_kind_1", "a_long_name_of_a_kind_2"]
    answers = [await app.post(f"{ANALYTICS}?type={kind}", {}) for kind in kinds]

    assert [each.json["accepted"] for each in answers] == [1, 1, 1, 1]


async def test_good_events_are_taken_though_others_are_refused(app: Running) -> None:
    answer = await app.events(
        {"type": "upload.completed", "upload_id": "u1"},
        {"type": "upload.completed"},
        {"type": "upload.unheard_of"},
        {"type": "upload.completed", "upload_id": ""},
        {"upload_id": "u1"},
        17,  # type: ignore[arg-type]
    )

    assert answer.status == 202
    assert answer.json == {
        "success": True,
        "accepted": 1,
        "duplicate": 0,
        "rejected": [
            {"index": 1, "reason": "incomplete"},
            {"index": 2, "reason": "unknown_type"},
            {"index": 3, "reason": "invalid"},
            {"index": 4, "reason": "unknown_type"},
            {"index": 5, "reason": "invalid"},
        ],
    }


async def test_a_body_of_refused_events_alone_is_refused(app: Running) -> None:
    answer = await app.events({"type": "upload.unheard_of"})

    assert answer.status == 400
    assert answer.json == {
        "success": False,
        "accepted": 0,
        "duplicate": 0,
        "rejected": [{"index": 0, "reason": "unknown_type"}],
        "error": "unknown_type",
    }


# -- what is refused, by reason --------------------------------------------------------------

MANY = [{"type": "upload.completed", "upload_id": "u1"}] * 501


def refused(reason: Rejection, path: str, body: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return pytest.param(reason, path, body, named, id=f"{reason}-{path}")


REFUSED = [
    refused(Rejection.MALFORMED, UPLOAD_PERFORMANCE, b"{"),
    refused(Rejection.MALFORMED, "/v1/events", b"no json"),
    refused(Rejection.INVALID, UPLOAD_PERFORMANCE, {"ttfb": "soon"}),
    refused(Rejection.INVALID, UPLOAD_EXPERIENCE, {"uploadId": "somebody@example.com"}),
    refused(Rejection.INVALID, "/v1/events", {"events": {}}),
    refused(Rejection.INCOMPLETE, UPLOAD_EXPERIENCE, {"duration": 1}),
    refused(Rejection.INCOMPLETE, UPLOAD_EXPERIENCE, {"uploadId": "u1", "interactions": [{}]}),
    refused(Rejection.INCOMPLETE, "/v1/events", {}),
    refused(Rejection.UNKNOWN_TYPE, "/v1/events", {"events": [{"type": "upload.lost"}]}),
    refused(Rejection.TOO_LARGE, UPLOAD_PERFORMANCE, b"{" + b" " * 65_536 + b"}"),
    refused(Rejection.TOO_LARGE, "/v1/events", b"{" + b" " * 1_048_576 + b"}"),
    refused(Rejection.TOO_MANY_EVENTS, "/v1/events", {"events": MANY}),
    refused(Rejection.UNSUPPORTED_ENCODING, UPLOAD_PERFORMANCE, b"{}", content_encoding="br"),
    refused(Rejection.UNSUPPORTED_TYPE, UPLOAD_PERFORMANCE, b"{}", content_type="text/html"),
]


@pytest.mark.parametrize(("reason", "path", "body", "headers"), REFUSED)
async def test_what_cannot_be_taken_is_refused_for_its_reason(
    app: Running, reason: Rejection, path: str, body: Any, headers: dict[str, str]
) -> None:
    answer = await app.post(path, body, headers=headers)

    assert (answer.status, answer.json["error"]) == (STATUS[reason], reason)
    series = await app.scrape()
    assert series[f'exporter_events_rejected_total{{reason="{reason}"}}'] == 1
    assert series["exporter_events_received_total{}"] == 1
    assert series[f'exporter_http_responses_total{{code="{STATUS[reason]}"}}'] == 1


def test_every_reason_has_a_case_and_a_status() -> None:
    with_key = {Rejection.UNAUTHORISED}  # tested with the keys, below
    of_people = {Rejection.NO_CONSENT}  # test_consent.py
    of_players = {Rejection.UNWANTED, Rejection.UNSUPPORTED_VERSION}  # formats/test_cmcd_port.py

    assert {case.values[0] for case in REFUSED} | with_key | of_people | of_players == set(
        Rejection
    )
    assert set(STATUS) == set(Rejection)


DEEP = b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'"text"', id="string"),
        pytest.param(b'{"ttfb":NaN}', id="not a number"),
        pytest.param(b'{"ttfb":Infinity}', id="infinity"),
        pytest.param(b'{"ttfb":-Infinity}', id="minus infinity"),
        pytest.param(b'{"ttfb":1e400}', id="beyond all numbers"),
        pytest.param(b'{"ttfb":' + b"9" * 400 + b"}", id="400 digits"),
        pytest.param(b'{"uploadId":"\\ud800"}', id="lone surrogate"),
        pytest.param(b'{"uploadId":"\xff\xfe"}', id="not UTF-8"),
        pytest.param(b'\xef\xbb\xbf{"ttfb":1}', id="byte order mark"),
        pytest.param('{"ttfb":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"ttfb":1}{}', id="two values"),
        pytest.param(b'{"ttfb":1,}', id="trailing comma"),
        pytest.param(b"{'ttfb':1}", id="single quotes"),
        pytest.param(b'{"ttfb":0x10}', id="hexadecimal"),
        pytest.param(b'{"ttfb":01}', id="leading zero"),
        pytest.param(DEEP, id="deep"),
        pytest.param(b'{"success":1}', id="a number for a flag"),
        pytest.param(b'{"networkInfo":[]}', id="an array for an object"),
        pytest.param(b"\x00", id="zero byte"),
        pytest.param(b"\x1f\x8b\x08", id="gzip that is not declared"),
    ],
)
async def test_json_that_is_wrong_is_refused_and_never_an_error_of_ours(
    app: Running, body: bytes
) -> None:
    answer = await app.post(UPLOAD_PERFORMANCE, body)

    assert answer.status == 400
    assert answer.json["error"] in {"malformed", "invalid"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"ttfb":1,"ttfb":2}', id="repeated key"),
        pytest.param(b'{"unknown":"\xff"}', id="not UTF-8 where nobody looks"),
        pytest.param(b'{"ttfb":-0.0,"totalTime":1e-320}', id="small numbers"),
        pytest.param(b'{"ttfb":-5,"fileSize":-1,"throughput":-2}', id="negative numbers"),
        pytest.param(b'{"chunkMetrics":{"totalChunks":0.5}}', id="half a chunk"),
    ],
)
async def test_odd_but_readable_json_is_taken(app: Running, body: bytes) -> None:
    assert (await app.post(UPLOAD_PERFORMANCE, body)).status == 202


@pytest.mark.parametrize(
    "value",
    [
        *(b"9" * 400, b"1e400", b"NaN", b"[" * 5000 + b"]" * 5000, b'"\\ud800"', b'"\xff"'),
        *(b"true", b"null", str(LARGEST).encode(), b'{"rating":' + b"9" * 400 + b"}"),
    ],
    ids=lambda value: value[:12].decode(errors="replace"),
)
async def test_whatever_stands_in_a_generic_event_is_no_error_of_ours(
    app: Running, value: bytes
) -> None:
    generic = await app.post(f"{ANALYTICS}?type=any", b'{"x":' + value + b"}")
    interaction = b'{"uploadId":"u1","interactions":[{"type":"feedback","data":' + value + b"}]}"
    experience = await app.post(UPLOAD_EXPERIENCE, interaction)
    event = await app.post("/v1/events", b'{"events":[' + value + b"]}")

    assert {generic.status, experience.status, event.status} <= {202, 400}
    assert "exporter_apply_errors_total{}" not in await app.scrape()


# -- encodings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "error"),
    [
        pytest.param(gzipped(PERFORMANCE)[:-9], 400, "malformed", id="cut"),
        pytest.param(b"\x1f\x8bnothing", 400, "malformed", id="corrupt"),
        pytest.param(b"", 400, "malformed", id="empty"),
        pytest.param(b"{}", 400, "malformed", id="plain"),
        pytest.param(gzipped({}) + gzipped({}), 400, "malformed", id="two members"),
        pytest.param(gzipped({}) + b"more", 400, "malformed", id="more behind it"),
        pytest.param(gzip.compress(b" " * 50_000_000), 413, "too_large", id="bomb"),
        pytest.param(gzip.compress(b" " * 65_537), 413, "too_large", id="one byte too many"),
        pytest.param(gzip.compress(b"{}".ljust(65_536)), 202, None, id="just not too many"),
    ],
)
async def test_gzip_is_inflated_with_care(
    app: Running, body: bytes, code: int, error: str | None
) -> None:
    answer = await app.post(UPLOAD_PERFORMANCE, body, headers={"Content-Encoding": "gzip"})

    assert (answer.status, answer.json.get("error")) == (code, error)


def test_a_bomb_is_never_in_memory() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    tracemalloc.start()
    with pytest.raises(RefusedError):
        inflate(bomb, 65_536)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 1_000_000


def bomb(size: int) -> bytes:
    """Zeros, packed as well as they can be; made of the same piece again and again."""
    packer = zlib.compressobj(9, wbits=31)
    head = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + piece * (size // 2**20 - 1)


async def test_a_bomb_of_a_gibibyte_costs_next_to_nothing(start: Start) -> None:
    """50 ms of CPU and 10 MB are promised; a noisy machine has several times that."""
    packed = bomb(2**30)
    app = await start(receiver={"batch_bytes": len(packed)})
    process = psutil.Process()
    await app.post("/v1/events", gzipped({"events": []}), headers={"Content-Encoding": "gzip"})
    resident, began = process.memory_info().rss, time.process_time()
    answer = await app.post("/v1/events", packed, headers={"Content-Encoding": "gzip"})
    spent = time.process_time() - began

    assert (answer.status, answer.json) == (413, {"error": "too_large"})
    assert zlib.decompressobj(wbits=31).decompress(packed, 2**21) == bytes(2**21), "it is one"
    assert spent < 0.5
    assert process.memory_info().rss - resident < 50 * 2**20


@pytest.mark.parametrize("encoding", ["br", "deflate", "x-gzip", "gzip, gzip", "gzip,br", CANARY])
async def test_another_encoding_is_refused(app: Running, encoding: str) -> None:
    answer = await app.post(UPLOAD_PERFORMANCE, gzipped({}), headers={"Content-Encoding": encoding})

    assert (answer.status, answer.json) == (415, {"error": "unsupported_encoding"})


@pytest.mark.parametrize("second", ["gzip", "br", "identity"])
async def test_an_encoding_that_is_given_twice_is_refused(app: Running, second: str) -> None:
    lines = ("Content-Encoding: identity", f"Content-Encoding: {second}", "Content-Length: 2")

    assert status(await app.raw(head(*lines) + b"{}")) == 415


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data", "application/cbor"]
)
async def test_another_content_type_is_refused(app: Running, content_type: str) -> None:
    answer = await app.post(UPLOAD_PERFORMANCE, {}, headers={"Content-Type": content_type})

    assert (answer.status, answer.json) == (415, {"error": "unsupported_type"})


TWO_BYTES = b"2\r\n{}\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("Transfer-Encoding: gzip, chunked",), 415),
        (("Transfer-Encoding: chunked, chunked",), 400),
        (("Transfer-Encoding: identity",), 400),
        (("Transfer-Encoding: xchunked",), 400),
        (("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), 400),
        (("Transfer-Encoding: chunked", "Content-Length: 2"), 400),
        (("Content-Length: 2", "Content-Length: 3"), 400),
        (("Content-Length: -1",), 400),
        (("Content-Length: 2x",), 400),
    ],
)
async def test_a_length_that_two_readers_could_read_in_two_ways_is_refused(
    app: Running, lines: tuple[str, ...], code: int
) -> None:
    answer = await app.raw(head(*lines) + TWO_BYTES)

    assert status(answer) == code
    assert answer.count(b"HTTP/1.") == 1, "what follows is no second request"


# -- keys, limits, room ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (UPLOAD_PERFORMANCE, {"X-API-Key": "second"}),
        (f"{UPLOAD_PERFORMANCE}?key=second", {}),
        (f"/k/second{UPLOAD_PERFORMANCE}", {}),
        (f"/k/second{ANALYTICS}?type=performance", {}),
    ],
)
async def test_a_key_may_come_as_header_query_or_path(
    start: Start, path: str, headers: dict[str, str]
) -> None:
    app = await start(receiver={"keys": ("first", "second")})

    assert (await app.post(path, {}, headers=headers)).status == 202


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (UPLOAD_PERFORMANCE, "X-Other: first"),
        (UPLOAD_PERFORMANCE, f"X-API-Key: {CANARY}"),
        (UPLOAD_PERFORMANCE, "X-API-Key: \xff\xfe"),
        (f"{UPLOAD_PERFORMANCE}?key={CANARY}", "X-Other: first"),
        (f"{UPLOAD_PERFORMANCE}?key=%FF%ED%A0%80", "X-Other: first"),
        (f"/k/{CANARY}{UPLOAD_PERFORMANCE}", "X-Other: first"),
        (f"/k/%FF{UPLOAD_PERFORMANCE}", "X-Other: first"),
    ],
)
async def test_without_a_key_that_is_known_nothing_is_taken(
    start: Start, path: str, line: str
) -> None:
    app = await start(receiver={"keys": ("first", "schlüssel")})
    answer = await app.raw(head(line, "Content-Length: 2", path=path) + b"{}")

    assert status(answer) == 401
    assert answer.endswith(b'{"error":"unauthorised"}')
    assert (await app.scrape())['exporter_events_rejected_total{reason="unauthorised"}'] == 1


async def test_the_key_is_looked_at_before_the_body(start: Start) -> None:
    app = await start(receiver={"keys": ("first",)})

    assert status(await app.raw(head("Content-Length: 99"), until=b"}")) == 401


async def test_who_sends_too_much_is_told_to_come_again_later(start: Start) -> None:
    app = await start(receiver={"rate_per_second": 0.001, "rate_burst": 2})
    answers = [await app.post(UPLOAD_PERFORMANCE, {"ttfb": ttfb}) for ttfb in range(3)]

    assert [each.status for each in answers] == [202, 202, 429]
    assert answers[2].json == {"error": "limited"}
    assert int(answers[2].headers["Retry-After"]) > 0
    series = await app.scrape()
    assert series["exporter_events_limited_total{}"] == 1
    assert series["exporter_events_received_total{}"] == 3


async def test_each_key_has_a_limit_of_its_own(start: Start) -> None:
    app = await start(
        receiver={"key_rates": (0.001,), "rate_burst": 1, "keys": ("first", "second")}
    )
    keys = ["first", "first", "second"]
    answers = [await app.post(UPLOAD_PERFORMANCE, {}, headers={"X-API-Key": key}) for key in keys]

    assert [each.status for each in answers] == [202, 429, 202]
    assert int(answers[1].headers["Retry-After"]) == pytest.approx(1000, abs=5)


async def test_a_network_has_a_limit_whatever_its_keys(start: Start) -> None:
    app = await start(
        receiver={"rate_per_second": 0.001, "rate_burst": 1, "keys": ("first", "second")}
    )
    keys = ["first", "second"]
    answers = [await app.post(UPLOAD_PERFORMANCE, {}, headers={"X-API-Key": key}) for key in keys]

    assert [each.status for each in answers] == [202, 429]


async def test_keys_are_guessed_no_faster_than_a_network_may_send(start: Start) -> None:
    app = await start(receiver={"rate_per_second": 0.001, "rate_burst": 2, "keys": "first"})
    guesses = ["a", "b", "first", "c"]
    answers = [
        await app.post(UPLOAD_PERFORMANCE, {}, headers={"X-API-Key": key}) for key in guesses
    ]

    assert [each.status for each in answers] == [401, 401, 429, 429]
    series = await app.scrape()
    assert series['exporter_events_rejected_total{reason="unauthorised"}'] == 2
    assert series["exporter_events_limited_total{}"] == 2
    assert series["exporter_events_received_total{}"] == 4


async def test_a_key_whose_quota_is_used_up_costs_its_network_nothing(start: Start) -> None:
    app = await start(
        receiver={
            "rate_per_second": 0.001,
            "rate_burst": 2,
            "keys": ("first", "second"),
            "key_quotas": (1, 0),
        }
    )
    keys = ["first", "first", "first", "second"]
    answers = [await app.post(UPLOAD_PERFORMANCE, {}, headers={"X-API-Key": key}) for key in keys]

    assert [each.status for each in answers] == [202, 429, 429, 202]


async def test_a_key_has_so_many_beacons_a_day(start: Start) -> None:
    app = await start(receiver={"key_quotas": (1, 0), "keys": ("first", "second")})
    keys = ["first", "first", "second", "second"]
    answers = [await app.post(UPLOAD_PERFORMANCE, {}, headers={"X-API-Key": key}) for key in keys]

    assert [each.status for each in answers] == [202, 429, 202, 202]
    midnight = 86_400 - app.engine.clock.now() % 86_400
    assert int(answers[1].headers["Retry-After"]) == pytest.approx(midnight, abs=5)


async def test_who_must_never_be_told_to_wait_is_limited_all_the_same(start: Start) -> None:
    """A player of CMCD would come again at once; what it sends is dropped, and counted."""
    app = await start(receiver={"rate_per_second": 0.001, "rate_burst": 1})
    body = b'e=ps,sid="s1",sn=%d,sta=p,ts=1795227669142,v=2'
    answers = [await app.post("/cmcd", body % number) for number in range(5)]

    assert [each.status for each in answers] == [204] * 5
    series = await app.scrape()
    assert series["exporter_events_limited_total{}"] == 4
    assert series["exporter_events_received_total{}"] == 5


async def test_without_room_on_the_disk_nothing_is_taken_until_there_is_room(app: Running) -> None:
    app.engine.room = False
    refused = await app.post(UPLOAD_PERFORMANCE, {})
    app.engine.room = True
    taken = await app.post(UPLOAD_PERFORMANCE, {})

    assert (refused.status, refused.json) == (503, {"error": "unavailable"})
    assert int(refused.headers["Retry-After"]) > 0
    assert (taken.status, taken.json) == (202, ONE_ACCEPTED)
    series = await app.scrape()
    assert series["exporter_events_refused_total{}"] == 1
    assert series["exporter_events_received_total{}"] == 2


async def test_a_journal_that_cannot_write_is_told_at_once_and_recovers_by_itself(
    app: Running,
) -> None:
    await app.counted()
    journal = app.engine.journal._db
    journal.execute("PRAGMA query_only=ON")
    refused = await app.post(UPLOAD_PERFORMANCE, {})
    again = await app.post(UPLOAD_PERFORMANCE, {})
    journal.execute("PRAGMA query_only=OFF")
    await app.until(lambda: app.engine.writable)
    taken = await app.post(UPLOAD_PERFORMANCE, {})

    assert [refused.status, again.status, taken.status] == [503, 503, 202]
    assert taken.json == ONE_ACCEPTED, "what got 503 is not known, so it is no duplicate"
    series = await app.scrape()
    assert series["exporter_events_refused_total{}"] == 2
    assert series["exporter_events_received_total{}"] == 3


# -- methods, paths, origins -----------------------------------------------------------------


@pytest.mark.parametrize("path", [UPLOAD_PERFORMANCE, "/v1/events", f"/k/any{ANALYTICS}"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_beacons_come_by_post_alone(app: Running, method: str, path: str) -> None:
    answer = await app.ask(method, path)

    assert answer.status == 405
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert method == "HEAD" or answer.json == {"error": "method"}


@pytest.mark.parametrize("path", ["/", "/metrics", f"/{CANARY}", f"{ANALYTICS}/{CANARY}", "//"])
async def test_there_is_nothing_else_on_the_public_port(app: Running, path: str) -> None:
    answer = await app.post(path, {})

    assert (answer.status, answer.json) == (404, {"error": "not_found"})


async def test_an_allowed_origin_is_echoed_with_credentials(start: Start) -> None:
    app = await start(receiver={"origins": (OURS,)})
    answer = await app.post(UPLOAD_PERFORMANCE, {}, headers={"Origin": OURS})

    assert answer.status == 202
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert answer.headers["Vary"] == "Origin"


async def test_a_preflight_of_an_allowed_origin_is_answered(start: Start) -> None:
    app = await start(receiver={"origins": (OURS,), "keys": ("first",)})
    asks = {"Origin": OURS, "Access-Control-Request-Method": "POST"}
    answer = await app.ask("OPTIONS", UPLOAD_PERFORMANCE, headers=asks)

    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"]
    assert "x-api-key" in answer.headers["Access-Control-Allow-Headers"]
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
@pytest.mark.parametrize("origin", ["https://other.example.com", "null", OURS + ".evil.com"])
async def test_another_origin_is_not_allowed(start: Start, origin: str, method: str) -> None:
    app = await start(receiver={"origins": (OURS,)})
    answer = await app.ask(method, UPLOAD_PERFORMANCE, headers={"Origin": origin}, data=b"{}")

    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


async def test_errors_carry_the_origin_too_or_a_page_cannot_read_them(start: Start) -> None:
    app = await start(receiver={"origins": ("*",)})
    wrong = await app.post(UPLOAD_PERFORMANCE, b"{", headers={"Origin": OURS})
    nowhere = await app.post("/nowhere", b"{", headers={"Origin": OURS})

    assert wrong.headers["Access-Control-Allow-Origin"] == OURS
    assert nowhere.headers["Access-Control-Allow-Origin"] == OURS


# -- the schema ------------------------------------------------------------------------------


async def test_the_schema_is_json_schema_and_holds_for_what_is_accepted(app: Running) -> None:
    answer = await app.ask("GET", "/v1/schema")
    schema = answer.json
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    validator.validate({"events": list(EVENTS)})
    validator.validate({"events": []})
    wrong: list[Any] = [
        {},
        {"events": [{"type": "upload.unheard_of", "upload_id": "u1"}]},
        {"events": [{"type": "upload.completed"}]},
        {"events": [{"type": "upload.completed", "upload_id": "with spaces"}]},
        {"events": [{"type": "upload.chunk_received", "upload_id": "u", "index": -1, "ok": True}]},
    ]
    assert [body for body in wrong if validator.is_valid(body)] == []


@pytest.mark.parametrize(
    ("index", "taken"), [("3.0", 1), ("3e0", 1), ("3.5", 0), ("1e300", 0), ("true", 0), ('"3"', 0)]
)
async def test_a_whole_number_is_one_however_it_is_written(
    app: Running, index: str, taken: int
) -> None:
    """JSON has one kind of number, and Python writes 3.0 for a count that it computed."""
    event = '{"type":"upload.chunk_received","upload_id":"u","ok":true,"index":' + index + "}"
    answer = await app.post("/v1/events", f'{{"events":[{event}]}}'.encode())

    assert answer.json["accepted"] == taken
    validator = Draft202012Validator((await app.ask("GET", "/v1/schema")).json)
    assert validator.is_valid({"events": [json.loads(event)]}) == bool(taken)


async def test_the_schema_can_only_be_read(app: Running) -> None:
    answer = await app.ask("POST", "/v1/schema")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET")


async def test_the_schema_names_every_type_that_servers_may_send(app: Running) -> None:
    said = (await app.ask("GET", "/v1/schema")).body.decode()

    assert {event["type"] for event in EVENTS} <= {kind for kind in said.split('"') if "." in kind}


# -- nothing comes back, and nothing breaks --------------------------------------------------

BROKEN = (
    b"\x16\x03\x01" + CANARY.encode() + b"\r\n\r\n",
    f"{CANARY} / HTTP/1.1\r\nHost: here\r\n\r\n".encode(),
    f"GET /{CANARY} HTTP/9.9\r\n\r\n".encode(),
    f"GET / HTTP/1.1\r\n{CANARY}\r\n\r\n".encode(),
    f"GET / HTTP/1.1\r\nHost: here\r\nX-{CANARY}\x01: y\r\n\r\n".encode(),
    f"GET /{CANARY * 2000} HTTP/1.1\r\nHost: here\r\n\r\n".encode(),
    f"GET http://[{CANARY}/ HTTP/1.1\r\nHost: here\r\n\r\n".encode(),
    head(f"X-{CANARY}: {CANARY * 2000}"),
    head("Transfer-Encoding: chunked") + f"{CANARY}\r\n{{}}\r\n".encode(),
)
ODD = (
    head(f"Expect: {CANARY}", "Content-Length: 2") + b"{}",
    head(method="OPTIONS", path="*"),
    head(method="CONNECT", path=f"{CANARY}:80"),
    head(method="POST", path=f"http://{CANARY}/{CANARY}?{CANARY}"),
    head(f"User-Agent: {CANARY} \xff\xfe", "Content-Length: 2") + b"{}",
    head(f"Origin: https://{CANARY}\xff", "Content-Length: 2") + b"{}",
    head(f"Content-Type: {CANARY}\xff", "Content-Length: 2") + b"{}",
    head("Upgrade: websocket", "Connection: Upgrade", "Content-Length: 2") + b"{}",
    head("Content-Length: 2", path=f"{ANALYTICS}?type=%FF%ED%A0%80{CANARY}") + b"{}",
    head("Content-Length: 2", path=f"{ANALYTICS}/%00{CANARY}") + b"{}",
    head(f"Host: [{CANARY}", "Content-Length: 2") + b"{}",
    head("Content-Length: 22") + f'{{"ttfb":"{CANARY}"}}      '.encode(),
)


@pytest.mark.parametrize("request_bytes", BROKEN)
async def test_what_is_no_http_is_answered_without_a_word_of_it(
    app: Running, request_bytes: bytes
) -> None:
    answer = await app.raw(request_bytes)

    assert status(answer) == 400
    assert answer.endswith(b'{"error":"malformed"}')
    assert CANARY.encode() not in answer


@pytest.mark.parametrize("request_bytes", ODD)
async def test_nothing_of_a_request_comes_back(app: Running, request_bytes: bytes) -> None:
    answer = await app.raw(request_bytes)

    assert CANARY.encode() not in answer
    assert status(answer) < 500
    assert b"application/json" in answer


async def test_after_all_of_that_the_numbers_can_be_read_and_add_up(app: Running) -> None:
    for request in (*BROKEN, *ODD):
        await app.raw(request)
    for case in REFUSED:
        _, path, body, headers = case.values
        await app.post(path, body, headers=headers)
    await app.post(UPLOAD_PERFORMANCE, PERFORMANCE, headers={"User-Agent": CHROME})
    await app.events(*EVENTS, {"type": "upload.unheard_of"})
    series = await app.scrape()

    assert 'exporter_http_responses_total{code="other"}' not in series
    assert "exporter_apply_errors_total{}" not in series
    parts = ("accepted", "duplicate", "rejected", "limited", "refused")
    ways = [
        value
        for name, value in series.items()
        if name.startswith(tuple(f"exporter_events_{part}_total" for part in parts))
    ]
    assert sum(ways) == series["exporter_events_received_total{}"]


async def test_a_client_that_leaves_within_its_body_is_no_error_of_ours(app: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    writer.write(head("Content-Length: 100") + b"{")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await writer.wait_closed()
    del reader
    await asyncio.sleep(0.05)

    assert 'exporter_http_responses_total{code="other"}' not in await app.scrape()
    assert (await app.post(UPLOAD_PERFORMANCE, {}, headers=JSON)).status == 202
