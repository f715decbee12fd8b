"""What counting costs: the journal's encoding, the pipeline, a checkpoint, a line for InfluxDB."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from bench import mix, offline
from exporter.record import Entry
from exporter.sinks.influx import line

BEACONS: Final = 4000
REPEAT: Final = 5
BETWEEN: Final = 1000
"""Beacons between two checkpoints, which is a second of them at 1,000 a second."""

PARTS: Final = ("encode", "apply", "checkpoint", "lines")


class _Clock:
    """CPU time by what it was for."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.spent[part] += time.process_time() - began


def count(entries: Sequence[Entry]) -> tuple[dict[str, float], int]:
    """Seconds of CPU for each part, and how many points there were."""
    pipeline, codec, clock = offline.pipeline(), offline.codec(), _Clock()
    told = 0
    for first in range(0, len(entries), BETWEEN):
        some = entries[first : first + BETWEEN]
        with clock.on("encode"):
            for start in range(0, len(some), 20):
                codec.encode(some[start : start + 20])
        with clock.on("apply"):
            for entry in some:
                pipeline.apply(entry)
        with clock.on("checkpoint"):
            pipeline.sessions.changed()
            pipeline.store.changed()
            pipeline.dedup.fresh()
        points = tuple(pipeline.points)
        pipeline.points.clear()
        told += len(points)
        with clock.on("lines"):
            for point, stamp in points:
                line(point, stamp)
    return clock.spent, told


def _fastest(entries: Sequence[Entry]) -> tuple[dict[str, float], int]:
    """Of several runs, the least that each part has taken."""
    least = dict.fromkeys(PARTS, 1e9)
    points = 0
    for _ in range(REPEAT):
        spent, points = count(entries)
        least = {part: min(least[part], spent[part]) for part in PARTS}
    return least, points


def run() -> None:
    """Print microseconds of CPU a beacon, for each source of the mix and for all in turn."""
    print(f"{'':34}  events  {'  '.join(f'{part:>10}' for part in PARTS)}       all  µs/event")
    began = time.time()
    for source in dict.fromkeys(mix.SOURCES):
        told = zip(range(BEACONS), mix.turns(), strict=False)
        events = [offline.parse(source.path, source.body(turn), mix.AGENT) for _, turn in told]
        entries = [Entry(began + n / 1000, each) for n, each in enumerate(events)]
        _print(source.path, entries)
    _print("all", list(offline.entries(4 * BEACONS, began=began, per_second=1000.0)))


def _print(name: str, entries: Sequence[Entry]) -> None:
    events = sum(len(entry.events) for entry in entries)
    least, _ = _fastest(entries)
    each = {part: seconds / len(entries) * 1e6 for part, seconds in least.items()}
    whole = sum(each.values())
    parts = "  ".join(f"{each[part]:10.1f}" for part in PARTS)
    print(
        f"{name:34}  {events / len(entries):6.1f}  {parts}  {whole:8.1f}"
        f"  {whole * len(entries) / events:8.1f}",
        flush=True,
    )
