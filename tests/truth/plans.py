"""What becomes of a made-up upload, and what can be known of it from those who tell of it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from demo.world import COUNTRIES, DEVICES, Country
from tests.truth.expected import BUCKETS
from tests.truth.facts import ABANDONED, COMPLETED, FAILED, MB, exactly

HOUR = 3600.0


class Agent(NamedTuple):
    """A user agent and the classes that it is in; an empty one is not told."""

    text: str
    device: str
    browser: str


AGENTS = (
    *(Agent(each.user_agent, each.device, each.browser) for each in DEVICES),
    Agent(
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) "
        "SamsungBrowser/4.0 Chrome/94.0 TV Safari/537.36",
        "tv",
        "other",
    ),
    Agent("curl/8.5.0", "other", "other"),
)
NOBODY = Agent("", "other", "other")
NOWHERE = Country(0, "ZZ", "other")
PLACES = (*COUNTRIES, NOWHERE)
NETWORKS = {"4g": "4g", "3g": "3g", "2g": "2g", "slow-2g": "slow-2g", "5g": "other", None: "other"}
ERRORS: tuple[tuple[str | None, str], ...] = (
    ("Failed to fetch", "network"),
    ("ECONNRESET: connection reset by peer", "network"),
    ("timeout of 30000ms exceeded", "timeout"),
    ("Internal Server Error", "server"),
    ("HTTP 503", "server"),
    ("Storage quota exceeded", "storage"),
    ("401 Unauthorized", "auth"),
    ("Unsupported codec", "validation"),
    ("AbortError: the user aborted a request", "cancelled"),
    ("Something odd happened", "other"),
    (None, "other"),
)
PICTURES = ((640, 360), (1280, 720), (1920, 1080), (1080, 1920), (3840, 2160), None)
SIZES = (1, 10 * MB - 1, 10 * MB, 30 * MB - 1, 30 * MB, 100 * MB - 1, 100 * MB, 2_000 * MB)
"""What lies on the limits of the classes."""

MARKS = frozenset(limit for limits in BUCKETS.values() for limit in limits)
"""The limits of all buckets."""


class Random(random.Random):
    """A random world; the same seed makes the same one."""

    def likely(self, share: float) -> bool:
        return self.random() < share

    def spread(self, median: float, sigma: float, most: float) -> float:
        """A log-normal number to the millisecond, on no limit of a bucket."""
        number = round(min(self.lognormvariate(math.log(median), sigma), most), 3)
        return number + 0.001 if number in MARKS or not number else number


class Teller(NamedTuple):
    """Who tells of an upload: its server, its page, a performance report that names it."""

    server: bool = False
    page: bool = False
    named: bool = False


class Plan:
    """What becomes of one upload, whoever tells of it."""

    def __init__(self, rng: Random, name: str, sender: str, outcome: str | None = None) -> None:
        self.id = name
        self.sender = sender
        self.outcome = outcome or rng.choices((COMPLETED, FAILED, ABANDONED), (84, 11, 5))[0]
        self.agent = rng.choice(AGENTS)
        self.place = rng.choice(PLACES)
        self.network = rng.choices(tuple(NETWORKS), (60, 15, 5, 3, 4, 13))[0]
        self.size = _size(rng)
        self.picture = rng.choice(PICTURES)
        self.error, self.error_type = rng.choice(ERRORS)
        completed = self.outcome == COMPLETED
        self.chunks = tuple(_chunks(rng, completed=completed))
        """For each part of the file that arrives, how many attempts that took."""
        self.last_tries = rng.randrange(3) if self.outcome == FAILED else 0
        """How often the chunk was tried at which it failed, as far as anybody tells."""
        # Of an upload that does not complete, nobody but the arrival tells how long it went on.
        most = 1400.0 if completed else 0.9
        self.duration = max(0.01, rng.spread(12.0 if completed else 0.4, 1.3, most))
        self.ttfb = min(rng.spread(0.25, 1.1, 8.0), round(self.duration * 0.9, 3) or 0.001)
        self.ttfb += 0.0007 if self.ttfb in MARKS else 0.0
        self.downlink = rng.choice((None, 0.4, 1.5, 5.6, 10))
        self.throughput = rng.choice((None, round(rng.uniform(2e4, 1.4e6), 2)))
        self.rating = rng.choice((None, None, 1, 3, 4, 5, 5))
        self.preview = rng.spread(1.4, 0.8, 14.0) if completed and rng.likely(0.6) else None
        self.server_clock = rng.choice((0.0, 0.0, rng.uniform(-12 * HOUR, 12 * HOUR)))
        self.page_clock = rng.choice((0.0, rng.uniform(-12 * HOUR, 12 * HOUR)))

    @property
    def arrived(self) -> int:
        return len(self.chunks)

    @property
    def first_try(self) -> int:
        return self.chunks.count(1)

    @property
    def retried(self) -> bool:
        """Whether some step failed and was tried again."""
        return self.last_tries > 1 or any(attempts > 1 for attempts in self.chunks)

    def traits(self, by: Teller) -> dict[str, Any]:
        """What the tellers know of it, as parts of the fact."""
        traits: dict[str, Any] = {
            "outcome": self.outcome,
            "device": self.agent.device,
            "browser": self.agent.browser,
            "region": self.place.region,
            "tried": self.retried and (by.server or by.page),
            "errors": frozenset(self._errors(by)),
        }
        if by.server or by.named:
            traits |= {
                "network": NETWORKS[self.network],
                "size": self.size,
                "chunks": self.arrived,
                "first_try": self.first_try,
                "ttfb": exactly(self.ttfb) if self.arrived else None,
            }
        if by.server:
            traits |= {
                "picture": self.picture,
                "preview": None if self.preview is None else exactly(self.preview),
            }
        if by.page:
            traits["rating"] = self.rating
        if by.named:
            traits["utilisation"] = self.utilisation
        if self.outcome == COMPLETED:
            traits["duration"] = exactly(self.duration)
        return traits

    @property
    def utilisation(self) -> float | None:
        """Throughput over downlink, a megabit being 125,000 bytes."""
        if self.throughput is None or self.downlink is None:
            return None
        return self.throughput / (self.downlink * 125_000)

    def _errors(self, by: Teller) -> Iterator[str]:
        """A server that tries again tells its error only if it has a text."""
        if by.server and (self.outcome == FAILED or (self.retried and self.error)):
            yield self.error_type
        if by.page and (self.outcome == FAILED or self.retried):
            yield self.error_type


def _size(rng: Random) -> int | None:
    if rng.likely(0.08):
        return None
    return rng.choice(SIZES) if rng.likely(0.1) else int(rng.spread(14 * MB, 1.1, 900 * MB))


def _chunks(rng: Random, *, completed: bool) -> list[int]:
    count = rng.randrange(1, 5) if completed else rng.randrange(4)
    return rng.choices((1, 2, 3), (90, 8, 2), k=count)
