"""The health report that pages and services send: ``POST /api/health/status``.

``{"status": …, "timestamp": …, "checks": {name: {"status", "message", "responseTime"}}, "summary":
…}``; anything may be null or absent, and a check may be its status alone. Each check is one of a
service of that name. Where there are no checks (a ``Map`` of JavaScript becomes ``{}``), the
status itself is a check of the service that reports, which a body may name as ``service``. Times
are milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from exporter.event import Beacon, Cleaner, Event, Received, Text
from exporter.events.platform.classes import is_healthy
from exporter.events.platform.services import UNLISTED, Checked

MS: Final = 0.001

Status = Text | bool


class Check(msgspec.Struct, rename="camel", gc=False):
    """Of a health report."""

    status: Status | None = None
    response_time: float | None = None


class HealthReport(msgspec.Struct, rename="camel", gc=False):
    """A body; unknown keys are ignored."""

    status: Status | None = None
    checks: dict[Text, Check | Status | None] | None = None
    service: Text | None = None


def health(body: HealthReport, received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """One check for each that says healthy or unhealthy; what says neither is no check."""
    checks = body.checks or {body.service or UNLISTED: Check(body.status)}
    for place, (service, ok, seconds) in enumerate(_results(checks)):
        checked = Checked(
            id=f"{received.id}.{place}", service=service, ok=ok, duration_seconds=seconds
        )
        yield checked.cleaned(cleaner)


def _results(
    checks: dict[str, Check | Status | None],
) -> Iterator[tuple[str, bool, float | None]]:
    for service, said in checks.items():
        check = said if isinstance(said, Check) else Check(said)
        status, took = check.status, check.response_time
        ok = is_healthy(status) if isinstance(status, str) else status
        if ok is not None:
            yield service, ok, None if took is None else took * MS


BEACONS: Final = (Beacon("/api/health/status", HealthReport, health),)
