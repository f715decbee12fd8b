"""What runs, where it listens and what its files are; decided from the settings alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from demo.world import EXPERIMENT, VARIANTS
from exporter.settings import Settings

ROOT: Final = Path(__file__).resolve().parent.parent
RETENTION: Final = "35d"
"""Rules look back 30 days."""

DEMO_SILENCE: Final = '{"upload": 60, "play": 120, "web_session": 120}'
"""Half an hour of patience is longer than anybody watches a demo."""

WEBHOOK: Final = "127.0.0.1:9096"
"""Where alertmanager/local.yml sends every message."""

Port = Annotated[int, Field(ge=1, le=65535)]


class Ports(BaseSettings):
    """Ports of what is not the exporter, by environment variables of these names."""

    model_config = SettingsConfigDict(frozen=True)

    prometheus_port: Port = 9090
    alertmanager_port: Port = 9093
    webhook_port: Port = 9096


class Demo(BaseSettings):
    """How the traffic of the demo runs, by environment variables ``DEMO_…``."""

    model_config = SettingsConfigDict(env_prefix="DEMO_", frozen=True)

    hour_seconds: Annotated[float, Field(gt=0)] = 120.0
    rate: Annotated[float, Field(gt=0)] = 2.0


@dataclass(frozen=True)
class Listener:
    """A port that a part will listen on, and the variable that moves it."""

    host: str
    port: int
    variable: str


@dataclass(frozen=True)
class Part:
    """One process: how it is started, where it listens, how it says that it is ready."""

    name: str
    command: tuple[str, ...]
    listeners: tuple[Listener, ...] = ()
    ready: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    talks: bool = False
    """Whether what it prints is for the terminal, and only its errors for its log."""


class Layout:
    """Everything that runs, from the environment."""

    def __init__(self, directory: Path, *, demo: bool) -> None:
        self.directory = directory
        self._with_demo = demo
        self._exporter = Settings()
        self._ports = Ports()
        self._demo = Demo()

    @property
    def beacons(self) -> str:
        """The base address of the exporter's public port."""
        return f"http://{_reachable(self._exporter.receiver.host)}:{self._exporter.receiver.port}"

    @property
    def operations(self) -> str:
        """The base address of the exporter's operations port."""
        operations = self._exporter.operations
        return f"http://{_reachable(operations.host)}:{operations.port}"

    @property
    def prometheus(self) -> str:
        """The base address of Prometheus."""
        return f"http://127.0.0.1:{self._ports.prometheus_port}"

    @property
    def alertmanager(self) -> str:
        """The base address of Alertmanager."""
        return f"http://127.0.0.1:{self._ports.alertmanager_port}"

    @property
    def alerts(self) -> Path:
        """The file with every notification that the demo's webhook got."""
        return self.directory / "alerts.jsonl"

    def parts(self) -> Iterator[Part]:
        """Every process, in the order in which they start; they stop in the opposite one."""
        yield self._exporter_part()
        if self._with_demo:
            yield self._webhook_part()
        yield self._alertmanager_part()
        yield self._prometheus_part()

    def write(self) -> None:
        """Lay out the files under the directory: the committed ones by link, addresses anew."""
        config = self.directory / "prometheus"
        targets = config / "targets"
        alertmanager = self.directory / "alertmanager"
        for folder in (targets, alertmanager, self.directory / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        _link(config / "prometheus.yml", ROOT / "prometheus" / "prometheus.yml")
        _link(config / "operations_token", ROOT / "prometheus" / "operations_token")
        _link(self.directory / "rules", ROOT / "rules")
        _write_target(targets / "exporter.json", self.operations)
        _write_target(targets / "alertmanager.json", self.alertmanager)
        _link(alertmanager / "templates", ROOT / "alertmanager" / "templates")
        local = (ROOT / "alertmanager" / "local.yml").read_text()
        (alertmanager / "local.yml").write_text(
            local.replace(WEBHOOK, f"127.0.0.1:{self._ports.webhook_port}")
        )

    def traffic(self) -> Part:
        """What sends the demo's beacons, once everything else is ready."""
        return Part(
            "traffic",
            (
                *_module("demo.traffic"),
                f"--url={self.beacons}",
                f"--hour-seconds={self._demo.hour_seconds:g}",
                f"--rate={self._demo.rate:g}",
            ),
            talks=True,
        )

    def _exporter_part(self) -> Part:
        settings = self._exporter
        environment = {}
        if "directory" not in settings.journal.model_fields_set:
            environment["EXPORTER_JOURNAL__DIRECTORY"] = str(self.directory / "state")
        if self._with_demo and "silence_seconds" not in settings.sessions.model_fields_set:
            environment["EXPORTER_SESSIONS__SILENCE_SECONDS"] = DEMO_SILENCE
        if self._with_demo and "experiments" not in settings.labels.model_fields_set:
            trials = ",".join(f"{EXPERIMENT}/{variant}" for variant in VARIANTS)
            environment["EXPORTER_LABELS__EXPERIMENTS"] = trials
        ours = {
            "enabled": "true",
            "prometheus_url": self.prometheus,
            "alertmanager_url": self.alertmanager,
            "directory": str(self.directory / "reports"),
        }
        said = settings.reports.model_fields_set
        environment |= {
            f"EXPORTER_REPORTS__{name.upper()}": value
            for name, value in ours.items()
            if name not in said
        }
        receiver, operations = settings.receiver, settings.operations
        return Part(
            "exporter",
            (*_module("exporter"), "serve"),
            (
                Listener(receiver.host, receiver.port, "EXPORTER_RECEIVER__PORT"),
                Listener(operations.host, operations.port, "EXPORTER_OPERATIONS__PORT"),
            ),
            f"{self.operations}/health/ready",
            environment,
        )

    def _webhook_part(self) -> Part:
        port = self._ports.webhook_port
        return Part(
            "webhook",
            (*_module("demo.webhook"), f"--port={port}", f"--file={self.alerts}"),
            (Listener("127.0.0.1", port, "WEBHOOK_PORT"),),
            talks=True,
        )

    def _alertmanager_part(self) -> Part:
        port = self._ports.alertmanager_port
        return Part(
            "alertmanager",
            (
                "prometheus-alertmanager",
                f"--config.file={self.directory / 'alertmanager' / 'local.yml'}",
                f"--storage.path={self.directory / 'alertmanager' / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--web.external-url={self.alertmanager}",
                "--cluster.listen-address=",
            ),
            (Listener("127.0.0.1", port, "ALERTMANAGER_PORT"),),
            f"{self.alertmanager}/-/ready",
        )

    def _prometheus_part(self) -> Part:
        port = self._ports.prometheus_port
        return Part(
            "prometheus",
            (
                "prometheus",
                f"--config.file={self.directory / 'prometheus' / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.directory / 'prometheus' / 'data'}",
                f"--storage.tsdb.retention.time={RETENTION}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--web.external-url={self.prometheus}",
                "--web.enable-lifecycle",
            ),
            (Listener("127.0.0.1", port, "PROMETHEUS_PORT"),),
            f"{self.prometheus}/-/ready",
        )


def _module(name: str) -> tuple[str, ...]:
    return sys.executable, "-m", name


def _reachable(host: str) -> str:
    """Where a client on this machine finds what listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - compared only


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _write_target(file: Path, url: str) -> None:
    file.write_text(json.dumps([{"targets": [url.removeprefix("http://")]}]) + "\n")
