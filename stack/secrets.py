"""``make secrets``: the files under .secrets/ that docker compose hands to its containers.

What is there stays. Passwords and tokens of our own are made at random; of the channels of
Alertmanager nobody but their owner knows them, so they get a placeholder that leads nowhere.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent.parent / ".secrets"

OURS: Final = ("grafana_password", "influx_password", "influx_token", "operations_token")
CHANNELS: Final = {
    "slack_url": "http://127.0.0.1:9/slack",
    "smtp_password": "none",
    "pagerduty_key": "none",
}


def write(folder: Path) -> list[str]:
    """Write what is missing in ``folder``; returns the names of what was written."""
    wanted = {name: secrets.token_urlsafe(32) for name in OURS} | CHANNELS
    # Containers run as several users and are given single files: the folder is the protection.
    folder.mkdir(mode=0o700, exist_ok=True)
    missing = [name for name in wanted if not (folder / name).exists()]
    for name in missing:
        (folder / name).write_text(wanted[name])
    return missing


if __name__ == "__main__":
    for name in write(FOLDER):
        note = "; put the real one there" if name in CHANNELS else ""
        sys.stdout.write(f"wrote .secrets/{name}{note}\n")
