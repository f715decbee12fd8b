"""Catching up: with a sink that was away for six hours, and with a journal that nobody had counted.

Six hours at a million events an hour are six million. How many points they are is taken from the
mix of all formats; they are put into the outbox as the pipeline would, and delivered to a real
store by a real exporter, which gets new events at the same rate meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from bench import load, mix, offline, servers
from bench.latency import family, metrics
from exporter.checkpoint import PARCEL_POINTS, Snapshot, StateFile
from exporter.database import connect
from exporter.event import Point
from exporter.journal import Journal
from exporter.record import VERSION, Entry
from exporter.sinks.influx import line

HOURS: Final = 6.0
PER_HOUR: Final = 1_000_000
GOAL_MINUTES: Final = 90.0
GOAL_MEGABYTES: Final = 50.0
ROOM: Final = str(64 * 2**30)
"""Of the outbox: so much that nothing is dropped."""

BACKLOG: Final = "backlog"
"""A tag that only the backlog has."""

CAUGHT_UP: Final = 10.0
"""Seconds that the oldest point that waits may be old."""

SETTLE_SECONDS: Final = 15.0
"""How long the store may take until what it has taken can be asked for."""

MEGABYTE: Final = 1e6
NANOSECONDS: Final = 1_000_000_000


def _point(number: int) -> Point:
    """An ended upload, the largest point that there is many of."""
    return Point(
        "upload",
        (
            ("outcome", "completed" if number % 20 else "failed"),
            ("device", ("desktop", "mobile", "tablet")[number % 3]),
            ("browser", ("chrome", "safari", "firefox", "edge")[number % 4]),
            ("os", ("windows", "macos", "android", "ios", "linux")[number % 5]),
            ("network", ("4g", "3g", "other")[number % 3]),
            ("size_class", ("small", "medium", "large")[number % 3]),
            ("resolution", ("1080p", "720p", "other")[number % 3]),
            ("region", ("europe", "asia", "africa")[number % 3]),
            ("country", ("DE", "FR", "IN", "US", "BR", "NG", "AU")[number % 7]),
            ("age_class", BACKLOG),
        ),
        (
            ("duration_seconds", 41.25 + number % 997),
            ("ttfb_seconds", 0.21 + number % 89 / 1000),
            ("throughput_bytes_per_second", 1_900_000.0 + number % 99_991),
            ("file_size_bytes", 24_000_000.0 + number % 99_991),
            ("chunks", 8.0),
            ("first_try_chunks", 7.0),
            ("errors", float(number % 3)),
            ("upload_id", f"5e0e2a0c-9d6a-4a4e-8d43-0d2a{number:08x}"),
            ("preview_seconds", 3.5 + number % 11),
        ),
    )


def fill(directory: Path, points: int, now: float) -> None:
    """Put points into an outbox as if the sink had been away for six hours until ``now``."""
    state = StateFile(directory / "state.db", most_outbox_bytes=int(ROOM))
    began, apart = now - HOURS * 3600, HOURS * 3600 / points
    for first in range(0, points, PARCEL_POINTS):
        numbers = range(first, min(first + PARCEL_POINTS, points))
        at = began + numbers[-1] * apart
        lines = [
            line(_point(number), int((began + number * apart) * 1000) * 1_000_000 + number % 1000)
            for number in numbers
        ]
        state.save(Snapshot(position=0, now=at, stamps=0, generation=0, turned=at, lines=lines))
    state.close()


class Drained(NamedTuple):
    """What it took to deliver a backlog."""

    points: int
    seconds: float
    stored: int
    before: float
    peak: float


def _stored(store: servers.Server) -> int:
    """How many points of the backlog the store has."""
    query = urllib.parse.urlencode(
        {
            "query": f'sum(count_over_time(upload_chunks{{age_class="{BACKLOG}"}}[8h]))',
            "nocache": "1",
        }
    )
    urllib.request.urlopen(f"http://127.0.0.1:{store.port}/internal/force_flush").read()
    with urllib.request.urlopen(f"http://127.0.0.1:{store.port}/api/v1/query?{query}") as answer:
        found = json.loads(answer.read())["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


def _settled(store: servers.Server, points: int) -> int:
    """The same, once it can be seen."""
    latest = time.monotonic() + SETTLE_SECONDS
    while (found := _stored(store)) < points and time.monotonic() < latest:
        time.sleep(0.5)
    return found


def _resident(server: servers.Server) -> float:
    return float(server.process.memory_info().rss) / MEGABYTE


async def _drain(server: servers.Server, rate: float) -> tuple[float, float]:
    """Seconds until the backlog is delivered, while new events come, and the most memory."""
    stop = asyncio.Event()

    async def keep_sending() -> None:
        beacon = mix.requests()
        while not stop.is_set():
            await load.drive([server.port], rate=rate, seconds=5, connections=16, beacon=beacon)

    sending = asyncio.get_running_loop().create_task(keep_sending())
    began, peak = time.monotonic(), 0.0
    while True:
        text = await asyncio.to_thread(metrics, server.operations)
        peak = max(peak, _resident(server))
        if (
            family(text, "exporter_sink_points_total") > 0
            and family(text, "exporter_sink_lag_seconds") <= CAUGHT_UP
        ):
            break
        await asyncio.sleep(0.25)
    seconds = time.monotonic() - began
    stop.set()
    await sending
    return seconds, peak


def drain(points: int, rate: float) -> Drained:
    """Deliver a backlog of so many points to a store that is back."""
    port = servers.free_port()
    with servers.folder() as directory:
        settings = {
            "INFLUX__URL": f"http://127.0.0.1:{port}",
            "INFLUX__EVERY_SECONDS": "1",
            "JOURNAL__OUTBOX_BYTES": ROOM,
            "SESSIONS__SILENCE_SECONDS": '{"upload": 86400}',
        }
        fill(directory, points, time.time())
        with servers.exporter("0,1", settings, directory) as server:
            time.sleep(3)
            before = _resident(server)
            with servers.victoria_metrics("0,1", port) as store:
                seconds, peak = uvloop.run(_drain(server, rate))
                return Drained(points, seconds, _settled(store, points), before, peak)


class Replayed(NamedTuple):
    """What it took to count a journal from its beginning."""

    entries: int
    seconds: float
    resident: float


def replay(entries: int) -> Replayed:
    """Start on a journal without a checkpoint; the time until it listens."""
    codec = offline.codec()
    with servers.folder() as directory:
        Journal(directory / "journal.db", codec).close()
        with closing(connect(directory / "journal.db")) as db:
            several = offline.entries(entries, began=time.time() - 600, per_second=4000)
            first = 1
            while batch := list(itertools.islice(several, 500)):
                row = (first, len(batch), VERSION, codec.encode(batch))
                db.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", row)
                first += len(batch)
        began = time.monotonic()
        with servers.exporter("0,1", {}, directory, patience=600.0) as server:
            return Replayed(entries, time.monotonic() - began, _resident(server))


class Volume(NamedTuple):
    """What the outbox gets of an event, on average."""

    beacon: float
    """Events in a beacon."""
    points: float
    size: float


def volume(beacons: int) -> Volume:
    """Of the mix, when everything in it has ended."""
    pipeline = offline.pipeline()
    now, events, points, size = time.time(), 0, 0, 0
    several = offline.entries(beacons, began=now, per_second=100.0)
    ticks = (Entry(now + beacons / 100.0 + minute * 60) for minute in range(180))
    for entry in itertools.chain(several, ticks):
        events += len(entry.events)
        pipeline.apply(entry)
        while pipeline.points:
            size += len(line(*pipeline.points.popleft())) + 1
            points += 1
    return Volume(events / beacons, points / events, size / events)


def run(share: float) -> None:
    """Print the rates of two backlogs, and how long six hours take at the slower one."""
    of_an_event = volume(20_000)
    whole = int(HOURS * PER_HOUR * of_an_event.points)
    print(
        f"of an event of the mix: {of_an_event.points:.2f} points, {of_an_event.size:.0f} bytes; "
        f"of six hours at a million an hour: {whole:,} points, "
        f"{HOURS * PER_HOUR * of_an_event.size / MEGABYTE:,.0f} MB"
    )
    print("points       seconds  points/s   stored  RSS before MB  RSS peak MB")
    rates, grown = [], []
    for part in (share / 2, share):
        done = drain(int(whole * part), PER_HOUR / 3600 / of_an_event.beacon)
        rates.append(done.points / done.seconds)
        grown.append(done.peak - done.before)
        print(
            f"{done.points:11,}  {done.seconds:7.1f}  {rates[-1]:8,.0f}  {done.stored:11,}"
            f"  {done.before:13.1f}  {done.peak:11.1f}"
        )
        if done.stored < done.points:
            raise SystemExit(f"{done.points - done.stored} points are lost")
    print(
        f"six hours: {whole / min(rates) / 60:.1f} minutes (goal {GOAL_MINUTES:g}), "
        f"memory + {max(grown):.1f} MB (goal {GOAL_MEGABYTES:g})"
    )
    print("journal, beacons  seconds until it listens  beacons/s  RSS MB")
    for count in (25_000, 100_000):
        again = replay(count)
        print(
            f"{again.entries:16,}  {again.seconds:24.1f}  {again.entries / again.seconds:9,.0f}"
            f"  {again.resident:6.1f}"
        )
