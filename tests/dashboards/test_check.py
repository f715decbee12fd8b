"""``python -m grafana.check``: what it says of a Grafana whose answers are known."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote_plus

import pytest

from grafana.check import main

FOLDER = Path(__file__).parents[2] / "grafana" / "dashboards"
BOARDS = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*/*.json")}
PANELS = sum(p["type"] != "row" for board in BOARDS.values() for p in board["panels"])


class RefusedError(Exception):
    """An answer that is not 200: its status and its body."""


class Fake:
    """A Grafana with the project's dashboards; what a query answers is decided by its text."""

    def __init__(self) -> None:
        self.empty = re.compile("(?!)")
        self.failing = re.compile("(?!)")
        self.felling = re.compile("(?!)")
        """Queries for which it answers 500 to all that are asked with them."""
        self.missing: set[str] = set()
        self.frame: dict[str, Any] = {"data": {"values": [[1], ["a value"]]}}
        self.asked: list[dict[str, Any]] = []
        self.authorization: set[str | None] = set()

    def answer(self, path: str, body: dict[str, Any] | None) -> Any:
        if path.startswith("/api/search"):
            return [{"uid": uid} for uid in BOARDS if uid not in self.missing]
        if path.startswith("/api/dashboards/uid/"):
            return {"dashboard": BOARDS[path.rpartition("/")[2]]}
        if path.startswith("/api/datasources/proxy/uid/prometheus/api/v1/rules"):
            rule = {"name": "Down", "annotations": {"dashboard_url": "/d/web-vitals"}}
            return {"data": {"groups": [{"rules": [rule]}]}}
        if path.startswith("/api/datasources/proxy/uid/prometheus/api/v1/query"):
            if self.failing.search(unquote_plus(path)):
                raise RefusedError(400, {"status": "error", "error": "parse error"})
            return {"status": "success", "data": {"result": []}}
        assert path == "/api/ds/query"
        assert body is not None
        if any(self.felling.search(query.get("expr", "")) for query in body["queries"]):
            raise RefusedError(500, {"messageId": "plugin.downstreamError"})
        self.asked.append(body)
        return {"results": {query["refId"]: self._result(query) for query in body["queries"]}}

    def _result(self, query: dict[str, Any]) -> dict[str, Any]:
        text = query.get("expr") or query["query"]
        if self.failing.search(text):
            return {"error": "parse error", "frames": []}
        return {
            "frames": [{"data": {"values": []}} if self.empty.search(text) else self.frame],
        }

    @contextmanager
    def serving(self) -> Iterator[str]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answer(self, body: dict[str, Any] | None) -> None:
                fake.authorization.add(self.headers["Authorization"])
                try:
                    status, said = 200, fake.answer(self.path, body)
                except RefusedError as refusal:
                    status, said = refusal.args
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            def log_message(self, *_: object) -> None:
                """Nobody reads the access log of a test."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield f"127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()


def run(fake: Fake, *arguments: str, user: str = "") -> int:
    with fake.serving() as address:
        return main([f"http://{user}{address}", *arguments])


def test_a_grafana_that_answers_every_panel_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Fake()) == 0
    assert capsys.readouterr().out == f"{PANELS} panels, 0 empty or failing.\n"


def test_an_empty_panel_is_named_with_what_it_says_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = Fake()
    fake.empty = re.compile("slo:error_budget_remaining")
    assert run(fake) == 1
    *lines, _ = capsys.readouterr().out.splitlines()
    assert sorted(lines) == [
        "Platform: overview / Error budget left: empty (known after the first full hour)",
        "Upload: performance / Error budget: what is left of 30 days: empty"
        " (known after the first full hour)",
    ]


def test_that_no_alert_fires_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake()
    fake.empty = re.compile(r"ALERTS.*where")
    assert run(fake) == 0
    assert ", 0 empty" in capsys.readouterr().out


def test_a_query_that_fails_is_named_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake()
    fake.failing = re.compile("kpi:recommendation")
    assert run(fake) == 1
    assert "Platform: overview / Where to begin: parse error\n" in capsys.readouterr().out


def test_where_grafana_fails_as_a_whole_each_query_is_asked_by_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = Fake()
    # One has a panel to itself, the other stands beside one that has an answer.
    fake.felling = re.compile("slo:error_budget_remaining|generation:queue:predicted")
    assert run(fake) == 1
    *lines, _ = capsys.readouterr().out.splitlines()
    assert sorted(lines) == [
        "Platform: overview / Error budget left: empty (known after the first full hour)",
        "Upload: performance / Error budget: what is left of 30 days: empty"
        " (known after the first full hour)",
    ]


def test_where_grafana_fails_as_a_whole_prometheus_says_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = Fake()
    fake.felling = fake.failing = re.compile("kpi:recommendation")
    assert run(fake) == 1
    (line,) = re.findall(r"Platform: overview / Where to begin: .*", capsys.readouterr().out)
    assert "parse error" in line


def test_a_link_that_leads_to_no_dashboard_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake()
    fake.missing = {"web-vitals"}
    assert run(fake) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "Alert Down / /d/web-vitals: leads to no dashboard" in lines
    assert "Platform: overview / /d/web-vitals: leads to no dashboard" in lines


def test_variables_are_at_all_or_at_their_first_value() -> None:
    fake = Fake()
    run(fake)
    texts = [q.get("expr") or q["query"] for body in fake.asked for q in body["queries"]]
    own = re.compile(r"\$(?!__|timeFilter|tag_|/)\w|\$\{")
    assert not [text for text in texts if own.search(text)]
    assert any('device=~".*"' in text for text in texts)
    assert any('"video" =~ /^a\\ value$/' in text for text in texts)


def test_the_range_is_that_of_the_dashboard_or_the_one_asked_for() -> None:
    fake = Fake()
    run(fake)
    assert {body["from"] for body in fake.asked} == {b["time"]["from"] for b in BOARDS.values()}
    fake = Fake()
    run(fake, "--lately=2h")
    assert {body["from"] for body in fake.asked} == {"now-2h"}


def test_a_user_and_a_token_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake()
    run(fake, user="admin:secret@")
    assert fake.authorization == {"Basic YWRtaW46c2VjcmV0"}
    monkeypatch.setenv("GRAFANA_TOKEN", "glsa_1")
    fake = Fake()
    run(fake)
    assert fake.authorization == {"Bearer glsa_1"}


def test_a_grafana_that_does_not_answer_is_told_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Fake().serving() as gone:
        pass
    assert main([f"http://{gone}"]) == 2
    assert "does not answer" in capsys.readouterr().err


def frame(**columns: list[Any]) -> dict[str, Any]:
    """A frame as Grafana sends it; a column is called by its kind."""
    fields = [{"name": kind, "type": kind.rstrip("_")} for kind in columns]
    return {"schema": {"fields": fields}, "data": {"values": list(columns.values())}}


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        (frame(), 0),
        (frame(time=[1, 2, 3]), 0),
        (frame(time=[1, 2, 3], number=[None, None, None]), 0),
        (frame(time=[1, 2, 3], number=[None, 0, None]), 1),
        (frame(time=[1, 2], number=[float("nan"), float("nan")]), 0),
        (frame(time=[1, 2], number=[None, 4], number_=[3, None]), 2),
        (frame(time=[1, 2], string=["tv", "mobile"], number=[None, None]), 0),
        (frame(time=[1, 2], string=["tv", None]), 1),
        (frame(boolean=[False]), 1),
        ({"data": {"values": [[1, 2], ["a", "b"]]}}, 2),
    ],
)
def test_rows_are_those_with_a_value(
    answer: dict[str, Any], rows: int, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = Fake()
    fake.frame = answer
    code = run(fake, "--all")
    (line,) = re.findall(
        r"^Platform: overview / Error budget left: (.*)$", capsys.readouterr().out, re.MULTILINE
    )

    assert line.startswith(f"{rows} rows" if rows else "empty")
    assert code == (0 if rows else 1)


FINE = (
    'logger=settings t=2026-11-21T17:20:31Z level=warn msg="is deprecated"\n'
    "logger=provisioning.datasources t=2026-11-21T17:20:35Z level=info "
    'msg="inserting datasource" name="logger=provisioning level=warn"\n'
    'logger=migrator t=2026-11-21T17:20:36Z level=error msg="not of logger=provisioning.x"\n'
    '{"level":"info","logger":"provisioning.alerting","msg":"starting to provision alerting"}\n'
)
WARNING = (
    'logger=provisioning.dashboard type=file t=2026-11-21T17:20:37Z level=warn msg="not unique"'
)
ERRORS = (
    WARNING,
    'logger=provisioning t=2026-11-21T17:20:37Z level=error msg="Failed to provision"',
    't=2022-11-21T17:20:37+0000 lvl=eror msg="failed" logger=provisioning.datasources',
    '{"level":"error","logger":"provisioning.dashboard","msg":"failed to load"}',
)


def test_a_log_in_which_provisioning_loads_without_a_warning_is_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grafana.log").write_text(FINE)
    assert main(["--log", str(tmp_path / "grafana.log")]) == 0
    assert capsys.readouterr().out == "2 lines about provisioning, 0 warnings or errors.\n"


@pytest.mark.parametrize("line", ERRORS)
def test_a_warning_of_provisioning_is_named_with_its_line(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "grafana.log"
    log.write_text(f"{FINE}{line}\n{FINE}")
    assert main(["--log", str(log)]) == 1
    assert capsys.readouterr().out == (
        f"{log}:5: {line}\n5 lines about provisioning, 1 warnings or errors.\n"
    )


def test_a_log_and_the_panels_are_both_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "grafana.log"
    log.write_text(f"{FINE}{WARNING}\n")
    assert run(Fake(), "--log", str(log)) == 1
    out = capsys.readouterr().out
    assert WARNING in out
    assert f"{PANELS} panels, 0 empty or failing.\n" in out


@pytest.mark.parametrize("content", [None, "", 'logger=migrator level=info msg="provisioning"\n'])
def test_a_log_that_does_not_tell_is_not_taken_for_a_good_one(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "grafana.log"
    if content is not None:
        log.write_text(content)
    assert main(["--log", str(log)]) == 2
    assert str(log) in capsys.readouterr().err


def test_without_a_url_or_a_log_there_is_nothing_to_check() -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
