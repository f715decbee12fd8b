"""The real Prometheus and the real InfluxDB, each on a free port and in a folder of its own."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.programs import binary, free_port


@contextmanager
def run_server(command: Sequence[str], folder: Path, ready: str) -> Iterator[None]:
    """Run a server until the end of the block; it is ready when ``ready`` answers."""
    log = folder / "log"
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            deadline = time.monotonic() + 30
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
