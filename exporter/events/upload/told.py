"""What servers and pages tell about one upload; each event names its upload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from exporter.event import (
    NOBODY,
    UNKNOWN_COUNTRY,
    Browser,
    Bytes,
    Cleaner,
    Client,
    Count,
    Device,
    Event,
    Name,
    Network,
    Region,
    Seconds,
    System,
    Text,
)
from exporter.events.upload import metrics
from exporter.events.upload.classes import ErrorType, Outcome, Resolution
from exporter.metric import Observation

Pixels = Annotated[int, Meta(ge=1, le=100_000)]
Index = Annotated[int, Meta(ge=0, lt=100_000)]
Country = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$(?!\n)")]
Rating = Annotated[int, Meta(ge=1, le=5)]


class Told(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something about one upload."""

    upload_id: Name


class Started(Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="upload.started"):
    """An upload began.

    ``user_agent`` and ``country`` become classes. ``user``, ``content_type`` are accepted, so that
    servers need no special case, and are not kept. ``timed`` false: the transfer began at another
    time, so this is not the start of its duration.
    """

    file_size_bytes: Bytes | None = None
    content_type: Text | None = None
    chunk_count: Count | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    user: Text | None = None
    user_agent: Text | None = None
    country: Country | None = None
    device: Device = Device.OTHER
    browser: Browser = Browser.OTHER
    system: System = System.OTHER
    region: Region = Region.OTHER
    network: Network = Network.OTHER
    timed: bool = True

    def cleaned(self, cleaner: Cleaner) -> Started:
        """Without the person, and with classes for the client."""
        client = cleaner.client(self.user_agent, self.country)
        if self.user_agent is None:
            client = client._replace(device=self.device, browser=self.browser, system=self.system)
        if self.country is None:
            client = client._replace(region=self.region)
        changes: dict[str, Any] = client._asdict()
        return msgspec.structs.replace(
            self, user=None, user_agent=None, content_type=None, **changes
        )

    @property
    def client(self) -> Client:
        """The classes of the client."""
        country = self.country or UNKNOWN_COUNTRY
        return Client(self.device, self.browser, self.system, self.region, country)

    @property
    def resolution(self) -> Resolution:
        """The class of the picture."""
        return Resolution.of(self.width, self.height)


class ChunkReceived(Told, frozen=True, kw_only=True, gc=False, tag="upload.chunk_received"):
    """The server got a chunk, or failed to. ``attempt`` starts at 1; unsaid, order tells."""

    index: Index
    ok: bool
    attempt: Annotated[int, Meta(ge=1, le=1000)] | None = None


class Progressed(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="upload.progressed"
):
    """The server has so many bytes, of which the request that goes on brought those after some.

    Which of two requests brought a byte tells a line that stood still from one that was cut.
    """

    received_bytes: Bytes
    from_bytes: Bytes = 0


class Completed(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="upload.completed"
):
    """The server has every byte. ``url`` is accepted and not kept."""

    url: Text | None = None
    file_size_bytes: Bytes | None = None
    """Where nobody knew it before."""

    def cleaned(self, cleaner: Cleaner) -> Completed:
        """Without the address of the file."""
        return msgspec.structs.replace(self, url=None)


class Failed(Told, frozen=True, kw_only=True, gc=False, tag="upload.failed"):
    """The server gave up. ``error`` becomes its class and its fingerprint."""

    error: Text = ""
    error_type: ErrorType | None = None

    def cleaned(self, cleaner: Cleaner) -> Failed:
        """With a fingerprint instead of the text."""
        return msgspec.structs.replace(
            self,
            error=cleaner.fingerprint(self.error),
            error_type=self.error_type or ErrorType.of(self.error),
        )


class Cancelled(Told, frozen=True, kw_only=True, gc=False, tag="upload.cancelled"):
    """Whoever uploads does not want it any more: it is abandoned, and nobody has to wait."""


class PreviewShown(Told, frozen=True, kw_only=True, gc=False, tag="upload.preview_shown"):
    """The preview of a completed upload is on the screen."""

    after_seconds: Seconds | None = None
    """Completion to preview by one clock; unsaid, the arrival of both events tells."""


class RecoveryTried(Told, frozen=True, kw_only=True, gc=False, tag="upload.recovery_tried"):
    """A step had failed and the upload tries to go on."""

    error: Text = ""
    error_type: ErrorType | None = None

    def cleaned(self, cleaner: Cleaner) -> RecoveryTried:
        """With a fingerprint instead of the text."""
        return msgspec.structs.replace(
            self,
            error=cleaner.fingerprint(self.error),
            error_type=self.error_type or (ErrorType.of(self.error) if self.error else None),
        )


class RecoverySucceeded(Told, frozen=True, kw_only=True, gc=False, tag="upload.recovery_succeeded"):
    """The failed step was made good."""


class ExperienceReported(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="upload.experience_reported"
):
    """A page's report of one upload so far; a later report of the same upload contains it."""

    client: Client = NOBODY
    errors: tuple[ErrorType, ...] = ()
    went_on: bool = False
    """Whether anything but the end followed the first error."""
    outcome: Outcome | None = None
    duration: Seconds | None = None
    clamped: bool = False
    """Whether the duration was absurd and is not used."""
    rating: Rating | None = None
    abandon_hint: bool = False


class Stored(Event, frozen=True, kw_only=True, gc=False, tag="upload.stored"):
    """A file reached its final form in the storage."""

    original_bytes: Bytes
    stored_bytes: Bytes
    upload_id: Name | None = None

    def observe(self) -> Iterable[Observation]:
        """The two sizes, so that the ratio of sums can be taken."""
        yield metrics.STORED_FILES()
        yield metrics.ORIGINAL_BYTES((), float(self.original_bytes))
        yield metrics.STORED_BYTES((), float(self.stored_bytes))
