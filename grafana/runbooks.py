"""``python -m grafana.runbooks``: what leads from each runbook to the dashboards, at its top.

Dashboards and messages link to runbooks; these tables are the way back, and lead from a runbook
that was opened as a whole to the alert. They are made of rules/ and of alertmanager/templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from grafana.build.__main__ import boards
from grafana.build.style import ROOT, link_base

RUNBOOKS: Final = ROOT / "docs" / "runbooks"
TOP: Final = re.compile(r"\A(# [^\n]+\n\n)(?:(?:\|[^\n]*\n)+\n)?")


def rendered(path: Path) -> str:
    """The text of a runbook with its table."""
    rows = "\n".join(_rows(path.stem))
    head = "| alert | severity | dashboard |\n|---|---|---|"
    return TOP.sub(lambda found: f"{found[1]}{head}\n{rows}\n\n", path.read_text(), count=1)


def _rows(domain: str) -> Iterator[str]:
    """A row for each alert, in the order of the runbook."""
    alerts: dict[str, list[dict[str, Any]]] = {}
    for rules in sorted((ROOT / "rules").glob("*.yml")):
        for group in yaml.safe_load(rules.read_text())["groups"]:
            for rule in group["rules"]:
                if rule.get("alert") and rule["labels"]["domain"] == domain:
                    alerts.setdefault(rule["alert"], []).append(rule)
    titles = {f"/d/{board.uid}": board.title for board in boards()}
    headings = re.findall(r"^## (\w+)$", (RUNBOOKS / f"{domain}.md").read_text(), re.MULTILINE)
    for name in headings:
        severities = ", ".join(dict.fromkeys(rule["labels"]["severity"] for rule in alerts[name]))
        leads = dict.fromkeys(rule["annotations"]["dashboard_url"] for rule in alerts[name])
        to = ", ".join(f"[{titles[url]}]({link_base('video.grafana')}{url})" for url in leads)
        yield f"| [{name}](#{name.lower()}) | {severities} | {to} |"


def main() -> None:
    """Write the tables again."""
    for path in sorted(RUNBOOKS.glob("*.md")):
        path.write_text(rendered(path))


if __name__ == "__main__":
    main()
