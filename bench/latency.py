"""How long an answer takes at a given rate while Prometheus scrapes; and when it can be seen."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Sequence

import uvloop

from bench import load, replay, servers

SCRAPE_EVERY = 5.0


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


def run(rate: float, seconds: float, rounds: int) -> None:
    """Print the quantiles of two processes, what was lost, and the same of bare handlers."""
    with (
        servers.exporter("0") as one,
        servers.exporter("1") as other,
        servers.bare("0") as plain,
        servers.bare("1") as other_plain,
    ):
        print("two processes, one for each core; in turns with two handlers that do nothing")
        _measure((one, other), (plain, other_plain), rate, seconds, rounds)


def _measure(
    replicas: Sequence[servers.Server],
    plain: Sequence[servers.Server],
    rate: float,
    seconds: float,
    rounds: int,
) -> None:
    accepted, slow, plain_slow = 0, list[float](), list[float]()
    uvloop.run(scraped_load(replicas, rate / 4, 2))
    before = _counted(replicas)
    print(
        "round  sent/s  p50 ms  p99 ms  max ms  CPU us  generator late ms  slowest scrape ms"
        "  | bare: p50 ms  p99 ms  CPU us"
    )
    for number in range(rounds):
        busy = cpu_seconds(replicas)
        outcome, took = uvloop.run(scraped_load(replicas, rate, seconds))
        busy = cpu_seconds(replicas) - busy
        idle = cpu_seconds(plain)
        bare = uvloop.run(alone(plain, rate, seconds))
        idle = cpu_seconds(plain) - idle
        accepted += outcome.accepted
        slow.append(outcome.at(0.99) * 1e3)
        plain_slow.append(bare.at(0.99) * 1e3)
        print(
            f"{number:5}  {outcome.sent / seconds:6.0f}  {outcome.at(0.5) * 1e3:6.2f}"
            f"  {outcome.at(0.99) * 1e3:6.2f}  {outcome.latencies[-1] * 1e3:6.1f}"
            f"  {busy / outcome.sent * 1e6:6.0f}"
            f"  {outcome.late_seconds * 1e3:17.1f}  {max(took) * 1e3:17.1f}"
            f"  |       {bare.at(0.5) * 1e3:6.2f}  {bare.at(0.99) * 1e3:6.2f}"
            f"  {idle / bare.sent * 1e6:6.0f}",
            flush=True,
        )
    for name, each in (("ours", slow), ("bare", plain_slow)):
        each.sort()
        print(
            f"p99, {name}: median {each[rounds // 2]:.0f} ms "
            f"(lowest {each[0]:.0f}, highest {each[-1]:.0f})"
        )
    counted = _counted(replicas) - before
    print(f"acknowledged {accepted}, counted {counted}: lost {max(0, accepted - counted)}")


async def alone(
    plain: Sequence[servers.Server],
    rate: float,
    seconds: float,
    beacon: Callable[[], bytes] = load.performance,
) -> load.Outcome:
    """The same load for servers that nobody scrapes."""
    ports = [each.port for each in plain]
    return await replay.drive(ports, rate=rate, seconds=seconds, connections=256, beacon=beacon)


def cpu_seconds(replicas: Sequence[servers.Server]) -> float:
    """User and system time of all so far."""
    return sum(each.cpu_seconds() for each in replicas)


async def _seen(server: servers.Server, probes: int) -> list[float]:
    waits = []
    for number in range(probes):
        body = json.dumps({"type": "probe", "number": number, "at": time.time_ns()}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/api/analytics?type=probe", body
        )
        request.add_header("Content-Type", "application/json")
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
