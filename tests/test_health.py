"""The operations port: alive, ready, degraded, and the numbers."""

import asyncio
import gzip
import socket
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme
import uvloop
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from exporter import telemetry
from exporter.metric import AnyMetric, Counter, Gauge, Histogram, Level
from exporter.settings import Influx, Operations
from tests.apps import SECONDS, Running, Start, running
from tests.beacons import UPLOAD_PERFORMANCE
from tests.pipelines import CATALOGUE


async def test_it_is_alive(app: Running) -> None:
    answer = await app.ask("GET", f"{app.operations}/health/live")

    assert (answer.status, answer.json) == (200, {"status": "alive"})


async def test_it_is_ready_where_beacons_can_be_written_down(app: Running) -> None:
    answer = await app.ask("GET", f"{app.operations}/health/ready")

    assert answer.status == 200
    assert answer.json == {
        "status": "ready",
        "checks": {"journal": "ok", "influx": "not configured"},
    }


@pytest.mark.parametrize("how", ["room", "failing"])
async def test_it_is_not_ready_while_they_cannot_but_alive_all_the_same(
    app: Running, how: str
) -> None:
    setattr(app.engine, how, how == "failing")
    ready = await app.ask("GET", f"{app.operations}/health/ready")
    live = await app.ask("GET", f"{app.operations}/health/live")

    assert ready.status == 503
    assert ready.json["status"] == "not ready"
    assert ready.json["checks"]["journal"] == "not writable"
    assert live.status == 200


async def test_it_is_not_ready_while_it_stops(app: Running) -> None:
    app.application._health.stopping = True
    answer = await app.ask("GET", f"{app.operations}/health/ready")

    assert (answer.status, answer.json["status"]) == (503, "stopping")


async def test_a_sink_that_is_away_degrades_it_and_no_more(start: Start) -> None:
    app = await start(influx=Influx(url="http://127.0.0.1:1", every_seconds=0.05))
    await app.post(UPLOAD_PERFORMANCE, {"ttfb": 1})
    await app.until(lambda: app.application._delivery.status == "unreachable")
    ready = await app.ask("GET", f"{app.operations}/health/ready")
    taken = await app.post(UPLOAD_PERFORMANCE, {"ttfb": 2})

    assert (ready.status, taken.status) == (200, 202)
    assert ready.json == {
        "status": "degraded",
        "checks": {"journal": "ok", "influx": "unreachable"},
    }


async def test_no_traffic_is_no_ill_health(app: Running) -> None:
    for _ in range(3):
        await app.counted()
        assert (await app.ask("GET", f"{app.operations}/health/ready")).status == 200


async def test_the_numbers_may_come_packed(app: Running) -> None:
    plain = await app.ask("GET", f"{app.operations}/metrics", headers={"Accept-Encoding": ""})
    packed = await app.ask(
        "GET",
        f"{app.operations}/metrics",
        headers={"Accept-Encoding": "gzip"},
        auto_decompress=False,
    )

    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert b"exporter_build_info" in gzip.decompress(packed.body)
    assert len(packed.body) < len(plain.body) / 4


async def test_every_metric_of_the_catalogue_is_there_and_none_that_is_not(app: Running) -> None:
    text = (await app.ask("GET", f"{app.operations}/metrics")).body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    kinds = {Counter: "counter", Gauge: "gauge", Histogram: "histogram", Level: "gauge"}
    # Nobody has reported a level, and of the timers those that are switched off say nothing.
    fewer: dict[AnyMetric, int] = {
        metric: 0 for metric in CATALOGUE.metrics if isinstance(metric, Level)
    }
    fewer[telemetry.JOB_SUCCESS] = 5

    for metric in CATALOGUE.metrics:
        family = families.pop(metric.name.removesuffix("_total"))
        assert family.type == kinds[type(metric)]
        assert family.documentation == metric.help
        series = fewer.get(metric, metric.most_series(CATALOGUE.members))
        assert len(family.samples) == series, metric.name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.label_names)
    assert [name for name in families if not name.startswith("process_")] == []


async def test_every_label_set_is_there_before_anything_happens(app: Running) -> None:
    text = (await app.ask("GET", f"{app.operations}/metrics")).body.decode()
    samples = [s for each in text_string_to_metric_families(text) for s in each.samples]
    wanted = {"outcome": "abandoned", "device": "tv", "size_class": "100MB+"}

    assert [s.value for s in samples if s.labels == wanted] == [0.0]
    assert {s.value for s in samples if s.name.startswith("video_")} == {0.0}
    assert "_created" not in text


@pytest.mark.parametrize("path", ["/", "/v1/events", "/health", "/metrics/x"])
async def test_there_is_nothing_else_on_the_operations_port(app: Running, path: str) -> None:
    assert (await app.ask("GET", app.operations + path)).status == 404


# -- who may read ----------------------------------------------------------------------------------
TOKEN = "a token of this test"  # noqa: S105 - of nobody else


@pytest.fixture
async def guarded(start: Start) -> Running:
    return await start(operations=Operations(port=0, token=SecretStr(TOKEN)))


async def read(app: Running, authorisation: str | None) -> int:
    headers = {} if authorisation is None else {"Authorization": authorisation}
    return (await app.ask("GET", f"{app.operations}/metrics", headers=headers)).status


async def test_whoever_has_the_token_may_read_the_numbers(guarded: Running) -> None:
    assert await read(guarded, f"Bearer {TOKEN}") == 200


@pytest.mark.parametrize(
    "authorisation", [None, "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \u00e4"]
)
async def test_nobody_else_may(guarded: Running, authorisation: str | None) -> None:
    assert await read(guarded, authorisation) == 401


async def test_health_is_nobodys_secret(guarded: Running) -> None:
    for path in ("/health/live", "/health/ready"):
        assert (await guarded.ask("GET", guarded.operations + path)).status == 200


async def test_without_a_token_any_is_fine(app: Running) -> None:
    assert await read(app, "Bearer whatever") == 200


# -- who may keep it waiting -----------------------------------------------------------------------
PATIENCE = 0.5  # seconds instead of ten
MOST = 20  # connections instead of a hundred
SLACK = 3.0  # seconds by which a busy machine may be late


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.app.OPERATOR_SECONDS", PATIENCE)
    monkeypatch.setattr("exporter.app.MOST_OPERATORS", MOST)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("first", ["POST /forget", "POST /metrics", "GET /metrics"])
async def test_a_body_is_not_waited_for_whatever_it_belongs_to(start: Start, first: str) -> None:
    app = await start()
    kind = "Content-Type: application/json\r\nContent-Length: 99"
    reader, writer = await asyncio.open_connection("127.0.0.1", app.application.operations_port)
    began = time.monotonic()
    writer.write(f"{first} HTTP/1.1\r\nHost: here\r\n{kind}\r\n\r\n[".encode())
    with suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), SECONDS)
    writer.close()

    assert PATIENCE * 0.5 <= time.monotonic() - began < PATIENCE + SLACK


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def over_tls(authority: trustme.CA, tmp_path: Path) -> Operations:
    own = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    own.cert_chain_pems[0].write_to_path(certificate)
    own.private_key_pem.write_to_path(key)
    return Operations(port=0, certificate=certificate, private_key=key)


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
Run = Callable[[Coroutine[Any, Any, None]], None]
REQUEST = b"GET /health/live HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


async def read_securely(app: Running, trusting: ssl.SSLContext) -> str:
    address = app.operations.replace("http:", "https:")
    async with (
        ClientSession() as session,
        session.get(f"{address}/metrics", ssl=trusting) as answer,
    ):
        return await answer.text()


@LOOPS
def test_the_numbers_may_come_over_tls(
    run: Run, over_tls: Operations, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async def scraped() -> None:
        async with running(tmp_path / "state", operations=over_tls) as app:
            texts = await asyncio.gather(*(read_securely(app, trusting) for _ in range(10)))
            assert all("exporter_build_info" in text for text in texts)
            assert "exporter_build_info" in await read_securely(app, trusting)

    run(scraped())


def is_open(client: socket.socket) -> bool:
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


@LOOPS
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"], ids=["silent", "stops in its hello"])
def test_who_does_not_speak_tls_keeps_nobody_out_and_is_not_waited_for(
    run: Run, over_tls: Operations, trusting: ssl.SSLContext, tmp_path: Path, said: bytes
) -> None:
    async def flooded() -> None:
        async with (
            running(tmp_path / "state", operations=over_tls) as app,
            AsyncExitStack() as all_,
        ):
            where = ("127.0.0.1", app.application.operations_port)
            before = psutil.Process().num_fds()
            clients = [all_.enter_context(socket.create_connection(where)) for _ in range(3 * MOST)]
            came = time.monotonic()
            for client in clients:
                client.setblocking(False)
                client.send(said)
            await app.until(lambda: sum(map(is_open, clients)) <= MOST)
            assert "exporter_build_info" in await read_securely(app, trusting)
            await app.until(lambda: not any(map(is_open, clients)))
            assert time.monotonic() - came < PATIENCE + SLACK
            assert psutil.Process().num_fds() < before + len(clients) + MOST, "none is left behind"
            cut = 'exporter_connections_cut_total{reason="slow"} '
            assert f"{cut}0.0" not in await read_securely(app, trusting)

    run(flooded())


@LOOPS
@pytest.mark.usefixtures("impatient")
def test_the_handshake_is_part_of_the_time_for_a_request(
    run: Run, over_tls: Operations, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    async def slow() -> None:
        async with running(tmp_path / "state", operations=over_tls) as app:
            began = time.monotonic()
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", app.application.operations_port
            )
            await asyncio.sleep(PATIENCE * 0.7)
            with suppress(ConnectionError):
                await writer.start_tls(trusting, server_hostname="127.0.0.1")
                writer.write(b"GET /metrics")
                await asyncio.wait_for(reader.read(), SECONDS)
            assert time.monotonic() - began < PATIENCE * 1.5
            writer.close()

    run(slow())


@LOOPS
def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(
    run: Run, over_tls: Operations, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(coming, going, server_hostname="127.0.0.1")

    async def hasty() -> None:
        async with running(tmp_path / "state", operations=over_tls) as app:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", app.application.operations_port
            )
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(going.read())
                    coming.write(await reader.read(65_536))
            client.write(REQUEST)
            writer.write(going.read())
            answer = b""
            while not answer:
                coming.write(await asyncio.wait_for(reader.read(65_536), SECONDS))
                with suppress(ssl.SSLWantReadError):
                    answer = client.read(65_536)
            assert b" 200 " in answer
            writer.close()

    run(hasty())


@LOOPS
def test_it_stops_though_somebody_is_within_a_handshake(
    run: Run, over_tls: Operations, tmp_path: Path
) -> None:
    async def stopped() -> None:
        async with running(tmp_path / "state", operations=over_tls) as app:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", app.application.operations_port
            )
            await asyncio.sleep(0.05)
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        writer.close()

    run(stopped())
