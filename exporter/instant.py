"""Moments by two clocks, and how much time lies between two things told of one subject.

The server's clock says when something arrived; the sender's, where it says one, when it happened.
"""

from __future__ import annotations

from typing import Final

import msgspec

LONGEST: Final = 86_400.0
"""Seconds; a duration beyond a day is a clock that jumped, and nothing that anybody waits for."""

MOST_CONTRADICTION: Final = 1800.0
"""Seconds by which the clocks of two senders may differ from ours before they are not believed."""


class Instant(msgspec.Struct, gc=False, array_like=True):
    """One moment by the server's clock, and by the sender's where it said."""

    server: float
    sender: float | None = None


def earlier(known: Instant | None, other: Instant) -> Instant:
    """The earlier one by the senders' clocks; one with such a clock rather than one without."""
    if known is None or other.sender is None:
        return known or other
    if known.sender is None:
        return other
    return min(known, other, key=_by_sender)


def _by_sender(instant: Instant) -> tuple[float, float]:
    return instant.sender or 0.0, instant.server


def between(start: Instant | None, end: Instant | None) -> tuple[float | None, bool]:
    """Seconds from ``start`` to ``end``, and whether a clock was absurd and not used.

    The senders' clocks are finer than the arrival, so they count, unless they contradict the
    server's clock by more than half an hour: then two clocks were involved.
    """
    if start is None or end is None:
        return None, False
    arrived = end.server - start.server
    if start.sender is None or end.sender is None:
        return (arrived if arrived >= 0 else None), False
    said = end.sender - start.sender
    # What came in one body has one sender, who may have waited with it for as long as it liked.
    believed = not arrived or abs(said - arrived) <= MOST_CONTRADICTION
    if 0 <= said <= LONGEST and believed:
        return said, False
    return (arrived if arrived >= 0 else None), True
