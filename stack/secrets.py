"""``make secrets``: the files under .secrets/ that docker compose hands to its containers.

What is there stays. Passwords and tokens of our own are made at random; of the channels of
Alertmanager nobody but their owner knows them, so they get a placeholder that leads nowhere.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent.parent / ".secrets"

OURS: Final = ("grafana_password", "influx_password", "influx_token", "operations_token")
FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o644
CHANNELS: Final = {
    "slack_url": "http://127.0.0.1:9/slack",
    "smtp_password": "none",
    "pagerduty_key": "none",
}


def write(folder: Path) -> list[str]:
    """Write what is missing in ``folder``; returns the names of what was written."""
    wanted = {name: secrets.token_urlsafe(32) for name in OURS} | CHANNELS
    # Containers run as several users and are given single files, with the modes that these have
    # here: everybody may read a file, and the folder, which no container sees, is the protection.
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    folder.chmod(FOLDER_MODE)
    missing = [name for name in wanted if not (folder / name).exists()]
    for name in missing:
        (folder / name).write_text(wanted[name])
    for name in wanted:
        _let_read(folder / name)
    return missing


def _let_read(file: Path) -> None:
    """Whatever the umask was; not of what lies elsewhere or is another's, which they look after."""
    if not file.is_symlink() and file.stat().st_uid == os.geteuid():
        file.chmod(FILE_MODE)


if __name__ == "__main__":
    for name in write(FOLDER):
        note = "; put the real one there" if name in CHANNELS else ""
        sys.stdout.write(f"wrote .secrets/{name}{note}\n")
