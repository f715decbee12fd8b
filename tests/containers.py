"""Judges docker-compose.yml with a real engine: `make containers`, after `make secrets`.

It builds and starts everything under a name of its own, sends a beacon and an alert, looks where
both arrive and what a container may do, kills the exporter in between, and takes all of it away
again. It needs an engine, the images, and the ports of the file; `make test` needs none of them.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECONDS = 180.0  # until what should happen must have happened: scrapes are 30 s apart
START_SECONDS = 600
PROJECT = "video-metrics-proof"
BEACONS, OPERATIONS = "http://127.0.0.1:8080", ("127.0.0.1", 9464)
PROMETHEUS, ALERTMANAGER = "http://127.0.0.1:9090", "http://127.0.0.1:9093"
GRAFANA = "http://127.0.0.1:3000"
ALERT = {"alertname": "Proof", "severity": "critical", "domain": "platform", "kpi": "none"}
SERVICES = {"exporter", "prometheus", "alertmanager", "webhook", "influxdb", "grafana"}


def main() -> int:
    """Run the proof; 1 where something is not as it should be."""
    if shutil.which("docker") is None:
        raise SystemExit("there is no docker: this needs an engine and its compose plugin")
    if not Path(".secrets").is_dir():
        raise SystemExit("there are no secrets: make secrets")
    try:
        compose("up", "--build", "--detach", "--wait", "--wait-timeout", str(START_SECONDS))
        print("all of it is healthy", flush=True)  # noqa: T201
        for proof in PROOFS:
            proof()
            print(proof.__doc__, flush=True)  # noqa: T201
    except BaseException:
        sys.stderr.write(compose("logs", "--tail", "30"))
        raise
    finally:
        compose("down", "--volumes", "--timeout", "40")
    return 0


def compose(*arguments: str) -> str:
    """What `docker compose` says; it must succeed."""
    done = run(*arguments)
    if done.returncode:
        raise SystemExit(f"docker compose {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`docker compose`, to its end."""
    return subprocess.run(
        ["docker", "compose", "--project-name", PROJECT, *arguments],  # noqa: S607 - the user's
        capture_output=True,
        text=True,
        check=False,
    )


def ask(url: str, body: Any = None, user: str = "") -> Any:
    """The JSON that an address answers."""
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if user:
        request.add_header("Authorization", f"Basic {b64encode(user.encode()).decode()}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for something; AssertionError with its name when it never holds."""
    latest = time.monotonic() + SECONDS
    while time.monotonic() < latest:
        try:
            if holds():
                return
        except (urllib.error.URLError, ConnectionError, LookupError):
            pass  # what is asked may just be starting again
        time.sleep(1)
    raise AssertionError(f"never: {what}")


def value(query: str) -> float:
    """What Prometheus answers a query that has one series; LookupError where it has none."""
    address = f"{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    return float(ask(address)["data"]["result"][0]["value"][1])


def scraped() -> None:
    """Prometheus has the token that it needs, and scrapes the beacon that was sent"""
    event = {"type": "upload.started", "id": "1", "upload_id": "u1", "file_size_bytes": 1000}
    ended = {"type": "upload.completed", "id": "2", "upload_id": "u1"}
    answer = ask(f"{BEACONS}/v1/events", {"events": [event, ended]})
    assert answer["accepted"] == 2, answer
    until("Prometheus has the upload", lambda: value("sum(video_upload_ended_total)") == 1)
    assert value('min(up{job=~"exporter.*"})') == 1


def ruled() -> None:
    """all rules are loaded and none of them fails"""
    groups = ask(f"{PROMETHEUS}/api/v1/rules")["data"]["groups"]
    until("a rule has run", lambda: value("count(kpi:target)") > 0)
    ill = [rule["name"] for each in groups for rule in each["rules"] if rule["health"] == "err"]
    assert groups, "no rules"
    assert not ill, ill


def paged() -> None:
    """an alert comes through Alertmanager to the webhook"""
    ask(f"{ALERTMANAGER}/api/v2/alerts", [{"labels": ALERT, "annotations": {"summary": "proof"}}])
    read = ("exec", "-T", "webhook", "cat", "/tmp/alerts.jsonl")  # noqa: S108 - of the container
    until("the webhook has the alert", lambda: '"Proof"' in run(*read).stdout)


def shown() -> None:
    """Grafana has every dashboard, and reaches Prometheus, Alertmanager and InfluxDB's points"""
    admin = f"admin:{Path('.secrets/grafana_password').read_text().strip()}"
    boards = {each["uid"] for each in ask(f"{GRAFANA}/api/search?type=dash-db", user=admin)}
    ours = {
        json.loads(file.read_text())["uid"] for file in Path("grafana/dashboards").rglob("*.json")
    }
    assert boards == ours, boards ^ ours
    query = {
        "datasource": {"uid": "influxdb"},
        "query": "SELECT * FROM upload",
        "rawQuery": True,
        "resultFormat": "table",
        "refId": "A",
    }
    asked = {"queries": [query], "from": "now-1h", "to": "now"}

    def told() -> bool:
        found = ask(f"{GRAFANA}/api/ds/query", asked, user=admin)["results"]["A"]["frames"]
        return bool(found and found[0]["data"]["values"])

    until("Grafana shows the upload's point", told)
    up = {"queries": [{"datasource": {"uid": "prometheus"}, "expr": "up", "refId": "A"}]}
    assert ask(f"{GRAFANA}/api/ds/query", {**asked, **up}, user=admin)["results"]["A"]["frames"]
    proxied = f"{GRAFANA}/api/alertmanager/alertmanager/api/v2/status"
    assert ask(proxied, user=admin)["config"]


def confined() -> None:
    """no container of ours is root, writes outside its volumes, or publishes the operations port"""
    for service in ("exporter", "webhook"):
        inside = ("exec", "-T", service, "python", "-c")
        assert compose(*inside, "import os; print(os.getuid())").strip() == "10001"
        assert "Read-only file system" in run(*inside, "open('/app/x', 'w')").stderr
    with socket.socket() as probe:
        assert probe.connect_ex(OPERATIONS) != 0, "the operations port is published"


def durable() -> None:
    """what was acknowledged outlives a kill of the exporter"""
    answer = ask(
        f"{BEACONS}/v1/events",
        {"events": [{"type": "upload.started", "id": "3", "upload_id": "u2"}]},
    )
    assert answer["accepted"] == 1, answer
    compose("kill", "--signal", "KILL", "exporter")
    compose("up", "--detach", "--wait", "exporter")
    started = 'exporter_events_accepted_total{type="upload.started"}'
    until("both uploads are counted", lambda: value(started) == 2)


PROOFS = (scraped, ruled, paged, shown, confined, durable)

if __name__ == "__main__":
    raise SystemExit(main())
