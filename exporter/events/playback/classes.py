"""The closed sets by which plays are told apart, and how a raw value finds its class."""

from __future__ import annotations

import re

from exporter.event import Known
from exporter.metric import Closed


class Outcome(Closed):
    """How a play ended; exactly one of these, exactly once.

    Before the first frame: ``start_failed`` with an error, ``start_exited`` without one after a
    wait of a second or more, ``start_dropped`` sooner than that (Mux counts no exit below 1 s).
    After it: ``failed``, ``finished`` (the player said so), ``left`` and ``idle`` (silence).
    """

    START_FAILED = "start_failed"
    START_EXITED = "start_exited"
    START_DROPPED = "start_dropped"
    FAILED = "failed"
    FINISHED = "finished"
    LEFT = "left"
    IDLE = "idle"


class Player(Known):
    """The player that reports."""

    HLS_JS = "hls.js"
    DASH_JS = "dash.js"
    SHAKA = "shaka"
    PILLARBOX = "pillarbox"
    NATIVE = "native"
    OTHER = "other"


class CmcdPlayer(Known):
    """The player, as far as its CMCD is known to need repairs."""

    HLS_JS = "hls.js"
    DASH_JS = "dash.js"
    SHAKA = "shaka"
    OTHER = "other"


class PlayerState(Known):
    """What a player does at a moment (CTA-5004-B, key ``sta``); ``other`` means nothing."""

    PRELOADING = "preloading"
    STARTING = "starting"
    PLAYING = "playing"
    SEEKING = "seeking"
    REBUFFERING = "rebuffering"
    PAUSED = "paused"
    WAITING = "waiting"
    ENDED = "ended"
    FAILED = "failed"
    QUIT = "quit"
    OTHER = "other"


class Repair(Closed):
    """What a player gets wrong and is repaired here (docs/clients says which player does what)."""

    EPOCH_TTFB = "epoch_ttfb"
    BARE_EC = "bare_ec"
    BOGUS_MSD = "bogus_msd"
    STALL_BEFORE_START = "stall_before_start"
    REPEATED_BSD = "repeated_bsd"
    NO_STATES = "no_states"


class BeaconFormat(Known):
    """In which form the beacons of a play came, as far as their loss can be seen."""

    TRACKER = "tracker"
    EVENTS = "events"
    CMCD = "cmcd"
    OTHER = "other"


class ErrorType(Known):
    """What kind of thing went wrong with a play."""

    NETWORK = "network"
    MANIFEST = "manifest"
    MEDIA = "media"
    DRM = "drm"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    OTHER = "other"

    @classmethod
    def of(cls, text: str) -> ErrorType:
        """The class of an error's text or code; a member's own name counts."""
        return cls.by_text(text, _BY_TEXT)


# The first pattern that matches decides: hls.js says "manifestLoadTimeOut", which is a timeout.
_BY_TEXT = tuple(
    (error_type, re.compile(pattern, re.IGNORECASE | re.ASCII))
    for error_type, pattern in (
        (ErrorType.TIMEOUT, r"time[d ]?[ _-]?out|deadline|\b(?:408|504)\b"),
        (
            ErrorType.DRM,
            r"\bdrm|key ?system|licen[cs]e|\beme\b|widevine|fairplay|playready|encrypt",
        ),
        (ErrorType.MANIFEST, r"manifest|playlist|\bmpd\b|m3u8|level ?(?:load|empty|pars)"),
        (ErrorType.UNSUPPORTED, r"not[ _]supported|unsupported|incompatible|codec"),
        (
            ErrorType.NETWORK,
            r"network|failed to fetch|offline|connection|socket|dns|(?:frag|key) ?load|download"
            r"|\bhttp|\b[45]\d\d\b",
        ),
        (ErrorType.MEDIA, r"decod|media|buffer|append|demux|\bvideo|\baudio|frag ?pars"),
    )
)


class Incident(Closed):
    """What happened in a play that nobody names."""

    ERROR = "error"
    STALL = "stall"
    QUALITY_CHANGE = "quality_change"


class Transport(Closed):
    """How media came, or was passed on to others who watch the same."""

    HTTP = "http"
    P2P = "p2p"
    P2P_SENT = "p2p_sent"


class Completed(Closed):
    """Whether the furthest position reached the configured share of the duration."""

    YES = "yes"
    NO = "no"


class Preview(Closed):
    """Whether the video is a preview, which the popular list leaves out."""

    YES = "yes"
    NO = "no"

    @classmethod
    def of(cls, preview: bool | None) -> Preview:
        """Of a flag; who says nothing means no preview."""
        return cls.YES if preview else cls.NO


class Completion(Closed):
    """How much of the video was seen, by the furthest position; a tag of points, not a label."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, ratio: float | None) -> Completion:
        """Above 75 % is high, from 50 % on it is medium."""
        if ratio is None:
            return cls.UNKNOWN
        if ratio > 0.75:
            return cls.HIGH
        return cls.MEDIUM if ratio >= 0.5 else cls.LOW
