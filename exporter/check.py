"""``python -m exporter check``: the effective settings, secrets starred, and what they point to."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import aiohttp

from exporter import probes
from exporter.catalogue import Catalogue, OverBudgetError
from exporter.events import DOMAINS
from exporter.settings import Settings, effective, without_password


async def check(settings: Settings) -> int:
    """Print the settings and one line for each probe; 1 if any of them found a fault."""
    for name, value in effective(settings):
        sys.stdout.write(f"{name}={value}\n")
    findings = [
        *_catalogue(settings),
        *_directory(settings),
        *_ports(settings),
        *[each async for each in _influx(settings)],
        *await _probes(settings),
        *[each async for each in _reports(settings)],
    ]
    for fault, text in findings:
        sys.stdout.write(f"{'FAULT' if fault else 'ok   '} {text}\n")
    return int(any(fault for fault, _ in findings))


Finding = tuple[bool, str]


def _catalogue(settings: Settings) -> Iterable[Finding]:
    catalogue = Catalogue(DOMAINS, settings.lists)
    try:
        catalogue.check(settings.series_budget)
    except OverBudgetError as error:
        yield True, f"series: {error}"
    else:
        most = catalogue.most_series()
        yield False, f"series: at most {most} of {settings.series_budget}"


def _existing(directory: Path) -> Path:
    """The folder itself, or the one in which it would be made."""
    return next(path for path in (directory, *directory.absolute().parents) if path.exists())


def _directory(settings: Settings) -> Iterable[Finding]:
    directory = settings.journal.directory
    existing = _existing(directory)
    free = shutil.disk_usage(existing).free
    if not os.access(existing, os.W_OK):
        yield True, f"journal: {existing} is not writable"
    elif free < settings.journal.floor_bytes:
        yield True, f"journal: {free} bytes free on {existing}, below the floor"
    else:
        yield False, f"journal: {directory} ({free // 2**20} MiB free)"


def _ports(settings: Settings) -> Iterable[Finding]:
    for name, part in (("receiver", settings.receiver), ("operations", settings.operations)):
        try:
            _bind(part.host, part.port)
        except OSError as error:
            yield True, f"{name}: {part.host}:{part.port}: {error.strerror}"
        else:
            yield False, f"{name}: {part.host}:{part.port} is free"


def _bind(host: str, port: int) -> None:
    family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


async def _influx(settings: Settings) -> AsyncIterator[Finding]:
    influx = settings.influx
    if not influx.url:
        yield False, "influx: not configured; points wait in the outbox"
        return
    try:
        influx.secret()
    except OSError as error:
        yield True, f"influx: {influx.token_file}: {error.strerror}"
    yield await _asked("influx", f"{influx.url.rstrip('/')}/ping", influx.timeout_seconds)


async def _reports(settings: Settings) -> AsyncIterator[Finding]:
    reports = settings.reports
    if not reports.enabled:
        yield False, "reports: none by the clock; `python -m exporter report` makes one"
        return
    for name, url in (
        ("prometheus", reports.prometheus_url),
        ("alertmanager", reports.alertmanager_url),
    ):
        if url:
            ready = f"{url.rstrip('/')}/-/ready"
            yield await _asked(f"reports, {name}", ready, reports.timeout_seconds, worst=399)
        else:
            yield name == "prometheus", f"reports, {name}: not configured"
    if reports.directory is None:
        yield False, "reports: none are kept"
        return
    existing = _existing(reports.directory)
    fault = not (existing.is_dir() and os.access(existing, os.W_OK))
    yield fault, f"reports: {existing} is {'not ' * fault}a writable folder"


async def _asked(name: str, url: str, seconds: float, *, worst: int = 499) -> Finding:
    """What answers there; what was added to the configured address is not shown."""
    address = without_password(url).rpartition("/-/" if "/-/" in url else "/")[0]
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status > worst, f"{name}: {address} answers {answer.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return True, f"{name}: {address}: {type(error).__name__}"


async def _probes(settings: Settings) -> Iterable[Finding]:
    try:
        targets = probes.targets(settings.probes, settings.labels.services)
    except probes.UnknownServiceError as error:
        return [(True, f"probes: {error}")]
    prober = probes.Prober(settings.probes)
    try:
        found = await asyncio.gather(*map(prober.probe, targets))
    finally:
        await prober.close()
    return [
        (
            not each.ok,
            f"probe: {service}: {without_password(address)}: {each.says} ({each.seconds:.3f} s)",
        )
        for (service, address), each in zip(targets, found, strict=True)
    ]
