"""What is remembered of one upload, and how much time lies between two things told of it."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from exporter.event import Client, Network, State
from exporter.events.upload.classes import ErrorType, Outcome, Resolution
from exporter.events.upload.concluded import Segments
from exporter.events.upload.measured import LONGEST, NOT_MEASURED, Measured

MOST_CONTRADICTION: Final = 1800.0
"""Seconds by which the clocks of two senders may differ from ours before they are not believed."""


class Phase(IntEnum):
    """Where an upload is in its life."""

    OPEN = 0
    SETTLING = 1
    OVER = 2
    UNBEGUN = 3
    """Nothing but a preview was seen, which is no upload yet."""


class Instant(msgspec.Struct, gc=False, array_like=True):
    """One moment by the server's clock, and by the sender's where it said."""

    server: float
    sender: float | None = None


class Upload(State, gc=False, kw_only=True, omit_defaults=True):
    """What is remembered of one upload."""

    upload_id: str
    began: float
    last: float
    phase: Phase = Phase.OPEN
    outcome: Outcome | None = None
    started: Instant | None = None
    first_chunk: Instant | None = None
    completed: Instant | None = None
    size: int | None = None
    resolution: Resolution = Resolution.OTHER
    client: Client = Client()
    network: Network = Network.OTHER
    chunks_done: set[int] = msgspec.field(default_factory=set)
    chunks_retried: set[int] = msgspec.field(default_factory=set)
    tried: bool = False
    errors: list[ErrorType] = msgspec.field(default_factory=list)
    reported: Measured = NOT_MEASURED
    page_duration: float | None = None
    page_absurd: bool = False
    """Whether a duration of the page was counted as absurd."""
    rating: int | None = None
    hinted: bool = False
    shown: Instant | None = None
    said_preview: float | None = None
    preview_timed: bool = False
    preview: float | None = None
    recovered_late: bool = False
    about: Segments | None = None
    """How it was counted at its end, whatever is learned of its client later."""
    counted: Measured = NOT_MEASURED


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
