"""How long an answer takes at a given rate while Prometheus scrapes; and when it can be seen."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import uvloop

from bench import load, replay, servers

SCRAPE_EVERY = 5.0
HEADINGS: Final = (
    "round  sent/s  p50 ms  p99 ms  max ms  CPU us  generator late ms  slowest scrape ms"
    "  | bare: p50 ms  p99 ms  CPU us"
)


def metrics(port: int) -> str:
    """What a scrape gets."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def value(text: str, series: str) -> float:
    """The value of one series, or 0 where it is not there."""
    for row in text.splitlines():
        if row.startswith(series + " "):
            return float(row.rpartition(" ")[2])
    return 0.0


async def _scrape(port: int, took: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.to_thread(metrics, port)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(SCRAPE_EVERY)


async def scraped_load(
    replicas: Sequence[servers.Server],
    rate: float,
    seconds: float,
    beacon: Callable[[], bytes] = load.performance,
) -> tuple[load.Outcome, list[float]]:
    """Load replicas that are scraped meanwhile: what became of it, and how long scrapes took."""
    took: list[float] = []
    loop = asyncio.get_running_loop()
    scrapers = [loop.create_task(_scrape(each.operations, took)) for each in replicas]
    ports = [each.port for each in replicas]
    outcome = await replay.drive(ports, rate=rate, seconds=seconds, connections=256, beacon=beacon)
    for scraper in scrapers:
        scraper.cancel()
    return outcome, took


def family(text: str, name: str) -> float:
    """The series of a family, added up."""
    rows = (row for row in text.splitlines() if row.startswith((name + "{", name + " ")))
    return sum(float(row.rpartition(" ")[2]) for row in rows)


def total(replicas: Sequence[servers.Server], name: str) -> float:
    """A family of all replicas, added up."""
    return sum(family(metrics(each.operations), name) for each in replicas)


def _counted(replicas: Sequence[servers.Server]) -> int:
    series = 'exporter_events_accepted_total{type="upload.performance_reported"}'
    return int(sum(value(metrics(each.operations), series) for each in replicas))


class Sides(NamedTuple):
    """Two exporters, one for each core, and two handlers that do nothing."""

    ours: Sequence[servers.Server]
    bare: Sequence[servers.Server]

    def measured(
        self,
        number: int,
        rate: float,
        seconds: float,
        beacon: Callable[[], bytes] = load.performance,
    ) -> tuple[load.Outcome, load.Outcome]:
        """Load ours and then the others, and print it as a row below :data:`HEADINGS`."""
        busy = _cpu_seconds(self.ours)
        ours, took = uvloop.run(scraped_load(self.ours, rate, seconds, beacon))
        busy = _cpu_seconds(self.ours) - busy
        idle = _cpu_seconds(self.bare)
        bare = uvloop.run(_alone(self.bare, rate, seconds, beacon))
        idle = _cpu_seconds(self.bare) - idle
        print(
            f"{number:5}  {ours.sent / seconds:6.0f}  {ours.at(0.5) * 1e3:6.2f}"
            f"  {ours.at(0.99) * 1e3:6.2f}  {ours.latencies[-1] * 1e3:6.1f}"
            f"  {busy / ours.sent * 1e6:6.0f}"
            f"  {ours.late_seconds * 1e3:17.1f}  {max(took) * 1e3:17.1f}"
            f"  |       {bare.at(0.5) * 1e3:6.2f}  {bare.at(0.99) * 1e3:6.2f}"
            f"  {idle / bare.sent * 1e6:6.0f}",
            flush=True,
        )
        return ours, bare


@contextmanager
def sides() -> Iterator[Sides]:
    """Both, until they are no longer needed."""
    with (
        servers.exporter("0") as one,
        servers.exporter("1") as other,
        servers.bare("0") as plain,
        servers.bare("1") as other_plain,
    ):
        yield Sides((one, other), (plain, other_plain))


def run(rate: float, seconds: float, rounds: int) -> None:
    """Print the quantiles of two processes, what was lost, and the same of bare handlers."""
    with sides() as both:
        print("two processes, one for each core; in turns with two handlers that do nothing")
        _measure(both, rate, seconds, rounds)


def _measure(both: Sides, rate: float, seconds: float, rounds: int) -> None:
    accepted, slow, plain_slow = 0, list[float](), list[float]()
    uvloop.run(scraped_load(both.ours, rate / 4, 2))
    before = _counted(both.ours)
    print(HEADINGS)
    for number in range(rounds):
        ours, bare = both.measured(number, rate, seconds)
        accepted += ours.accepted
        slow.append(ours.at(0.99) * 1e3)
        plain_slow.append(bare.at(0.99) * 1e3)
    for name, each in (("ours", slow), ("bare", plain_slow)):
        each.sort()
        print(
            f"p99, {name}: median {each[rounds // 2]:.0f} ms "
            f"(lowest {each[0]:.0f}, highest {each[-1]:.0f})"
        )
    counted = _counted(both.ours) - before
    print(f"acknowledged {accepted}, counted {counted}: lost {max(0, accepted - counted)}")


async def _alone(
    plain: Sequence[servers.Server], rate: float, seconds: float, beacon: Callable[[], bytes]
) -> load.Outcome:
    ports = [each.port for each in plain]
    return await replay.drive(ports, rate=rate, seconds=seconds, connections=256, beacon=beacon)


def _cpu_seconds(replicas: Sequence[servers.Server]) -> float:
    return sum(each.cpu_seconds() for each in replicas)


async def _seen(server: servers.Server, probes: int) -> list[float]:
    waits = []
    for number in range(probes):
        body = json.dumps({"type": "probe", "number": number, "at": time.time_ns()}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/api/analytics?type=probe", body
        )
        request.add_header("Content-Type", "application/json")
        request.add_header("X-API-Key", load.KEY)
        began = time.perf_counter()
        await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).read())  # noqa: B023, S310
        while True:
            text = await asyncio.to_thread(metrics, server.operations)
            if value(text, "video_generic_events_total") > number:
                break
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.05)
    return sorted(waits)


async def _freshness(server: servers.Server, rate: float, probes: int) -> list[float]:
    seconds = probes * 0.3
    loading = asyncio.get_running_loop().create_task(
        load.drive([server.port], rate=rate, seconds=seconds, connections=64)
    )
    waits = await _seen(server, probes)
    loading.cancel()
    return waits


def freshness(rate: float, probes: int) -> None:
    """Print how long a beacon takes to be seen on /metrics, under load."""
    with servers.exporter("0,1") as server:
        waits = uvloop.run(_freshness(server, rate, probes))
    print(
        f"beacon to /metrics at {rate:.0f}/s: p50 {waits[len(waits) // 2] * 1e3:.0f} ms, "
        f"p99 {waits[int(0.99 * len(waits))] * 1e3:.0f} ms, of {len(waits)} probes"
    )
