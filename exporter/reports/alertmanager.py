"""Tells Alertmanager, as Prometheus does."""

from __future__ import annotations

import aiohttp

from exporter.reports.bulletin import Alert
from exporter.reports.prometheus import AwayError
from exporter.settings import without_password


async def tell(http: aiohttp.ClientSession, url: str, alert: Alert) -> None:
    """Hand over an alert; the same one again changes only its words."""
    body = {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.begin.isoformat(),
        "endsAt": alert.end.isoformat(),
    }
    where = f"Alertmanager at {without_password(url)}"
    try:
        async with http.post(f"{url.rstrip('/')}/api/v2/alerts", json=[body]) as answer:
            if answer.status != 200:
                said = (await answer.text())[:300]
                raise AwayError(f"{where}: {answer.status}: {said}")
    except (aiohttp.ClientError, TimeoutError) as failure:
        raise AwayError(f"{where}: {type(failure).__name__}") from failure
