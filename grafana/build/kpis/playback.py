"""The KPIs of plays, in words."""

from __future__ import annotations

from typing import Final

from grafana.build.kpis.kpi import Kpi

KPIS: Final = (
    Kpi(
        "playback_completion_ratio",
        "Completion",
        "Of the plays that ended, how many reached 90 % of their video?",
        "Above the target line; a drop on one device is its player's, on all the content's.",
        "playback-content",
    ),
    Kpi(
        "playback_engagement_ratio",
        "Engagement",
        "How much of its duration is a video watched on average?",
        "Above the target line; below it look where people leave.",
        "playback-content",
    ),
    Kpi(
        "playback_startup_p95_seconds",
        "Startup time, p95",
        "How long do 95 of 100 plays take at most from the request to the first frame?",
        "Below the target line on every network and player.",
        "playback-overview",
    ),
    Kpi(
        "playback_start_failure_ratio",
        "Failures before the first frame",
        "Of the attempts, how many failed before the first frame?",
        "Below the target line; all players at once is the service, one is its release.",
        "playback-overview",
    ),
    Kpi(
        "playback_failure_ratio",
        "Failures after the first frame",
        "Of the plays that ended, how many failed while playing?",
        "Below the target line.",
        "playback-overview",
    ),
    Kpi(
        "playback_exit_before_start_ratio",
        "Exits before the first frame",
        "Of the attempts, how many were left after a second or more without a frame or an error?",
        "Below the target line; it rises with the startup time.",
        "playback-overview",
    ),
    Kpi(
        "playback_rebuffer_ratio",
        "Rebuffering",
        "How much of the watched time do plays stand still?",
        "Below the target line on every network and CDN; startup and seeks do not count.",
        "playback-overview",
    ),
    Kpi(
        "playback_bitrate_mean_bps",
        "Bitrate",
        "With how many bits per second of media do videos play on average?",
        "Above the target line; low with little rebuffering means that the ladder is too careful.",
        "playback-overview",
    ),
    Kpi(
        "beacon_loss_ratio",
        "Beacon loss",
        "Of the beacons that players must have sent, how many never came?",
        "Below the target line; above it every other number of playback is less sure.",
        "playback-overview",
    ),
)
