"""The command line: exit codes, and what it says to whoever has to find out."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple, Protocol

import pytest

from exporter import checkpoint
from exporter.__main__ import main
from exporter.catalogue import Catalogue
from exporter.events import DOMAINS

SECONDS = 30.0  # until a process must have done what it should


class Said(NamedTuple):
    """How a process ended and what it said."""

    code: int
    out: str
    err: str


def environment(folder: Path, **variables: str) -> Mapping[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EXPORTER_")}
    fixed = {
        "EXPORTER_JOURNAL__DIRECTORY": str(folder / "state"),
        "EXPORTER_JOURNAL__FLOOR_BYTES": "0",
        "EXPORTER_RECEIVER__PORT": "0",
        "EXPORTER_OPERATIONS__PORT": "0",
    }
    return plain | fixed | variables


def run(folder: Path, command: str, **variables: str) -> Said:
    """Run a command as a process of its own."""
    ended = subprocess.run(
        (sys.executable, "-m", "exporter", command),
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)


class Here(Protocol):
    """Runs a command in this process, which is faster; the files are those of the test."""

    def __call__(self, command: str, **variables: str) -> Said: ...


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    def runs(command: str, **variables: str) -> Said:
        monkeypatch.setattr(os, "environ", environment(tmp_path, **variables))
        code = main([command])
        return Said(code, *capsys.readouterr())

    return runs


@contextmanager
def serving(
    folder: Path, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A process that serves, and the log line with which it said so."""
    with subprocess.Popen(
        (sys.executable, "-m", "exporter", "serve"),
        env=environment(folder, **variables),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        try:
            for line in process.stderr:
                said = json.loads(line)
                if said["message"] == "taking beacons":
                    yield process, said
                    break
            else:
                raise AssertionError("it ended before it took beacons")
        finally:
            process.kill()


@pytest.mark.parametrize("command", ["metrics", "settings"])
def test_the_generated_pages_are_printed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command]) == 0
    printed = capsys.readouterr()
    assert printed.out == (Path("docs") / f"{command}.md").read_text()
    assert printed.err == ""


@pytest.mark.parametrize("arguments", [[], ["unheard-of"], ["serve", "--unheard-of"]])
def test_a_wrong_command_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "usage: python -m exporter" in capsys.readouterr().err


def test_check_prints_the_settings_and_finds_no_fault(here: Here, tmp_path: Path) -> None:
    said = here("check", EXPORTER_RECEIVER__KEYS="c4n4ry")

    assert said.code == 0, said
    assert "EXPORTER_RECEIVER__KEYS=********\n" in said.out
    assert f"EXPORTER_JOURNAL__DIRECTORY={tmp_path / 'state'}\n" in said.out
    assert "FAULT" not in said.out
    assert "c4n4ry" not in said.out + said.err
    assert not (tmp_path / "state").exists(), "checking leaves nothing behind"


def test_check_names_and_tries_each_probe(here: Here) -> None:
    with socket.create_server(("127.0.0.1", 0)) as up, socket.socket() as down:
        down.bind(("127.0.0.1", 0))  # and nobody listens
        targets = (
            f"api=tcp://127.0.0.1:{up.getsockname()[1]},"
            f"web=http://name:c4n4ry@127.0.0.1:{down.getsockname()[1]}/"
        )
        said = here("check", EXPORTER_PROBES__TARGETS=targets)
    probed = [line for line in said.out.splitlines() if "probe:" in line]

    assert said.code == 1
    assert [line.split()[:3] for line in probed] == [
        ["ok", "probe:", "api:"],
        ["FAULT", "probe:", "web:"],
    ]
    assert "accepts" in probed[0]
    assert "c4n4ry" not in said.out + said.err


@pytest.mark.parametrize(("command", "code"), [("check", 1), ("serve", 2)])
def test_a_probe_of_a_service_that_is_not_listed_is_a_fault(
    here: Here, command: str, code: int
) -> None:
    said = here(command, EXPORTER_PROBES__TARGETS="mainframe=tcp://127.0.0.1:1")

    assert said.code == code
    assert "names services that EXPORTER_LABELS__SERVICES does not: mainframe" in (
        said.out + said.err
    )


def test_check_finds_every_fault_and_ends_with_1(here: Here, tmp_path: Path) -> None:
    said = here(
        "check",
        EXPORTER_RECEIVER__HOST="203.0.113.1",
        EXPORTER_SERIES_BUDGET="100",
        EXPORTER_JOURNAL__FLOOR_BYTES=str(2**60),
        EXPORTER_INFLUX__URL="http://name:c4n4ry@127.0.0.1:1",
        EXPORTER_INFLUX__TOKEN_FILE=str(tmp_path / "missing"),
    )
    faults = [line for line in said.out.splitlines() if line.startswith("FAULT")]

    assert said.code == 1
    assert [line.split()[1] for line in faults] == [
        "series:",
        "journal:",
        "receiver:",
        "influx:",
        "influx:",
    ]
    assert "100" in faults[0]
    assert "missing" in faults[3]
    assert "c4n4ry" not in said.out + said.err


def test_check_probes_what_the_reports_need(here: Here, tmp_path: Path) -> None:
    said = here(
        "check",
        EXPORTER_REPORTS__ENABLED="true",
        EXPORTER_REPORTS__PROMETHEUS_URL="http://name:c4n4ry@127.0.0.1:1/prometheus/",
        EXPORTER_REPORTS__ALERTMANAGER_URL="",
        EXPORTER_REPORTS__DIRECTORY=str(tmp_path / "reports" / "new"),
    )

    assert said.code == 1
    assert said.out.splitlines()[-3:] == [
        "FAULT reports, prometheus: http://********@127.0.0.1:1/prometheus: ClientConnectorError",
        "ok    reports, alertmanager: not configured",
        f"ok    reports: {tmp_path} is a writable folder",
    ]
    assert "c4n4ry" not in said.out + said.err


def test_check_finds_prometheus_and_alertmanager_where_they_are(here: Here, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with listening(200) as prometheus, listening(404) as alertmanager:
        said = here(
            "check",
            EXPORTER_REPORTS__ENABLED="true",
            EXPORTER_REPORTS__PROMETHEUS_URL=prometheus,
            EXPORTER_REPORTS__ALERTMANAGER_URL=f"{alertmanager}/",
            EXPORTER_REPORTS__DIRECTORY=str(tmp_path / "file" / "reports"),
        )

    assert said.code == 1
    assert said.out.splitlines()[-3:] == [
        f"ok    reports, prometheus: {prometheus} answers 200",
        f"FAULT reports, alertmanager: {alertmanager} answers 404",
        f"FAULT reports: {tmp_path / 'file'} is not a writable folder",
    ]


def test_check_does_not_look_for_what_nobody_asked_for(here: Here) -> None:
    said = here("check", EXPORTER_REPORTS__PROMETHEUS_URL="http://127.0.0.1:1")

    assert said.code == 0
    assert "ok    reports: none by the clock" in said.out


@contextmanager
def listening(status: int) -> Iterator[str]:
    """Something that answers whether it is ready."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/-/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads the access log of a test."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_every_mistake_in_the_environment_is_named_in_a_line(here: Here) -> None:
    said = here(
        "serve", EXPORTER_RECEIVER__PROT="1", EXPORTER_RECIEVER__KEYS="c4n4ry",
        EXPORTER_LOG_LEVEL="LOUD", EXPORTER_RECEIVER__PORT="http",
    )  # fmt: skip

    assert said.code == 2
    assert {line.split(":")[0] for line in said.err.splitlines()} == {
        "EXPORTER_RECEIVER__PROT",
        "EXPORTER_RECIEVER__KEYS",
        "EXPORTER_LOG_LEVEL",
        "EXPORTER_RECEIVER__PORT",
    }
    assert "c4n4ry" not in said.err


def newer(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()


def damaged(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, but it is long enough to look at\n" * 100)


@pytest.mark.parametrize("file", ["journal.db", "state.db"])
@pytest.mark.parametrize(
    ("spoil", "says"), [(newer, "start the newer release"), (damaged, "not a database")]
)
def test_files_that_cannot_be_read_stop_the_start_and_are_named(
    here: Here, tmp_path: Path, file: str, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(tmp_path / "state" / file)
    said = here("serve")

    assert said.code == 2
    assert says in said.err
    assert file in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"EXPORTER_SERIES_BUDGET": "100"}, "series are possible and the budget is 100"),
        ({"EXPORTER_SESSIONS__SILENCE_SECONDS__DOWNLOAD": "60"}, "download"),
        ({"EXPORTER_JOURNAL__DIRECTORY": "/proc/nothing/here"}, "/proc/nothing"),
    ],
)
def test_what_may_not_be_says_why_in_a_line(
    here: Here, variables: dict[str, str], says: str
) -> None:
    said = here("serve", **variables)

    assert said.code == 2
    assert says in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"EXPORTER_RECEIVER__HOST": "203.0.113.1"}, "203.0.113.1"),
        (
            {"EXPORTER_INFLUX__URL": "http://x", "EXPORTER_INFLUX__TOKEN_FILE": "/missing"},
            "/missing",
        ),
    ],
)
def test_what_cannot_start_says_why_in_a_line(
    tmp_path: Path, variables: dict[str, str], says: str
) -> None:
    said = run(tmp_path, "serve", **variables)

    assert said.code == 2
    assert says in said.err
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) == 1


def test_a_second_instance_on_one_directory_is_refused_by_the_first(
    here: Here, tmp_path: Path
) -> None:
    held = checkpoint.lock(tmp_path / "state")
    said = here("serve")
    os.close(held)

    assert said.code == 2
    assert f"in use by process {os.getpid()}" in said.err
    assert "EXPORTER_JOURNAL__DIRECTORY" in said.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop_and_loses_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    with serving(tmp_path) as (process, said):
        beacon = urllib.request.Request(
            f"http://{said['public']}/api/analytics/upload-performance",
            data=b"{}",
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(beacon, timeout=SECONDS) as answer:
            assert answer.status == 202
        process.send_signal(number)
        began = time.monotonic()
        assert process.wait(SECONDS) == 0
        assert time.monotonic() - began < SECONDS / 2

    state = checkpoint.StateFile(tmp_path / "state" / "state.db", most_outbox_bytes=2**20)
    try:
        assert "exporter_events_accepted_total" in state.load().counters
    finally:
        state.close()


def test_the_log_is_json_lines_with_what_came_with_them(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, said):
        assert said["level"] == "info"
        assert said["at"].endswith("Z")
        assert {"version", "public", "operations", "replayed"} <= set(said)


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    help_text = capsys.readouterr().out

    for command in ("serve", "check", "report", "influx", "metrics", "settings"):
        assert command in help_text
    assert Catalogue(DOMAINS).render().startswith("# Metrics")
