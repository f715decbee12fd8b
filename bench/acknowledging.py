"""How long an answer takes that stands for five events: 1,700 batches a second on two cores."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable
from typing import Final

import uvloop

from bench import load
from bench.latency import HEADINGS, scraped_load, sides, total

EVENTS: Final = 5
GOAL_P50: Final = 0.010
GOAL_P99: Final = 0.050
WARM_UP: Final = 12.0
"""Seconds; an upload is settled after ten."""


def batches() -> Callable[[], bytes]:
    """An upload with its steps in each, all different, each event with an id."""
    numbers = itertools.count(time.time_ns())

    def batch() -> bytes:
        number = next(numbers)
        about = {"upload_id": f"u{number}"}
        events = [
            {"type": "upload.started", "id": f"s{number}", "file_size_bytes": 24_000_000, **about},
            *(
                {
                    "type": "upload.chunk_received",
                    "id": f"c{number}-{index}",
                    "index": index,
                    "ok": True,
                    **about,
                }
                for index in range(EVENTS - 2)
            ),
            {"type": "upload.completed", "id": f"d{number}", **about},
        ]
        body = json.dumps({"events": events}, separators=(",", ":")).encode()
        return load.request("/v1/events", body, "application/json")

    return batch


def run(rate: float, seconds: float, rounds: int) -> None:
    """Print the quantiles, those of bare handlers in turns with them, and whether any was lost."""
    batch = batches()
    with sides() as both:
        before = total(both.ours, "exporter_events_accepted_total")
        print(f"two processes, one for each core; {EVENTS} events in each beacon, each with an id")
        print(HEADINGS)
        middles, slow, accepted = [], [], 0
        for number in range(rounds):
            # What is concluded of an upload later belongs to the load of a round as well.
            warm_up, _ = uvloop.run(scraped_load(both.ours, rate, WARM_UP, batch))
            outcome, _ = both.measured(number, rate, seconds, batch)
            accepted += warm_up.accepted + outcome.accepted
            middles.append(outcome.at(0.5) * 1e3)
            slow.append(outcome.at(0.99) * 1e3)
        counted = total(both.ours, "exporter_events_accepted_total") - before
    for name, found, goal in (("p50", middles, GOAL_P50), ("p99", slow, GOAL_P99)):
        print(
            f"{name}: median {statistics.median(found):.1f} ms (lowest {min(found):.1f}, "
            f"highest {max(found):.1f}); goal {goal * 1e3:.0f} ms"
        )
    lost = max(0, accepted * EVENTS - counted)
    print(f"acknowledged {accepted * EVENTS:,} events, counted {counted:,.0f}: lost {lost:,.0f}")
