"""How long it takes from a condition to the webhook, with everything as it is shipped.

    python -m tests.alertmanager.timing --tries 30

A try is a world of its own: a real exporter, Prometheus on prometheus/prometheus.yml with all
rules, Alertmanager on alertmanager/local.yml; only addresses are others. In each world

service     a service that the exporter probes does not take connections any more,
exporter    the exporter is killed, or in every other world stops answering,
storage     the 5 minutes after the last success of storage are over (short tries leave this out),
watchdog    Prometheus is killed, or in every other world Alertmanager; the receiver of the
            heartbeat notices when the agreed time has passed without one.

Each happens at a random moment, so that all phases between the intervals are met.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from stack.layout import RETENTION
from tests.alertmanager.engine import LOCAL, ROOT
from tests.alertmanager.sinks import Sinks, sinks
from tests.durability.processes import Exporter, Server, until
from tests.programs import binary, free_port

LIMIT = 20.0
"""Seconds from a condition to the webhook, at most."""

AGREED = 15.0
"""Seconds without a heartbeat after which its receiver calls somebody; docs/alerting.md says so."""

WINDOW = 300.0
OPERATIONS_EVERY = 2.0
SERVICE = "database"
PATIENCE = 60.0
DICE = random.SystemRandom()


class Try(NamedTuple):
    """What happened, how, and how long it took to be told."""

    condition: str
    how: str
    seconds: float


class World:
    """Everything that runs, and what arrived at the webhook."""

    def __init__(self, folder: Path, heard: Sinks, service: "Service") -> None:
        self.heard = heard
        self.service = service
        self.exporter = Exporter(
            folder / "exporter",
            {"PROBES__TARGETS": f"{SERVICE}=tcp://127.0.0.1:{service.port}"},
        )
        self.alertmanager = _alertmanager(folder / "alertmanager", heard)
        self.prometheus = _prometheus(
            folder / "prometheus", self.exporter.target, self.alertmanager[1]
        )

    def told(self, alert: str, since: float) -> float | None:
        """When the webhook first heard that ``alert`` fires, after ``since``."""
        for delivery in self.heard.deliveries:
            if delivery.at >= since and any(
                each["labels"]["alertname"] == alert and each["status"] == "firing"
                for each in delivery.body["alerts"]
            ):
                return delivery.at
        return None

    @property
    def beats(self) -> list[float]:
        """When heartbeats came."""
        return [each.at for each in self.heard.deliveries if each.channel == "heartbeat"]

    async def wait(self, alert: str, since: float, seconds: float = PATIENCE) -> float:
        """Wait until the webhook hears of ``alert``; return when it did."""
        await until(lambda: self.told(alert, since) is not None, seconds)
        moment = self.told(alert, since)
        assert moment is not None
        return moment


class Service:
    """Something that takes connections, for as long as it is up."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: asyncio.Server | None = None

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", self.port)

    def down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    @staticmethod
    async def _taken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()


def _alertmanager(folder: Path, heard: Sinks) -> tuple[Server, str]:
    folder.mkdir(parents=True)
    port = free_port()
    config = LOCAL.read_text().replace("templates/", f"{LOCAL.parent}/templates/")
    for shipped, here in (("9096/heartbeat", "/heartbeat"), ("9096/", "/webhook")):
        config = config.replace(f"http://127.0.0.1:{shipped}\n", f"{heard.http}{here}\n")
    (folder / "local.yml").write_text(config)
    command = (
        binary("prometheus-alertmanager", "prometheus-alertmanager"),
        f"--config.file={folder / 'local.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )
    address = f"127.0.0.1:{port}"
    return Server(command, folder / "log", f"http://{address}/-/ready"), address


def _prometheus(folder: Path, exporter: str, alertmanager: str) -> Server:
    targets = folder / "prometheus" / "targets"
    targets.mkdir(parents=True)
    (folder / "rules").symlink_to(ROOT / "rules")
    config = folder / "prometheus" / "prometheus.yml"
    for name in ("prometheus.yml", "operations_token"):
        (folder / "prometheus" / name).symlink_to(ROOT / "prometheus" / name)
    for name, address in (("exporter", exporter), ("alertmanager", alertmanager)):
        (targets / f"{name}.json").write_text(f'[{{"targets": ["{address}"]}}]')
    port = free_port()
    command = (
        binary("prometheus", "prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    return Server(command, folder / "log", f"http://127.0.0.1:{port}/-/ready")


@asynccontextmanager
async def world(folder: Path, starting: asyncio.Lock) -> AsyncIterator[World]:
    """Start everything, one world at a time, and wait until heartbeats come."""
    async with AsyncExitStack() as stack:
        heard = await stack.enter_async_context(sinks())
        service = Service()
        await service.up()
        stack.callback(service.down)
        made = World(folder, heard, service)
        async with starting:
            for server in (made.exporter, made.alertmanager[0], made.prometheus):
                await stack.enter_async_context(server)
        began = time.time()
        await until(lambda: len(made.beats) > 1, PATIENCE)
        # A critical alert of the first seconds, in which nothing is scraped yet, is over by then.
        await asyncio.sleep(max(0.0, began + DICE.uniform(20, 25) - time.time()))
        yield made


# -- conditions ---------------------------------------------------------------------------------


async def _service(here: World) -> Try:
    began = time.time()
    here.service.down()
    took = await here.wait("ServiceDown", began) - began
    await here.service.up()
    return Try("service", "refuses connections", took)


async def _exporter(here: World, *, hangs: bool) -> Try:
    began = time.time()
    if hangs:
        here.exporter.process.send_signal(signal.SIGSTOP)
    else:
        await here.exporter.kill()
    took = await here.wait("ExporterDown", began) - began
    if hangs:
        # It is asked for its numbers before it ends.
        here.exporter.process.send_signal(signal.SIGCONT)
    return Try("exporter", "does not answer" if hangs else "is killed", took)


async def _storage(here: World) -> Try:
    """Tell of operations that succeed, and then of ones that do not."""
    last = 0.0
    async with aiohttp.ClientSession() as http:

        async def operated(*, ok: bool) -> None:
            event = {"type": "storage.operated", "operation": "check", "ok": ok}
            async with http.post(
                f"{here.exporter.url}/v1/events", json={"events": [event]}
            ) as answer:
                assert answer.status == 202, await answer.text()

        for _ in range(8):
            await operated(ok=True)
            last = time.time()
            await asyncio.sleep(OPERATIONS_EVERY)
        holds = last + WINDOW
        while here.told("StorageUnavailable", last) is None:
            assert time.time() < holds + PATIENCE, "StorageUnavailable is not told"
            await operated(ok=False)
            await asyncio.sleep(OPERATIONS_EVERY)
    return Try("storage", "its window is over", await here.wait("StorageUnavailable", last) - holds)


async def _watchdog(here: World, *, of_prometheus: bool) -> Try:
    """End one of the two; the receiver hears nothing for the agreed time."""
    killed = here.prometheus if of_prometheus else here.alertmanager[0]
    longest = max(after - before for before, after in pairwise(here.beats))
    assert longest < AGREED, f"{longest:.1f} s without a heartbeat, and nothing was amiss"
    began = time.time()
    await killed.kill()
    await until(lambda: time.time() > max(here.beats) + AGREED, PATIENCE * 10)
    who = "Prometheus" if of_prometheus else "Alertmanager"
    return Try("watchdog", f"{who} is killed", time.time() - began)


async def live(number: int, starting: asyncio.Lock, *, with_storage: bool) -> list[Try]:
    """Live through one world."""
    odd = bool(number % 2)
    with tempfile.TemporaryDirectory(prefix="timing-", ignore_cleanup_errors=True) as folder:
        async with world(Path(folder), starting) as here:
            await asyncio.sleep(DICE.uniform(0, 5))
            first = [_service(here), *([_storage(here)] if with_storage else [])]
            tries = list(await asyncio.gather(*first))
            await asyncio.sleep(DICE.uniform(0, 5))
            tries.append(await _exporter(here, hangs=odd))
            await asyncio.sleep(DICE.uniform(0, 5))
            tries.append(await _watchdog(here, of_prometheus=odd))
    return tries


async def measure(
    tries: int, at_once: int, *, with_storage: bool, say: Callable[[str], object] = lambda _: None
) -> list[Try]:
    """Live through ``tries`` worlds, some of them side by side."""
    room, starting = asyncio.Semaphore(at_once), asyncio.Lock()

    async def one(number: int) -> list[Try]:
        async with room:
            found = await live(number, starting, with_storage=with_storage)
        for each in found:
            say(f"{number + 1:3} {each.condition:9} {each.seconds:6.1f} s  {each.how}")
        return found

    every = await asyncio.gather(*(one(number) for number in range(tries)))
    return [each for found in every for each in found]


def summary(found: Sequence[Try]) -> list[str]:
    """A line for each condition: how many tries, the median and the worst."""
    lines = []
    for condition in dict.fromkeys(each.condition for each in found):
        took = sorted(each.seconds for each in found if each.condition == condition)
        within = sum(seconds <= LIMIT for seconds in took)
        lines.append(
            f"{condition:9} {within} of {len(took)} within {LIMIT:g} s; "
            f"median {took[len(took) // 2]:.1f} s, worst {took[-1]:.1f} s"
        )
    return lines


def main() -> int:
    """Print each time and the worst; the exit code says whether all were in time."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.alertmanager.timing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tries", type=int, default=30)
    parser.add_argument("--at-once", type=int, default=6, help="worlds side by side")
    parser.add_argument("--short", action="store_true", help="without storage, which takes 5 min")
    chosen: Any = parser.parse_args()

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    found = asyncio.run(
        measure(chosen.tries, chosen.at_once, with_storage=not chosen.short, say=say)
    )
    for line in summary(found):
        say(line)
    return 0 if all(each.seconds <= LIMIT for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
