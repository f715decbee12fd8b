"""``python -m exporter check``: the effective settings, secrets starred, and what they point to.

Every finding is one sentence, and one about a fault says what to do; a hint is about what may be
meant as it is. A check leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import difflib
import errno
import os
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp

from exporter import app, checkpoint, journal, probes
from exporter.catalogue import Catalogue, OverBudgetError
from exporter.events import DOMAINS
from exporter.formats.faro import CLOCKS
from exporter.formats.webhooks.signature import UnusableSecretError
from exporter.record import UnreadableJournalError
from exporter.settings import EmptySecretError, Influx, Settings, effective, without_password

_OF_PORTS: Final = {
    errno.EADDRINUSE: "is in use by somebody else; choose another",
    errno.EACCES: "may not be listened on by this user; ports below 1024 are for root",
    errno.EADDRNOTAVAIL: "is no address of this machine",
}


async def check(settings: Settings) -> int:
    """Print the settings and one line for each probe; 1 if any of them found a fault."""
    for name, value in effective(settings):
        sys.stdout.write(f"{name}={value}\n")
    findings = [
        *_catalogue(settings),
        *_lifecycles(settings),
        *_directory(settings),
        *_kept(settings),
        *_ports(settings),
        *_senders(settings),
        *_measurements(settings),
        *_files(settings),
        *[each async for each in _influx(settings)],
        *await _probes(settings),
        *[each async for each in _reports(settings)],
    ]
    for fault, text in findings:
        sys.stdout.write(f"{'FAULT' if fault else 'ok   '} {text}\n")
    for text in _hints(settings):
        sys.stdout.write(f"hint  {text}\n")
    return int(any(fault for fault, _ in findings))


Finding = tuple[bool, str]
"""Whether it is a fault, and the sentence."""


def _catalogue(settings: Settings) -> Iterable[Finding]:
    catalogue = Catalogue(DOMAINS, settings.lists)
    try:
        catalogue.check(settings.series_budget)
    except OverBudgetError as error:
        yield True, f"series: {error}"
    else:
        most = catalogue.most_series()
        yield False, f"series: at most {most} of {settings.series_budget}"


def _lifecycles(settings: Settings) -> Iterable[Finding]:
    try:
        app.patience(settings.sessions)
    except app.UnknownLifecycleError as error:
        yield True, f"sessions: {error}"


def _existing(directory: Path) -> Path:
    """The folder itself, or the one in which it would be made."""
    return next(path for path in (directory, *directory.absolute().parents) if path.exists())


def _why_not_writable(directory: Path) -> str:
    """Why nothing can be written there, or nothing: permissions alone do not tell."""
    existing = _existing(directory)
    if not existing.is_dir():
        return f"{existing} is no folder"
    try:
        with tempfile.TemporaryFile(dir=existing):
            return ""
    except OSError as error:
        return f"{existing} cannot be written to: {error.strerror}"


def _directory(settings: Settings) -> Iterable[Finding]:
    directory, floor = settings.journal.directory, settings.journal.floor_bytes
    if fault := _why_not_writable(directory):
        yield True, f"journal: {fault} (EXPORTER_JOURNAL__DIRECTORY)"
        return
    free = shutil.disk_usage(_existing(directory)).free
    fault = (
        f", below EXPORTER_JOURNAL__FLOOR_BYTES ({floor}): beacons get 503" if free < floor else ""
    )
    yield bool(fault), f"journal: {directory}, with {free // 2**20} MiB free{fault}"


def _kept(settings: Settings) -> Iterable[Finding]:
    """Files that the start would refuse; what cannot even be looked for is another finding."""
    for name, kind in (("journal", journal.KIND), ("state", checkpoint.KIND)):
        try:
            kind.look(settings.journal.directory / f"{name}.db")
        except (UnreadableJournalError, checkpoint.UnreadableStateError) as error:
            yield True, f"{name}: {error}"
        except OSError:
            continue


def _ports(settings: Settings) -> Iterable[Finding]:
    receiver, operations = settings.receiver, settings.operations
    running = checkpoint.holder(settings.journal.directory)
    for name, part in (("receiver", receiver), ("operations", operations)):
        address, variable = f"{part.host}:{part.port}", f"EXPORTER_{name.upper()}__"
        try:
            _bind(part.host, part.port)
        except socket.gaierror:
            yield True, f"{name}: {part.host} is a name that nobody knows ({variable}HOST)"
        except OSError as error:
            if running and error.errno == errno.EADDRINUSE:
                yield False, f"{name}: {address} is in use, and process {running} runs with this"
            else:
                says = _OF_PORTS.get(error.errno or 0, error.strerror)
                which = "HOST" if error.errno == errno.EADDRNOTAVAIL else "PORT"
                yield True, f"{name}: {address} {says} ({variable}{which})"
        else:
            yield False, f"{name}: {address} is free"
    if receiver.port == operations.port != 0:
        yield (
            True,
            f"operations: {operations.port} is the port of beacons as well; it needs its own",
        )


def _bind(host: str, port: int) -> None:
    family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _senders(settings: Settings) -> Iterable[Finding]:
    receiver = settings.receiver
    keys = [key.get_secret_value() for key in receiver.keys]
    if not keys:
        yield False, "receiver: everybody may send, as EXPORTER_RECEIVER__KEYS is empty"
    for number, key in enumerate(keys, 1):
        if not (key.isascii() and key.isprintable()) or set(key) & set(" /?#%&+"):
            yield (
                True,
                f"receiver: key {number} of EXPORTER_RECEIVER__KEYS cannot stand in an address; "
                "letters, digits, - and _ can",
            )
    if receiver.country_header and not receiver.proxies:
        yield (
            True,
            "receiver: EXPORTER_RECEIVER__COUNTRY_HEADER is believed from proxies alone, and "
            "EXPORTER_RECEIVER__PROXIES names none",
        )


def _measurements(settings: Settings) -> Iterable[Finding]:
    suffixes = tuple(clock.suffix for clock in CLOCKS)
    names = [name for name in settings.faro.measurements if not name.endswith(suffixes)]
    if names:
        yield (
            True,
            f"faro: {', '.join(names)} of EXPORTER_FARO__MEASUREMENTS never reach Prometheus: only "
            f"what ends in {' or '.join(suffixes)} is a time, everything else is points only",
        )


def _hints(settings: Settings) -> Iterable[str]:
    known = settings.cmcd.targets
    for name in sorted(set(settings.cmcd.unwanted_targets) - set(known)):
        near = difflib.get_close_matches(name, known, 1)
        guess = "".join(f"; did you mean {each}?" for each in near)
        # It may well be one that players were given before it was taken off the list.
        yield (
            f"cmcd: {name} of EXPORTER_CMCD__UNWANTED_TARGETS is none of EXPORTER_CMCD__TARGETS "
            f"({', '.join(sorted(known))}){guess}"
        )


def _files(settings: Settings) -> Iterable[Finding]:
    """Secrets and certificates, which are looked at by nobody before the start."""
    reads: tuple[tuple[str, Callable[[], object]], ...] = (
        ("operations", settings.operations.secret),
        ("operations", lambda: app.tls(settings.operations)),
        ("influx", settings.influx.secret),
        ("webhooks", settings.webhooks.knobs),
    )
    for name, read in reads:
        try:
            read()
        except ssl.SSLError:
            certificate, key = settings.operations.certificate, settings.operations.private_key
            yield True, f"operations: {certificate} and {key} are no certificate and its key (PEM)"
        except OSError as error:
            yield True, f"{name}: {error.filename or 'a file'} cannot be read: {error.strerror}"
        except (EmptySecretError, UnusableSecretError) as error:
            yield True, f"{name}: {error}"


async def _influx(settings: Settings) -> AsyncIterator[Finding]:
    influx = settings.influx
    if not influx.url:
        yield False, "influx: not configured; points wait in the outbox"
        return
    try:
        authorisation = influx.authorisation()
    except (OSError, EmptySecretError):
        return  # which is a finding of its own
    address = without_password(influx.url.rstrip("/"))
    try:
        status = await _status(
            "POST",
            f"{influx.url.rstrip('/')}/api/v2/write",
            influx.timeout_seconds,
            params={"org": influx.org, "bucket": influx.bucket},
            headers=authorisation,
        )
    except _NoAnswerError as error:
        yield True, f"influx: {address} {error} (EXPORTER_INFLUX__URL)"
    else:
        fault = _why_not_taken(status, influx)
        yield bool(fault), f"influx: {address} {fault or 'takes points'}"


def _why_not_taken(status: int, influx: Influx) -> str:
    """What the answer to points, of which there were none, says of those that will come."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return f"answers {status}: the token may not write (EXPORTER_INFLUX__TOKEN_FILE)"
    if status == HTTPStatus.NOT_FOUND:
        return (
            f"answers 404: it has no bucket {influx.bucket} of organisation {influx.org}, or it is "
            "no InfluxDB from 1.8 on"
        )
    # That there are no points in it is all that is wrong with it.
    return (
        ""
        if status < HTTPStatus.MULTIPLE_CHOICES or status == HTTPStatus.BAD_REQUEST
        else (f"answers {status}")
    )


async def _reports(settings: Settings) -> AsyncIterator[Finding]:
    reports = settings.reports
    if not reports.enabled:
        yield False, "reports: none by the clock; `python -m exporter report` makes one"
        return
    for name, url in (
        ("prometheus", reports.prometheus_url),
        ("alertmanager", reports.alertmanager_url),
    ):
        variable = f"EXPORTER_REPORTS__{name.upper()}_URL"
        if not url:
            yield name == "prometheus", f"reports, {name}: not configured ({variable})"
            continue
        address = without_password(url.rstrip("/"))
        try:
            status = await _status("GET", f"{url.rstrip('/')}/-/ready", reports.timeout_seconds)
        except _NoAnswerError as error:
            yield True, f"reports, {name}: {address} {error} ({variable})"
        else:
            good = status < HTTPStatus.BAD_REQUEST
            says = "is ready" if good else f"answers {status} and not that it is ready ({variable})"
            yield not good, f"reports, {name}: {address} {says}"
    if reports.directory is None:
        yield False, "reports: none are kept"
        return
    fault = _why_not_writable(reports.directory)
    yield bool(fault), f"reports: {fault or f'they are kept in {reports.directory}'}"


class _NoAnswerError(Exception):
    """Nobody answers; the message says why, with the address as its subject."""


async def _status(method: str, url: str, seconds: float, **options: Any) -> int:
    """What answers there."""
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, **options) as answer,
        ):
            return answer.status
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        raise _NoAnswerError("is no address such as http://host:port") from None
    except aiohttp.ClientConnectorDNSError:
        raise _NoAnswerError("has a name that nobody knows") from None
    except aiohttp.ClientConnectorCertificateError:
        raise _NoAnswerError("has a certificate that is not valid for it") from None
    except aiohttp.ClientConnectorError as error:
        cause = error.os_error
        why = os.strerror(cause.errno) if cause.errno else cause.strerror
        raise _NoAnswerError(f"cannot be reached: {why}") from None
    except TimeoutError:
        raise _NoAnswerError(f"does not answer within {seconds:g} s") from None
    except aiohttp.ClientError as error:
        raise _NoAnswerError(f"does not answer in HTTP: {type(error).__name__}") from None


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
