"""Slow, silent and odd connections on the public port: each of them ends in time."""

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import pytest

from tests.apps import SECONDS, Running, Start
from tests.beacons import UPLOAD_PERFORMANCE

PATIENCE = 0.5  # seconds that a client has for its head and its body
KEPT = 1.0  # seconds that an idle connection is kept
SLACK = 3.0  # seconds by which a busy machine may be late
DRIP = 0.1
UNREAD = 'exporter_connections_cut_total{reason="unread"}'

HEAD = f"POST {UPLOAD_PERFORMANCE} HTTP/1.1\r\nHost: here\r\n".encode()
BEACON = HEAD + b"Content-Length: 2\r\n\r\n{}"
CLOSING = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
async def app(start: Start) -> Running:
    return await start(receiver={"read_timeout_seconds": PATIENCE, "keepalive_seconds": 60.0})


@pytest.fixture
async def forgetful(start: Start) -> Running:
    return await start(receiver={"read_timeout_seconds": PATIENCE, "keepalive_seconds": KEPT})


async def lasted(app: Running, first: bytes, drops: Sequence[bytes] = ()) -> float:
    """Seconds until the connection ends of a client that writes `first` and then drips."""
    async with app.connected() as (reader, writer), asyncio.timeout(SECONDS):
        began = time.monotonic()
        writer.write(first)
        ended = asyncio.ensure_future(reader.read())
        for drop in drops:
            if ended.done():
                break
            writer.write(drop)
            await asyncio.wait((ended,), timeout=DRIP)
        with suppress(ConnectionResetError):  # which is an end as well
            await ended
        return time.monotonic() - began


DROPS = [b"X"] * int((PATIENCE + SLACK + 1) / DRIP)


@pytest.mark.parametrize(
    ("first", "drops"),
    [
        pytest.param(b"", (), id="says nothing"),
        pytest.param(b"POST", (), id="stops in its first line"),
        pytest.param(HEAD, (), id="stops in its head"),
        pytest.param(HEAD + b"X-Slow: ", DROPS, id="drips its head"),
        pytest.param(HEAD + b"Content-Length: 99\r\n\r\n{", (), id="stops in its body"),
        pytest.param(HEAD + b"Content-Length: 99\r\n\r\n{", DROPS, id="drips its body"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            [b"1\r\n \r\n"] * len(DROPS),
            id="drips chunks",
        ),
    ],
)
async def test_a_slow_client_is_not_waited_for(
    app: Running, first: bytes, drops: Sequence[bytes]
) -> None:
    assert PATIENCE * 0.5 <= await lasted(app, first, drops) < PATIENCE + SLACK


NOWHERE = HEAD.replace(UPLOAD_PERFORMANCE.encode(), b"/nowhere")


@pytest.mark.parametrize("drops", [(), DROPS], ids=["silent", "drips"])
@pytest.mark.parametrize(
    ("first", "code"),
    [
        (NOWHERE + b"Content-Length: 99\r\n\r\n", b"404"),
        (HEAD.replace(b"POST", b"PUT") + b"Content-Length: 99\r\n\r\n", b"405"),
        (HEAD + b"Content-Length: 99999999\r\n\r\n", b"413"),
        (HEAD + b"Content-Type: a/b\r\nContent-Length: 99\r\n\r\n", b"415"),
    ],
)
async def test_a_body_is_not_waited_for_though_it_was_answered_before_it_came(
    app: Running, first: bytes, code: bytes, drops: Sequence[bytes]
) -> None:
    async with app.connected() as (reader, writer), asyncio.timeout(SECONDS):
        writer.write(first)
        assert code in await reader.readline()
    assert PATIENCE * 0.5 <= await lasted(app, first, drops) < PATIENCE + SLACK


@pytest.mark.parametrize(("head", "code"), [(HEAD, "408"), (NOWHERE, "404")])
async def test_a_client_that_is_slow_with_its_head_has_less_time_for_its_body(
    start: Start, head: bytes, code: str
) -> None:
    app = await start(receiver={"read_timeout_seconds": 1.5})
    async with app.connected() as (reader, writer), asyncio.timeout(SECONDS):
        began = time.monotonic()
        writer.write(head)
        await asyncio.sleep(1.0)
        writer.write(b"Content-Length: 99\r\n\r\n{")
        with suppress(ConnectionResetError):
            await reader.read()
        held = time.monotonic() - began

    assert held < 1.5 + 0.9, "and not a second time as long"
    assert (await app.scrape())[f'exporter_http_responses_total{{code="{code}"}}'] == 1


async def test_a_client_that_does_not_read_its_answers_is_not_waited_for(app: Running) -> None:
    """It asks for the schema until neither side's memory holds more of it."""
    async with app.connected() as (reader, writer), asyncio.timeout(2 * SECONDS):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        asking = b"GET /v1/schema HTTP/1.1\r\nHost: here\r\n\r\n" * 100
        with suppress(ConnectionError):
            while (await app.scrape()).get(UNREAD) is None:
                writer.write(asking)
                await asyncio.sleep(0.05)
        del reader

    assert (await app.scrape())[UNREAD] == 1


async def test_answers_that_are_not_read_hold_no_connection_that_is_closed(start: Start) -> None:
    """It is idle for too long, so it is closed; which ends only when everything is read."""
    app = await start(receiver={"read_timeout_seconds": 1.0, "keepalive_seconds": PATIENCE})
    crowd = app.application._crowd
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", app.port))
        narrow.setblocking(False)
        while not any(client.unread for client in crowd._clients):
            narrow.send(b"GET /v1/schema HTTP/1.1\r\nHost: here\r\n\r\n")
            await asyncio.sleep(0.01)
        await app.until(lambda: len(crowd) == 0)

    assert (await app.scrape())[UNREAD] == 1


async def test_who_is_cut_off_is_counted_by_why(app: Running) -> None:
    await lasted(app, b"POST")
    series = await app.scrape()

    assert series['exporter_connections_cut_total{reason="slow"}'] == 1
    assert "exporter_connections{}" not in series, "none is left"


# -- too many --------------------------------------------------------------------------------
MOST = 20


@pytest.fixture
async def narrow(start: Start) -> Running:
    return await start(receiver={"most_connections": MOST})


async def test_who_keeps_us_waiting_longest_gives_way_to_who_comes(narrow: Running) -> None:
    async with AsyncExitStack() as stack:
        first, *rest = [await stack.enter_async_context(narrow.connected()) for _ in range(MOST)]
        for _, writer in (first, rest[0]):
            writer.write(BEACON)
        for reader, _ in (first, rest[0]):
            assert b" 202 " in await asyncio.wait_for(reader.readuntil(b"]}"), SECONDS)
        # Both have begun a request since; now the second is the one that has said nothing longest.
        answer = await narrow.raw(BEACON.replace(b"here\r\n", b"here\r\nConnection: close\r\n"))
        silent, _ = rest[1]

        assert b" 202 " in answer
        assert await asyncio.wait_for(silent.read(), SECONDS) == b""
        first[1].write(BEACON)
        assert b" 202 " in await asyncio.wait_for(first[0].readuntil(b"]}"), SECONDS)
    series = await narrow.scrape()
    assert series['exporter_connections_cut_total{reason="crowded"}'] == 1


async def test_where_everybody_is_answered_who_comes_is_turned_away(narrow: Running) -> None:
    done = asyncio.get_running_loop().create_future()
    narrow.engine.write = lambda events: done  # type: ignore[method-assign, assignment]
    async with AsyncExitStack() as stack:
        busy = [await stack.enter_async_context(narrow.connected()) for _ in range(MOST)]
        for _, writer in busy:
            writer.write(BEACON)
        await asyncio.sleep(0.3)
        with suppress(ConnectionResetError):
            assert await narrow.raw(BEACON) == b""
        done.set_result(0)
        for reader, _ in busy:
            assert b" 202 " in await asyncio.wait_for(reader.readuntil(b"]}"), SECONDS)
    del narrow.engine.write
    assert (await narrow.scrape())['exporter_connections_cut_total{reason="full"}'] == 1


async def test_open_connections_are_counted(narrow: Running) -> None:
    async with narrow.connected(), narrow.connected():
        await asyncio.sleep(0.1)
        assert (await narrow.scrape())["exporter_connections{}"] == 2


async def test_an_idle_connection_is_kept_for_a_while_and_then_closed(forgetful: Running) -> None:
    assert KEPT * 0.9 <= await lasted(forgetful, BEACON) < KEPT + SLACK


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
EMPTY = HEAD.replace(b"POST", b"GET") + b"\r\n"
SHAPES = [
    pytest.param([BEACON], id="at once"),
    pytest.param([BEACON[:-2], b"{}"], id="head and body"),
    pytest.param([BEACON[:-1], b"}"], id="within the body"),
    pytest.param([BEACON * 3], id="several"),
    pytest.param([CHUNKED], id="chunks at once"),
    pytest.param([CHUNKED[:-15], CHUNKED[-15:-5], CHUNKED[-5:]], id="chunk by chunk"),
    pytest.param([EMPTY], id="without a body"),
    pytest.param(
        [NOWHERE + b"Content-Length: 2\r\n\r\n", b"{", b"}"], id="answered before its body"
    ),
]


@pytest.mark.parametrize("pieces", SHAPES)
@pytest.mark.parametrize("more", [b"P", HEAD], ids=["a byte", "a line"])
async def test_a_second_head_that_stops_is_not_waited_for_longer_than_a_first(
    app: Running, pieces: Sequence[bytes], more: bytes
) -> None:
    *first, last = pieces
    async with app.connected() as (reader, writer), asyncio.timeout(SECONDS):
        for piece in first:
            writer.write(piece)
            await asyncio.sleep(DRIP)
        began = time.monotonic()
        writer.write(last + more)
        with suppress(ConnectionResetError):
            await reader.read()

        assert PATIENCE * 0.5 <= time.monotonic() - began < PATIENCE + SLACK


async def test_a_head_behind_more_requests_than_are_held_at_once_is_not_waited_for(
    app: Running,
) -> None:
    assert await lasted(app, BEACON * 40 + HEAD) < PATIENCE + SLACK


@pytest.mark.parametrize("pieces", SHAPES)
async def test_who_has_said_a_whole_request_is_idle_however_it_came(
    app: Running, pieces: Sequence[bytes]
) -> None:
    async with app.connected() as (reader, writer), asyncio.timeout(SECONDS):
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(DRIP)
        await asyncio.sleep(PATIENCE * 1.5)
        writer.write(CLOSING)

        assert b" 202 " in (await reader.read()).rpartition(b"HTTP/1.1")[2]


async def test_a_second_head_that_drips_is_not_waited_for(app: Running) -> None:
    seconds = await lasted(app, BEACON + HEAD + b"X-Slow: ", DROPS)

    assert PATIENCE * 0.9 <= seconds < PATIENCE + SLACK


async def test_a_body_that_came_too_slowly_is_counted_as_such(app: Running) -> None:
    await lasted(app, HEAD + b"Content-Length: 99\r\n\r\n{")
    series = await app.scrape()

    assert series['exporter_http_responses_total{code="408"}'] == 1
    assert "exporter_events_received_total{}" not in series, "nothing of it has reached us"


def told(answer: bytes) -> tuple[bytes, set[bytes], bytes]:
    """First line, header names, and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    return line, {header.split(b":")[0].lower() for header in headers}, body


async def test_the_answer_that_is_prepared_is_the_answer_that_is_made(app: Running) -> None:
    prepared = told(await app.raw(BEACON, until=b"]}"))
    closing = BEACON.replace(b"\r\n\r\n{}", b"\r\nConnection: close\r\n\r\n{ }")
    made = told(await app.raw(closing.replace(b"Length: 2", b"Length: 3")))

    assert (prepared[0], prepared[2]) == (made[0], made[2])
    assert made[1] - prepared[1] == {b"connection"}
    assert {b"content-type", b"content-length", b"date", b"server"} <= prepared[1]


async def test_a_client_of_before_keep_alive_gets_an_answer_and_an_end(app: Running) -> None:
    answer = await app.raw(BEACON.replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert answer.startswith(b"HTTP/1.0 202 ")
    assert answer.endswith(b"]}")


async def test_a_connection_that_goes_on_stays_for_longer_than_any_patience(app: Running) -> None:
    async with app.connected() as (reader, writer), asyncio.timeout(SECONDS):
        for _ in range(4):
            writer.write(BEACON)
            assert b" 202 " in await reader.readuntil(b"]}")
            await asyncio.sleep(PATIENCE * 0.8)


async def test_requests_that_come_at_once_are_answered_in_their_order(app: Running) -> None:
    gets = BEACON.replace(b"POST", b"PUT")
    async with app.connected() as (reader, writer), asyncio.timeout(SECONDS):
        writer.write((BEACON + gets) * 5)
        answers = [await reader.readuntil(b"}") for _ in range(10)]

    assert [int(answer.split(b" ")[1]) for answer in answers] == [202, 405] * 5


async def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(app: Running) -> None:
    async with app.connected() as (reader, writer), asyncio.timeout(SECONDS):
        writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        assert b" 202 " in await reader.readuntil(b"}")


@pytest.mark.parametrize("count", [200])
async def test_connections_that_say_nothing_keep_nobody_out(app: Running, count: int) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", app.port) for _ in range(count)]
    began = time.monotonic()
    answer = await app.post(UPLOAD_PERFORMANCE, {})

    assert answer.status == 202
    assert time.monotonic() - began < SLACK
    for reader, writer in silent:
        assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        writer.close()
        await writer.wait_closed()
