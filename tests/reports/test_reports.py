"""What reports say of sixteen made-up days in a real Prometheus (tests/reports/block.py)."""

import asyncio
import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pypdf import PdfReader

from exporter.__main__ import main
from exporter.reports.facts import Kpi
from exporter.reports.formats import FORMATS
from exporter.reports.formats.json import shape
from exporter.reports.kinds import KINDS, errors, performance, sla, ux
from exporter.reports.prometheus import AwayError
from exporter.reports.prometheus import Prometheus as Asked
from exporter.reports.questions import Answer, Question
from exporter.reports.report import Report, Section
from exporter.reports.reporting import Reporting
from exporter.settings import Influx, Reports
from tests.dashboards.engines import Prometheus
from tests.reports import block
from tests.reports.block import DAY, END, LAST, ZONE

PAGE = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()
LONGER = 120.0  # how much longer an alert of the block seems to fire


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with block.prometheus(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


@pytest.fixture(scope="module")
def reports(engine: Prometheus) -> dict[str, Report]:
    """Every report on the end of the block."""
    settings = Reports(prometheus_url=engine.url, zone=ZONE.key)
    reporting = Reporting(settings, Influx(), lambda: LAST)
    return {name: asyncio.run(reporting.report(name, END)) for name in KINDS}


def section(report: Report, name: str) -> Section:
    (found,) = [each for each in report.sections if each.id == name]
    return found


def rows(report: Report, name: str) -> list[dict[str, Any]]:
    """The rows of a section as JSON has them."""
    (found,) = [each for each in shape(report)["sections"] if each["id"] == name]
    return list(found["rows"])


def row(report: Report, name: str, kpi: str) -> dict[str, Any]:
    (found,) = [each for each in rows(report, name) if each["kpi"] == kpi]
    return found


# -- KPIs ------------------------------------------------------------------------------------------


def test_the_day_is_compared_with_the_day_before_and_the_same_day_last_week(
    reports: dict[str, Report],
) -> None:
    assert row(reports["daily"], "kpis.upload", "upload_success_ratio") == {
        "kpi": "upload_success_ratio",
        "unit": "ratio",
        "title": "Upload success",
        "value": pytest.approx(0.93),
        "target": 0.98,
        "status": "beyond high",
        "before": pytest.approx(0.95),
        "change": "-2.0 pt",
        "week_before": pytest.approx(0.97),
        "change_week": "-4.0 pt",
        "score": 37.5,
        "events": 1000,
    }


def test_a_change_is_good_where_the_kpi_gets_better(reports: dict[str, Report]) -> None:
    table = section(reports["daily"], "kpis.upload").table
    assert table is not None
    places = {column.id: place for place, column in enumerate(table.columns)}
    tones = {cells[0]: cells[places["change_week"]].tone for cells in table.rows}

    assert tones == {
        "upload_success_ratio": "warn",  # 97 % to 93 %
        "upload_duration_p95_seconds": "good",  # 40 s to 24 s
        "upload_abandonment_ratio": "plain",
    }


def test_days_of_a_week_count_by_their_events(reports: dict[str, Report]) -> None:
    found = row(reports["weekly"], "kpis.upload", "upload_success_ratio")

    assert found["value"] == pytest.approx((0.93 * 1000 + 6 * 0.95 * 3000) / 19_000)
    assert found["before"] == pytest.approx(0.97)
    assert found["events"] == 19_000
    assert "week_before" in found
    assert section(reports["weekly"], "kpis.upload").table.titles[1:5] == (  # type: ignore[union-attr]
        "Last 7 days", "Target", "Status", "7 days before",
    )  # fmt: skip


def test_kpis_are_grouped_by_the_file_of_rules_that_records_them(
    reports: dict[str, Report],
) -> None:
    groups = [each.title for each in reports["daily"].sections if each.id.startswith("kpis")]

    assert groups == ["KPIs: upload", "KPIs: web"]


def test_a_kpi_without_data_is_named_and_not_shown_as_anything_else(
    reports: dict[str, Report],
) -> None:
    report = reports["daily"]

    assert section(report, "no_data").says == ("upload: Upload preview p95.",)
    assert rows(report, "no_data") == [{"kpi": "upload_preview_p95_seconds", "domain": "upload"}]
    assert "3 of 4 KPIs meet their target; 1 without data." in report.headline


@pytest.mark.parametrize(
    ("name", "kpis"),
    [
        ("performance", {"upload_duration_p95_seconds", "web_lcp_good_ratio"}),
        ("errors", {"upload_success_ratio"}),
        ("ux", {"upload_abandonment_ratio", "web_lcp_good_ratio"}),
        ("sla", {"upload_success_ratio"}),
        ("daily", set(block.TARGETS) - {"upload_preview_p95_seconds"}),
        ("weekly", set(block.TARGETS) - {"upload_preview_p95_seconds"}),
    ],
)
def test_a_report_has_the_kpis_that_it_is_about(
    reports: dict[str, Report], name: str, kpis: set[str]
) -> None:
    found = {
        each["kpi"]
        for part in shape(reports[name])["sections"]
        if part["id"].startswith("kpis.")
        for each in part["rows"]
    }

    assert found == kpis


def test_every_kpi_of_the_rules_is_in_a_report_of_its_own_subject() -> None:
    """A new KPI that no word of a report knows would only be in the daily and weekly ones."""
    page = Path("rules/thresholds.yml").read_text()
    kpis = set(re.findall(r"record: kpi:target, +labels: {kpi: (\w+)}", page))
    abouts = (performance.about, errors.about, ux.about, sla.about)
    lost = {kpi for kpi in kpis if not any(about(Kpi(kpi, "")) for about in abouts)}

    assert len(kpis) >= 15
    # Money is in the daily and the weekly report alone.
    assert lost <= {"revenue_decline_ratio"}, "add a word to one in exporter/reports/kinds"


def test_the_score_is_the_mean_of_the_period(reports: dict[str, Report]) -> None:
    # One sample of the day before lies on the border.
    assert reports["daily"].headline[0] == ("Performance score 80.0 (target 85.0, before 90.0).")


def test_it_says_for_how_many_days_there_is_data(reports: dict[str, Report]) -> None:
    assert "Prometheus has data of 17 of the 30 days." in reports["sla"].headline
    assert not [said for said in reports["weekly"].headline if "has data" in said]


def test_each_day_of_the_week_is_in_the_table_and_in_the_plot(reports: dict[str, Report]) -> None:
    part = section(reports["weekly"], "days")
    (plot,) = [each for each in part.plots if each.title == "Upload success"]

    assert row(reports["weekly"], "days", "upload_success_ratio") == {
        "kpi": "upload_success_ratio",
        "unit": "ratio",
        "title": "Upload success",
        **{f"2026-03-{day}": 0.95 for day in range(24, 30)},
        "2026-03-30": 0.93,
    }
    assert plot.points == tuple(
        (LAST - back * DAY, 0.93 if back == 0 else 0.95) for back in range(6, -1, -1)
    )
    assert plot.target == 0.98


def test_a_week_has_seven_days_of_24_hours_whatever_the_clocks_do(
    reports: dict[str, Report],
) -> None:
    report = reports["weekly"]

    assert report.end == END
    assert report.end.timestamp() - report.begin.timestamp() == 7 * DAY
    assert f"{report.begin:%H:%M %Z} {report.end:%H:%M %Z}" == "08:00 CET 09:00 CEST"


# -- Alerts ----------------------------------------------------------------------------------------


def test_alerts_that_fired_are_counted_and_added_up_and_the_gravest_come_first(
    reports: dict[str, Report],
) -> None:
    found = [
        (each["alert"], each["where"], each["times"], each["seconds"], each["state"])
        for each in rows(reports["daily"], "alerts")
    ]

    assert found == [
        ("UploadSuccessRatioLow", "upload", 2, 60 * 60 + 2 * LONGER, "over"),
        ("UploadTtfbHigh", "upload, network 4g", 1, 30 * 60, "firing"),
        ("UploadPreviewSlow", "upload", 1, 10 * 60 + LONGER, "over"),
    ]
    assert reports["daily"].headline[-1] == (
        "Alerts fired 4 times (2 critical, 1 high, 1 medium); 1 still firing."
    )


def test_summaries_and_the_watchdog_are_no_alerts(reports: dict[str, Report]) -> None:
    for report in reports.values():
        printed = FORMATS["json"](report).decode()
        assert "Watchdog" not in printed
        assert "DailySummary" not in printed


def test_an_incident_has_its_beginning_its_end_and_a_mean_time_to_resolve(
    reports: dict[str, Report],
) -> None:
    part = section(reports["sla"], "incidents")
    times = [
        (each["alert"], each["begin"], each["end"]) for each in rows(reports["sla"], "incidents")
    ]

    def minutes_before(minutes: float) -> str:
        at = datetime.fromtimestamp(LAST - minutes * 60, ZONE)
        return at.isoformat()

    assert times == [
        ("UploadTtfbHigh", minutes_before(30), None),
        ("UploadSuccessRatioLow", minutes_before(300), minutes_before(283)),
        ("UploadSuccessRatioLow", minutes_before(600), minutes_before(553)),
        ("StorageUnavailable", minutes_before(7200), minutes_before(7138)),
    ]
    # The one that still fires has not been resolved.
    assert part.says == ("4 incidents, 3 of them over; mean time to resolve 42 min.",)


def test_the_budget_and_how_fast_it_goes(reports: dict[str, Report]) -> None:
    assert rows(reports["sla"], "budgets") == [
        {
            "kpi": "upload_success_ratio",
            "title": "Upload success",
            "target": 0.98,
            "remaining": 0.2,
            "state": "low",
            "burn_6h": 3.5,
            "burn_30d": 0.8,
        }
    ]
    assert rows(reports["sla"], "instances") == [
        {"job": "exporter", "instance": "a:9464", "up": 1.0}
    ]


# -- Errors, devices, segments ---------------------------------------------------------------------


def test_errors_are_ranked_and_what_is_new_is_called_so(reports: dict[str, Report]) -> None:
    found = [
        (each["error_type"], each["count"], each["before"], each["new"])
        for each in rows(reports["errors"], "errors")
    ]

    assert found == [("timeout", 120, 120, ""), ("network", 60, 60, ""), ("quota", 12, 0, "new")]
    assert section(reports["errors"], "new").says == (
        "upload quota: 12, none in the 7 days before.",
    )


def test_nothing_is_new_where_nobody_counted_the_week_before(engine: Prometheus) -> None:
    settings = Reports(prometheus_url=engine.url, zone=ZONE.key)
    reporting = Reporting(settings, Influx(), lambda: LAST)
    early = END - timedelta(days=block.DAYS - 2)
    report = asyncio.run(reporting.report("errors", early))

    assert section(report, "new").says == ("There is no week before to compare with.",)


def test_the_device_split(reports: dict[str, Report]) -> None:
    assert rows(reports["daily"], "devices") == [
        {"domain": "upload", "device": "mobile", "count": 2880, "share": pytest.approx(2 / 3)},
        {"domain": "upload", "device": "desktop", "count": 1440, "share": pytest.approx(1 / 3)},
    ]


def test_the_worst_segment_is_weighed_by_its_events_and_nan_is_no_value(
    reports: dict[str, Report],
) -> None:
    (found,) = rows(reports["daily"], "segments")
    others = 50 + 0.25

    assert (found["segment"], found["member"]) == ("device", "mobile")
    assert found["value"] == pytest.approx(0.85)
    assert found["elsewhere"] == pytest.approx((0.97 * 50 + 0.20 * 0.25) / others)
    assert found["share"] == pytest.approx(25 / (25 + others))


def test_a_kpi_below_its_target_gets_one_sentence_and_no_other_does(
    reports: dict[str, Report],
) -> None:
    assert section(reports["optimisation"], "recommendations").says == (
        "Upload success is 93.0 %, target 98.0 %: device mobile contributes most, with 85.0 %"
        " there and 96.6 % elsewhere, over 33.2 % of the events; as good as elsewhere, the whole"
        " would be about 96.9 %.",
    )


# -- Formats ---------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Which elements a page has, whether all are closed, and what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.loads: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("name", KINDS)
def test_a_page_is_whole_loads_nothing_and_has_its_plots(
    reports: dict[str, Report], name: str
) -> None:
    text = FORMATS["html"](reports[name]).decode()
    page = Page(text)
    plots = sum(len(each.plots) for each in reports[name].sections)

    assert page.open == []
    assert page.loads == []
    assert "url(" not in text
    assert page.seen.count("svg") == plots
    assert page.seen.count("polyline") >= plots
    for each in reports[name].sections:
        assert each.title in page.words
        assert all(said in page.words for said in each.says)
    assert plots > 0


@pytest.mark.parametrize("name", KINDS)
def test_a_pdf_can_be_read_and_says_the_same(reports: dict[str, Report], name: str) -> None:
    file = FORMATS["pdf"](reports[name])
    pages = PdfReader(io.BytesIO(file)).pages
    said = " ".join(" ".join(page.extract_text().split()) for page in pages)

    assert reports[name].title in said
    for each in reports[name].sections:
        assert each.title in said
        assert all(sentence in said for sentence in each.says)
        assert all(plot.title in said for plot in each.plots)
    assert FORMATS["pdf"](reports[name]) == file, "the same report is the same file"


@pytest.mark.parametrize("name", KINDS)
def test_the_text_is_aligned(reports: dict[str, Report], name: str) -> None:
    lines = FORMATS["text"](reports[name]).decode().splitlines()

    assert lines[0].startswith(f"{reports[name].title}, ")
    assert lines[0].endswith(" Mon 30 Mar 09:00 CEST")
    for each in reports[name].sections:
        head = lines.index(each.title)
        assert lines[head + 1] == "─" * len(each.title)
    if name == "daily":
        head = lines.index("Devices") + 2
        assert lines[head : head + 3] == [
            "Domain  Device   Count   Share",
            "upload  mobile   2,880  66.7 %",
            "upload  desktop  1,440  33.3 %",
        ]


@pytest.mark.parametrize("name", KINDS)
def test_every_table_of_the_csv_has_one_width(reports: dict[str, Report], name: str) -> None:
    tables: list[list[list[str]]] = [[]]
    for line in csv.reader(io.StringIO(FORMATS["csv"](reports[name]).decode())):
        if line:
            tables[-1].append(line)
        else:
            tables.append([])
    said, *rest = tables

    assert said[0] == ["section", "says"]
    assert len(rest) == sum(each.table is not None for each in reports[name].sections)
    for head, *lines in rest:
        assert head[0] == "section"
        assert {len(line) for line in lines} == {len(head)}
        assert len({line[0] for line in lines}) == 1


def test_the_shape_of_the_json_is_the_one_of_the_document(reports: dict[str, Report]) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    documented = json.loads(example)
    for report in reports.values():
        found = json.loads(FORMATS["json"](report))
        assert found.keys() == documented.keys()
        assert found["shape"] == documented["shape"]
        for part in found["sections"]:
            assert part.keys() == documented["sections"][0].keys()
            for each in part["rows"]:
                assert list(each) == [column["id"] for column in part["columns"]]
            for plot in part["plots"]:
                assert plot.keys() == documented["sections"][0]["plots"][0].keys()


def test_the_document_lists_every_report_with_its_days() -> None:
    found = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)

    assert found == [(kind.name, str(kind.days)) for kind in KINDS.values()]
    for name in FORMATS:
        assert f"`{name}`" in PAGE


# -- The command -----------------------------------------------------------------------------------


@pytest.fixture
def configured(engine: Prometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORTER_REPORTS__PROMETHEUS_URL", engine.url)
    monkeypatch.setenv("EXPORTER_REPORTS__ZONE", ZONE.key)


@pytest.mark.usefixtures("configured")
def test_the_command_prints_a_report_up_to_a_moment(
    reports: dict[str, Report], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    # A time without a zone is one of the configured zone.
    assert main(["report", "daily", "--at", "2026-03-30T09:00"]) == 0
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == FORMATS["text"](reports["daily"])
    assert main(["report", "daily", "--at", "2026-03-30T07:00Z", "--format", "csv"]) == 0
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == FORMATS["csv"](reports["daily"])


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("name", FORMATS)
def test_the_command_writes_a_file_in_every_format(
    reports: dict[str, Report], name: str, tmp_path: Path
) -> None:
    file = tmp_path / "report"
    arguments = ("report", "weekly", "--at", "2026-03-30T09:00", "--format", name)

    assert main([*arguments, "--output", str(file)]) == 0
    assert file.read_bytes() == FORMATS[name](reports["weekly"])


def test_a_prometheus_that_is_away_is_a_sentence_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXPORTER_REPORTS__PROMETHEUS_URL", "http://name:c4n4ry@127.0.0.1:1")

    assert main(["report", "daily"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Prometheus at http://********@127.0.0.1:1: ")
    assert len(said.splitlines()) == 1
    assert "c4n4ry" not in said


def test_a_prometheus_that_knows_nothing_makes_a_report_that_says_so(engine: Prometheus) -> None:
    settings = Reports(prometheus_url=engine.url)
    reporting = Reporting(settings, Influx(), lambda: 0.0)
    before = datetime(2020, 1, 1, tzinfo=ZONE)
    for name in KINDS:
        report = asyncio.run(reporting.report(name, before))
        assert report.headline[0] == "There is no performance score: no KPI has data."
        for render in FORMATS.values():
            assert render(report)


async def test_what_prometheus_refuses_is_an_error_with_its_words(engine: Prometheus) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(AwayError, match="parse error"):
            await Asked(http, engine.url).ask(Question("sum(", LAST))


def asked(engine: Prometheus, question: Question) -> Answer:
    async def ask() -> Answer:
        async with aiohttp.ClientSession() as http:
            return await Asked(http, engine.url).ask(question)

    return asyncio.run(ask())


@pytest.mark.parametrize("expr", ["vector(0) / 0", "vector(1) / 0", "-vector(1) / 0"])
def test_what_is_no_number_is_nothing(engine: Prometheus, expr: str) -> None:
    assert asked(engine, Question(expr, LAST)) == []
    assert asked(engine, Question(expr, LAST, LAST - DAY, 3600)) == []
    assert asked(engine, Question(f"{expr} or vector(1)", LAST, LAST - DAY, 3600)) == []
    (half,) = asked(engine, Question("1 / clamp_min(hour() - 6, 0)", LAST, LAST - DAY, 3600))
    # 07:00 to midnight of the day before, in UTC, and 07:00 of the last one.
    assert len(half.points) == 18


def test_a_long_question_is_asked_in_parts_that_prometheus_answers(engine: Prometheus) -> None:
    """30 days by the minute are 43,201 points; Prometheus refuses more than 11,000."""

    (series,) = asked(engine, Question("up", LAST, LAST - 30 * DAY, 60))
    times = [at for at, _ in series.points]

    assert len(times) == block.DAYS * 1440 + 1
    assert {b - a for a, b in pairwise(times)} == {60.0}
