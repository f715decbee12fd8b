"""`make run`: what it starts answers, a bad hour is noticed and told, and nothing stays behind."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from stack import secrets
from tests.durability.processes import conserved, parse
from tests.programs import free_port
from tests.stacks import STOP_SECONDS, VARIABLES, Stack, running


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def assert_nothing_is_left(stack: Stack, processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    assert not alive
    assert not [variable for variable, port in stack.ports.items() if listens(port)]


def stop(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stack", "--stop", f"--directory={directory}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=STOP_SECONDS,
    )


def test_a_demo_answers_within_two_minutes_and_its_bad_hour_reaches_the_webhook(
    tmp_path: Path,
) -> None:
    kpi = 'kpi:value{kpi="upload_success_ratio",window="5m"}'
    faster = {
        "DEMO_HOUR_SECONDS": "30",
        "DEMO_RATE": "10",
        "EXPORTER_SESSIONS__SETTLE_SECONDS": "1",
    }
    with running(tmp_path / "run", "--demo", **faster) as stack:
        processes = stack.processes()
        names = {each.name() for each in processes}
        assert {"prometheus", "prometheus-aler"} <= {name[:15] for name in names}
        stack.wait_for(lambda: stack.ask(kpi), 120, "the KPI has no value after two minutes")
        assert float(stack.ask(kpi)[0]["value"][1]) <= 1.0
        stack.wait_for(
            lambda: "A BAD HOUR BEGINS: the storage" in stack.said, 120, "no bad hour was told"
        )

        def paged() -> list[dict[str, Any]]:
            wanted = {"alertname": "UploadSuccessRatioLow", "severity": "critical"}
            return [
                alert
                for alert in stack.notified()
                if wanted.items() <= alert["labels"].items() and alert["status"] == "firing"
            ]

        stack.wait_for(paged, 240, "no critical UploadSuccessRatioLow at the webhook")
        (alert, *_) = paged()
        assert alert["labels"]["kpi"] == "upload_success_ratio"
        assert "Upload success is" in alert["annotations"]["summary"]
        assert float(stack.ask(kpi)[0]["value"][1]) < 0.9
        assert "critical  UploadSuccessRatioLow" in stack.said
        processes = stack.processes()
        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(STOP_SECONDS) == 0
        assert stack.said.endswith("Stopped.\n")
        assert_nothing_is_left(stack, processes)


def test_state_is_kept_between_runs_and_another_terminal_can_stop_it(tmp_path: Path) -> None:
    check = {"type": "storage.operated", "id": "c1", "operation": "check", "ok": True}
    body = json.dumps({"events": [check]}).encode()
    counted = 'video_storage_operations_total{operation="check",result="ok"} 1.0'
    for attempt in ("first", "second"):
        with running(tmp_path / "run") as stack:
            processes = stack.processes()
            if attempt == "first":
                beacons = stack.ports["EXPORTER_RECEIVER__PORT"]
                url = f"http://127.0.0.1:{beacons}/v1/events"
                headers = {"Content-Type": "application/json"}
                request = urllib.request.Request(url, data=body, headers=headers)
                with urllib.request.urlopen(request, timeout=10) as answer:
                    assert answer.status == 202
            metrics = f"http://127.0.0.1:{stack.ports['EXPORTER_OPERATIONS__PORT']}/metrics"
            with urllib.request.urlopen(metrics, timeout=10) as answer:
                page = answer.read().decode()
            assert counted in page, attempt
            conserved(parse(page))
            second = subprocess.run(
                [sys.executable, "-m", "stack", f"--directory={stack.directory}"],
                capture_output=True,
                text=True,
                check=False,
                timeout=STOP_SECONDS,
            )
            assert second.returncode == 1
            assert second.stderr == (
                f"It runs already, as process {stack.process.pid}. `make stop` stops it.\n"
            )
            assert stop(stack.directory).stdout == "Stopped.\n"
            assert stack.process.wait(STOP_SECONDS) == 0
            assert_nothing_is_left(stack, processes)
    assert stop(tmp_path / "run").stdout == "Nothing runs.\n"


def test_nothing_outlives_it_even_when_it_is_killed(tmp_path: Path) -> None:
    with running(tmp_path / "run") as stack:
        processes = stack.processes()
        assert len(processes) == 4
        stack.process.kill()
        stack.process.wait(STOP_SECONDS)
        assert_nothing_is_left(stack, processes)


def test_it_ends_with_the_last_words_of_a_part_that_died(tmp_path: Path) -> None:
    with running(tmp_path / "run") as stack:
        processes = stack.processes()
        (prometheus,) = [each for each in processes if each.name() == "prometheus"]
        prometheus.kill()
        assert stack.process.wait(STOP_SECONDS) == 1
        assert "prometheus ended with -9." in stack.said
        assert f"The end of {tmp_path}/run/logs/prometheus.log:" in stack.said
        assert_nothing_is_left(stack, processes)


@pytest.mark.parametrize("variable", ["EXPORTER_RECEIVER__PORT", "PROMETHEUS_PORT"])
def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {each: str(free_port()) for each in VARIABLES} | {variable: str(port)}
        refused = subprocess.run(
            [sys.executable, "-m", "stack", f"--directory={tmp_path / 'run'}"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | ports,
            timeout=STOP_SECONDS,
        )
    assert refused.returncode == 1
    assert f"Port {port} is in use" in refused.stderr
    assert f"{variable}=…" in refused.stderr
    assert "starting" not in refused.stdout
    assert not (tmp_path / "run" / "logs").exists()


def test_a_port_that_nobody_could_know_is_named(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "stack", f"--directory={tmp_path / 'run'}"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"EXPORTER_OPERATIONS__PORT": "0"},
        timeout=STOP_SECONDS,
    )
    assert refused.returncode == 1
    assert "EXPORTER_OPERATIONS__PORT is 0" in refused.stderr


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("EXPORTER_RECEIVER__PORT", "must be a whole number"),
        ("EXPORTER_RECEIVER__PROT", "there is no such setting; did you mean EXPORTER_RECEIVER__P"),
        ("PROMETHEUS_PORT", "must be a whole number"),
        ("DEMO_HOUR_SECONDS", "must be a number of seconds, without a unit"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, variable: str, says: str) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "stack", f"--directory={tmp_path / 'run'}"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {variable: "many"},
        timeout=STOP_SECONDS,
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"{variable}: {says}")
    assert refused.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = subprocess.run(
        [sys.executable, "-m", "stack", f"--directory={tmp_path / 'file' / 'run'}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=STOP_SECONDS,
    )
    assert refused.returncode == 1
    assert refused.stderr == f"[Errno 20] Not a directory: '{tmp_path / 'file' / 'run'}'\n"


def test_without_an_index_of_packages_make_says_what_it_needs(tmp_path: Path) -> None:
    shutil.copy("Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'ERROR: No matching distribution' >&2\nexit 1\n")
    python.chmod(0o755)
    made = subprocess.run(
        ["/usr/bin/make", ".venv/run"],
        cwd=tmp_path,
        # Without what a make tells those that it runs, such as this test.
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 2
    assert made.stdout == "Installing requirements.txt into .venv\n"
    assert made.stderr.splitlines()[:2] == [
        "ERROR: No matching distribution",
        "pip could not install requirements.txt: it needs a way to pypi.org, or PIP_INDEX_URL, "
        "or PIP_FIND_LINKS.",
    ]
    assert not (tmp_path / ".venv" / "run").exists()


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    written = secrets.write(folder)
    assert set(written) == {*secrets.OURS, *secrets.CHANNELS}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    first = {name: (folder / name).read_text() for name in written}
    assert len({first[name] for name in secrets.OURS}) == len(secrets.OURS)
    (folder / "slack_url").write_text("mine")
    assert secrets.write(folder) == []
    assert (folder / "slack_url").read_text() == "mine"


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o000], ids=oct)
def test_containers_may_read_the_secrets_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    folder, elsewhere = tmp_path / "secrets", tmp_path / "elsewhere"
    before = os.umask(umask)
    try:
        folder.mkdir()
        (folder / "slack_url").write_text("mine")
        elsewhere.write_text("not for everybody")
        elsewhere.chmod(0o600)
        (folder / "smtp_password").symlink_to(elsewhere)
        secrets.write(folder)
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}

    assert modes.pop("smtp_password") == 0o600
    assert modes.keys() == {*secrets.OURS, *secrets.CHANNELS} - {"smtp_password"}
    assert set(modes.values()) == {0o644}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_apt_the_programs_that_are_missing_are_named(tmp_path: Path) -> None:
    programs, elsewhere = tmp_path / "bin", tmp_path / "checkout" / "stack"
    programs.mkdir()
    elsewhere.mkdir(parents=True)
    for program in ("dirname", "sort", "tr"):
        (programs / program).symlink_to(f"/usr/bin/{program}")
    asked = subprocess.run(
        ["/bin/sh", str(shutil.copy("stack/debian.sh", elsewhere)), "run"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(programs)},
    )
    assert asked.returncode == 1
    assert asked.stderr == (
        "Missing: amtool prometheus prometheus-alertmanager promtool . "
        "Without apt-get, please install them yourself.\n"
    )
