"""Good hours and bad hours, on a clock that runs faster than the real one.

The first hour is good and half as long as the others; then a bad one, eleven good ones, and so
on, each bad one with another trouble. Eleven, so that a window of 15 minutes forgets the bad hour.
"""

from __future__ import annotations

from typing import Final, NamedTuple

CYCLE: Final = 12


class Weather(NamedTuple):
    """How things go for uploads that start in an hour; shares are of one."""

    story: str
    failing: float = 0.008
    abandoning: float = 0.03
    retrying: float = 0.01
    """Chunks that need a second attempt."""
    slowing: float = 1.0
    api_failing: float = 0.001
    storage_failing: float = 0.0
    troubles: tuple[tuple[float, str], ...] = (
        (6.0, "network"),
        (2.0, "timeout"),
        (1.0, "validation"),
        (1.0, "auth"),
    )
    ratings: tuple[float, ...] = (0.01, 0.01, 0.05, 0.24, 0.69)
    """Shares of 1 to 5."""
    only: str = ""
    """The class of device that suffers, where not all do."""


GOOD: Final = Weather("everything works")
BAD: Final = (
    Weather(
        "the storage refuses about half of the writes",
        failing=0.55,
        abandoning=0.07,
        retrying=0.2,
        slowing=1.2,
        api_failing=0.1,
        storage_failing=0.5,
        troubles=((7.0, "storage"), (3.0, "server")),
        ratings=(0.3, 0.25, 0.2, 0.15, 0.1),
    ),
    Weather(
        "mobile networks drop connections",
        failing=0.6,
        abandoning=0.15,
        retrying=0.3,
        slowing=1.5,
        troubles=((8.0, "network"), (2.0, "timeout")),
        ratings=(0.3, 0.25, 0.2, 0.15, 0.1),
        only="mobile",
    ),
    Weather(
        "everything is slow, and some uploads time out",
        failing=0.2,
        abandoning=0.2,
        retrying=0.1,
        slowing=3.0,
        api_failing=0.05,
        troubles=((9.0, "timeout"), (1.0, "server")),
        ratings=(0.2, 0.2, 0.25, 0.2, 0.15),
    ),
)


class Hour(NamedTuple):
    """One hour: its number, when it begins (seconds since the start) and what it is like."""

    number: int
    begins: float
    weather: Weather

    @property
    def bad(self) -> bool:
        """Whether something is wrong."""
        return self.weather is not GOOD


def hour_at(seconds: float, hour_seconds: float) -> Hour:
    """The hour that goes on ``seconds`` after the start."""
    number = int(seconds / hour_seconds + 0.5)
    begins = max(0.0, (number - 0.5) * hour_seconds)
    past, place = divmod(number - 1, CYCLE)
    weather = BAD[past % len(BAD)] if number and place == 0 else GOOD
    return Hour(number, begins, weather)
