"""What the samples of one play add up to besides its states; nothing here depends on their order.

Numbers that a player measures (throughput, buffer, first byte) become means and maxima for the
play's point. Totals of stalls count where no states are told (Shaka's compiled builds tell none).
"""

from __future__ import annotations

from typing import Final

import msgspec

from exporter.event import Field
from exporter.events.playback.classes import Repair
from exporter.events.playback.totals import NOTHING, UNSAID, Totals
from exporter.instant import Instant

MOST_STALLS: Final = 64
"""Lengths of stalls that are told apart; a player without states that has more is past help."""

ENOUGH: Final = 3
"""Samples; some players send one before they have any state."""

_REPAIRS: Final = tuple(Repair)


class Mean(msgspec.Struct, gc=False, array_like=True):
    """The mean of what was measured so often."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        """One more measurement."""
        self.total += value
        self.count += 1


class Heard(msgspec.Struct, gc=False, omit_defaults=True):
    """What is known of one play from samples."""

    stated: bool = False
    """Whether any state was told; then states count, and no totals of the player."""
    samples: int = 0
    """How many came by themselves, as opposed to along with a request of media."""
    calm: bool = False
    """Whether it asked for media without being in need of them: it has begun."""
    erred: bool = False
    """Whether it met an error of which it is not known whether it was the end."""
    failed: bool = False
    """Whether a state said that it has failed; a later one may say that it goes on."""
    measured: float | None = None
    """The startup that the player measured, told at ``measured_at``."""
    measured_at: Instant | None = None
    premature: bool = False
    """Whether it was told in a state in which there cannot have been a first frame."""
    stalls: float = UNSAID
    stalled: float = UNSAID
    lengths: tuple[float, ...] = ()
    """Those of stalls that are over, of which ``timed`` are counted."""
    timed: int = 0
    starved: float = 0.0
    throughput: Mean | None = None
    buffer: Mean | None = None
    ttfb: Mean | None = None
    top_bitrate: float = UNSAID
    dropped_frames: float = UNSAID
    repairs: int = 0
    """One bit for each member of :class:`Repair`; those in ``counted`` are counted."""
    counted: int = 0

    @property
    def is_stateless(self) -> bool:
        """Whether the player has said enough to have told a state, and has told none."""
        return not self.stated and self.samples >= ENOUGH

    def is_premature(self, first_frame: Instant) -> bool:
        """Whether the startup was told before it was over, so that it is something else."""
        at = self.measured_at
        if at is None or at.sender is None or first_frame.sender is None:
            return self.premature
        return self.premature or at.sender < first_frame.sender

    def repair(self, repair: Repair) -> None:
        """Something that the player got wrong was made good."""
        self.repairs |= 1 << _REPAIRS.index(repair)

    def repaired(self) -> list[Repair]:
        """What was made good and is not counted yet; from now on it is."""
        fresh = self.repairs & ~self.counted
        self.counted = self.repairs
        return [repair for bit, repair in enumerate(_REPAIRS) if fresh >> bit & 1] if fresh else []

    def measure(self, startup: float, at: Instant, *, premature: bool) -> None:
        """The player has measured its startup; of several times the one told last counts."""
        if premature:
            self.repair(Repair.BOGUS_MSD)
        known = self.measured_at
        if known is None or (_told(known), self.measured or 0.0) < (_told(at), startup):
            self.measured, self.measured_at, self.premature = startup, at, premature

    def stall(self, length: float) -> None:
        """A stall is over; who says the same length again says the same stall again."""
        if length in self.lengths:
            self.repair(Repair.REPEATED_BSD)
        elif len(self.lengths) < MOST_STALLS:
            self.lengths = (*self.lengths, length)

    @property
    def totals(self) -> Totals:
        """What counts where no states are told."""
        stalls = self.stalls
        if stalls < 0 and (self.lengths or self.starved):
            stalls = max(float(len(self.lengths)), self.starved)
        stalled = self.stalled
        if stalled < 0 and self.lengths:
            stalled = sum(self.lengths)
        if stalls < 0 and stalled < 0:
            return NOTHING
        return NOTHING._replace(stalls=stalls, stalled=stalled)

    def fields(self) -> list[tuple[str, Field]]:
        """What was measured, as fields of the play's point."""
        found: list[tuple[str, Field]] = [
            (name, mean.total / mean.count)
            for name, mean in (
                ("throughput_bps", self.throughput),
                ("buffer_seconds", self.buffer),
                ("ttfb_seconds", self.ttfb),
            )
            if mean is not None
        ]
        for name, most in (
            ("top_bitrate_bps", self.top_bitrate),
            ("dropped_frames", self.dropped_frames),
        ):
            if most >= 0:
                found.append((name, most))
        return found


def _told(instant: Instant) -> float:
    return instant.server if instant.sender is None else instant.sender
