"""Our own look at the services, against real little servers on the loopback."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from exporter import probes
from exporter.probes import Prober, Target, UnknownServiceError
from exporter.settings import Probes
from tests.apps import SECONDS, Running, Start, running

SERVICES = ("api", "storage", "queue")
PATIENT = Probes(timeout_seconds=SECONDS, every_seconds=SECONDS)
HURRIED = Probes(timeout_seconds=0.2)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answers(status: int, *, body: bytes = b"", after: float = 0.0) -> Talk:
    """What a server does that reads a request and answers it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(after)
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nLocation: /other\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return talk


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everything and say nothing, until the other side goes away."""
    await reader.read()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take a request and close without a word."""
    await reader.readuntil(b"\r\n\r\n")


async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer in something that is not HTTP."""
    writer.write(b"220 mail.example.com ready\r\n")
    await writer.drain()


async def never_ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with a body that goes on for ever."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x" * 65_536)
        await writer.drain()


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[int]:
    """A server on a free port."""

    served = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        try:
            # A prober that has seen enough goes away.
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        server.close()
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@asynccontextmanager
async def probing(settings: Probes = PATIENT) -> AsyncIterator[Prober]:
    prober = Prober(settings)
    try:
        yield prober
    finally:
        await prober.close()


@pytest.mark.parametrize(
    ("talk", "ok", "says"),
    [
        (answers(200, body=b"fine"), True, "answers 200"),
        (answers(204), True, "answers 204"),
        (answers(301), True, "answers 301"),
        (answers(404), False, "answers 404"),
        (answers(500), False, "answers 500"),
        (answers(503), False, "answers 503"),
        (hangs_up, False, "ServerDisconnectedError"),
        (babbles, False, "ClientResponseError"),
        (never_ends, True, "answers 200"),
    ],
)
async def test_a_service_is_healthy_if_it_answers_what_is_expected(
    talk: Talk, ok: bool, says: str
) -> None:
    async with listening(talk) as port, probing() as prober:
        probed = await prober.probe(Target("api", f"http://127.0.0.1:{port}/health"))

    assert (probed.ok, says in probed.says) == (ok, True), probed
    assert 0 < probed.seconds < SECONDS


async def test_what_is_expected_may_be_set() -> None:
    only = Probes(statuses=(401,), timeout_seconds=SECONDS, every_seconds=SECONDS)
    async with (
        listening(answers(401)) as closed,
        listening(answers(200)) as open_to_all,
        probing(only) as prober,
    ):
        one = await prober.probe(Target("api", f"http://127.0.0.1:{closed}/"))
        other = await prober.probe(Target("api", f"http://127.0.0.1:{open_to_all}/"))

    assert (one.ok, other.ok) == (True, False)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    asked = []

    async def counts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(1)
        await answers(302)(reader, writer)

    async with listening(counts) as port, probing() as prober:
        assert (await prober.probe(Target("api", f"http://127.0.0.1:{port}/"))).ok

    assert asked == [1]


async def test_a_port_that_takes_connections_is_healthy() -> None:
    async with listening(hangs) as port, probing() as prober:
        probed = await prober.probe(Target("queue", f"tcp://127.0.0.1:{port}"))

    assert (probed.ok, probed.says) == (True, "accepts")


@pytest.mark.parametrize("scheme", ["http", "tcp"])
async def test_a_port_on_which_nobody_listens_is_a_result(scheme: str) -> None:
    async with probing() as prober:
        probed = await prober.probe(Target("api", f"{scheme}://127.0.0.1:{closed_port()}"))

    assert not probed.ok
    assert "Connect" in probed.says


@pytest.mark.parametrize(
    "address",
    ["http://nobody.invalid/", "tcp://nobody.invalid:80", f"http://{'a' * 70}.example/"],
)
async def test_a_name_that_nobody_has_is_a_result(address: str) -> None:
    async with probing() as prober:
        assert not (await prober.probe(Target("api", address))).ok


async def test_a_service_that_hangs_is_down_after_the_timeout() -> None:
    async with listening(hangs) as port, probing(HURRIED) as prober:
        began = time.perf_counter()
        probed = await prober.probe(Target("api", f"http://127.0.0.1:{port}/"))

    assert (probed.ok, probed.says) == (False, "timeout")
    assert 0.2 <= probed.seconds <= time.perf_counter() - began < SECONDS


async def test_the_timeout_is_never_longer_than_the_time_between_two_probes() -> None:
    settings = Probes(timeout_seconds=600, every_seconds=0.1)
    async with listening(hangs) as port, probing(settings) as prober, asyncio.timeout(SECONDS):
        assert not (await prober.probe(Target("api", f"http://127.0.0.1:{port}/"))).ok


async def test_targets_are_probed_side_by_side() -> None:
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(listening(hangs)) for _ in range(20)]
        quick = await stack.enter_async_context(listening(answers(200)))
        prober = await stack.enter_async_context(probing(Probes(timeout_seconds=1)))
        began = time.perf_counter()
        slow = [prober.probe(Target("api", f"http://127.0.0.1:{port}/")) for port in ports]
        found = await asyncio.gather(
            prober.probe(Target("api", f"http://127.0.0.1:{quick}/")), *slow
        )
        took = time.perf_counter() - began

    assert [each.ok for each in found] == [True, *[False] * 20]
    assert found[0].seconds < 1
    assert took < 20


async def test_every_probe_takes_a_connection_of_its_own() -> None:
    asked = []

    async def counts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with listening(counts) as port, probing() as prober:
        for _ in range(3):
            assert (await prober.probe(Target("api", f"http://127.0.0.1:{port}/"))).ok

    assert len(asked) == 3
    assert b"Cookie" not in asked[-1]


# -- which targets ---------------------------------------------------------------------------


def test_a_target_is_of_a_service_that_is_listed() -> None:
    found = probes.targets(Probes(targets=("API=http://a/", "queue=tcp://b:5672")), SERVICES)

    assert found == (Target("API", "http://a/"), Target("queue", "tcp://b:5672"))
    with pytest.raises(UnknownServiceError, match="abacus, mainframe"):
        probes.targets(
            Probes(targets=("mainframe=http://a/", "api=http://a/", "abacus=http://a/")), SERVICES
        )


# -- in a running exporter -------------------------------------------------------------------

OK = 'video_service_checks_total{result="ok",service="api",source="probe"}'
FAILED = 'video_service_checks_total{result="failed",service="api",source="probe"}'
UP = 'video_service_up{service="api"}'
EVERY = 1.0  # which is the timeout too: a busy machine must answer within it


async def scraped_until(app: Running, series: str, least: float = 1.0) -> dict[str, float]:
    async with asyncio.timeout(SECONDS):
        while (found := await app.scrape()).get(series, 0.0) < least:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


async def test_what_a_probe_finds_is_on_metrics_and_follows_the_service(start: Start) -> None:
    down = closed_port()
    async with listening(answers(200)) as port:
        settings = Probes(
            targets=(f"api=http://127.0.0.1:{port}/", f"storage=tcp://127.0.0.1:{down}"),
            every_seconds=EVERY,
        )
        app = await start(probes=settings)
        found = await scraped_until(app, OK, 2.0)

        assert found[UP] == 1
        assert FAILED not in found
        assert found['video_service_check_seconds_count{service="api"}'] >= 2
        storage = 'video_service_checks_total{result="failed",service="storage",source="probe"}'
        found = await scraped_until(app, storage)
        assert 'video_service_up{service="storage"}' not in found, "0 is not among what is not 0"
    found = await scraped_until(app, FAILED)

    assert UP not in found
    assert found['exporter_events_accepted_total{type="service.checked"}'] >= 4
    assert found['exporter_job_last_success_timestamp_seconds{timer="probe"}'] > 0
    assert not [name for name in found if name.startswith("exporter_job_errors_total")]
    points = [point.measurement for point, _ in app.engine.pipeline.points]
    assert points in ([], ["service_state"])


async def test_without_targets_there_is_no_timer(app: Running) -> None:
    text = (await app.ask("GET", f"{app.operations}/metrics")).body.decode()

    assert 'exporter_job_last_success_timestamp_seconds{timer="tick"}' in text
    assert 'exporter_job_last_success_timestamp_seconds{timer="probe"}' not in text


async def test_a_service_that_hangs_holds_up_neither_beacons_nor_the_stop(start: Start) -> None:
    async with listening(hangs) as port:
        settings = Probes(
            targets=(f"api=http://127.0.0.1:{port}/",), every_seconds=0.05, timeout_seconds=SECONDS
        )
        app = await start(probes=settings)
        answer = await app.events({"type": "auth.login_tried", "ok": True})

        assert answer.status == 202
        await scraped_until(app, FAILED)


async def test_what_was_probed_outlasts_a_restart(tmp_path: Path) -> None:
    """It goes the way of every event: through the journal."""
    async with listening(answers(200)) as port:
        settings = Probes(targets=(f"api=http://127.0.0.1:{port}/",), every_seconds=EVERY)
        async with running(tmp_path, probes=settings) as app:
            await scraped_until(app, OK)
    async with running(tmp_path) as again:
        found = await again.scrape()

    assert found[OK] >= 1
    assert found[UP] == 1
