"""A receiver of Alertmanager's webhook: prints a line per alert, once, and keeps what came.

Run `python -m demo.webhook --port 9096 --file .run/alerts.jsonl`. The file gets a line of JSON per
notification: Alertmanager's body, and `received_at` by the clock of this machine.
"""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

LARGEST_BODY = 16 * 1024 * 1024

Notification = dict[str, Any]


def lines(notification: Notification) -> Iterator[str]:
    """Yield a readable line for each alert: how grave, what, where, since when, which runbook."""
    escalated = notification["receiver"].startswith("escalated-")
    for alert in notification["alerts"]:
        labels, annotations = alert["labels"], alert["annotations"]
        place = [labels[name] for name in ("domain", "segment", "member") if name in labels]
        parts = [
            "ESCALATED" if escalated and alert["status"] == "firing" else alert["status"].upper(),
            labels.get("severity", "no severity"),
            labels["alertname"],
            annotations.get("summary", "no summary"),
            f"({' '.join(place) or 'no domain'})",
            f"since {alert['startsAt']}",
            annotations.get("runbook_url", "no runbook"),
        ]
        yield "  ".join(parts)


def application(file: Path) -> web.Application:
    """Return the receiver; it appends to `file`."""
    printed: set[str] = set()

    async def receive(request: web.Request) -> web.Response:
        try:
            notification = await request.json()
            readable = list(lines(notification))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            return web.Response(status=400, text=f"not a notification of Alertmanager: {error!r}\n")
        received_at = datetime.now(UTC)
        with file.open("a") as kept:
            kept.write(json.dumps({"received_at": received_at.isoformat(), **notification}) + "\n")
        for line in readable:
            # What is only repeated is kept but not printed again; each beat of the heart is new.
            what = "heartbeat" if notification["receiver"] == "heartbeat" else line
            if what in printed:
                continue
            printed.add(what)
            print(received_at.astimezone().strftime("%H:%M:%S"), line, flush=True)  # noqa: T201
        return web.Response(text="ok")

    application = web.Application(client_max_size=LARGEST_BODY)
    application.router.add_post("/{path:.*}", receive)
    return application


def main() -> None:
    """Serve until told to stop."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=9096)
    options.add_argument("--file", type=Path, default=Path(".run/alerts.jsonl"))
    chosen = options.parse_args()
    chosen.file.parent.mkdir(parents=True, exist_ok=True)
    web.run_app(
        application(chosen.file),
        host=chosen.host,
        port=chosen.port,
        access_log=None,
        print=lambda *_: None,
    )


if __name__ == "__main__":
    main()
