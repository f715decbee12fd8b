"""The closed sets by which plays are told apart, and how a raw value finds its class."""

from __future__ import annotations

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
    NATIVE = "native"
    OTHER = "other"


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


class Completed(Closed):
    """Whether the furthest position reached the configured share of the duration."""

    YES = "yes"
    NO = "no"


class Preview(Closed):
    """Whether the video is a preview, which the popular list leaves out."""

    YES = "yes"
    NO = "no"
