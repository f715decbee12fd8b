"""Every number about plays: raw counters, of which rules make each vendor's ratio.

Terms are those of CTA-2066 (QoE metrics) and CTA-5004 (CMCD). Watched time is wall clock without
the pauses of the person; a stall is never startup and never a seek (CTA-2066, section 5).
"""

from __future__ import annotations

from typing import NamedTuple

from exporter.event import Device, Network
from exporter.events.playback.classes import (
    BeaconFormat,
    CmcdPlayer,
    Completed,
    ErrorType,
    Incident,
    Outcome,
    Player,
    Preview,
    Repair,
    Transport,
)
from exporter.metric import Cdn, Counter, Histogram, Unlabelled

STARTUP_LIMITS = (0.5, 1, 2, 3, 5, 10)


class ByPlayer(NamedTuple):
    player: Player


class OnDevice(NamedTuple):
    device: Device


class OnNetwork(NamedTuple):
    network: Network


class ByCdn(NamedTuple):
    cdn: Cdn


class EndedLabels(NamedTuple):
    outcome: Outcome
    player: Player


class EndedByDeviceLabels(NamedTuple):
    outcome: Outcome
    device: Device


class ViewLabels(NamedTuple):
    preview: Preview


class CompletionLabels(NamedTuple):
    device: Device
    completed: Completed


class OfType(NamedTuple):
    error_type: ErrorType


class OfFormat(NamedTuple):
    format: BeaconFormat


class RepairLabels(NamedTuple):
    player: CmcdPlayer
    reason: Repair


class ByIncident(NamedTuple):
    incident: Incident


class ByTransport(NamedTuple):
    transport: Transport


ATTEMPTS = Counter(
    "video_playback_attempts_total",
    "Plays that somebody asked for; minus those that ended, the plays that go on now.",
    ByPlayer,
)
STARTED = Counter("video_playback_started_total", "Plays that showed their first frame.", ByPlayer)
ENDED = Counter(
    "video_playback_ended_total", "Plays over, each counted once, by how they ended.", EndedLabels
)
ENDED_BY_DEVICE = Counter(
    "video_playback_ended_by_device_total",
    "The plays of video_playback_ended_total by device.",
    EndedByDeviceLabels,
)
VIEWS = Counter(
    "video_playback_views_total",
    "The plays of video_playback_attempts_total by whether the video is a preview.",
    ViewLabels,
)
COMPLETIONS = Counter(
    "video_playback_completions_total",
    "Plays over whose video has a known duration, by whether they reached 90 % of it.",
    CompletionLabels,
)
ENGAGEMENT = Histogram(
    "video_playback_engagement_ratio",
    "Watched time over duration of plays over, capped at 1.",
    OnDevice,
    (0.4, 0.5, 0.75, 0.9),
)
STARTUP = Histogram(
    "video_playback_startup_seconds",
    "Play requested to first frame, by device.",
    OnDevice,
    STARTUP_LIMITS,
)
STARTUP_BY_NETWORK = Histogram(
    "video_playback_startup_by_network_seconds",
    "The times of video_playback_startup_seconds by network.",
    OnNetwork,
    STARTUP_LIMITS,
)
STARTUP_BY_PLAYER = Histogram(
    "video_playback_startup_by_player_seconds",
    "The times of video_playback_startup_seconds by player.",
    ByPlayer,
    STARTUP_LIMITS,
)
STALLS = Counter(
    "video_playback_stalls_total", "Stalls; neither startup nor seeking is one.", ByPlayer
)
STALL = Histogram(
    "video_playback_stall_seconds", "How long stalls took.", Unlabelled, (0.5, 1, 2, 5, 10)
)
STALLED = Counter(
    "video_playback_stalled_seconds_total", "Time spent in stalls, by player.", ByPlayer
)
STALLED_BY_NETWORK = Counter(
    "video_playback_stalled_by_network_seconds_total", "Time spent in stalls.", OnNetwork
)
STALLED_BY_CDN = Counter(
    "video_playback_stalled_by_cdn_seconds_total", "Time spent in stalls.", ByCdn
)
WATCHED = Counter(
    "video_playback_watched_seconds_total",
    "Wall clock of plays, initial buffering, stalls and seeks included, pauses not.",
    ByPlayer,
)
WATCHED_BY_NETWORK = Counter(
    "video_playback_watched_by_network_seconds_total",
    "The time of video_playback_watched_seconds_total by network.",
    OnNetwork,
)
WATCHED_BY_CDN = Counter(
    "video_playback_watched_by_cdn_seconds_total",
    "The time of video_playback_watched_seconds_total by CDN.",
    ByCdn,
)
MEDIA = Counter(
    "video_playback_media_seconds_total",
    "Media time played where its bitrate is known, by device.",
    OnDevice,
)
MEDIA_BY_NETWORK = Counter(
    "video_playback_media_by_network_seconds_total",
    "The time of video_playback_media_seconds_total by network.",
    OnNetwork,
)
BITS = Counter(
    "video_playback_bits_total", "Bits of the media time played (CTA-2066 bitsPlayed).", OnDevice
)
BITS_BY_NETWORK = Counter(
    "video_playback_bits_by_network_total",
    "The bits of video_playback_bits_total by network.",
    OnNetwork,
)
PAUSES = Counter("video_playback_pauses_total", "Pauses of the person.", Unlabelled)
SEEKS = Counter("video_playback_seeks_total", "Seeks of the person.", Unlabelled)
QUALITY_CHANGES = Counter(
    "video_playback_quality_changes_total", "Changes of the rendition.", Unlabelled
)
ERRORS = Counter(
    "video_playback_errors_total", "Errors met by plays, fatal or not, by kind.", OfType
)
BEACONS_EXPECTED = Counter(
    "video_playback_beacons_expected_total",
    "Beacons that plays over must have sent, by their sequence numbers.",
    OfFormat,
)
BEACONS_MISSING = Counter(
    "video_playback_beacons_missing_total",
    "Those of video_playback_beacons_expected_total that never came.",
    OfFormat,
)
TALLIED_INCIDENTS = Counter(
    "video_playback_tallied_incidents_total",
    "What happened in plays that nobody names (PeerTube); in no other family.",
    ByIncident,
)
TALLIED_BYTES = Counter(
    "video_playback_tallied_bytes_total",
    "Bytes of media in plays that nobody names (PeerTube): from servers, from peers, and to peers.",
    ByTransport,
)
UNATTRIBUTED = Counter(
    "video_playback_unattributed_beacons_total",
    "Beacons of players that name no session (dash.js as it comes), so that no play is in them.",
    Unlabelled,
)
REPAIRS = Counter(
    "video_player_repairs_total",
    "Plays in which a defect of the player was repaired, each once for each defect; and beacons"
    " without a session.",
    RepairLabels,
)
CLAMPED = Counter(
    "video_playback_clamped_total",
    "Numbers of players that were absurd (negative, or beyond what can be) and were not used.",
    Unlabelled,
)
