"""Makes ``<domain>_edges_test.yml``: what alerts on KPIs do on, before and beyond their numbers.

    python -m tests.rules.edges

What alerts there are, on which KPI, how grave, over which window and in which direction is written
down here, as the contract has it and not as the rules have it; the numbers are those of
fixtures/thresholds.yml. KPIs are given, not computed: that they are right is told elsewhere.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HERE = Path(__file__).parent
FIXTURE = HERE / "fixtures" / "thresholds.yml"
SEVERITIES = ("critical", "high", "medium", "low")
PHASE = 5  # minutes


class Alert(NamedTuple):
    """One alert on a KPI, as the contract has it."""

    name: str
    severity: str
    kpi: str
    window: str
    fires: str
    """``<`` or ``>`` its threshold; ``<=`` where that is the lowest value that there is."""
    segments: bool = True
    """Whether an override of a segment can make it fire."""
    instant: bool = False
    """Whether its window does all of the waiting."""
    young: bool = True
    """Whether it can fire as a whole before there is a week to compare with."""


class Trickle(NamedTuple):
    """The alerts on few bad events at a time, and KPIs that they watch."""

    name: str
    kpis: tuple[str, ...]


CONTRACT: dict[str, tuple[Alert, ...]] = {
    "upload": (
        Alert("UploadSuccessRatioLow", "critical", "upload_success_ratio", "15m", "<"),
        Alert("UploadSuccessRatioLow", "high", "upload_success_ratio", "30m", "<"),
        Alert(
            *("UploadDurationIncreased", "critical", "upload_duration_increase_ratio", "30m", ">"),
            segments=False,
        ),
        Alert(
            *("UploadDurationIncreased", "high", "upload_duration_increase_ratio", "1h", ">"),
            segments=False,
        ),
        Alert("UploadFirstByteSlow", "high", "upload_ttfb_p95_seconds", "15m", ">"),
        Alert("UploadThroughputLow", "low", "upload_throughput_utilisation_ratio", "1h", "<"),
        Alert("UploadChunkRetriesHigh", "high", "upload_chunk_first_try_ratio", "30m", "<"),
        Alert("UploadAbandonmentHigh", "high", "upload_abandonment_ratio", "1h", ">"),
        Alert("UploadPreviewSlow", "medium", "upload_preview_p95_seconds", "30m", ">"),
        Alert("UploadRecoveryLow", "medium", "upload_recovery_ratio", "1h", "<"),
        Alert("UploadSatisfactionLow", "medium", "upload_satisfaction_score", "1d", "<"),
        Alert("UploadCpuHigh", "low", "upload_cpu_increase_ratio", "1h", ">"),
        Alert("UploadMemoryHigh", "low", "upload_memory_increase_bytes", "1h", ">"),
        Alert("ApiErrorRatioHigh", "critical", "api_error_ratio", "10m", ">"),
        Alert(
            *("StorageEfficiencyLow", "low", "storage_efficiency_ratio", "1d", "<"), segments=False
        ),
        Alert("StorageUnavailable", "critical", "storage_available", "5m", "<=", instant=True),
    ),
    "generation": (
        Alert("GenerationSuccessRatioLow", "critical", "generation_success_ratio", "15m", "<"),
        Alert("GenerationSlow", "high", "generation_duration_mean_seconds", "15m", ">"),
        Alert("GenerationQualityLow", "high", "generation_quality_score", "1h", "<"),
        Alert("GenerationSatisfactionLow", "high", "generation_satisfaction_score", "1d", "<"),
        Alert("GenerationRecoveryLow", "medium", "generation_recovery_ratio", "1h", "<"),
        Alert("GenerationQueueLong", "high", "generation_queue_length", "10m", ">"),
        Alert("GenerationCostHigh", "low", "generation_cost_mean", "1d", ">", young=False),
        Alert(
            *("PremiumConversionLow", "high", "premium_conversion_ratio", "1d", "<"), segments=False
        ),
        Alert("RevenueDeclining", "high", "revenue_decline_ratio", "1d", "<"),
        Alert("RetentionLow", "low", "retention_ratio", "1d", "<", segments=False),
    ),
    "playback": (
        Alert("PlaybackStartFailureHigh", "critical", "playback_start_failure_ratio", "15m", ">"),
        Alert("PlaybackFailureHigh", "high", "playback_failure_ratio", "15m", ">"),
        Alert("PlaybackStartupSlow", "high", "playback_startup_p95_seconds", "15m", ">"),
        Alert("PlaybackRebufferHigh", "high", "playback_rebuffer_ratio", "15m", ">"),
        Alert(
            *("PlaybackExitBeforeStartHigh", "medium", "playback_exit_before_start_ratio"),
            *("1h", ">"),
        ),
        Alert("PlaybackBitrateLow", "low", "playback_bitrate_mean_bps", "1h", "<"),
        Alert("PlaybackCompletionLow", "low", "playback_completion_ratio", "1d", "<"),
        Alert("PlaybackEngagementLow", "low", "playback_engagement_ratio", "1d", "<"),
        Alert("BeaconLossHigh", "medium", "beacon_loss_ratio", "1h", ">"),
    ),
    "web": (
        Alert("WebLcpPoor", "medium", "web_lcp_good_ratio", "1h", "<"),
        Alert("WebInpPoor", "medium", "web_inp_good_ratio", "1h", "<"),
        Alert("WebClsPoor", "medium", "web_cls_good_ratio", "1h", "<"),
        Alert("WebFcpPoor", "medium", "web_fcp_good_ratio", "1h", "<"),
        Alert("WebTtfbPoor", "medium", "web_ttfb_good_ratio", "1h", "<"),
        Alert("WebLoadSlow", "high", "web_load_p95_seconds", "15m", ">"),
        Alert("WebErrorRatioHigh", "critical", "web_error_ratio", "10m", ">"),
        Alert("WebRequestFailureHigh", "high", "web_request_failure_ratio", "15m", ">"),
        Alert("WebBounceRatioHigh", "low", "web_bounce_ratio", "1d", ">"),
    ),
    "platform": (
        Alert("ServiceAvailabilityLow", "critical", "service_availability_ratio", "5m", "<"),
        Alert("ResponseTimeMeanHigh", "high", "response_time_mean_seconds", "10m", ">"),
        Alert("ResponseTimeP95High", "high", "response_time_p95_seconds", "10m", ">"),
        Alert("ErrorRatioHigh", "high", "error_ratio", "10m", ">"),
        Alert("MemoryUsedHigh", "high", "memory_used_ratio", "10m", ">"),
        Alert("CpuUsedHigh", "high", "cpu_used_ratio", "10m", ">"),
        Alert("DiskUsedHigh", "high", "disk_used_ratio", "10m", ">"),
        Alert("CacheHitRatioLow", "medium", "cache_hit_ratio", "30m", "<"),
        Alert("LoginFailureHigh", "medium", "login_failure_ratio", "15m", ">", segments=False),
        Alert("UserSatisfactionLow", "medium", "user_satisfaction_score", "1d", "<"),
    ),
}
MADE_UP = "made_up_ratio"
"""A KPI of nobody that should be high, where those that are watched should all be low."""

TRICKLES = {
    "upload": Trickle("UploadSlowTrickle", ("upload_success_ratio", "api_error_ratio")),
    "generation": Trickle("GenerationSlowTrickle", ("generation_success_ratio",)),
    "playback": Trickle("PlaybackSlowTrickle", ("playback_failure_ratio",)),
    "web": Trickle("WebSlowTrickle", ("web_error_ratio", MADE_UP)),
    "platform": Trickle("PlatformSlowTrickle", ("service_availability_ratio", "error_ratio")),
}


class Numbers:
    """The numbers of the fixture."""

    def __init__(self) -> None:
        groups = yaml.safe_load(FIXTURE.read_text())["groups"]
        self._all = {
            (rule["record"], tuple(sorted(rule.get("labels", {}).items()))): float(rule["expr"])
            for group in groups
            for rule in group["rules"]
        }

    def made_up(self, trickle: str) -> Iterator[dict[str, str]]:
        """Numbers for the KPI of nobody, and the series of them."""
        about = {"kpi": MADE_UP}
        for name, value, labels in (
            ("kpi:target", 0.98, about),
            ("kpi:direction", 1.0, about),
            ("kpi:threshold", 0.95, {**about, "severity": "medium"}),
            ("alert:threshold", 20.0, {"alert": trickle, "limit": "events", **about}),
        ):
            self._all[name, tuple(sorted(labels.items()))] = value
            yield series(name, f"{number(value)}x{10 * PHASE}", **labels)

    def get(self, record: str, **labels: str) -> float:
        return self._all[record, tuple(sorted(labels.items()))]

    def mildest(self, kpi: str) -> float:
        """Where the mildest alert of a KPI starts."""
        return [
            value
            for severity in SEVERITIES
            for (record, labels), value in self._all.items()
            if record == "kpi:threshold" and labels == (("kpi", kpi), ("severity", severity))
        ][-1]


def number(value: float) -> str:
    return f"{value:.10g}"


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    inside = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return {"series": f"{name}{{{inside}}}", "values": values}


# -- alerts on KPIs ------------------------------------------------------------------------------


def kpi_test(domain: str, alerts: Sequence[Alert], numbers: Numbers) -> dict[str, Any]:
    """On the threshold, beyond it, beyond it with too few events, a segment beyond its own."""
    inputs = list(_decoys(alerts))
    for alert in alerts:
        inputs += _phases(alert, numbers)
    if any(alert.instant for alert in alerts):
        inputs.append(series("video_storage_operations_total", "0 _x9 0 _x9", operation="check"))
    named = "|".join(dict.fromkeys(alert.name for alert in alerts))
    beyond = [_firing(domain, alert) for alert in alerts if alert.young]
    breached = [_firing(domain, alert, "device") for alert in alerts if alert.segments]
    at_once = [_firing(domain, alert) for alert in alerts if alert.instant]
    looks = [
        (PHASE - 1, []),
        (PHASE, at_once),
        (PHASE + 1, beyond),
        (2 * PHASE - 1, beyond),
        (2 * PHASE, at_once),  # kept for a minute
        (2 * PHASE + 1, []),
        (3 * PHASE - 1, []),
        (3 * PHASE, [_firing(domain, a, "device") for a in alerts if a.instant]),
        (3 * PHASE + 1, breached),
    ]
    return {
        "name": "on a threshold, beyond it, with too few events, a segment beyond its own",
        "interval": "1m",
        "input_series": inputs,
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertstate="firing", alertname=~"{named}"}}',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": labels, "value": 1} for labels in sorted(firing)],
            }
            for minute, firing in looks
        ],
    }


def _phases(alert: Alert, numbers: Numbers) -> Iterator[dict[str, str]]:
    threshold = numbers.get("kpi:threshold", kpi=alert.kpi, severity=alert.severity)
    enough = numbers.get("kpi:min_events", kpi=alert.kpi)
    far = 1 + abs(threshold) * 1000
    step = abs(threshold) * 0.05 or 1
    if alert.fires == ">":
        on, beyond, never = threshold, threshold + step, far
    else:
        on, beyond, never, far = threshold, threshold - step, -far, -far
    if alert.fires == "<=":
        on, beyond = threshold + step, threshold
    last = PHASE - 1
    yield series(
        "kpi:value",
        f"{number(on)}x{last} {number(beyond)}x{last} {number(beyond)}x{last} {number(on)}x{last}",
        kpi=alert.kpi,
        window=alert.window,
    )
    yield series(
        "kpi:events",
        f"{number(enough)}x{2 * PHASE - 1} {number(enough * 0.95)}x{last} {number(enough)}x{last}",
        kpi=alert.kpi,
        window=alert.window,
    )
    # What must not be mistaken for it.
    always = f"x{4 * PHASE}"
    yield series("kpi:value", f"{number(far)}{always}", kpi=alert.kpi, window="decoy")
    yield series("kpi:events", f"1e6{always}", kpi=alert.kpi, window="decoy")
    yield series("kpi:threshold", f"{number(never)}{always}", kpi=alert.kpi, severity="decoy")
    if alert.segments:
        about = {"segment": "device", "member": "mobile", "window": "1h"}
        yield series(
            "kpi:segment_breach",
            f"_x{3 * PHASE} 1x{last}",
            kpi=alert.kpi,
            severity=alert.severity,
            **about,
        )
        yield series("kpi:segment_breach", f"1{always}", kpi=alert.kpi, severity="decoy", **about)


def _decoys(alerts: Sequence[Alert]) -> Iterator[dict[str, str]]:
    """KPIs of nobody, always beyond their thresholds."""
    always = f"x{4 * PHASE}"
    for kpi, value in (("made_up_low", "0"), ("made_up_high", "100")):
        for window in dict.fromkeys(alert.window for alert in alerts):
            yield series("kpi:value", f"{value}{always}", kpi=kpi, window=window)
            yield series("kpi:events", f"1000{always}", kpi=kpi, window=window)
        yield series("kpi:min_events", f"1{always}", kpi=kpi)
        for severity in SEVERITIES:
            yield series("kpi:threshold", f"50{always}", kpi=kpi, severity=severity)
            yield series(
                "kpi:segment_breach",
                f"1{always}",
                kpi=kpi,
                severity=severity,
                segment="device",
                member="mobile",
                window="1h",
            )


def _firing(domain: str, alert: Alert, segment: str = "") -> str:
    labels = {
        "alertname": alert.name,
        "alertstate": "firing",
        "domain": domain,
        "kpi": alert.kpi,
        "member": "mobile" if segment else "all",
        "segment": segment or "all",
        "severity": alert.severity,
    }
    if alert.window:
        labels["window"] = "1h" if segment else alert.window
    inside = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return f'{{__name__="ALERTS", {inside}}}'


# -- few bad events at a time --------------------------------------------------------------------


def trickle_test(domain: str, trickle: Trickle, kpi: str, numbers: Numbers) -> dict[str, Any]:
    """On the target, beyond it with as many bad events as allowed, one more; the mildest alert."""
    given = list(numbers.made_up(trickle.name)) if kpi == MADE_UP else []
    target = numbers.get("kpi:target", kpi=kpi)
    mildest = numbers.mildest(kpi)
    limit = numbers.get("alert:threshold", alert=trickle.name, limit="events", kpi=kpi)
    direction = numbers.get("kpi:direction", kpi=kpi)

    def worse(value: float) -> float:
        """A little beyond, though not as far as a tenth, nor as far as the next number."""
        step = value * 0.05
        if value == target:
            step = min(step, abs(target - mildest) / 2)
        return value - step * direction

    def events(value: float, bad: float) -> float:
        return bad / (1 - value if direction > 0 else value)

    phases = [
        (target, 2 * limit),
        (worse(target), limit),
        (worse(target), limit + 1),
        (mildest, 2 * limit),
        (worse(mildest), limit),
        (worse(mildest), limit + 1),
    ]
    last = PHASE - 1
    about = {"kpi": kpi, "window": "1d"}
    inputs = [
        *given,
        series("kpi:value", " ".join(f"{number(value)}x{last}" for value, _ in phases), **about),
        series(
            "kpi:events",
            " ".join(f"{number(events(value, bad))}x{last}" for value, bad in phases),
            **about,
        ),
    ]
    always = f"x{len(phases) * PHASE}"
    far = number(-10 * direction)
    inputs += [
        series("kpi:value", f"{far}{always}", kpi=kpi, window="decoy"),
        series("kpi:events", f"1e9{always}", kpi=kpi, window="decoy"),
        series("alert:threshold", f"0{always}", alert="Decoy", limit="events", kpi=kpi),
        series("alert:threshold", f"0{always}", alert=trickle.name, limit="decoy", kpi=kpi),
    ]
    looks = [
        (PHASE - 1, ""),
        (2 * PHASE - 1, ""),
        (2 * PHASE, ""),
        (2 * PHASE + 1, "low"),
        (4 * PHASE - 1, "low"),
        (5 * PHASE - 1, ""),
        (5 * PHASE, ""),
        (5 * PHASE + 1, "low medium"),
    ]
    return {
        "name": f"few bad events of {kpi} at a time",
        "interval": "1m",
        "input_series": inputs,
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertstate="firing", alertname="{trickle.name}"}}',
                "eval_time": f"{minute}m",
                "exp_samples": [
                    {
                        "labels": _firing(domain, Alert(trickle.name, severity, kpi, "", "")),
                        "value": 1,
                    }
                    for severity in firing.split()
                ],
            }
            for minute, firing in looks
        ],
    }


# -- a week of history -----------------------------------------------------------------------------

STEP = 60  # minutes; a week is long
DAY = 24 * 60 // STEP
SPIKES = {
    "UploadCpuSpike": "upload_cpu_increase_ratio",
    "UploadMemorySpike": "upload_memory_increase_bytes",
}


def days_tests() -> list[dict[str, Any]]:
    """What compares with the 7 days before: how far off, how many events, since when."""
    low, high = [0.0, 0.2] * (4 * DAY), [0.5] * (8 * DAY)
    gap = 13 * DAY // 2
    old: list[float | None] = [0.0] * 10 + [None] * (gap - 10)
    spike = [*old, *[0.1] * 4, 0.9, 0.9, *[0.1] * 4, 5.0, 5.0, *[0.1] * 30, 50.0, 50.0]
    return [
        # 0.1 on average, deviation 0.1: 3 of them above are 0.4. Each is looked at twice.
        _compared(
            "a spike of nearly three deviations, and of more; an error after a week with a gap",
            [*low, 0.39, 0.39, 0.435, 0.435],
            [1.0] * (8 * DAY + 4),
            {8 * DAY + 1: False, 8 * DAY + 3: True},
            errors={"server": [*old, *[0.0] * 42, 3.0]},
            new={gap + 42: ()},
        ),
        # A rise is a tenth of the mean; of a share, a tenth of the whole.
        _compared(
            "a rise of nearly a tenth, of more, and with too few events; errors that are new",
            [*high, 0.54, 0.54, 0.57, 0.57, 0.5, 0.5, 0.9, 0.9],
            [*[1.0] * (8 * DAY + 6), 0.95, 0.95],
            {8 * DAY + 1: False, 8 * DAY + 3: True, 8 * DAY + 7: False},
            shares=[*high, 0.595, 0.595, 0.607, 0.607],
            errors={
                "network": [*[0.0] * (2 * DAY), 3.0, *[0.0] * (5 * DAY + 4), 3.0],
                "storage": [*[0.0] * (5 * DAY), 0.9, *[0.0] * (2 * DAY + 4), 3.0],
                "server": [*[0.0] * (7 * DAY + 5), 3.0],
            },
            new={7 * DAY + 5: ("server",)},
        ),
        # Known from the first hours, and then from day 6.5 on.
        _compared(
            "too few events; what was known 6 to 7 days ago, and what was not",
            spike,
            [*[1.0] * (gap + 3), 0.95, 0.95, 0.95, *[1.0] * (2 * DAY)],
            {gap + 5: False, gap + 11: True, gap + 43: False},
            errors={"server": [*old, *[0.0] * 11, 3.0]},
            new={gap + 11: ("server",)},
        ),
        _began_lately(),
    ]


def _began_lately() -> dict[str, Any]:
    """An error that was new half an hour ago still is: of the last hour it is told as one."""
    hours = 9 * DAY
    errors = [*[0.0] * (2 * hours - 1), 3.0, 3.0]
    new = [_info("UploadNewErrorType", segment="error_type", member="server")]
    return {
        "name": "an error that began between two looks",
        "interval": f"{STEP // 2}m",
        "input_series": [
            series("upload:errors:increase", _column(errors), error_type="server", window="1h")
        ],
        "promql_expr_test": [
            _asked('ALERTS{alertname="UploadNewErrorType"}', hours - 1, []),
            _asked('ALERTS{alertname="UploadNewErrorType"}', hours, new),
        ],
    }


def minutes_test() -> dict[str, Any]:
    """The same comparisons minute by minute, with what the week before amounts to as given."""
    last = PHASE - 1

    def phases(*values: float) -> str:
        return " ".join(f"{value!r}x{last}" for value in values)

    inputs = []
    # Three deviations above the mean; a tenth above it; beyond both.
    for alert, kpi in SPIKES.items():
        rise = Numbers().get("alert:threshold", alert=alert, limit="rise")
        about = {"kpi": kpi, "window": "1h"}
        inputs += [
            series("kpi:value", phases(13.0, 10.0 * rise, 14.0), **about),
            series("kpi:events", phases(10.0, 10.0, 10.0), **about),
            series("kpi:value:mean7d", phases(10.0, 10.0, 10.0), **about),
            series("kpi:value:stddev7d", phases(1.0, 0.0, 1.0), **about),
            series("kpi:value:week_ago", phases(10.0, 10.0, 10.0), **about),
        ]
    # Three deviations away from the mean; a tenth of the whole; beyond both.
    about = {"segment": "device", "member": "mobile", "window": "1h"}
    inputs += [
        series("upload:share:ratio", phases(0.5, 0.1, 0.6), **about),
        series("upload:share:mean7d", phases(0.125, 0.0, 0.125), **about),
        series("upload:share:stddev7d", phases(0.125, 0.0, 0.125), **about),
        series("upload:share:week_ago", phases(0.5, 0.5, 0.5), **about),
        series("upload:ended:increase", phases(50.0, 50.0, 50.0), outcome="completed", window="1h"),
    ]
    unusual = [
        *(
            _firing("upload", Alert(alert, "medium", kpi, "1h", ""))
            for alert, kpi in SPIKES.items()
        ),
        _info("UploadShareUnusual", segment="device", member="mobile"),
    ]
    names = "|".join((*SPIKES, "UploadShareUnusual"))
    return {
        "name": "a spike and a share on each of their numbers, and beyond them for a minute",
        "interval": "1m",
        "input_series": inputs,
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertstate="firing", alertname=~"{names}"}}',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": labels, "value": 1} for labels in sorted(firing)],
            }
            for minute, firing in (
                (PHASE - 1, []),
                (2 * PHASE - 1, []),
                (2 * PHASE, []),
                (2 * PHASE + 1, unusual),
            )
        ],
    }


def _column(values: Sequence[float | None]) -> str:
    return " ".join("_" if value is None else number(value) for value in values)


def _compared(
    name: str,
    values: Sequence[float | None],
    events: Sequence[float],
    looks: dict[int, bool],
    *,
    errors: dict[str, Sequence[float | None]],
    new: dict[int, tuple[str, ...]],
    shares: Sequence[float | None] = (),
) -> dict[str, Any]:
    """The same for KPIs and shares; ``events`` are multiples of what an alert asks for."""
    shares = shares or values
    inputs = [*_spiking(values, events), *_sharing(shares, events)]
    inputs += [
        series("upload:errors:increase", _column(column), error_type=error, window="1h")
        for error, column in errors.items()
    ]
    inputs.append(
        series("upload:errors:increase", f"0x{9 * DAY}", error_type="server", window="decoy")
    )
    spikes = [
        _firing("upload", Alert(alert, "medium", kpi, "1h", "")) for alert, kpi in SPIKES.items()
    ]
    asked = f'ALERTS{{alertstate="firing", alertname=~"{"|".join(SPIKES)}"}}'
    tests = [_asked(asked, place, spikes if fires else []) for place, fires in looks.items()]
    share = _info("UploadShareUnusual", segment="device", member="mobile")
    tests += [
        _asked('ALERTS{alertname="UploadShareUnusual"}', place, [share] if fires else [])
        for place, fires in looks.items()
        if place < len(shares)
    ]
    tests += [
        _asked(
            'ALERTS{alertname="UploadNewErrorType"}',
            place,
            [_info("UploadNewErrorType", segment="error_type", member=each) for each in members],
        )
        for place, members in new.items()
    ]
    return {
        "name": name,
        "interval": f"{STEP}m",
        "input_series": inputs,
        "promql_expr_test": tests,
    }


def _spiking(values: Sequence[float | None], events: Sequence[float]) -> Iterator[dict[str, str]]:
    always = f"x{len(values)}"
    for kpi in SPIKES.values():
        yield series("kpi:value", _column(values), kpi=kpi, window="1h")
        enough = [10 * share for share in events]
        yield series("kpi:events", _column(enough), kpi=kpi, window="1h")
        yield series("kpi:value", f"100{always}", kpi=kpi, window="decoy")
        yield series("kpi:events", f"1e6{always}", kpi=kpi, window="decoy")
    decoy = {"kpi": "made_up_ratio", "window": "1h"}
    for name, value in (
        ("kpi:value", "100"),
        ("kpi:events", "1e6"),
        ("kpi:value:mean7d", "1"),
        ("kpi:value:stddev7d", "1"),
    ):
        yield series(name, value + always, **decoy)
    yield series("kpi:min_events", f"1{always}", kpi="made_up_ratio")
    for alert in SPIKES:
        yield series("alert:threshold", f"0{always}", alert=alert, limit="decoy")


def _sharing(shares: Sequence[float | None], events: Sequence[float]) -> Iterator[dict[str, str]]:
    about = {"segment": "device", "member": "mobile", "window": "1h"}
    yield series("upload:share:ratio", _column(shares), **about)
    ended = [50 * share for share in events]
    yield series("upload:ended:increase", _column(ended), outcome="completed", window="1h")


def _asked(expr: str, place: int, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "expr": expr,
        "eval_time": f"{place * STEP}m",
        "exp_samples": [{"labels": each, "value": 1} for each in labels],
    }


def _info(name: str, *, segment: str, member: str) -> str:
    return (
        f'{{__name__="ALERTS", alertname="{name}", alertstate="firing", domain="upload", '
        f'member="{member}", segment="{segment}", severity="info", window="1h"}}'
    )


def render_days() -> str:
    """The test file of what uploads compare with a week."""
    document = {
        "rule_files": ["fixtures/thresholds.yml", "../../rules/upload.yml"],
        "evaluation_interval": f"{STEP}m",
        "group_eval_order": ["thresholds", *_groups("upload")],
        "tests": days_tests(),
    }
    return HEAD + yaml.safe_dump(document, sort_keys=False, width=1000)


# -- files ---------------------------------------------------------------------------------------


HEAD = (
    "# Made by tests/rules/edges.py, where the contract stands that this tells of. Do not edit.\n"
)


def render(domain: str) -> str:
    """The test file of a domain."""
    numbers = Numbers()
    tests = [kpi_test(domain, CONTRACT[domain], numbers)]
    trickle = TRICKLES[domain]
    tests += [trickle_test(domain, trickle, kpi, numbers) for kpi in trickle.kpis]
    if domain == "upload":
        tests.append(minutes_test())
    document = {
        "rule_files": ["fixtures/thresholds.yml", f"../../rules/{domain}.yml"],
        "evaluation_interval": "1m",
        "group_eval_order": ["thresholds", *_groups(domain)],
        "tests": tests,
    }
    return HEAD + yaml.safe_dump(document, sort_keys=False, width=1000)


def _groups(domain: str) -> list[str]:
    text = (HERE.parents[1] / "rules" / f"{domain}.yml").read_text()
    return re.findall(r"^  - name: ([\w-]+)$", text, re.MULTILINE)


def path(domain: str) -> Path:
    """Where the test file of a domain is."""
    return HERE / f"{domain}_edges_test.yml"


DAYS = HERE / "upload_days_test.yml"

if __name__ == "__main__":
    DAYS.write_text(render_days())
    for each in CONTRACT:
        path(each).write_text(render(each))
