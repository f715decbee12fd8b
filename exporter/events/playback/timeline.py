"""The states of a play, one after the other, and the time spent in each.

Events arrive in any order; they wait for those that may still overtake them, and are then applied
by their sequence, or by the player's clock, or as they came. What is startup, stall, seek and
pause follows CTA-2066: watched time is everything but pauses; a stall begins in a play that was
moving and ends when it moves again, is paused or is over.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from enum import IntEnum
from typing import Final

import msgspec

from exporter.events.playback.totals import Totals
from exporter.instant import Instant, between

MOST_WAITING: Final = 64
"""Signs that wait for others; of more, the earliest wait no longer."""


class Mode(IntEnum):
    """What a play does."""

    STARTING = 0
    PLAYING = 1
    STALLED = 2
    SEEKING = 3
    PAUSED = 4
    OVER = 5


class Change(IntEnum):
    """What a sign of a play means; of several at one moment, the smaller one comes first."""

    REQUESTED = 0
    ALIVE = 1
    """Nothing changed, but time went by."""
    MOVED = 2
    """It was seen that the picture has moved: if it had not begun before, it has now."""
    RENDITION = 3
    SEEKED = 4
    STALLED = 5
    STALLED_FOR = 6
    PLAYING = 7
    PAUSED = 8
    OVER = 9
    BUFFERED = 10


class Sign(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One sign of a play; ``sequence`` is -1 where unsaid.

    ``value`` is seconds, or bits per second; of ALIVE and OVER the seconds played so far.
    """

    change: Change
    sequence: int
    instant: Instant
    value: float = 0.0

    @property
    def place(self) -> tuple[int, float, int]:
        """Its place among the others; without a number and a clock it is that of its arrival."""
        instant = self.instant
        if instant.sender is not None:
            return self.sequence, instant.sender, self.change
        return self.sequence, instant.server, self.change if self.sequence >= 0 else 0

    @property
    def repeatable(self) -> bool:
        """Whether another one at the same place is the same one again."""
        return self.sequence >= 0 or self.instant.sender is not None


class Timeline(msgspec.Struct, gc=False, omit_defaults=True):
    """What the states of one play have added up to."""

    waiting: list[Sign] = msgspec.field(default_factory=list)
    last: Sign | None = None
    """The last one that was applied; what belongs before it came too late."""
    mode: Mode = Mode.STARTING
    startup: float = 0.0
    """Time before the first frame; it is watched time once there is a first frame."""
    bitrate: float | None = None
    stall: float = 0.0
    watched: float = 0.0
    stalls: float = 0.0
    stalled: float = 0.0
    media: float = 0.0
    bits: float = 0.0
    pauses: float = 0.0
    seeks: float = 0.0
    quality_changes: float = 0.0
    preloaded: bool = False
    """Whether nobody need have waited for the first frame."""
    played: float = 0.0
    """The seconds played so far that the player said last."""
    played_until: Instant | None = None
    absurd: bool = False
    """Whether a clock was absurd and was not used."""

    @property
    def totals(self) -> Totals:
        """The numbers that states alone can tell."""
        return Totals(
            self.watched,
            self.stalls,
            self.stalled,
            self.media,
            self.bits,
            self.pauses,
            self.seeks,
            self.quality_changes,
        )

    def saw(self, sign: Sign) -> None:
        """Let a sign wait for its turn, unless it is there already or comes too late."""
        place = sign.place
        if self.last is not None:
            last = self.last.place
            if place < last or (place == last and sign.repeatable):
                return
        places = [each.place for each in self.waiting]
        index = bisect_right(places, place)
        if sign.repeatable and bisect_left(places, place) < index:
            return
        self.waiting.insert(index, sign)

    def settle(self, until: float) -> list[float]:
        """Apply what arrived up to ``until`` and what belongs before it; the stalls that ended."""
        waiting = self.waiting
        count = max(0, len(waiting) - MOST_WAITING)
        for index in range(len(waiting) - 1, count - 1, -1):
            if waiting[index].instant.server <= until:
                count = index + 1
                break
        ended = [seconds for sign in waiting[:count] for seconds in self._apply(sign)]
        del waiting[:count]
        return ended

    def _apply(self, sign: Sign) -> list[float]:
        if self.last is not None:
            seconds, absurd = between(self.last.instant, sign.instant)
            self.absurd = self.absurd or absurd
            self._spend(seconds or 0.0)
        self.last = sign
        if sign.value and sign.change in {Change.ALIVE, Change.OVER}:
            self._play(sign)
        return self._change(sign)

    def _play(self, sign: Sign) -> None:
        """Who counts seconds played tells no states, and may have begun to count again."""
        if self.mode is not Mode.STARTING:
            return
        gained = sign.value - self.played
        if gained < 0:
            # It has played when it was last seen and plays again, and does not say how long.
            elapsed, absurd = between(self.played_until, sign.instant)
            self.absurd = self.absurd or absurd
            gained = max(sign.value, elapsed or 0.0)
        self.watched += gained
        if self.bitrate is not None:
            self.media += gained
            self.bits += gained * self.bitrate
        self.played, self.played_until = sign.value, sign.instant

    def _spend(self, seconds: float) -> None:
        mode = self.mode
        if mode is Mode.STARTING:
            self.startup += seconds
        elif mode in {Mode.PLAYING, Mode.STALLED, Mode.SEEKING}:
            self.watched += seconds
            if mode is Mode.STALLED:
                self.stalled += seconds
                self.stall += seconds
            elif mode is Mode.PLAYING and self.bitrate is not None:
                self.media += seconds
                self.bits += seconds * self.bitrate

    def _change(  # noqa: C901 - a table of changes, one line of meaning each
        self, sign: Sign
    ) -> list[float]:
        """Go over into the mode that a sign means; the stall that ended with it, if one did."""
        change, mode = sign.change, self.mode
        moving = mode in {Mode.PLAYING, Mode.STALLED, Mode.SEEKING}
        begins = change is Change.MOVED and mode is Mode.STARTING
        goes_on = change is Change.BUFFERED and mode in {Mode.STALLED, Mode.SEEKING}
        if change is Change.PLAYING or begins or goes_on:
            return self._enter(Mode.PLAYING)
        if change is Change.STALLED and mode is Mode.PLAYING:
            self.stalls += 1.0
            self.mode, self.stall = Mode.STALLED, 0.0
        elif change is Change.STALLED_FOR and mode is not Mode.STARTING:
            self.stalls += 1.0
            self.stalled += sign.value
            return [sign.value]
        elif change is Change.PAUSED and moving:
            self.pauses += 1.0
            return self._enter(Mode.PAUSED)
        elif change is Change.SEEKED and mode is not Mode.STARTING:
            self.seeks += 1.0
            if moving:
                return self._enter(Mode.SEEKING)
        elif change is Change.RENDITION:
            self.quality_changes += self.bitrate not in {None, sign.value}
            self.bitrate = sign.value
        elif change is Change.OVER:
            return self._enter(Mode.OVER)
        return []

    def _enter(self, mode: Mode) -> list[float]:
        before, self.mode = self.mode, mode
        if before is Mode.STARTING and mode is Mode.PLAYING and not self.preloaded:
            self.watched += self.startup
        return [self.stall] if before is Mode.STALLED else []
