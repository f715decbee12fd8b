"""One CMCD report after typing (CTA-5004 version 1 and CTA-5004-B version 2, both modes)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

Numbers = tuple[tuple[float, str | None], ...]
"""Numbers with the object type (``v``, ``a``, ``av``, …) that each is about, where it says so:
``(150;v 48;a)`` is ``((150, "v"), (48, "a"))``. Version 1 has one number, without a type.
"""


class Mode(StrEnum):
    """How a report came: by itself, or along with a request of media."""

    EVENT = "event"
    REQUEST = "request"


EVENTS: Final = frozenset(
    {
        "abs",
        "abe",
        "ae",
        "as",
        "b",
        "bc",
        "c",
        "ce",
        "e",
        "h",
        "m",
        "pc",
        "pe",
        "pr",
        "ps",
        "rr",
        "sk",
        "t",
        "um",
    }
)
"""What ``e`` may be."""
STATES: Final = frozenset({"s", "p", "k", "r", "a", "w", "e", "f", "q", "d"})
"""What ``sta`` may be: starting, playing, seeking, rebuffering, paused, waiting, ended, fatal,
quit, preloading.
"""
OBJECT_TYPES: Final = frozenset({"m", "a", "v", "av", "i", "c", "tt", "k", "o"})
"""What ``ot`` may be, and the type of a number in a list."""
STREAMING_FORMATS: Final = frozenset({"d", "h", "e", "s", "o"})
"""What ``sf`` may be: DASH, HLS, HESP, Smooth Streaming, other."""
STREAM_TYPES: Final = frozenset({"v", "l", "ll"})
"""What ``st`` may be: video on demand, live, low latency."""


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one report says, under the names that CMCD gives its keys; None where it does not.

    Nothing is repaired here that a player got wrong, except that what cannot be read at all is
    in ``ignored``. Times are in ms, rates in kbit/s, strings as they came (so: not cleaned).
    """

    id: str | None
    """What makes a repetition of the report recognisable, fit to be the ``id`` of its events.

    None in request mode where there is no ``sn``: two requests may say the same.
    """
    mode: Mode
    version: int = 1
    target: str = ""
    """What follows ``/cmcd/`` in the path."""
    ignored: tuple[str, ...] = ()
    """Keys with a value of a wrong type, or a string above its limit."""
    bare_ec: bool = False
    """Whether ``ec`` was one bare number, string or token, and no list of strings."""

    # what happened, in event mode
    e: str | None = None
    """One of :data:`EVENTS`, always there in event mode."""
    ts: int | None = None
    """ms since 1970 by the clock of the player, always there in event mode."""
    cen: str | None = None
    """The name of a custom event."""
    h: str | None = None
    """The host that media come from."""

    # who, what, in which order
    sid: str | None = None
    cid: str | None = None
    sn: int | None = None
    """Counts from 0 for each session, mode and target."""
    sf: str | None = None
    st: str | None = None
    cs: str | None = None

    # how the player is
    sta: str | None = None
    """One of :data:`STATES`."""
    bg: bool | None = None
    pr: float | None = None
    """Playback rate; a player leaves out 1."""
    pt: int | None = None
    """Playhead, ms."""
    ltc: int | None = None
    """Latency of a live stream, ms."""
    msd: int | None = None
    """Start delay, ms, once for each session."""
    bs: bool | None = None
    bsa: Numbers | None = None
    """Stalls so far."""
    bsd: Numbers | None = None
    """Stalls that are over, ms."""
    bsda: Numbers | None = None
    """Stalled so far, ms."""
    dfa: int | None = None
    """Frames dropped so far."""
    ec: tuple[str, ...] | None = None
    """Codes of errors."""
    nr: bool | None = None
    su: bool | None = None

    # rates, kbit/s
    br: Numbers | None = None
    ab: Numbers | None = None
    tb: Numbers | None = None
    tab: Numbers | None = None
    lb: Numbers | None = None
    lab: Numbers | None = None
    tpb: Numbers | None = None
    pb: Numbers | None = None
    mtp: Numbers | None = None
    """Measured throughput."""
    rtp: int | None = None

    # buffers, ms
    bl: Numbers | None = None
    tbl: Numbers | None = None
    dl: int | None = None

    # the object that is asked for
    ot: str | None = None
    d: int | None = None
    """Duration, ms."""
    nor: tuple[tuple[str, str | None], ...] | None = None
    """Next objects, and the range of each (``0-99``)."""
    nrr: str | None = None
    cdn: str | None = None

    # the response that came (``e=rr``)
    rc: int | None = None
    """HTTP status; 0 where there was none."""
    ttfb: int | None = None
    ttfbb: int | None = None
    ttlb: int | None = None
    url: str | None = None
    cmsdd: str | None = None
    cmsds: str | None = None
    smrt: str | None = None
