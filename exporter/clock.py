"""Server time that never goes back: the wall clock at the start, then the monotonic one.

A step of the wall clock while the exporter runs changes nothing; a restart takes the wall clock
again, unless the journal has been there already.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Seconds since 1970."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._anchor = wall() - monotonic()

    def now(self) -> float:
        """Server time."""
        return self._anchor + self._monotonic()

    def not_before(self, at: float) -> None:
        """Go on from ``at``, where the wall clock has fallen behind what was written down."""
        self._anchor = max(self._anchor, at - self._monotonic())
