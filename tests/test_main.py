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
from contextlib import closing, contextmanager
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
        "FAULT reports, prometheus: http://********@127.0.0.1:1/prometheus cannot be reached: "
        "Connection refused (EXPORTER_REPORTS__PROMETHEUS_URL)",
        "ok    reports, alertmanager: not configured (EXPORTER_REPORTS__ALERTMANAGER_URL)",
        f"ok    reports: they are kept in {tmp_path / 'reports' / 'new'}",
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
        f"ok    reports, prometheus: {prometheus} is ready",
        f"FAULT reports, alertmanager: {alertmanager} answers 404 and not that it is ready "
        "(EXPORTER_REPORTS__ALERTMANAGER_URL)",
        f"FAULT reports: {tmp_path / 'file'} is no folder",
    ]


def test_check_does_not_look_for_what_nobody_asked_for(here: Here) -> None:
    said = here("check", EXPORTER_REPORTS__PROMETHEUS_URL="http://127.0.0.1:1")

    assert said.code == 0
    assert "ok    reports: none by the clock" in said.out


@contextmanager
def listening(status: int) -> Iterator[str]:
    """Something that answers whether it is ready, and points that are written, with a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/-/ready" else 404)
            self.end_headers()

        def do_POST(self) -> None:
            self.send_response(status if self.path.startswith("/api/v2/write?org=") else 404)
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


MISTAKES = {
    "RECEIVER__PROT=1": "EXPORTER_RECEIVER__PROT: there is no such setting; "
    "did you mean EXPORTER_RECEIVER__PORT?",
    "RECEIVER_PORT=1": "EXPORTER_RECEIVER_PORT: there is no such setting; "
    "did you mean EXPORTER_RECEIVER__PORT?",
    "LABEL__ROUTES=/x": "EXPORTER_LABEL__ROUTES: there is no such setting; "
    "did you mean EXPORTER_LABELS__ROUTES?",
    "SESSIONS__SETTLE_SECONDS=10s": "EXPORTER_SESSIONS__SETTLE_SECONDS: "
    "must be a number of seconds, without a unit",
    "JOURNAL__OUTBOX_BYTES=64MB": "EXPORTER_JOURNAL__OUTBOX_BYTES: "
    "must be a whole number of bytes, without a unit",
    "REPORTS__HOUR=9:00": "EXPORTER_REPORTS__HOUR: must be a whole number",
    "DEDUP__WINDOW_SECONDS=-1": "EXPORTER_DEDUP__WINDOW_SECONDS: must be greater than 0",
    "CONSENT__REQUIRED=maybe": "EXPORTER_CONSENT__REQUIRED: must be true or false",
    "CONSENT__WITHOUT=none": "EXPORTER_CONSENT__WITHOUT: must be 'anonymous' or 'nothing'",
    "SESSIONS__SILENCE_SECONDS=upload=60": "EXPORTER_SESSIONS__SILENCE_SECONDS: "
    'must be JSON, such as {"upload": 60}',
    "REPORTS__ZONE=Berlin": "EXPORTER_REPORTS__ZONE: there is no time zone 'Berlin'",
    "RECEIVER__PROXIES=10.0.0.1/8": "EXPORTER_RECEIVER__PROXIES: 10.0.0.1/8 has host bits set",
    "RECEIVER__ORIGINS=https://video.example.com/": "EXPORTER_RECEIVER__ORIGINS: "
    "https://video.example.com/ is no origin such as https://video.example.com",
    "CMCD__UNWANTED_ORIGINS=video.example.com": "EXPORTER_CMCD__UNWANTED_ORIGINS: "
    "video.example.com is no origin such as https://video.example.com",
    'LABELS__ROUTES="/a"': "EXPORTER_LABELS__ROUTES: "
    '"/a" is no template of a path such as /watch/:id',
    "LABELS__EXPERIMENTS=button": "EXPORTER_LABELS__EXPERIMENTS: "
    "button is not given as experiment/variant",
    "PROBES__TARGETS=api": "EXPORTER_PROBES__TARGETS: api is not given as service=http://host/path",
    "RECEIVER__COUNTRY_HEADER=X-Country:": "EXPORTER_RECEIVER__COUNTRY_HEADER: "
    "'X-Country:' is no name of a header such as X-Country",
    "TUSD__COUNTRY_HEADER=CF IPCountry": "EXPORTER_TUSD__COUNTRY_HEADER: "
    "'CF IPCountry' is no name of a header such as X-Country",
    "OPERATIONS__HOST=0.0.0.0": "EXPORTER_OPERATIONS: 0.0.0.0 is not on loopback: "
    "EXPORTER_OPERATIONS__TOKEN_FILE is needed",
    "OPERATIONS__CERTIFICATE=/a": "EXPORTER_OPERATIONS: "
    "a certificate and its private key are given together",
}


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_value_that_cannot_be_is_one_sentence(here: Here, command: str, mistake: str) -> None:
    name, _, value = mistake.partition("=")
    said = here(command, **{f"EXPORTER_{name}": value})

    assert said == (2, "", f"{MISTAKES[mistake]}\n")


FAULTS = {
    "RECEIVER__HOST=203.0.113.1": "receiver: 203.0.113.1:0 is no address of this machine "
    "(EXPORTER_RECEIVER__HOST)",
    "RECEIVER__HOST=nobody.invalid": "receiver: nobody.invalid is a name that nobody knows "
    "(EXPORTER_RECEIVER__HOST)",
    "RECEIVER__KEYS=good,a key": "receiver: key 2 of EXPORTER_RECEIVER__KEYS cannot stand in an "
    "address; letters, digits, - and _ can",
    "RECEIVER__COUNTRY_HEADER=X-Country": "receiver: EXPORTER_RECEIVER__COUNTRY_HEADER is believed "
    "from proxies alone, and EXPORTER_RECEIVER__PROXIES names none",
    "JOURNAL__DIRECTORY=FOLDER/file/state": "journal: FOLDER/file is no folder "
    "(EXPORTER_JOURNAL__DIRECTORY)",
    "JOURNAL__DIRECTORY=/proc/nothing": "journal: /proc cannot be written to: "
    "No such file or directory (EXPORTER_JOURNAL__DIRECTORY)",
    "OPERATIONS__TOKEN_FILE=FOLDER/none": "operations: FOLDER/none cannot be read: "
    "No such file or directory",
    "OPERATIONS__TOKEN_FILE=FOLDER/file": "operations: FOLDER/file is empty, "
    "and should hold a secret",
    "WEBHOOKS__MUX_SECRETS_FILE=FOLDER/none": "webhooks: FOLDER/none cannot be read: "
    "No such file or directory",
    "INFLUX__URL=influxdb:8086": "influx: influxdb:8086 is no address such as http://host:port "
    "(EXPORTER_INFLUX__URL)",
    "INFLUX__URL=http://nobody.invalid": "influx: http://nobody.invalid has a name that nobody "
    "knows (EXPORTER_INFLUX__URL)",
    "INFLUX__URL=http://127.0.0.1:1": "influx: http://127.0.0.1:1 cannot be reached: "
    "Connection refused (EXPORTER_INFLUX__URL)",
    "FARO__MEASUREMENTS=a.b_ms,cart.items,a.b_seconds,cart.price": "faro: cart.items, cart.price "
    "of EXPORTER_FARO__MEASUREMENTS never reach Prometheus: only what ends in _ms or _seconds is a "
    "time, everything else is points only",
    'SESSIONS__SILENCE_SECONDS={"download": 60}': "sessions: EXPORTER_SESSIONS__SILENCE_SECONDS "
    "names no lifecycle: download; there are activity, ",
}


@pytest.mark.parametrize("mistake", FAULTS)
def test_what_does_not_fit_is_one_sentence(here: Here, tmp_path: Path, mistake: str) -> None:
    (tmp_path / "file").touch()
    name, _, value = mistake.replace("FOLDER", str(tmp_path)).partition("=")
    said = here("check", **{f"EXPORTER_{name}": value})
    (fault,) = [line for line in said.out.splitlines() if line.startswith("FAULT ")]

    assert said.code == 1
    assert said.err == ""
    shown = FAULTS[mistake].replace("FOLDER", str(tmp_path))
    assert fault.startswith(f"FAULT {shown}")
    assert fault == f"FAULT {shown}" or shown.endswith(" ")


@pytest.mark.parametrize(
    ("unwanted", "hints"),
    [
        ("", []),
        ("hls.js,shaka", []),
        (
            "hlsjs,roku",
            [
                "cmcd: hlsjs of EXPORTER_CMCD__UNWANTED_TARGETS is none of EXPORTER_CMCD__TARGETS "
                "(dash.js, hls.js, native, shaka); did you mean hls.js?",
                "cmcd: roku of EXPORTER_CMCD__UNWANTED_TARGETS is none of EXPORTER_CMCD__TARGETS "
                "(dash.js, hls.js, native, shaka)",
            ],
        ),
    ],
)
def test_a_target_that_may_be_a_slip_is_a_hint_and_no_fault(
    here: Here, unwanted: str, hints: list[str]
) -> None:
    said = here("check", EXPORTER_CMCD__UNWANTED_TARGETS=unwanted)

    assert said.code == 0
    found = [line for line in said.out.splitlines() if line.startswith("hint ")]
    assert found == [f"hint  {hint}" for hint in hints]


@pytest.mark.parametrize("name", ["RECEIVER", "TUSD"])
def test_every_name_that_a_header_can_have_is_taken(here: Here, name: str) -> None:
    header = {f"EXPORTER_{name}__COUNTRY_HEADER": "X_country!#$%&'*+-.^`|~1"}

    assert here("check", EXPORTER_RECEIVER__PROXIES="127.0.0.1/32", **header).code == 0


def test_check_leaves_the_files_of_an_instance_as_they_are(here: Here, tmp_path: Path) -> None:
    folder = tmp_path / "state"

    def files() -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in folder.iterdir()}

    with serving(tmp_path) as (process, _):
        assert here("check").code == 0
        process.terminate()
        assert process.wait(SECONDS) == 0
    before = files()
    assert {"journal.db", "state.db"} <= before.keys()
    assert here("check").code == 0
    assert files() == before


def test_a_file_without_a_secret_does_not_open_the_numbers_to_everybody(
    here: Here, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("\n")
    token = {"EXPORTER_OPERATIONS__TOKEN_FILE": str(tmp_path / "token")}
    said = here("serve", EXPORTER_OPERATIONS__HOST="0.0.0.0", **token)  # noqa: S104 - it ends

    assert said == (2, "", f"{tmp_path / 'token'} is empty, and should hold a secret\n")


def test_a_certificate_that_is_none_is_one_sentence(here: Here, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    pair = ("CERTIFICATE", "PRIVATE_KEY")
    said = here("check", **{f"EXPORTER_OPERATIONS__{name}": str(file) for name in pair})

    assert said.code == 1
    assert f"FAULT operations: {file} and {file} are no certificate and its key (PEM)\n" in said.out


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (204, "takes points"),
        (400, "takes points"),
        (401, "answers 401: the token may not write (EXPORTER_INFLUX__TOKEN_FILE)"),
        (404, "answers 404: it has no bucket video of organisation video, or it is no InfluxDB"),
        (503, "answers 503"),
    ],
)
def test_check_asks_influxdb_whether_it_would_take_points(
    here: Here, status: int, says: str
) -> None:
    with listening(status) as influx:
        said = here("check", EXPORTER_INFLUX__URL=influx)
    (line,) = [line for line in said.out.splitlines() if " influx: " in line]

    assert line.startswith(
        f"{'ok   ' if status in {204, 400} else 'FAULT'} influx: {influx} {says}"
    )
    assert said.code == (status not in {204, 400})


def test_a_port_of_somebody_else_is_a_fault_and_one_of_the_instance_is_none(
    here: Here, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        alone = here("check", EXPORTER_RECEIVER__PORT=port)
        held = checkpoint.lock(tmp_path / "state")
        running = here("check", EXPORTER_RECEIVER__PORT=port)
        os.close(held)
        over = here("check", EXPORTER_RECEIVER__PORT=port)
    address = f"receiver: 127.0.0.1:{port} is in use"

    for said in (alone, over):
        fault = f"FAULT {address} by somebody else; choose another (EXPORTER_RECEIVER__PORT)\n"
        assert fault in said.out
        assert said.code == 1
    assert f"ok    {address}, and process {os.getpid()} runs with this\n" in running.out
    assert running.code == 0


def test_one_port_for_both_is_a_fault(here: Here) -> None:
    ports = {f"EXPORTER_{name}__PORT": "19464" for name in ("RECEIVER", "OPERATIONS")}

    assert "operations: 19464 is the port of beacons as well" in here("check", **ports).out


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

    said = here("check")
    (fault,) = [line for line in said.out.splitlines() if line.startswith("FAULT ")]

    assert said.code == 1
    assert says in fault
    assert file in fault


LOST = {
    "journal.db": "beacons of the last seconds before it stopped, which no checkpoint holds yet",
    "state.db": "counters, sessions, ids that are remembered, points that wait for InfluxDB and "
    "refused beacons",
}


@pytest.mark.parametrize("file", LOST)
def test_a_damaged_file_says_what_to_do_and_that_helps(
    here: Here, tmp_path: Path, file: str
) -> None:
    path = tmp_path / "state" / file
    damaged(path)
    for said in (run(tmp_path, "serve"), here("check")):
        (line,) = [line for line in (said.out + said.err).splitlines() if "backup" in line]
        assert line.removeprefix(f"FAULT {file.removesuffix('.db')}: ") == (
            f"{path}: file is not a database; it is damaged: restore a backup of the whole folder, "
            f"or move {file}* away and start without it, which loses {LOST[file]}"
        )
    for each in path.parent.glob(f"{file}*"):
        each.rename(tmp_path / each.name)
    with serving(tmp_path) as (_, started):
        assert started["replayed"] == 0


@pytest.mark.parametrize(("file", "table"), [("journal.db", "batch"), ("state.db", "counter")])
def test_a_file_that_is_damaged_further_back_is_one_sentence_too(
    here: Here, tmp_path: Path, file: str, table: str
) -> None:
    with serving(tmp_path) as (process, _):
        process.terminate()
        assert process.wait(SECONDS) == 0
    path = tmp_path / "state" / file
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (root,) = db.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
    content = bytearray(path.read_bytes())
    content[(root - 1) * size : root * size] = b"\xff" * size
    path.write_bytes(content)
    said = here("serve")

    assert said.code == 2
    assert said.err.startswith(f"{path}: database disk image is malformed; it is damaged: restore")
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("name", ["RECEIVER", "OPERATIONS"])
def test_a_port_that_is_taken_names_its_setting(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = run(tmp_path, "serve", **{f"EXPORTER_{name}__PORT": str(port)})

    assert said == (
        2,
        "",
        f"127.0.0.1:{port} is in use already: choose another port with EXPORTER_{name}__PORT, or "
        f"see who has it with `ss -ltnp 'sport = :{port}'` (as root, it names every process)\n",
    )


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
