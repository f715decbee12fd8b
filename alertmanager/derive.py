#!/usr/bin/env python3
"""Make local.yml of alertmanager.yml: the same tree for a machine without secrets.

Routes, grouping, timing and inhibition stay; of the receivers stays the webhook, on this machine.
Run `python alertmanager/derive.py` after a change of alertmanager.yml; a test compares.
"""

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
WEBHOOK = "http://127.0.0.1:9096/"
HEARTBEAT = WEBHOOK + "heartbeat"
HEADER = "# Made of alertmanager.yml by alertmanager/derive.py. Do not edit.\n"

Config = dict[str, Any]


def derive(config: Config) -> Config:
    """Return `config` with the webhook as the only channel, at an address of this machine."""
    routes = config["route"]["routes"]
    heartbeat = next(r["receiver"] for r in routes if r["matchers"] == ['alertname="Watchdog"'])
    return {
        **{key: value for key, value in config.items() if key != "global"},
        "receivers": [
            {
                "name": receiver["name"],
                "webhook_configs": [
                    {**webhook, "url": HEARTBEAT if receiver["name"] == heartbeat else WEBHOOK}
                    for webhook in receiver["webhook_configs"]
                ],
            }
            for receiver in config["receivers"]
        ],
    }


def render() -> str:
    """Return the text of local.yml."""
    config = yaml.safe_load((HERE / "alertmanager.yml").read_text())
    return HEADER + yaml.safe_dump(derive(config), sort_keys=False)


if __name__ == "__main__":
    (HERE / "local.yml").write_text(render())
