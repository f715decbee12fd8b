"""What a scrape of the full budget of series costs, and whom it keeps waiting."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from typing import Final, NamedTuple

import uvloop

from bench import load, mix, servers
from bench.latency import metrics
from exporter.catalogue import BUDGET, DEFAULTS, Catalogue
from exporter.events import DOMAINS
from exporter.metric import Cache, Counter, Histogram
from exporter.sinks.prometheus import Exposition
from exporter.store import Store

SCRAPE_EVERY: Final = 1.0
GOAL_RENDER: Final = 0.1
GOAL_RATIO: Final = 2.0


def full() -> Catalogue:
    """As many caches as the budget has room for."""
    found = Catalogue(DOMAINS)
    for count in itertools.count(1):
        names = (*DEFAULTS[Cache], *(f"cache-{number}" for number in range(count)))
        fuller = Catalogue(DOMAINS, {**DEFAULTS, Cache: names})
        if fuller.most_series() > BUDGET:
            return found
        found = fuller
    raise AssertionError("a budget has an end")


class Render(NamedTuple):
    """Seconds that a scrape takes, and how many of them on the processor."""

    took: float
    cpu: float


def render(rounds: int) -> list[Render]:
    """Scrapes of which every single number is another one than before."""
    catalogue = full()
    store = Store(catalogue.durable, catalogue.members)
    exposition = Exposition((store,), {}, time.time)
    took = []
    for number in range(rounds):
        for metric in store.metrics:
            if isinstance(metric, Counter | Histogram):
                for labels in store.cells(metric):
                    store.count(metric, labels, 0.1 + number)
        began, worked = time.perf_counter(), time.process_time()
        asyncio.run(exposition.render())
        took.append(Render(time.perf_counter() - began, time.process_time() - worked))
    return took


async def _scrape(port: int, took: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.to_thread(metrics, port)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, SCRAPE_EVERY - took[-1]))


async def _under_load(
    server: servers.Server, rate: float, seconds: float, *, scraped: bool
) -> tuple[load.Outcome, list[float]]:
    took: list[float] = []
    loop = asyncio.get_running_loop()
    scraping = loop.create_task(_scrape(server.operations, took)) if scraped else None
    outcome = await load.drive(
        [server.port], rate=rate, seconds=seconds, connections=64, beacon=_beacon
    )
    if scraping is not None:
        scraping.cancel()
    return outcome, took


_beacon: Final = mix.requests()


def run(rate: float, seconds: float, rounds: int) -> None:
    """Print the ratio of the quantiles with and without scrapes, in turns."""
    catalogue = full()
    caches = ",".join(catalogue.lists[Cache])
    took = sorted(render(20))
    cpu = statistics.median(each.cpu for each in took) * 1e3
    print(
        f"{catalogue.most_series()} series, all of them new: "
        f"median {took[len(took) // 2].took * 1e3:.0f} ms, slowest {took[-1].took * 1e3:.0f} ms; "
        f"median of CPU {cpu:.0f} ms"
    )
    print(
        f"{rate:.0f} beacons/s of every format; scraped every {SCRAPE_EVERY:g} s or not, in turns"
    )
    print("round  p50 ms  p99 ms  scraped p50  scraped p99  ratio of p99  slowest scrape ms")
    ratios, slowest = [], []
    with servers.exporter("0", {"LABELS__CACHES": caches}) as server:
        uvloop.run(_under_load(server, rate, 3, scraped=True))
        for number in range(rounds):
            order = (False, True) if number % 2 == 0 else (True, False)
            found = {
                scraped: uvloop.run(_under_load(server, rate, seconds, scraped=scraped))
                for scraped in order
            }
            (without, _), (with_, scrapes) = found[False], found[True]
            ratios.append(with_.at(0.99) / without.at(0.99))
            slowest += scrapes
            print(
                f"{number:5}  {without.at(0.5) * 1e3:6.2f}  {without.at(0.99) * 1e3:6.1f}"
                f"  {with_.at(0.5) * 1e3:11.2f}  {with_.at(0.99) * 1e3:11.1f}"
                f"  {ratios[-1]:12.2f}  {max(scrapes) * 1e3:17.0f}"
            )
    print(
        f"p99 scraped / not: median {statistics.median(ratios):.2f} "
        f"(lowest {min(ratios):.2f}, highest {max(ratios):.2f}); goal {GOAL_RATIO:g}; "
        f"scrapes: median {statistics.median(slowest) * 1e3:.0f} ms, "
        f"slowest {max(slowest) * 1e3:.0f} ms; goal of a render {GOAL_RENDER * 1e3:.0f} ms"
    )
