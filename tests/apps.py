"""A real exporter on free ports of the loopback, with its files in a folder of the test."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from exporter import telemetry
from exporter.app import Application
from exporter.engine import Engine
from exporter.settings import Journal, Operations, Receiver, Settings
from exporter.telemetry import Code
from tests.pipelines import Series, conserved, nonzero

TURNED_AWAY = {
    telemetry.REJECTED: (
        Code.BAD_REQUEST,
        Code.UNAUTHORISED,
        Code.GONE,
        Code.TOO_LARGE,
        Code.UNSUPPORTED,
    ),
    telemetry.LIMITED: (Code.TOO_MANY,),
    telemetry.REFUSED: (Code.UNAVAILABLE,),
}
"""What counts those to whom beacons were given back, with the answers that say so."""

SECONDS = 10.0  # until something that should happen must have happened


class Answer(NamedTuple):
    """What came back, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Running:
    """An exporter that takes beacons, and a client that sends them."""

    def __init__(self, application: Application, client: aiohttp.ClientSession) -> None:
        self.application = application
        self.engine = application.engine
        self.port = application.public_port
        self.public = f"http://127.0.0.1:{application.public_port}"
        self.operations = f"http://127.0.0.1:{application.operations_port}"
        self._client = client

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request to the public port; a path may be a whole address."""
        address = path if path.startswith("http") else self.public + path
        async with self._client.request(method, address, **options) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def post(self, path: str, body: Any, **options: Any) -> Answer:
        """Send a beacon: bytes as they are, everything else as JSON, without a content type."""
        raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        skip = {"skip_auto_headers": ("Content-Type",)}
        return await self.ask("POST", path, data=raw, **skip, **options)

    async def events(self, *events: Mapping[str, Any], **options: Any) -> Answer:
        """Tell events as a server does."""
        return await self.post("/v1/events", {"events": events}, **options)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection to the public port, to say odd things through."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def raw(self, request: bytes, until: bytes = b"") -> bytes:
        """Write bytes to the public port; read what comes, to the end or up to some bytes."""
        async with self.connected() as (reader, writer), asyncio.timeout(SECONDS):
            writer.write(request)
            await writer.drain()
            return await (reader.readuntil(until) if until else reader.read())

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when something holds, which it must soon."""
        async with asyncio.timeout(SECONDS):
            while not holds():  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.02)

    async def counted(self) -> None:
        """Return when everything that was turned away so far is counted as well."""
        await self.engine.write(())

    async def scrape(self) -> Series:
        """What `/metrics` says, except for zeros; parsed as strictly as a client can."""
        await self.counted()
        text = (await self.ask("GET", f"{self.operations}/metrics")).body.decode()
        return nonzero(s for each in text_string_to_metric_families(text) for s in each.samples)


class Start(Protocol):
    """Starts an exporter that runs until the test ends; parts are those of the settings."""

    async def __call__(self, **parts: Any) -> Running: ...


def settings(folder: Path, **parts: Any) -> Settings:
    """Settings for a test: free ports, files in `folder`, no floor under the disk."""
    return Settings(
        receiver=Receiver(**{"port": 0, **parts.pop("receiver", {})}),
        operations=parts.pop("operations", Operations(port=0)),
        journal=Journal(**{"directory": folder, "floor_bytes": 0, **parts.pop("journal", {})}),
        **parts,
    )


@asynccontextmanager
async def running(folder: Path, **parts: Any) -> AsyncIterator[Running]:
    """Run an exporter with these settings until the block ends."""
    application = Application(settings(folder, **parts))
    await application.start()
    # Every request has a connection of its own, so that one test cannot disturb another.
    connector = aiohttp.TCPConnector(force_close=True)
    try:
        async with aiohttp.ClientSession(connector=connector) as client:
            yield Running(application, client)
    except BaseException:
        await application.stop()
        raise
    await application.stop()
    conserved(application.engine.pipeline.store)
    if not application.engine.failing:
        _counted_as_answered(application.engine)


def _counted_as_answered(engine: Engine) -> None:
    """Assert that whoever was turned away by an answer is counted as turned away."""
    for metric, codes in TURNED_AWAY.items():
        answers = [engine.process.value(telemetry.RESPONSES, (code,)) for code in codes]
        counted = sum(cell[0] for cell in engine.pipeline.store.cells(metric).values())
        assert counted >= sum(answers), f"{metric.name} is {counted}; answers {codes}: {answers}"
