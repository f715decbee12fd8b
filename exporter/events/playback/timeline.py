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

from exporter.events.playback.totals import UNSAID, Totals
from exporter.instant import Instant, between

MOST_WAITING: Final = 64
"""Signs that wait for others; of more, the earliest wait no longer."""

SHORTEST_PAUSE: Final = 1.0
"""Seconds; a shorter one before the end of the video is how browsers announce the end."""

FASTEST: Final = 16.0
"""The fastest that browsers play."""


class Mode(IntEnum):
    """What a play does."""

    STARTING = 0
    PLAYING = 1
    STALLED = 2
    SEEKING = 3
    PAUSED = 4
    OVER = 5
    WAITING = 6
    """The picture stands still, and that is no stall."""
    SEEKING_IN_PAUSE = 7


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
    IS_PRELOADING = 11
    """From here on it is a state that is told, and may be the one that is known already."""
    IS_STARTING = 12
    IS_REBUFFERING = 13
    IS_SEEKING = 14
    IS_WAITING = 15
    IS_ENDED = 16


class Sign(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One sign of a play; ``sequence`` is -1 where unsaid.

    ``value`` is seconds, or bits per second; of ALIVE and OVER the seconds played so far, of
    PLAYING the startup that the player has measured. ``bitrate`` and ``speed`` hold from then on.
    """

    change: Change
    sequence: int
    instant: Instant
    value: float = 0.0
    bitrate: float = UNSAID
    speed: float = UNSAID
    by_clock: bool = False
    """Whether the player may begin to count anew, so that its clock tells the order first."""

    @property
    def place(self) -> tuple[float, float, int]:
        """Its place among the others; without a number and a clock it is that of its arrival."""
        instant = self.instant
        if self.by_clock and instant.sender is not None:
            return instant.sender, self.sequence, self.change
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
    asked: Instant | None = None
    """Since when it is starting, by its states; if it never is, since when it is preloading."""
    idle: bool = False
    """Whether nobody waits for the first frame, because it is preloading or was paused."""
    stalled_early: bool = False
    """Whether it was called a stall that there was no first frame yet."""
    bitrate: float | None = None
    speed: float = 1.0
    pause: float = 0.0
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
    ended: Instant | None = None
    """When a state said that the video is over: who watches it again does not go on with it."""

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
        if self.ended is not None:
            return []
        if sign.change is Change.IS_ENDED:
            self.ended = sign.instant
        if self.last is not None:
            seconds, absurd = between(self.last.instant, sign.instant)
            self.absurd = self.absurd or absurd
            self._spend(seconds or 0.0)
        self.last = sign
        if sign.bitrate >= 0:
            self._render(sign.bitrate)
        if sign.speed > 0:
            self.speed = min(sign.speed, FASTEST)
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
        elif mode is Mode.PAUSED:
            self.pause += seconds
        elif mode in _WATCHED:
            self.watched += seconds
            if mode is Mode.STALLED:
                self.stalled += seconds
                self.stall += seconds
            elif mode is Mode.PLAYING and self.bitrate is not None:
                self.media += seconds * self.speed
                self.bits += seconds * self.speed * self.bitrate

    def _change(  # noqa: C901, PLR0911 - a table of changes, one line of meaning each
        self, sign: Sign
    ) -> list[float]:
        """Go over into the mode that a sign means; the stall that ended with it, if one did."""
        change, mode = sign.change, self.mode
        moving = mode in _WATCHED
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
        elif change is Change.PAUSED:
            return self._pause()
        elif change is Change.SEEKED and mode is not Mode.STARTING:
            self.seeks += 1.0
            if moving:
                return self._enter(Mode.SEEKING)
        elif change is Change.RENDITION:
            self._render(sign.value)
        elif change is Change.OVER:
            return self._enter(Mode.OVER)
        elif change >= Change.IS_PRELOADING:
            return self._be(sign)
        return []

    def _be(self, sign: Sign) -> list[float]:
        """Go over into a state that is told, unless the play is in it already."""
        if self.mode is Mode.STARTING:
            self._begin(sign)
            return []
        mode = _NEXT.get((self.mode, sign.change))
        if mode is None:
            # So a player that plays and is starting has come to the next period of its video.
            return []
        if mode is Mode.STALLED:
            self.stalls += 1.0
            self.stall = 0.0
        elif sign.change is Change.IS_SEEKING:
            self.seeks += 1.0
        elif self.mode is Mode.PAUSED and self.pause < SHORTEST_PAUSE:
            self.pauses -= 1.0
        return self._enter(mode)

    def _begin(self, sign: Sign) -> None:
        """What a state means before the first frame."""
        change = sign.change
        if change is Change.IS_STARTING and (self.asked is None or self.idle):
            self.asked, self.idle, self.startup = sign.instant, False, 0.0
        elif change is Change.IS_PRELOADING and self.asked is None:
            self.asked, self.idle, self.startup = sign.instant, True, 0.0
        elif change is Change.IS_REBUFFERING:
            self.stalled_early = True
        elif change is Change.IS_ENDED:
            self.mode = Mode.OVER

    def _pause(self) -> list[float]:
        mode = self.mode
        if mode in _WATCHED:
            self.pauses += 1.0
            self.pause = 0.0
            return self._enter(Mode.PAUSED)
        if mode is Mode.SEEKING_IN_PAUSE:
            self.mode = Mode.PAUSED
        self.idle = mode is Mode.STARTING
        return []

    def _render(self, bitrate: float) -> None:
        self.quality_changes += self.bitrate not in {None, bitrate}
        self.bitrate = bitrate

    def _enter(self, mode: Mode) -> list[float]:
        before, self.mode = self.mode, mode
        if before is Mode.STARTING and mode is Mode.PLAYING:
            self._start()
        return [self.stall] if before is Mode.STALLED else []

    def _start(self) -> None:
        """The first frame: that somebody waited for it is watched time."""
        if self.preloaded:
            return
        measured = self.last.value if self.last is not None else 0.0
        self.watched += min(self.startup, measured) if measured > 0 else self.startup


_NEXT: Final = {
    # Who waits for data within a pause has ended it; who does after a jump waits for the jump.
    (Mode.PLAYING, Change.IS_REBUFFERING): Mode.STALLED,
    (Mode.WAITING, Change.IS_REBUFFERING): Mode.STALLED,
    (Mode.PAUSED, Change.IS_REBUFFERING): Mode.STALLED,
    (Mode.SEEKING_IN_PAUSE, Change.IS_REBUFFERING): Mode.SEEKING,
    (Mode.PLAYING, Change.IS_SEEKING): Mode.SEEKING,
    (Mode.WAITING, Change.IS_SEEKING): Mode.SEEKING,
    (Mode.STALLED, Change.IS_SEEKING): Mode.SEEKING,
    (Mode.PAUSED, Change.IS_SEEKING): Mode.SEEKING_IN_PAUSE,
    (Mode.PLAYING, Change.IS_WAITING): Mode.WAITING,
    **{(mode, Change.IS_ENDED): Mode.OVER for mode in Mode},
}
"""In which mode a play is that was in another and tells a state; else it stays what it was."""

_WATCHED: Final = frozenset({Mode.PLAYING, Mode.STALLED, Mode.SEEKING, Mode.WAITING})
