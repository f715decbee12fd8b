"""Videos that are made: by which provider, how long it takes, how good they are, what they cost."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from demo.hours import GOOD, Weather
from demo.message import Message
from demo.scenes.flow import Times, beginnings, flow, told
from demo.world import EXPERIMENT, MB, VARIANTS, pick, spread

PER_SECOND: Final = 0.4
ACTIVE_PER_SECOND: Final = 1.0
QUEUES_EVERY: Final = 15.0
PEOPLE: Final = 5000


class Maker(NamedTuple):
    """A provider: how common, how long it takes (s), how good it is, what it costs."""

    weight: float
    name: str
    median_seconds: float
    quality: float
    cost: float
    currency: str


MAKERS: Final = (
    Maker(5, "replicate", 38.0, 9.3, 0.42, "USD"),
    Maker(3, "mux", 52.0, 9.1, 0.38, "EUR"),
    Maker(2, "internal", 30.0, 9.5, 0.20, "EUR"),
)
ERRORS: Final = (
    (4.0, "Model timed out after 300 s"),
    (3.0, "429 Too Many Requests"),
    (2.0, "Prediction failed: internal provider error"),
    (1.0, "Prompt was rejected by moderation"),
)


def messages(times: Times, rng: Random) -> Iterator[Message]:
    """Generations, the queues before them, and the business around them."""
    return heapq.merge(
        flow(times, rng, PER_SECOND, "generation", lambda name, at: _life(times, rng, name, at)),
        _queues(times, Random(rng.random())),
        _business(times, Random(rng.random())),
        key=lambda message: message.at,
    )


def _life(times: Times, rng: Random, name: str, began: float) -> Iterator[Message]:
    weather, maker = times.weather(began), pick(rng, [(each.weight, each) for each in MAKERS])
    one = {"generation_id": name, "provider": maker.name}
    trial = {"experiment": EXPERIMENT, "variant": rng.choice(VARIANTS)}
    yield told(times, began, {"type": "generation.requested", **one, **trial})
    started = began + spread(rng, 2.0 * weather.slowing, 0.6)
    yield told(times, started, {"type": "generation.started", **one})
    going_on = {"type": "generation.progressed", "progress_ratio": 0.5, **one}
    yield told(times, started + 4, going_on)
    ended = started + spread(rng, maker.median_seconds * weather.slowing, 0.35)
    if rng.random() < 0.01:
        yield told(times, started + 5, {"type": "generation.cancelled", **one})
        return
    if rng.random() < _failing(weather):
        error = pick(rng, ERRORS)
        yield told(times, ended, {"type": "generation.failed", "error": error, **one})
        if rng.random() > (0.9 if weather is GOOD else 0.4):
            return
        yield told(times, ended + 1, {"type": "generation.recovered", **one})
        ended += spread(rng, maker.median_seconds, 0.3)
    took = {
        "duration_seconds": round(ended - began, 3),
        "run_seconds": round(ended - started, 3),
    }
    yield told(times, ended, {**_completed(rng, maker, weather), **took, **one})
    if rng.random() < 0.25:
        rated = {"type": "generation.rated", "rating": _rating(rng, weather), **one}
        yield told(times, ended + spread(rng, 20, 0.5), rated)


def _failing(weather: Weather) -> float:
    """Providers have their own bad hours, milder than those of the uploads."""
    return 0.02 if weather is GOOD else 0.25


def _completed(rng: Random, maker: Maker, weather: Weather) -> dict[str, object]:
    worse = 0.0 if weather is GOOD else 1.5
    return {
        "type": "generation.completed",
        "quality_score": round(min(10.0, max(0.0, rng.gauss(maker.quality - worse, 0.4))), 2),
        "cost": round(spread(rng, maker.cost, 0.2), 4),
        "currency": maker.currency,
        "bytes": int(spread(rng, 18 * MB, 0.5)),
        "attempts": 1,
    }


def _rating(rng: Random, weather: Weather) -> int:
    return pick(rng, [(share, star) for star, share in enumerate(weather.ratings, start=1)])


def _queues(times: Times, rng: Random) -> Iterator[Message]:
    at = 1.0
    while at < times.seconds:
        slow = times.weather(at).slowing
        yield told(
            times,
            at,
            *(
                {
                    "type": "generation.queue_measured",
                    "provider": maker.name,
                    "length": int(spread(rng, 6 * maker.weight * slow * slow, 0.3)),
                }
                for maker in MAKERS
            ),
        )
        at += QUEUES_EVERY


def _business(times: Times, rng: Random) -> Iterator[Message]:
    for number, at in enumerate(beginnings(times, rng, ACTIVE_PER_SECOND)):
        somebody = f"person-{rng.randrange(PEOPLE)}"
        events: list[dict[str, object]] = [{"type": "person.active", "person": somebody}]
        if rng.random() < 0.1:
            events.append({"type": "premium.offered", "person": somebody})
            if rng.random() < 0.64:
                currency, price = pick(rng, ((6, ("USD", 9.99)), (4, ("EUR", 8.99))))
                events.append({"type": "premium.purchased", "person": somebody})
                events.append(
                    {
                        "type": "revenue.received",
                        "amount": price,
                        "currency": currency,
                        "payment_id": f"payment-{round(times.epoch):x}-{number}",
                    }
                )
        if rng.random() < 0.02:
            feature = pick(rng, ((3, "captions"), (2, "voice_over"), (1, "scheduling")))
            events.append({"type": "feature.adopted", "feature": feature, "person": somebody})
        yield told(times, at, *events)
