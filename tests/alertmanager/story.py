"""Runs of the real Alertmanager in which everything happens; tests read what came of them."""

import asyncio
import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.alertmanager.engine import FASTEST, ZONE, Alertmanager, Labels, alertmanager, faster
from tests.alertmanager.sinks import Delivery, Mail, sinks

ANNOTATIONS = {
    "summary": "Upload success is 86.2 % & falling, <90 %>",
    "description": "431 of 500 uploads completed in 15 min; the threshold is 90 %.\nWorst: tv.",
    "runbook_url": "/docs/runbooks/upload.md#uploadsuccessratiolow",
    "dashboard_url": "/d/upload-realtime",
}


def alert(name: str, severity: str, kpi: str = "", **more: str) -> Labels:
    """Return the labels of an alert of the upload domain, of a KPI as a whole or of no KPI."""
    about = {"kpi": kpi, "segment": "all", "member": "all", "window": "15m"} if kpi else {}
    return {"alertname": name, "severity": severity, "domain": "upload", **about, **more}


TABLET = {"segment": "device", "member": "tablet"}
TV = {"segment": "device", "member": "tv"}

BEATS = [{"alertname": "Watchdog", "severity": "none", "beat": beat} for beat in ("0", "1")]
WATCHDOG = BEATS[0]
PULSE = 0.25  # seconds between two beats
CRITICAL = alert("Critical", "critical", "critical_kpi", **TV)
HIGH = alert("High", "high", "high_kpi")
HEALS = alert("HealsInTime", "high", "heals_kpi")
MEDIUM = alert("Medium", "medium", "medium_kpi")
LOW, LOW_TOO, LOW_LATER = (alert(f"Low{n}", "low", n) for n in ("one", "two", "later"))
LOW_HEALS = alert("LowHeals", "low", "heals")
INFO = alert("UploadNewErrorType", "info", segment="error_type", member="timeout")
DAILY = alert("UploadDailySummary", "info")
WEEKLY = alert("UploadWeeklyTrend", "info")
TYPO = alert("Typo", "hihg", "typo_kpi")
BARE = {"alertname": "Bare"}
EXPORTER_DOWN = {
    "alertname": "ExporterDown",
    "severity": "critical",
    "domain": "exporter",
    "instance": "127.0.0.1:9464",
}

# Alerts and the ones that inhibit them; the others look alike and are not inhibited.
INHIBITION: list[tuple[Labels, set[str]]] = [
    (alert("Worst", "critical", "both"), set()),
    (alert("Bad", "high", "both"), {"Worst"}),
    (alert("Middling", "medium", "both"), {"Worst"}),
    (alert("Slight", "low", "both"), {"Worst"}),
    (alert("BadOfAnotherKpi", "high", "another"), set()),
    (alert("BadOfTablet", "high", "both", **TABLET), set()),
    ({**alert("BadOfAnotherDomain", "high", "both"), "domain": "playback"}, set()),
    (alert("WorstOfTv", "critical", "parts", **TV), set()),
    (alert("BadOfTv", "high", "parts", **TV), {"WorstOfTv"}),
    (alert("BadAsAWhole", "high", "parts"), set()),
    (alert("WorstOfNoKpi", "critical"), set()),
    (alert("BadOfNoKpi", "high"), set()),
    (alert("BadToo", "high", "plain"), set()),
    (alert("NextToIt", "medium", "plain"), set()),
    (EXPORTER_DOWN, set()),
    (alert("StorageCheckMissing", "medium"), {"ExporterDown"}),
    (alert("NoBeacons", "high"), {"ExporterDown"}),
    (alert("ThresholdMissing", "high"), set()),
]


# What patience is tried on.
IGNORED = alert("Ignored", "high", "ignored_kpi")
TAKEN = alert("Taken", "high", "taken_kpi")
SNOOZED = alert("Snoozed", "high", "snoozed_kpi")
HEALED = alert("Healed", "high", "healed_kpi")
FLAPPING = alert("Flapping", "high", "flapping_kpi")
OLD, AGED = (alert(name, "high", name) for name in ("Old", "Aged"))
COVERED = alert("Covered", "high", "covered_kpi")
COVER = alert("Cover", "critical", "covered_kpi")
UNCOVERED = alert("Uncovered", "high", "uncovered_kpi")
UNCOVER = alert("Uncover", "critical", "uncovered_kpi")
LINGERING = alert("Lingering", "medium", "lingering_kpi")
TAKEN_LATE = alert("TakenLate", "medium", "late_kpi")
NEVER = [alert(f"Never{s}", s, f"{s}_kpi") for s in ("critical", "low", "info", "hihg")]
OF_NO_KPI = [
    {**alert("SinkLagging", "high"), "domain": "exporter", "instance": instance}
    for instance in ("a:9464", "b:9464")
]


@dataclass
class Story:
    """What arrived, when, and what the API said inhibits each alert."""

    began: float
    healed: float
    heard: list[Delivery]
    inhibited: dict[str, set[str]]
    beaten: float = 0.0
    """When the last beat of the watchdog came to Alertmanager."""

    def webhooks(self, name: str, status: str = "firing", receiver: str = "") -> list[Delivery]:
        """Return the webhook's notifications in which the alert `name` has `status`."""
        return [
            d
            for d in self.heard
            if d.channel in {"webhook", "heartbeat"}
            and receiver in {"", d.body["receiver"]}
            and any(
                a["labels"]["alertname"] == name and a["status"] == status for a in d.body["alerts"]
            )
        ]

    def waited(self, name: str) -> float:
        """Return how long after the start the first notification of `name` came."""
        return self.webhooks(name)[0].at - self.began

    def bodies(self, channel: str, word: str) -> list[dict[str, Any]]:
        """Return the messages by JSON on `channel` that contain `word`."""
        return [d.body for d in self.heard if d.channel == channel and word in str(d.body)]

    def mails(self, word: str) -> list[Mail]:
        """Return the e-mails that contain `word`."""
        mails: list[Mail] = [d.body for d in self.heard if d.channel == "email"]
        return [m for m in mails if word in m.part("text/plain")]


async def _inhibited(engine: Alertmanager) -> dict[str, set[str]]:
    """Return the names of the alerts that inhibit each alert, by its name."""
    alerts = await engine.alerts()
    names = {a["fingerprint"]: a["labels"]["alertname"] for a in alerts}
    return {
        a["labels"]["alertname"]: {names[by] for by in a["status"]["inhibitedBy"]} for a in alerts
    }


async def _beat(engine: Alertmanager, seconds: float) -> float:
    """Say what Prometheus says of the watchdog, and return when it was said last."""
    until = time.time() + seconds
    for now, before in itertools.cycle((BEATS, BEATS[::-1])):
        last = time.time()
        if last > until:
            break
        await engine.post(now)
        await engine.post(before, ended=True)
        await asyncio.sleep(PULSE)
    return last - PULSE


async def main_story(folder: Path) -> Story:
    """Let everything fire, some heal early, the digest come and the rest heal; 20 s."""
    zone = [("TZ", ZONE.key)]
    async with (
        sinks() as heard,
        alertmanager(faster(heard, folder, "daily-summary"), folder, zone) as engine,
    ):
        began = time.time()
        since = datetime.fromtimestamp(began, UTC)
        told = (CRITICAL, HIGH, MEDIUM, LOW, LOW_HEALS)
        await engine.post(*told, annotations=ANNOTATIONS, since=since)
        await engine.post(HEALS, LOW_TOO, INFO, DAILY, WEEKLY, TYPO, BARE)
        beating = asyncio.create_task(_beat(engine, 10))
        await engine.post(*(labels for labels, _ in INHIBITION))
        await asyncio.sleep(0.5)
        await engine.post(HEALS, ended=True)
        await asyncio.sleep(0.5)
        inhibited = await _inhibited(engine)
        await asyncio.sleep(4)
        await engine.post(LOW_LATER)
        await engine.post(LOW_HEALS, annotations=ANNOTATIONS, ended=True)
        await asyncio.sleep(began + 16.5 - time.time())
        healed = time.time()
        await engine.post(CRITICAL, HIGH, annotations=ANNOTATIONS, ended=True)
        await asyncio.sleep(3)
        return Story(began, healed, heard.deliveries, inhibited, await beating)


async def monday_story(folder: Path) -> Story:
    """Let the weekly trend's interval be open, another closed and a secret be missing; 4 s."""
    async with (
        sinks() as heard,
        alertmanager(faster(heard, folder, "weekly-trend"), folder) as engine,
    ):
        (folder / "pagerduty_key").unlink()
        began = time.time()
        await engine.post(INFO, DAILY, WEEKLY, CRITICAL)
        await asyncio.sleep(4)
        return Story(began, began, heard.deliveries, {})


async def patience_story(folder: Path) -> Story:
    """Let alerts be ignored, silenced, healed and inhibited for 6 h of the tree; 18 s."""
    async with (
        sinks() as heard,
        alertmanager(faster(heard, folder, "daily-summary", FASTEST), folder) as engine,
    ):
        began = time.time()
        now = datetime.fromtimestamp(began, UTC)

        async def at(seconds: float) -> None:
            await asyncio.sleep(began + seconds - time.time())

        await engine.post(COVER, UNCOVER)
        await engine.post(
            *(IGNORED, TAKEN, SNOOZED, HEALED, FLAPPING, COVERED, UNCOVERED, LINGERING, TAKEN_LATE),
            *(*NEVER, OF_NO_KPI[0]),
            since=now,
        )
        await engine.post(OLD, since=now - timedelta(hours=2))
        await engine.post(AGED, since=now - timedelta(seconds=2))
        await at(1)
        await engine.post(OF_NO_KPI[1])
        await engine.post(FLAPPING, ended=True)
        await engine.silence(TAKEN, "1h")
        await engine.silence(SNOOZED, "5s")
        await at(2)
        await engine.post(HEALED, ended=True)
        await engine.post(FLAPPING, since=datetime.now(UTC))
        # Prometheus says it again every minute, which is when Alertmanager looks how old it is.
        await engine.post(AGED, since=now - timedelta(seconds=2))
        await at(8)
        healed = time.time()
        await engine.post(IGNORED, UNCOVER, ended=True)
        await at(13)
        await engine.silence(TAKEN_LATE, "1h")
        await at(16.5)
        await engine.silence(LINGERING, "1h")
        await engine.post(LINGERING, ended=True)
        await at(18)
        return Story(began, healed, heard.deliveries, {})


async def all_stories(main: Path, monday: Path, patience: Path) -> tuple[Story, Story, Story]:
    """Run them side by side, each in its folder."""
    return await asyncio.gather(main_story(main), monday_story(monday), patience_story(patience))
