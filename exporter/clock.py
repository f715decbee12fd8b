"""Server time that never goes back: the wall clock at the start, then one that nobody sets.

A step of the wall clock while the exporter runs changes nothing; a restart takes the wall clock
again, unless the journal has been there already.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

# Where there is such a clock, a machine that was suspended is not behind for ever.
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def since_boot() -> float:
    """Seconds since the machine began, those in which it was suspended included."""
    return time.clock_gettime(_CLOCK)


class Clock:
    """Seconds since 1970."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = since_boot,
    ) -> None:
        self._monotonic = monotonic
        self._anchor = wall() - monotonic()

    def now(self) -> float:
        """Server time."""
        return self._anchor + self._monotonic()

    def not_before(self, at: float) -> None:
        """Go on from ``at``, where the wall clock has fallen behind what was written down."""
        self._anchor = max(self._anchor, at - self._monotonic())
