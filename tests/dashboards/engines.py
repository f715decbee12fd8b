"""The real Prometheus, InfluxDB and Grafana, each on a free port and in a folder of its own."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from tests.programs import binary, free_port

ROOT = Path(__file__).parents[2]


@contextmanager
def run_server(
    command: Sequence[str],
    folder: Path,
    ready: str,
    environment: Mapping[str, str] = MappingProxyType({}),
    seconds: float = 30,
) -> Iterator[None]:
    """Run a server until the end of the block; it is ready when ``ready`` answers."""
    log = folder / "log"
    variables = os.environ | environment
    with (
        log.open("w") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=variables) as process,
    ):
        try:
            deadline = time.monotonic() + seconds
            while not _answers(ready):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status < 300)
    except (urllib.error.URLError, ConnectionError):
        return False


def _ask(url: str, **parameters: object) -> Any:
    query = urllib.parse.urlencode(parameters, doseq=True)
    try:
        with urllib.request.urlopen(f"{url}?{query}", timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        raise AssertionError(f"{parameters}: {refusal.read().decode()}") from refusal


class Prometheus:
    """A running Prometheus, asked as Grafana asks."""

    def __init__(self, url: str) -> None:
        self.url = url

    def now(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that ``expr`` has now."""
        return list(_ask(f"{self.url}/api/v1/query", query=expr)["data"]["result"])

    def lately(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that ``expr`` had in the last seconds."""
        end = time.time()
        found = _ask(f"{self.url}/api/v1/query_range", query=expr, start=end - 4, end=end, step="2")
        return list(found["data"]["result"])

    def ever(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that ``expr`` had at any time of the tests."""
        end = time.time()
        found = _ask(
            f"{self.url}/api/v1/query_range", query=expr, start=end - 1800, end=end, step="1"
        )
        return list(found["data"]["result"])

    def label_values(self, metric: str, label: str) -> list[str]:
        """Return the values of a label, as a variable of a dashboard lists them."""
        found = _ask(f"{self.url}/api/v1/label/{label}/values", **{"match[]": metric})
        return list(found["data"])


@contextmanager
def prometheus(
    folder: Path, target: str, rules: Iterable[Path], scrape: str = "1s"
) -> Iterator[Prometheus]:
    """Run Prometheus on ``target`` and ``rules``, every ``scrape``."""
    copies = folder / "rules"
    copies.mkdir()
    for path in rules:
        (copies / path.name).write_text(_at_once(path))
    config = {
        "global": {
            "scrape_interval": scrape,
            "scrape_timeout": scrape,
            "evaluation_interval": scrape,
        },
        "rule_files": [f"{copies}/*.yml"],
        "scrape_configs": [{"job_name": "exporter", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = (
        binary("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    url = f"http://127.0.0.1:{port}"
    with run_server(command, folder, f"{url}/-/ready"):
        yield Prometheus(url)


def _at_once(path: Path) -> str:
    """The same rules without their patience: a test has seconds, not minutes."""
    content = yaml.safe_load(path.read_text())
    for group in content["groups"]:
        group.pop("interval", None)
        for rule in group["rules"]:
            rule.pop("for", None)
            rule.pop("keep_firing_for", None)
    return str(yaml.safe_dump(content))


class InfluxDb:
    """A running InfluxDB with the database ``video``, asked as Grafana asks."""

    def __init__(self, url: str) -> None:
        self.url = url

    def write(self, lines: Iterable[str]) -> None:
        """Write lines of line protocol."""
        body = "\n".join(lines).encode()
        request = urllib.request.Request(f"{self.url}/write?db=video", data=body)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 204
        except urllib.error.HTTPError as refusal:
            raise AssertionError(refusal.read().decode()) from refusal

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Return the series that InfluxQL selects."""
        (result,) = _ask(f"{self.url}/query", db="video", q=statement)["results"]
        assert "error" not in result, f"{statement}: {result['error']}"
        return list(result.get("series", []))


@contextmanager
def influxdb(folder: Path) -> Iterator[InfluxDb]:
    """Run InfluxDB with an empty database ``video``."""
    port = free_port()
    (folder / "influxdb.conf").write_text(
        f"""
        reporting-disabled = true
        bind-address = "127.0.0.1:{free_port()}"
        [meta]
          dir = "{folder}/meta"
        [data]
          dir = "{folder}/data"
          wal-dir = "{folder}/wal"
        [http]
          bind-address = "127.0.0.1:{port}"
        """
    )
    command = (binary("influxd", "influxdb"), "-config", str(folder / "influxdb.conf"))
    url = f"http://127.0.0.1:{port}"
    with run_server(command, folder, f"{url}/ping"):
        engine = InfluxDb(url)
        request = urllib.request.Request(
            f"{url}/query", data=urllib.parse.urlencode({"q": "CREATE DATABASE video"}).encode()
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = json.load(answer)["results"]
            assert not any("error" in each for each in said), said
        yield engine


class InfluxDb2:
    """A running InfluxDB 2 of the organisation ``video``, with a bucket of that name."""

    token = "all-access"  # noqa: S105 - of nothing

    def __init__(self, url: str) -> None:
        self.url = url
        person = {"username": "admin", "password": "password", "token": self.token}
        made = self.call("/api/v2/setup", {**person, "org": "video", "bucket": "video"})
        self.org, self.bucket = made["org"]["id"], made["bucket"]["id"]

    def call(self, path: str, body: Any = None, token: str = token) -> Any:
        """The answer to a path: GET, or POST of a body, lines or JSON."""
        data = json.dumps(body) if isinstance(body, dict) else body
        raw = None if data is None else str(data).encode()
        headers = {"Authorization": f"Token {token}"}
        request = urllib.request.Request(self.url + path, raw, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def grant(self, *actions: str) -> str:
        """A token that may do this with the bucket, and nothing else."""
        bucket = {"type": "buckets", "id": self.bucket, "orgID": self.org}
        permissions = [{"action": action, "resource": bucket} for action in actions]
        asked = {"orgID": self.org, "permissions": permissions}
        return str(self.call("/api/v2/authorizations", asked)["token"])

    def write(self, lines: Iterable[str], bucket: str = "video") -> bool:
        """Write lines of line protocol; whether they are within what the bucket keeps."""
        try:
            self.call(f"/api/v2/write?org=video&bucket={bucket}", "\n".join(lines))
        except urllib.error.HTTPError as refusal:
            why = refusal.read().decode()
            assert "outside retention policy" in why, why
            return False
        return True

    def rows(self, statement: str) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
        """Tags and columns of each row that InfluxQL selects; times in seconds."""
        asked = urllib.parse.urlencode({"db": "video", "q": statement, "epoch": "s"})
        (result,) = self.call(f"/query?{asked}")["results"]
        assert "error" not in result, f"{statement}: {result['error']}"
        for series in result.get("series", []):
            for values in series["values"]:
                yield series.get("tags", {}), dict(zip(series["columns"], values, strict=True))

    def run_tasks(self, seconds: float = 120) -> list[str]:
        """Let each task run once, now; returns their names."""
        tasks = self.call("/api/v2/tasks?org=video")["tasks"]
        for task in tasks:
            runs = f"/api/v2/tasks/{task['id']}/runs"
            run = self.call(runs, {})
            deadline = time.monotonic() + seconds
            while run["status"] in {"scheduled", "started"}:
                assert time.monotonic() < deadline, f"task {task['name']}: {run}"
                time.sleep(0.2)
                try:
                    run = self.call(f"{runs}/{run['id']}")
                except urllib.error.HTTPError as nowhere:
                    # So it is for a moment, when it is over and not yet put away.
                    if nowhere.code != 404:
                        raise
            assert run["status"] == "success", f"task {task['name']}: {run['log']}"
        return [task["name"] for task in tasks]


@contextmanager
def influxdb2(folder: Path, program: Path) -> Iterator[InfluxDb2]:
    """Run the InfluxDB 2 that somebody built: Debian has none."""
    url = f"http://127.0.0.1:{free_port()}"
    command = (
        str(program),
        f"--http-bind-address={url.removeprefix('http://')}",
        f"--bolt-path={folder}/bolt",
        f"--sqlite-path={folder}/sqlite",
        f"--engine-path={folder}/engine",
        "--reporting-disabled",
    )
    with run_server(command, folder, f"{url}/ready", seconds=120):
        yield InfluxDb2(url)


@contextmanager
def grafana(folder: Path, program: Path, home: Path, sources: Mapping[str, str]) -> Iterator[str]:
    """Run the Grafana that somebody built, with the project's provisioning; its address."""
    provisioning = folder / "provisioning"
    shutil.copytree(ROOT / "grafana" / "provisioning", provisioning)
    # The one thing that is elsewhere in a container.
    boards = provisioning / "dashboards" / "video.yml"
    boards.write_text(
        boards.read_text().replace("/etc/grafana/dashboards", f"{ROOT}/grafana/dashboards")
    )
    port = free_port()
    settings = {
        "PATHS_DATA": f"{folder}/data",
        "PATHS_LOGS": f"{folder}/logs",
        "PATHS_PLUGINS": f"{folder}/plugins",
        "PATHS_PROVISIONING": str(provisioning),
        "SERVER_HTTP_ADDR": "127.0.0.1",
        "SERVER_HTTP_PORT": str(port),
        "SECURITY_ADMIN_PASSWORD": "admin",
        # Nothing leaves this machine.
        "ANALYTICS_REPORTING_ENABLED": "false",
        "ANALYTICS_CHECK_FOR_UPDATES": "false",
        "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    }
    environment = {f"GF_{name}": value for name, value in settings.items()} | dict(sources)
    command = (str(program), "server", f"--homepath={home}")
    url = f"127.0.0.1:{port}"
    with run_server(command, folder, f"http://{url}/api/health", environment, 180):
        yield f"http://admin:admin@{url}"
