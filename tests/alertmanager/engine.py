"""The real Alertmanager on a free port, with the real tree run faster."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import yaml

from tests.alertmanager.sinks import Sinks
from tests.programs import binary, free_port

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "alertmanager"
REAL = FOLDER / "alertmanager.yml"
LOCAL = FOLDER / "local.yml"
FASTER = 240  # an hour is 15 s
FASTEST = 1200  # and here 3 s
SHORTEST = 20  # milliseconds; shorter turns of a group would keep the machine busy

# Never the zone of UTC, and in it now is far from midnight.
ZONE = ZoneInfo("Etc/GMT-5" if datetime.now(UTC).hour < 15 else "Etc/GMT+8")

Config = dict[str, Any]
Labels = Mapping[str, str]
SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> int:
    """Return what a duration such as 1h or 90s means."""
    number, unit = re.fullmatch(r"(\d+)([smh])", duration).groups()  # type: ignore[union-attr]
    return int(number) * SECONDS[unit]


def routes(route: Config) -> list[Config]:
    """Return `route` and all below it."""
    return [route, *(deeper for child in route.get("routes", []) for deeper in routes(child))]


def hasten(config: Config, factor: int) -> None:
    """Divide every wait of the tree by `factor`."""
    for route in routes(config["route"]):
        for wait in ("group_wait", "group_interval", "repeat_interval"):
            if real := seconds(route.get(wait, "0s")):
                route[wait] = f"{max(real * 1000 // factor, SHORTEST)}ms"


def redirect(config: Config, sinks: Sinks, secrets: Path) -> None:
    """Let every channel end in the sinks, its secret in a file of `secrets`."""
    for name, secret in (
        ("slack_url", f"{sinks.http}/slack"),
        ("smtp_password", "password of the file"),
        ("pagerduty_key", "key of the file"),
    ):
        (secrets / name).write_text(secret)
    config["global"] |= {
        "slack_api_url_file": str(secrets / "slack_url"),
        "smtp_smarthost": sinks.smtp,
        "smtp_require_tls": False,
        "smtp_auth_username": "user",
        "smtp_auth_password_file": str(secrets / "smtp_password"),
        "pagerduty_url": f"{sinks.http}/pagerduty",
    }
    for receiver in config["receivers"]:
        for pagerduty in receiver.get("pagerduty_configs", []):
            pagerduty["routing_key_file"] = str(secrets / "pagerduty_key")
        for webhook in receiver["webhook_configs"]:
            name = "heartbeat" if receiver["name"] == "heartbeat" else "webhook"
            webhook["url"] = f"{sinks.http}/{name}"


def open_only(config: Config, name: str) -> None:
    """Let now be inside the interval `name` and outside of the others, in a zone of its own."""
    now = datetime.now(ZONE)
    for interval in config["time_intervals"]:
        (spell,) = interval["time_intervals"]
        start = now - timedelta(minutes=5) if interval["name"] == name else now + timedelta(hours=1)
        end = start + timedelta(minutes=30)
        spell["location"] = ZONE.key
        spell["times"] = [{"start_time": f"{start:%H:%M}", "end_time": f"{end:%H:%M}"}]
        if "weekdays" in spell:
            spell["weekdays"] = [f"{now:%A}".lower()]


def faster(sinks: Sinks, folder: Path, interval: str, factor: int = FASTER) -> Path:
    """Write the real configuration, hastened and redirected, with `interval` open now."""
    config = yaml.safe_load(REAL.read_text())
    hasten(config, factor)
    redirect(config, sinks, folder)
    open_only(config, interval)
    config["templates"] = [str(FOLDER / pattern) for pattern in config["templates"]]
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    return path


class Alertmanager:
    """A running Alertmanager, spoken to as Prometheus and people do."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http

    async def alerts(self) -> list[dict[str, Any]]:
        """Return every alert with its state."""
        async with self._http.get(f"{self.url}/api/v2/alerts") as answer:
            found: list[dict[str, Any]] = await answer.json()
            return found

    async def silence(self, labels: Labels, duration: str) -> None:
        """Silence the alert of `labels` as a person does, from a shell and by its own labels."""
        matchers = (f"{name}={value}" for name, value in labels.items())
        amtool = await asyncio.create_subprocess_exec(
            binary("amtool", "prometheus-alertmanager"),
            *(f"--alertmanager.url={self.url}", "silence", "add", f"--duration={duration}"),
            *("--author=somebody", "--comment=Looking at it", *matchers),
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await amtool.wait() == 0

    async def silenced(self) -> set[str]:
        """Return the names of the alerts that a silence keeps quiet."""
        return {a["labels"]["alertname"] for a in await self.alerts() if a["status"]["silencedBy"]}

    async def post(
        self,
        *alerts: Labels,
        annotations: Labels | None = None,
        since: datetime | None = None,
        ended: bool = False,
    ) -> None:
        """Say that `alerts` fire, or that they ended."""
        now = datetime.now(UTC)
        body = [
            {
                "labels": labels,
                "annotations": annotations or {"summary": f"{labels['alertname']} happened"},
                "startsAt": (since or now - timedelta(seconds=1)).isoformat(),
                "endsAt": (now if ended else now + timedelta(minutes=10)).isoformat(),
            }
            for labels in alerts
        ]
        async with self._http.post(f"{self.url}/api/v2/alerts", json=body) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def alertmanager(
    config: Path, folder: Path, environment: Sequence[tuple[str, str]] = ()
) -> AsyncIterator[Alertmanager]:
    """Run Alertmanager until the end of the block; its log is in `folder`."""
    port = free_port()
    with (folder / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            binary("prometheus-alertmanager", "prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            stderr=log,
            env={**os.environ, **dict(environment)},
        )
    try:
        async with aiohttp.ClientSession() as http:
            engine = Alertmanager(f"http://127.0.0.1:{port}", http)
            await _ready(engine, http, process, folder / "log")
            yield engine
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _ready(
    engine: Alertmanager,
    http: aiohttp.ClientSession,
    process: asyncio.subprocess.Process,
    log: Path,
) -> None:
    async with asyncio.timeout(15):
        while True:
            _alive(process, log)
            try:
                async with http.get(f"{engine.url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)


def _alive(process: asyncio.subprocess.Process, log: Path) -> None:
    assert process.returncode is None, log.read_text()
