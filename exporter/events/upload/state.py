"""What is remembered of one upload."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from exporter.event import Client, Network, State
from exporter.events.upload.classes import ErrorType, Outcome, Resolution
from exporter.events.upload.concluded import Segments
from exporter.events.upload.measured import NOT_MEASURED, Measured
from exporter.instant import Instant


class Phase(IntEnum):
    """Where an upload is in its life."""

    OPEN = 0
    SETTLING = 1
    OVER = 2
    UNBEGUN = 3
    """Nothing but a preview or a cancellation was seen, which is no upload yet."""


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
    requests: dict[int, int] = msgspec.field(default_factory=dict)
    """How far each of the requests came that carried the bytes, by where it began."""
    progressed: float | None = None
    """When the last new byte was told of, by the server's clock."""
    cancelled: bool = False
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
