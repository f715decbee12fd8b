"""Real processes on free ports and in folders of their own: the exporter and the engines it meets.

Every process is killed or stopped by whoever started it, by its id, at the end of the block.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.programs import binary, free_port

ROOT = Path(__file__).parents[2]
SERVE = (sys.executable, "-m", "exporter", "serve")
PATIENCE = 30.0  # seconds that a server has to come up, on a busy machine

BECAME = ("accepted", "duplicate", "rejected", "limited", "refused")
"""What becomes of an event, or of a beacon whose events were not looked at."""

Labels = frozenset[tuple[str, str]]
Samples = dict[tuple[str, Labels], float]
"""What a page of /metrics says: name and labels to value."""


class Server:
    """A program that is started, killed and started again; what it says goes into ``log``."""

    def __init__(self, command: Sequence[str], log: Path, ready: str) -> None:
        self._command = command
        self._ready = ready
        self._process: asyncio.subprocess.Process | None = None
        self.log = log
        self.environment: dict[str, str] = dict(os.environ)

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process that was started last."""
        assert self._process is not None, "start() comes first"
        return self._process

    async def begin(self) -> None:
        """Start the program; it may not be ready yet."""
        with self.log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    async def start(self) -> None:
        """Start the program and wait until it is ready."""
        await self.begin()
        await self.ready()

    async def ready(self) -> None:
        """Wait until the program answers."""
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
            while True:
                assert self.process.returncode is None, self.log.read_text()[-4000:]
                try:
                    async with http.get(self._ready) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it as a crash does; nothing of the program runs any more."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        self.process.terminate()
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.kill()


class Exporter(Server):
    """``python -m exporter serve`` on one directory, killed and started on the same ports."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, object] = {},
        wrapper: Sequence[str] = (),
        program: Sequence[str] = SERVE,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        public, operations = free_port(), free_port()
        super().__init__(
            (*wrapper, *program),
            folder / "log",
            f"http://127.0.0.1:{operations}/health/live",
        )
        self.directory = folder / "state"
        self.url = f"http://127.0.0.1:{public}"
        self.operations = f"http://127.0.0.1:{operations}"
        self.target = f"127.0.0.1:{operations}"
        self.configure(
            {
                "RECEIVER__PORT": public,
                "OPERATIONS__PORT": operations,
                "JOURNAL__DIRECTORY": self.directory,
                **settings,
            }
        )

    def configure(self, settings: Mapping[str, object]) -> None:
        """Change settings, by their names without ``EXPORTER_``; the next start reads them."""
        self.environment |= {f"EXPORTER_{name}": str(value) for name, value in settings.items()}

    def hash_with(self, key: bytes) -> None:
        """Let it have this key, before it makes one."""
        self.directory.mkdir()
        (self.directory / "key").write_bytes(key)

    def unwrap(self) -> None:
        """From the next start on, run it as it is."""
        self._command = SERVE

    def said(self) -> list[dict[str, Any]]:
        """The lines of its log, over all its starts."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line[:1] == "{"]

    def replayed(self) -> list[int]:
        """How many records each start counted from the journal."""
        return [line["replayed"] for line in self.said() if line["message"] == "taking beacons"]

    async def wait(self) -> tuple[int, str]:
        """Let it end by itself; returns its exit code and what it said since the beginning."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait(), self.log.read_text()

    async def ready(self) -> None:
        """Wait until both ports answer: /health/live does before beacons are taken."""
        await super().ready()
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
            while True:
                assert self.process.returncode is None, self.log.read_text()[-4000:]
                try:
                    async with http.get(f"{self.url}/v1/schema"):
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.02)
        conserved(await self.samples())

    async def stop(self) -> int:
        """Ask it to end; what it says last must obey the law. Returns its exit code."""
        conserved(await self.samples())
        return await super().stop()

    async def __aexit__(self, *failure: object) -> None:
        running = self._process is not None and self._process.returncode is None
        if running and not any(failure):
            conserved(await self.samples())
        await super().__aexit__(*failure)

    async def samples(self) -> Samples:
        """What ``/metrics`` says now."""
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.operations}/metrics") as answer,
        ):
            assert answer.status == 200
            return parse(await answer.text())

    async def value(self, name: str, **labels: str) -> float:
        """One sample of ``/metrics``."""
        return (await self.samples())[name, frozenset(labels.items())]

    async def saved(self) -> None:
        """Wait until all that is counted by now was saved by a checkpoint."""
        seen = set[float]()

        async def again() -> bool:
            name = "exporter_job_last_success_timestamp_seconds"
            seen.add(await self.value(name, timer="checkpoint"))
            # What ended second may have begun before this was called; what ended third has not.
            return len(seen) > 2

        await until(again)

    async def delivered(self) -> None:
        """Wait until all that is counted by now was saved by a checkpoint and taken by the sink."""
        await self.saved()

        async def nothing_waits() -> bool:
            return await self.value("exporter_outbox_points", sink="influx") == 0

        await until(nothing_waits)

    async def health(self, which: str) -> tuple[int, dict[str, Any]]:
        """Status and body of ``/health/live`` or ``/health/ready``."""
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.operations}/health/{which}") as answer,
        ):
            return answer.status, await answer.json()


def parse(text: str) -> Samples:
    """The samples of a page in the text format."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def conserved(page: Samples) -> None:
    """Assert the law: received = accepted + duplicate + rejected + limited + refused."""
    became = dict.fromkeys((f"exporter_events_{each}_total" for each in BECAME), 0.0)
    for (name, _), value in page.items():
        if name in became:
            became[name] += value
    received = page["exporter_events_received_total", frozenset()]
    assert received == sum(became.values()), f"{received} events came, and became {became}"


def accepted(page: Samples) -> float:
    """How many events were counted, of all types."""
    return sum(v for (name, _), v in page.items() if name == "exporter_events_accepted_total")


async def until(
    condition: Callable[[], Awaitable[bool] | bool], seconds: float = PATIENCE
) -> float:
    """Wait until a condition holds; returns how long that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            break
        assert loop.time() - began < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.05)
    return loop.time() - began


class Prometheus(Server):
    """The real Prometheus, scraping one target each second."""

    def __init__(self, folder: Path, target: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "exporter", "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(
            (
                binary("prometheus", "prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ),
            folder / "log",
            f"{self.url}/-/ready",
        )

    async def ask(self, query: str, at: float | None = None) -> list[dict[str, Any]]:
        """The result of a PromQL query."""
        parameters = {"query": query} | ({} if at is None else {"time": f"{at:.3f}"})
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.url}/api/v1/query", params=parameters) as answer,
        ):
            body = await answer.json()
            assert body["status"] == "success", body
            found: list[dict[str, Any]] = body["data"]["result"]
            return found


class VictoriaMetrics(Server):
    """The real VictoriaMetrics; one sample for each series and millisecond is kept."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(
            (
                binary("victoria-metrics", "victoria-metrics"),
                f"-storageDataPath={folder / 'data'}",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-dedup.minScrapeInterval=1ms",
                "-memory.allowedPercent=5",
            ),
            folder / "log",
            f"{self.url}/health",
        )

    async def export(self, match: str = '{__name__!=""}') -> list[dict[str, Any]]:
        """Every stored sample: ``metric``, ``values`` and ``timestamps`` of each series."""
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{self.url}/internal/force_flush") as answer:
                assert answer.status == 200
            # Without an end it is now, and what a stepped clock wrote lies behind it.
            parameters = {"match[]": match, "end": str(int(time.time()) + 86_400)}
            async with http.get(f"{self.url}/api/v1/export", params=parameters) as answer:
                assert answer.status == 200
                # A text that looks like a number is one to it, and 1e999 is no JSON any more.
                return [
                    json.loads(line.replace(b"+Inf", b"Infinity")) async for line in answer.content
                ]


class InfluxDb(Server):
    """The real InfluxDB 1.6 of Debian, with the database ``video``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.database = "video"
        config = folder / "influxdb.conf"
        config.write_text(
            f"""
            reporting-disabled = true
            bind-address = "127.0.0.1:{free_port()}"
            [meta]
              dir = "{folder}/meta"
            [data]
              dir = "{folder}/data"
              wal-dir = "{folder}/wal"
            [http]
              bind-address = "127.0.0.1:{port}"
              log-enabled = false
            """
        )
        super().__init__(
            (binary("influxd", "influxdb"), "-config", str(config)),
            folder / "log",
            f"{self.url}/query?q=SHOW+DATABASES",
        )

    async def start(self) -> None:
        """Start it and make the database."""
        await super().start()
        await self.create("video")

    async def create(self, database: str) -> None:
        """Make a database, which is the one that is written to and queried from now on."""
        self.database = database
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.url}/query", data={"q": f"CREATE DATABASE {database}"}) as answer,
        ):
            assert answer.status == 200
        await until(self._exists)

    async def _exists(self) -> bool:
        """Whether it takes points: on a busy machine, a while after it was made."""
        return (await self.write())[0] != HTTPStatus.NOT_FOUND

    async def write(self, *lines: str) -> tuple[int, str]:
        """Write line protocol; returns status and body."""
        body = "\n".join(lines).encode()
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.url}/write?db={self.database}", data=body) as answer,
        ):
            return answer.status, await answer.text()

    async def query(self, statement: str) -> list[dict[str, Any]]:
        """The rows that InfluxQL selects, each as a mapping; ``time`` in nanoseconds."""
        parameters = {"db": self.database, "q": statement, "epoch": "ns"}
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.url}/query", params=parameters) as answer,
        ):
            (result,) = (await answer.json())["results"]
            assert "error" not in result, f"{statement}: {result['error']}"
            return [
                dict(zip(series["columns"], values, strict=True)) | series.get("tags", {})
                for series in result.get("series", [])
                for values in series["values"]
            ]


@asynccontextmanager
async def deadline(process: asyncio.subprocess.Process, seconds: float) -> AsyncIterator[None]:
    """Kill a process that does not end in time, so that a test fails instead of hanging."""
    try:
        async with asyncio.timeout(seconds):
            yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
