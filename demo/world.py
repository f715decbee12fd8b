"""Who uploads, from where and over what; what goes wrong, and in which words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

MB: Final = 1_000_000
LONGEST_SECONDS: Final = 28.0
"""As long as anybody wants to wait: on a slow line people upload less."""


EXPERIMENT: Final = "watch_page"
VARIANTS: Final = ("classic", "wide")
"""An A/B test that half of the people see one half of; the wide page is a little faster."""


class Device(NamedTuple):
    """A kind of client: how common, what it says of itself, and in which classes that puts it."""

    weight: float
    user_agent: str
    device: str
    browser: str
    tells_network: bool
    """Whether its browser has the Network Information API; only those of Chromium have."""
    median_bytes: float


_CHROMIUM: Final = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
_WEBKIT: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_WINDOWS: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_ANDROID: Final = "Mozilla/5.0 (Linux; Android 10; K)"
_MAC: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_IPHONE: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)"
_IPAD: Final = "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X)"

DEVICES: Final = (
    Device(26, f"{_ANDROID} {_CHROMIUM} Mobile Safari/537.36", "mobile", "chrome", True, 9 * MB),
    Device(
        20,
        f"{_IPHONE} {_WEBKIT} Version/18.5 Mobile/15E148 Safari/604.1",
        "mobile",
        "safari",
        False,
        12 * MB,
    ),
    Device(24, f"{_WINDOWS} {_CHROMIUM} Safari/537.36", "desktop", "chrome", True, 18 * MB),
    Device(
        7, f"{_WINDOWS} {_CHROMIUM} Safari/537.36 Edg/142.0.0.0", "desktop", "edge", True, 18 * MB
    ),
    Device(
        8, f"{_MAC} {_WEBKIT} Version/18.5 Safari/605.1.15", "desktop", "safari", False, 25 * MB
    ),
    Device(
        6,
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "desktop",
        "firefox",
        False,
        20 * MB,
    ),
    Device(
        4,
        f"{_IPAD} {_WEBKIT} Version/17.6 Mobile/15E148 Safari/604.1",
        "tablet",
        "safari",
        False,
        14 * MB,
    ),
    Device(
        3,
        f"Mozilla/5.0 (Linux; Android 13; SM-X710) {_CHROMIUM} Safari/537.36",
        "tablet",
        "chrome",
        True,
        10 * MB,
    ),
    Device(
        2,
        f"{_ANDROID} AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 "
        "Chrome/130.0.0.0 Mobile Safari/537.36",
        "mobile",
        "other",
        True,
        9 * MB,
    ),
)


class Country(NamedTuple):
    """How many uploads come from it, its code and its continent."""

    weight: float
    code: str
    region: str


COUNTRIES: Final = (
    Country(30, "DE", "europe"),
    Country(12, "FR", "europe"),
    Country(9, "PL", "europe"),
    Country(14, "US", "north_america"),
    Country(6, "MX", "north_america"),
    Country(10, "IN", "asia"),
    Country(6, "ID", "asia"),
    Country(5, "BR", "south_america"),
    Country(4, "NG", "africa"),
    Country(2, "ZA", "africa"),
    Country(2, "AU", "oceania"),
)


class Line(NamedTuple):
    """A network: its effective type, its median speed (Mbit/s) and time to the first byte (s)."""

    effective_type: str
    median_mbits: float
    median_ttfb: float


FIXED_LINES: Final = ((96.0, Line("4g", 30.0, 0.15)), (4.0, Line("3g", 1.2, 0.45)))
MOBILE_LINES: Final = (
    (89.0, Line("4g", 15.0, 0.2)),
    (9.0, Line("3g", 1.1, 0.5)),
    (1.5, Line("2g", 0.2, 1.2)),
    (0.5, Line("slow-2g", 0.05, 2.2)),
)
MOST_DOWNLINK: Final = 10.0
"""What browsers report at most (Mbit/s); here those who report have no faster line."""

PICTURES: Final = (
    (8.0, (640, 480)),
    (30.0, (1280, 720)),
    (38.0, (1920, 1080)),
    (14.0, (1080, 1920)),
    (10.0, (3840, 2160)),
)


class Trouble(NamedTuple):
    """Something that goes wrong: its class, its words, and what the API answers if it sees it."""

    kind: str
    text: str
    status: int
    reaches_api: bool


TROUBLES: Final = {
    trouble.kind: trouble
    for trouble in (
        Trouble("network", "Failed to fetch", 0, reaches_api=False),
        Trouble("timeout", "Gateway timeout", 504, reaches_api=True),
        Trouble("server", "Internal server error", 500, reaches_api=True),
        Trouble("storage", "Storage bucket is not writable", 507, reaches_api=True),
        Trouble("validation", "Unsupported codec", 415, reaches_api=True),
        Trouble("auth", "Upload token expired", 401, reaches_api=True),
    )
}


class Person(NamedTuple):
    """Somebody about to upload: the client, the line and the file."""

    device: Device
    country: Country
    line: Line
    downlink: float
    bytes_per_second: float
    ttfb: float
    size: int
    picture: tuple[int, int]

    @property
    def network(self) -> str:
        """The effective type as far as the browser tells; its class where it does not."""
        return self.line.effective_type if self.device.tells_network else "other"

    @property
    def size_class(self) -> str:
        """The class of the file's size."""
        for most, name in ((10, "0-10MB"), (30, "10-30MB"), (100, "30-100MB")):
            if self.size < most * MB:
                return name
        return "100MB+"

    @property
    def resolution(self) -> str:
        """The class of the picture, by its shorter side."""
        lines = min(self.picture)
        return {480: "sd", 720: "hd", 1080: "full_hd", 2160: "uhd"}[lines]


def somebody(rng: Random, slowing: float = 1.0) -> Person:
    """A person; lines are ``slowing`` times as slow as usual."""
    device = pick(rng, [(each.weight, each) for each in DEVICES])
    country = pick(rng, [(each.weight, each) for each in COUNTRIES])
    line = pick(rng, FIXED_LINES if device.device == "desktop" else MOBILE_LINES)
    mbits = round(spread(rng, line.median_mbits, 0.5), 2)
    if device.tells_network:
        mbits = min(mbits, MOST_DOWNLINK)
    usual = mbits * MB / 8 * spread(rng, 0.93, 0.12)
    size = min(spread(rng, device.median_bytes, 0.9), usual * LONGEST_SECONDS)
    return Person(
        device=device,
        country=country,
        line=line,
        downlink=mbits,
        bytes_per_second=usual / slowing,
        ttfb=spread(rng, line.median_ttfb * slowing, 0.45),
        size=max(20_000, int(size)),
        picture=pick(rng, PICTURES),
    )


def pick(rng: Random, weighted: Sequence[tuple[float, T]]) -> T:
    """One of the weighted choices."""
    return rng.choices([each for _, each in weighted], [weight for weight, _ in weighted])[0]


def spread(rng: Random, median: float, sigma: float) -> float:
    """A log-normal number around its median."""
    return rng.lognormvariate(math.log(median), sigma)
