"""Sixteen made-up days in a real Prometheus: every number in them is known.

The last day begins on Sunday, 29 March 2026, 09:00 in Berlin, seven hours after the clocks went
forward there; Monday's report looks at it.
"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from tests.dashboards.engines import Prometheus, run_server
from tests.programs import binary, free_port

ZONE = ZoneInfo("Europe/Berlin")
END = datetime(2026, 3, 30, 9, 0, tzinfo=ZONE)
LAST = int(END.timestamp())
DAY = 86_400
STEP = 120
DAYS = 16

Labels = Mapping[str, str]
Sample = tuple[int, float]

# The value of each KPI of one day, by how many days before the last; what is not said is as before.
SUCCESS = {0: 0.93, 1: 0.95, 7: 0.97}
DURATION = {0: 24.0, 1: 25.0, 7: 40.0}
ABANDONED = {0: 0.04}
LCP = {0: 0.80, 1: 0.70}
EVENTS = {0: 1000, 1: 3000, 7: 1000}

TARGETS = {
    "upload_success_ratio": 0.98,
    "upload_duration_p95_seconds": 30.0,
    "upload_abandonment_ratio": 0.05,
    "upload_preview_p95_seconds": 2.0,
    "web_lcp_good_ratio": 0.75,
}
LOWER_IS_BETTER = {
    "upload_duration_p95_seconds", "upload_abandonment_ratio", "upload_preview_p95_seconds",
}  # fmt: skip
DOMAINS = {
    "upload": [name for name in TARGETS if name.startswith("upload")],
    "web": ["web_lcp_good_ratio"],
}

# Segments of upload_success_ratio in each hour: value and events.
MEMBERS = {
    ("device", "mobile"): (0.85, 25),
    ("device", "desktop"): (0.97, 50),
    ("device", "tv"): (0.20, 0.25),  # far off, but too few to say so
    ("network", "4g"): (0.92, 60),
    ("network", "wifi"): (0.945, 40),
}

# Seconds between two errors of a type, and how many days ago they began.
ERRORS = {"timeout": (720, 16), "network": (1440, 16), "quota": (7200, 1), "server": (0, 16)}
DEVICES = {"mobile": 30, "desktop": 60, "tv": 0}  # seconds between two ended uploads; 0: none

# When each alert began and how long it lasted, in minutes before the end.
ALARMS = (
    ("UploadSuccessRatioLow", "critical", "all", "all", 600, 45),
    ("UploadSuccessRatioLow", "critical", "all", "all", 300, 15),
    ("UploadTtfbHigh", "high", "network", "4g", 30, 30),
    ("UploadPreviewSlow", "medium", "all", "all", 1000, 10),
    ("StorageUnavailable", "critical", "all", "all", 5 * 1440, 60),
)


def _of_day(days: Mapping[int, float], at: int) -> float:
    """The value at a moment; that of the day before it where none is given."""
    day = (LAST - at) // DAY
    return next(days[back] for back in sorted(days, reverse=True) if back <= day)


def series() -> Iterator[tuple[str, Labels, Iterable[Sample]]]:
    """Every series: name, labels, samples."""
    yield from _kpis()
    yield from _counters()
    yield from _alarms()


def _times(days: int = DAYS, step: int = STEP) -> range:
    return range(LAST - days * DAY, LAST + 1, step)


def _kpis() -> Iterator[tuple[str, Labels, Iterable[Sample]]]:
    for kpi, target in TARGETS.items():
        direction = -1.0 if kpi in LOWER_IS_BETTER else 1.0
        constants = {"kpi:target": target, "kpi:direction": direction, "kpi:min_events": 10.0}
        for name, value in constants.items():
            yield name, {"kpi": kpi}, [(at, value) for at in _times()]
    for severity, value in (("critical", 0.90), ("high", 0.95)):
        labels = {"kpi": "upload_success_ratio", "severity": severity}
        yield "kpi:threshold", labels, [(at, value) for at in _times()]
    for kpi, days in (
        ("upload_success_ratio", SUCCESS),
        ("upload_duration_p95_seconds", DURATION),
        ("upload_abandonment_ratio", ABANDONED),
        ("web_lcp_good_ratio", LCP),
    ):
        for window in ("1h", "1d"):
            labels = {"kpi": kpi, "window": window}
            yield "kpi:value", labels, [(at, _of_day(days, at)) for at in _times()]
        yield (
            "kpi:events",
            {"kpi": kpi, "window": "1d"},
            [(at, _of_day(EVENTS, at)) for at in _times()],
        )
    yield "kpi:score", {"kpi": "upload_success_ratio"}, [(at, 37.5) for at in _times()]
    yield (
        "platform:performance_score",
        {},
        [(at, _of_day({0: 80.0, 1: 90.0}, at)) for at in _times()],
    )
    yield "platform:performance_target", {}, [(at, 85.0) for at in _times()]
    yield (
        "slo:error_budget_remaining:ratio",
        {"kpi": "upload_success_ratio", "window": "30d"},
        [(at, 0.2) for at in _times()],
    )
    for window, value in (("30d", 0.8), ("6h", 3.5)):
        labels = {"kpi": "upload_success_ratio", "window": window}
        yield "slo:burn_rate:ratio", labels, [(at, value) for at in _times()]
    for (segment, member), (value, events) in MEMBERS.items():
        labels = {
            "kpi": "upload_success_ratio", "window": "1h", "segment": segment, "member": member,
        }  # fmt: skip
        yield "kpi:segment_value", labels, [(at, value) for at in _times()]
        yield "kpi:segment_events", labels, [(at, events) for at in _times()]
    # A segment without events has no value; a quotient of nothing is NaN.
    nothing = {
        "kpi": "upload_success_ratio", "window": "1h", "segment": "device", "member": "tablet",
    }  # fmt: skip
    yield "kpi:segment_value", nothing, [(at, float("nan")) for at in _times()]
    yield "kpi:segment_events", nothing, [(at, 0.0) for at in _times()]


def _counters() -> Iterator[tuple[str, Labels, Iterable[Sample]]]:
    for kind, (every, days) in ERRORS.items():
        begin = LAST - days * DAY
        counts = [(at, max(0, at - begin) // every if every else 0) for at in _times()]
        yield "video_upload_errors_total", {"error_type": kind}, counts
    for device, every in DEVICES.items():
        counts = [(at, (at - _times()[0]) // every if every else 0) for at in _times()]
        yield "video_upload_ended_total", {"device": device, "outcome": "completed"}, counts
    yield "up", {"job": "exporter", "instance": "a:9464"}, [(at, 1.0) for at in _times()]


def _alarms() -> Iterator[tuple[str, Labels, Iterable[Sample]]]:
    found: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for name, severity, segment, member, before, minutes in ALARMS:
        labels = {
            "alertname": name, "alertstate": "firing", "severity": severity, "domain": "upload",
            "segment": segment, "member": member,
        }  # fmt: skip
        begin = LAST - before * 60
        last = min(begin + minutes * 60, LAST + 1)
        spell = [(at, 1.0) for at in range(begin, last, 60)]
        found.setdefault(tuple(labels.items()), []).extend(spell)
    for name, severity in (("Watchdog", "none"), ("UploadDailySummary", "info")):
        labels = {"alertname": name, "alertstate": "firing", "severity": severity}
        found[tuple(labels.items())] = [(at, 1.0) for at in _times()]
    for key, samples in found.items():
        yield "ALERTS", dict(key), sorted(samples)


def openmetrics() -> Iterator[str]:
    """Everything in the format of promtool, by time."""
    lines: list[tuple[int, str]] = []
    for name, labels, samples in series():
        said = ",".join(f'{label}="{value}"' for label, value in labels.items())
        head = f"{name}{{{said}}}" if said else name
        lines += [(at, f"{head} {value} {at}") for at, value in samples]
    lines.sort(key=lambda line: line[0])
    yield from (text for _, text in lines)
    yield "# EOF"


@contextmanager
def prometheus(folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that has lived through it, with rules that say which domain a KPI is of."""
    file, data, rules = folder / "block.txt", folder / "data", folder / "rules"
    file.write_text("\n".join(openmetrics()) + "\n")
    promtool = [binary("promtool", "prometheus"), "tsdb", "create-blocks-from", "openmetrics"]
    # Else it reads the file once for every two hours.
    promtool.append("--max-block-duration=486h")
    subprocess.run([*promtool, file, data], check=True, capture_output=True)
    rules.mkdir()
    for domain, kpis in DOMAINS.items():
        group = {
            "name": domain,
            "rules": [
                {"record": "kpi:value", "labels": {"kpi": kpi, "window": "5m"}, "expr": "vector(1)"}
                for kpi in kpis
            ],
        }
        (rules / f"{domain}.yml").write_text(yaml.safe_dump({"groups": [group]}))
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"rule_files": [f"{rules}/*.yml"]}))
    url = f"http://127.0.0.1:{free_port()}"
    command = (
        binary("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        # A block has no marks where a series ends, so an alert seems to fire two minutes longer.
        f"--query.lookback-delta={STEP + 1}s",
        f"--web.listen-address={url.removeprefix('http://')}",
    )
    with run_server(command, folder, f"{url}/-/ready"):
        yield Prometheus(url)
