"""Dashboards: built from their source, in the house style, and every query of them answers.

Queries run on a real Prometheus that scrapes every family of the catalogue and has the real rules,
and on a real InfluxDB that holds points of uploads. What Grafana fills in is filled in here.
"""

import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from exporter.metric import Histogram
from grafana import runbooks
from grafana.build import kpis, style
from tests.dashboards import points as points_of
from tests.dashboards.engines import InfluxDb, Prometheus, influxdb, prometheus
from tests.dashboards.target import CATALOGUE, serving

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "grafana" / "dashboards"
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
PROVISIONING = ROOT / "grafana" / "provisioning"
RULES = sorted((ROOT / "rules").glob("*.yml"))
BOARDS = {path: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*/*.json"))}

REBUILD = "run `python -m grafana.build` and commit what it writes"
WIDTH = 24
PATIENCE = (
    180  # seconds until scrapes and rules must have filled every series, and a minute be full
)

# What compares with the day before or counts full hours: this Prometheus has seen seconds.
NEED_HISTORY = (
    r'kpi:(value|score)\{kpi="(upload_duration_increase|revenue_decline)_ratio"',
    r'kpi:(value|score)\{kpi="generation_cost_mean"',
    r"slo:error_budget_remaining:ratio",
    r"(generation:requests|revenue:amount):predicted",
    r"sum\(generation:requests:band",
    r"sum by \(service\) \(service:disk_used:predicted",
    r"generation:queue:predicted",
)

# What Prometheus adds by itself, and what a team may add to rules/thresholds.yml.
SYNTHETIC = {"up", "scrape_samples_scraped", "ALERTS", "ALERTS_FOR_STATE"}
OPTIONAL = {"kpi:threshold_override"}
OVERRIDE = """
groups:
  - name: override
    rules:
      - record: kpi:threshold_override
        labels: {kpi: upload_success_ratio, severity: critical, segment: device, member: mobile}
        expr: "0.80"
"""
# A number that is drawn, unlike the 0 that stands where nothing is counted (`or vector(0)`).
WRITTEN = re.compile(r"vector\(\s*(?!0\s*\))[-+.\d]|^[-+.\deE\s]+$")
PROMQL_WORDS = {"and", "or", "unless", "offset", "bool", "Inf"}


class Asked(NamedTuple):
    """A query, and where it stands."""

    board: dict[str, Any]
    panel: dict[str, Any]
    target: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.board['uid']} / {self.panel['title']} / {self.target['refId']}"


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


PANELS = [(board, panel) for board in BOARDS.values() for panel in panels(board)]
ASKED = [Asked(board, panel, target) for board, panel in PANELS for target in panel["targets"]]
ANNOTATIONS = [(b, note) for b in BOARDS.values() for note in b["annotations"]["list"]]


def asked(source: str) -> list[Asked]:
    return [one for one in ASKED if one.target["datasource"]["type"] == source]


@cache
def rules() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def recorded(record: str) -> list[dict[str, str]]:
    return [rule["labels"] for rule in rules() if rule.get("record") == record]


def expressions() -> list[tuple[str, str]]:
    """Every PromQL there is, and where: panels and annotations."""
    of_panels = [(str(one), one.target["expr"]) for one in asked("prometheus")]
    return of_panels + [(f"{b['uid']} / {note['name']}", note["expr"]) for b, note in ANNOTATIONS]


# -- built from source ------------------------------------------------------------------------


def test_the_committed_json_is_what_the_source_builds(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "grafana.build", str(tmp_path)], cwd=ROOT, check=True, timeout=60
    )
    built = {p.relative_to(tmp_path): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    committed = {p.relative_to(FOLDER): p.read_text() for p in FOLDER.rglob("*") if p.is_file()}
    assert sorted(built) == sorted(committed), REBUILD
    stale = [str(path) for path, text in built.items() if committed[path] != text]
    assert not stale, f"{stale} differ from grafana/build: {REBUILD}"


def test_every_dashboard_has_a_source_of_its_name() -> None:
    sources = {path.stem.replace("_", "-") for path in (ROOT / "grafana/build").glob("[!_]*.py")}
    assert sources - {"style", "kpis"} == {path.stem for path in BOARDS}


def test_the_guide_tells_of_every_dashboard_and_of_no_other() -> None:
    guide = (ROOT / "docs" / "dashboards.md").read_text()
    told = re.findall(r"^## (.+) \(`(.+)`\)$", guide, re.MULTILINE)
    assert sorted(told) == sorted((board["title"], board["uid"]) for board in BOARDS.values())


def test_the_guide_shows_every_dashboard_and_every_picture_is_shown() -> None:
    pictures = {path.name for path in (ROOT / "docs" / "dashboards").iterdir()}
    shown = re.findall(r"\(dashboards/([\w-]+\.webp)\)", (ROOT / "docs/dashboards.md").read_text())
    assert sorted(shown) == sorted(pictures)
    assert {f"{board['uid']}.webp" for board in BOARDS.values()} <= pictures
    front = re.findall(r"\(docs/dashboards/([\w-]+\.webp)\)", (ROOT / "README.md").read_text())
    assert set(front) <= pictures
    assert len(front) == 2
    assert sum(path.stat().st_size for path in (ROOT / "docs" / "dashboards").iterdir()) < 4e6


# -- in the house style -----------------------------------------------------------------------


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_provisioned_and_found(path: Path) -> None:
    board = BOARDS[path]
    assert board["uid"] == path.stem
    assert board["id"] is None
    assert board["title"]
    assert board["description"].endswith("?")
    assert board["tags"] == ["video", path.parent.name]
    assert board["editable"] is False
    assert board["time"]["to"] == "now"
    lately, refresh = board["time"]["from"].removeprefix("now-"), board["refresh"]
    assert (lately, refresh) in {
        ("3h", "30s"),
        ("6h", "30s"),
        ("24h", "1m"),
        ("7d", "1m"),
        ("7d", "5m"),
    }
    assert board["graphTooltip"] == 1, "the crosshair is not shared"
    assert [link["type"] for link in board["links"]] == ["dashboards", "link"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_titles_of_dashboards_and_of_folders_are_unique() -> None:
    titles = [board["title"].lower() for board in BOARDS.values()]
    folders = {path.parent.name.lower() for path in BOARDS}
    assert len(set(titles)) == len(titles)
    assert not folders & set(titles), "Grafana refuses a dashboard that has its folder's title"


# Colour modes that every Grafana from 9.4 on knows; in one that it does not know a panel breaks.
MODES = {"fixed", "thresholds", "continuous-YlRd"}


def test_colours_are_ours_and_known_to_every_grafana() -> None:
    for board, panel in PANELS:
        looks = [o["properties"] for o in panel["fieldConfig"]["overrides"]]
        modes = {p["value"]["mode"] for look in looks for p in look if p["id"] == "color"}
        default = panel["fieldConfig"]["defaults"].get("color", {}).get("mode", "fixed")
        assert {default, *modes} <= MODES, f"{board['uid']} / {panel['title']}"


def test_lines_of_a_panel_can_be_told_apart() -> None:
    for board, panel in PANELS:
        if panel["type"] != "timeseries":
            continue
        where = f"{board['uid']} / {panel['title']}"
        patterns = {
            override["matcher"]["options"]: prop["value"]["fixedColor"]
            for override in panel["fieldConfig"]["overrides"]
            for prop in override["properties"]
            if prop["id"] == "color"
        }
        legends = [target.get("legendFormat", target.get("alias")) for target in panel["targets"]]
        for target, legend in zip(panel["targets"], legends, strict=True):
            classed = any(pattern.startswith("/") for pattern in patterns)
            alone = not re.search(r"\{\{(?!instance|sink)", legend)
            assert classed or (alone and target["refId"] in patterns), f"{where}: {legend}"


@pytest.mark.parametrize(
    ("board", "panel"), PANELS, ids=[f"{b['uid']}-{p['title']}" for b, p in PANELS]
)
def test_a_panel_says_what_it_answers_and_in_which_unit(
    board: dict[str, Any], panel: dict[str, Any]
) -> None:
    same = [other for other in panels(board) if other["title"] == panel["title"]]
    assert panel["title"]
    assert len(same) == 1 or len({other["type"] for other in same}) == len(same), (
        "two panels of one kind have one title"
    )
    question, good = panel["description"].split("\n\n**Good:** ")
    assert "?" in question
    assert good.endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert {json.dumps(target["datasource"]) for target in panel["targets"]} == {
        json.dumps(panel["datasource"])
    }
    refs = [target["refId"] for target in panel["targets"]]
    assert refs == sorted(set(refs))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_fill_the_width_and_never_overlap(path: Path) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in BOARDS[path]["panels"]:
        assert panel["type"] != "row" or not panel["collapsed"]
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                other = taken.setdefault((x, y), panel["title"])
                assert other == panel["title"], f"{panel['title']} lies on {other}"
    lines = max(y for _, y in taken) + 1
    assert set(taken) == set(itertools.product(range(WIDTH), range(lines)))


def test_a_line_that_people_set_is_dashed_and_not_filled() -> None:
    drawn = 0
    for one in asked("prometheus"):
        if one.panel["type"] != "timeseries" or not re.match(
            r"(kpi|alert):(target|threshold)", one.target["expr"]
        ):
            continue
        properties = {
            prop["id"]: prop["value"]
            for override in one.panel["fieldConfig"]["overrides"]
            if override["matcher"] == {"id": "byFrameRefID", "options": one.target["refId"]}
            for prop in override["properties"]
        }
        assert properties["custom.lineStyle"]["fill"] == "dash", one
        assert properties["custom.fillOpacity"] == 0, one
        drawn += 1
    assert drawn > len(BOARDS)


def test_a_kpi_is_drawn_with_its_target_and_its_thresholds() -> None:
    drawn = 0
    for board, panel in PANELS:
        exprs = [target.get("expr", "") for target in panel["targets"]]
        shown = re.findall(r'kpi:(?:segment_)?value\{kpi="(\w+)"', " ".join(exprs))
        if panel["type"] == "timeseries" and shown:
            drawn_by = {expr.removesuffix(" < Inf") for expr in exprs}
            lines = {f'kpi:{line}{{kpi="{shown[0]}"}}' for line in ("target", "threshold")}
            assert lines <= drawn_by, f"{board['uid']} / {panel['title']}"
            drawn += 1
    assert drawn > len(kpis.KPIS)


def test_no_threshold_is_written_in_a_panel() -> None:
    for _, panel in PANELS:
        configs = [panel["fieldConfig"]["defaults"].get("thresholds")]
        for override in panel["fieldConfig"]["overrides"]:
            configs += [p["value"] for p in override["properties"] if p["id"] == "thresholds"]
        values = {step["value"] for config in configs if config for step in config["steps"]}
        assert values <= {None, 0.0, 1.0, 100.0}, (
            f"{panel['title']}: limits are series; only yes, no and scores are fixed"
        )
        exprs = [target.get("expr", "") for target in panel["targets"]]
        written = [expr for expr in exprs if WRITTEN.search(expr)]
        assert not written, f"{panel['title']}: a line is a series, not {written}"


def test_a_member_has_one_colour_wherever_it_is_drawn() -> None:
    values: dict[str, set[str]] = {}
    for domain in CATALOGUE.domains:
        for metric in domain.metrics:
            for labels in metric.label_sets(CATALOGUE.members):
                for name, value in zip(metric.label_names, labels, strict=True):
                    kind = style.coloured(name, domain.name) or name
                    values.setdefault(kind, set()).add(value)
    coloured = set(style.COLOURS) & set(values)
    assert coloured > {"upload outcome", "device", "browser", "network", "web error_type"}
    for name in coloured:
        assert set(style.COLOURS[name]) == values[name], (
            f"colours of {name}: grafana/build/style.py"
        )
        colours = list(style.COLOURS[name].values())
        assert len(set(colours)) == len(colours), f"two members of {name} have one colour"


# -- with choices at the top that do something ------------------------------------------------

WHOLE = {
    "Active uploads": "what starts has no labels, so what ends is all of it as well",
    "Changes of quality for an hour of watching": "changes have no player, so the time is of all",
}
"""Panels in which a family has a label that a choice would filter, and why it does not."""


def labels_of_series() -> dict[str, set[str]]:
    """The labels of every series of the exporter."""
    found = {}
    for metric in CATALOGUE.metrics:
        suffixes = ("_bucket", "_sum", "_count") if isinstance(metric, Histogram) else ("",)
        found |= {f"{metric.name}{suffix}": set(metric.label_names) for suffix in suffixes}
    return found


@cache
def tags_of_points() -> dict[str, set[str]]:
    """The tags of every measurement."""
    found: dict[str, set[str]] = {}
    for text in points_of.lines():
        measurement, *tags = text.partition(" ")[0].split(",")
        found.setdefault(measurement, set()).update(tag.partition("=")[0] for tag in tags)
    return found


def choices(board: dict[str, Any]) -> set[str]:
    """The names of its variables of which several may be chosen."""
    return {v["name"] for v in variables(board) if v.get("multi")}


def unfiltered(one: Asked) -> set[str]:
    """The choices that a query could follow and does not."""
    query = one.target.get("query")
    if query is not None:
        (measurement,) = re.findall(r'FROM "(\w+)"', query)
        could = choices(one.board) & tags_of_points()[measurement]
        return {name for name in could if f'"{name}" =~ /^${{{name}:regex}}$/' not in query}
    missing = set()
    for series, matchers in re.findall(r"([a-z_:]+)(?:\{([^}]*)\})?", one.target["expr"]):
        for name in choices(one.board) & labels_of_series().get(series, set()):
            if not re.search(rf'\b{name}(=~"\${name}"|=")', matchers):
                missing.add(name)
        (segment,) = re.findall(r'\bsegment="(\w+)"', matchers) or [""]
        if segment in choices(one.board) and f'member=~"${segment}"' not in matchers:
            missing.add(segment)
    return missing


def test_a_choice_filters_every_query_that_has_its_label() -> None:
    missing = {str(one): unfiltered(one) for one in ASKED if one.panel["title"] not in WHOLE}
    assert not {where: names for where, names in missing.items() if names}
    excused = {one.panel["title"] for one in ASKED if unfiltered(one)}
    assert excused == set(WHOLE), "no panel is excused in vain"


def used(panel: dict[str, Any], board: dict[str, Any]) -> list[str]:
    """The labels of the variables that stand in the queries of a panel."""
    asks = " ".join(target.get("expr") or target["query"] for target in panel["targets"])
    names = set(re.findall(r"\$\{?([a-z_]+)\b", asks))
    return [v["label"] for v in variables(board) if v["name"] in names]


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["uid"])
def test_a_panel_says_which_choices_it_follows_and_every_choice_has_followers(
    board: dict[str, Any],
) -> None:
    followed = set()
    for panel in panels(board):
        told = re.findall(r"\n\n\*\*Follows:\*\* (.+)\.$", panel["description"])
        labels = used(panel, board)
        followed |= set(labels)
        expected = [", ".join(labels) or "none of the choices at the top"]
        assert told == (expected if variables(board) else []), panel["title"]
    assert followed == {variable["label"] for variable in variables(board)}


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["uid"])
def test_of_a_choice_several_or_all_are_chosen_and_it_opens_with_all(board: dict[str, Any]) -> None:
    for variable in variables(board):
        several = variable["type"] == "query" and variable["name"] not in ONE_AT_A_TIME
        assert variable.get("multi", False) is several, variable["name"]
        assert variable.get("includeAll", False) is several, variable["name"]
        if several:
            assert variable["current"]["value"] == ["$__all"]
            assert variable["allValue"] == ".*"


ONE_AT_A_TIME = {"video", "experiment"}


def test_a_choice_is_the_same_on_every_dashboard() -> None:
    asked_by_name: dict[str, set[str]] = {}
    for board in BOARDS.values():
        for variable in variables(board):
            asked_by_name.setdefault(variable["name"], set()).add(variable["query"])
    assert [name for name, queries in asked_by_name.items() if len(queries) > 1] == []


def test_the_guide_names_the_choices_of_every_dashboard() -> None:
    guide = (ROOT / "docs" / "dashboards.md").read_text()
    _, _, section = guide.partition("\n## Filters\n")
    told = dict(re.findall(r"^\| \[([^\]]+)\]\(#[\w-]+\) \| (.+) \|$", section, re.MULTILINE))
    assert told == {
        board["title"]: ", ".join(v["label"] for v in variables(board)) or "–"
        for board in BOARDS.values()
    }


# -- with names that exist --------------------------------------------------------------------


def exposed() -> set[str]:
    """The name of every series that the exporter and the rules make, and Prometheus adds."""
    names = SYNTHETIC | OPTIONAL | {rule["record"] for rule in rules() if "record" in rule}
    for metric in CATALOGUE.metrics:
        suffixes = ("_bucket", "_sum", "_count") if isinstance(metric, Histogram) else ("",)
        names |= {f"{metric.name}{suffix}" for suffix in suffixes}
    registry = CollectorRegistry()
    for family in ProcessCollector(registry=registry).collect():
        names |= {sample.name for sample in family.samples}
    return names


def series_names(expr: str) -> set[str]:
    """The names in PromQL, without labels, ranges, functions and words of the language."""
    bare = re.sub(r'"[^"]*"', "", expr)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    words = re.findall(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return set(words) - PROMQL_WORDS


def test_every_series_of_every_query_exists() -> None:
    known = exposed()
    unknown = {where: series_names(expr) - known for where, expr in expressions()}
    assert not {where: names for where, names in unknown.items() if names}


def test_the_check_of_names_sees_through_promql() -> None:
    expr = (
        'sum by (le) (rate(a_bucket{b="c d"}[5m])) / on (x) group_left (y) b:c:d and time() > 3e2'
    )
    assert series_names(expr) == {"a_bucket", "b:c:d"}


def test_every_kpi_has_words_and_every_kpi_of_a_query_exists() -> None:
    defined = {labels["kpi"] for labels in recorded("kpi:target")}
    assert defined == set(kpis.KPIS), "grafana/build/kpis.py and rules/thresholds.yml differ"
    for where, expr in expressions():
        assert set(re.findall(r'kpi="(\w+)"', expr)) <= defined, where


def test_every_kpi_stands_in_one_table_of_the_scoreboard() -> None:
    board = BOARDS[FOLDER / "platform" / "scoreboard.json"]
    tables = [panel for panel in panels(board) if "kpi:value" in json.dumps(panel["targets"])]
    patterns = [re.findall(r'kpi=~"(.+?)"', t["targets"][0]["expr"])[0] for t in tables]
    assert len(patterns) > 1
    for kpi in kpis.KPIS:
        matching = [pattern for pattern in patterns if re.fullmatch(pattern, kpi)]
        assert len(matching) == 1, f"{kpi} is in the tables {matching}"


def test_every_limit_of_an_alert_that_is_drawn_exists() -> None:
    limits = {labels["alert"] for labels in recorded("alert:threshold")}
    drawn = {alert for _, expr in expressions() for alert in re.findall(r'alert="(\w+)"', expr)}
    assert drawn
    assert drawn <= limits


def test_links_lead_to_dashboards_and_runbooks_that_exist() -> None:
    uids = {board["uid"] for board in BOARDS.values()}
    linked = set(re.findall(r'"/d/([\w-]+)', json.dumps(list(BOARDS.values()))))
    alerted = {rule["annotations"]["dashboard_url"] for rule in rules() if "alert" in rule}
    assert linked
    assert linked <= uids
    assert set(re.findall(r"/d/([\w-]+)", " ".join(alerted))) <= uids
    for board in BOARDS.values():
        (runbook,) = [link["url"] for link in board["links"] if link["title"] == "Runbooks"]
        assert runbook.startswith(style.RUNBOOKS)
        assert (ROOT / runbook.removeprefix(style.RUNBOOKS).lstrip("/")).exists(), runbook


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_leads_to_its_alerts_and_to_their_dashboards(path: Path) -> None:
    assert path.read_text() == runbooks.rendered(path), "run `python -m grafana.runbooks`"
    uids = {board["uid"] for board in BOARDS.values()}
    text = path.read_text()
    row = r"^\| \[(\w+)\]\(#(\w+)\) \| [\w, ]+ \| .*/d/([\w-]+)\) \|$"
    links = re.findall(row, text, re.MULTILINE)
    headings = re.findall(r"^## (\w+)$", text, re.MULTILINE)
    assert [(name, anchor) for name, anchor, _ in links] == [(h, h.lower()) for h in headings]
    assert {uid for _, _, uid in links} <= uids


# -- provisioned ------------------------------------------------------------------------------


def provisioned(kind: str, key: str) -> list[dict[str, Any]]:
    files = sorted((PROVISIONING / kind).glob("*.yml"))
    contents = [yaml.safe_load(path.read_text()) for path in files]
    assert all(content["apiVersion"] == 1 for content in contents)
    return [one for content in contents for one in content[key]]


def test_the_data_sources_are_those_that_dashboards_use() -> None:
    sources = {source["uid"]: source for source in provisioned("datasources", "datasources")}
    used = {one.target["datasource"]["uid"]: one.target["datasource"]["type"] for one in ASKED}
    alertmanager = sources["prometheus"]["jsonData"]["alertmanagerUid"]
    assert set(sources) == {*used, alertmanager}
    for uid, source in sources.items():
        assert source["type"] == used.get(uid, "alertmanager")
        assert re.fullmatch(r"\$\{[A-Z_]+_URL\}", source["url"]), "addresses come from outside"
        assert source["editable"] is False
    assert [uid for uid, source in sources.items() if source.get("isDefault")] == ["prometheus"]


def test_influxdb_is_asked_in_influxql_with_a_token_from_outside() -> None:
    (source,) = [s for s in provisioned("datasources", "datasources") if s["uid"] == "influxdb"]
    assert "version" not in source["jsonData"], "without a version the language is InfluxQL"
    assert source["jsonData"]["dbName"] == "video", "read from Grafana 10 on"
    assert source["database"] == "video", "read by Grafana up to 9"
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    assert re.fullmatch(r"Token \$\{[A-Z_]+\}", source["secureJsonData"]["httpHeaderValue1"])


def test_rates_of_panels_span_enough_scrapes() -> None:
    (source,) = [s for s in provisioned("datasources", "datasources") if s["uid"] == "prometheus"]
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


def test_folders_of_dashboards_are_those_of_the_files_and_nobody_edits_in_the_browser() -> None:
    (provider,) = provisioned("dashboards", "providers")
    assert provider["options"]["foldersFromFilesStructure"] is True
    assert provider["allowUiUpdates"] is False
    assert provider["type"] == "file"


# -- answered by the real engines -------------------------------------------------------------


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    override = folder / "override.yml"
    override.write_text(OVERRIDE)
    # A scrape that is late empties every query: a busy machine needs seconds for one.
    with serving() as target, prometheus(folder, target, [*RULES, override], "4s") as engine:
        deadline = time.monotonic() + PATIENCE
        while not engine.now("up == 1"):
            assert time.monotonic() < deadline, "no scrape came through"
            time.sleep(0.5)
        yield engine


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    with influxdb(tmp_path_factory.mktemp("influxdb")) as engine:
        engine.write(points_of.lines())
        yield engine


MACROS = {
    "$__rate_interval": "16s",
    "$__range": "1h",
    "$__interval": "10s",
    "$timeFilter": "time > now() - 3h",
}


def filled(text: str, choices: dict[str, str]) -> str:
    """What Grafana asks: macros and variables replaced; in PromQL a backslash is written twice."""
    for macro, value in MACROS.items():
        text = text.replace(macro, value)
    for name, value in choices.items():
        text = text.replace(f"${name}", value.replace("\\", "\\\\"))
        text = text.replace(f"${{{name}:regex}}", value)
    assert "$" not in re.sub(r"\$/|\$tag_|\$\"", "", text), f"not filled in: {text}"
    return text


def variables(board: dict[str, Any]) -> list[dict[str, Any]]:
    return list(board.get("templating", {}).get("list", []))


def everything(board: dict[str, Any], _: Prometheus | None = None) -> dict[str, str]:
    """The choices that a dashboard opens with."""
    return {
        v["name"]: v.get("allValue") or CHOSEN_TAGS.get(v["name"]) or v["current"]["value"]
        for v in variables(board)
    }


def one_of_each(board: dict[str, Any], engine: Prometheus) -> dict[str, str]:
    """The last value of each variable, chosen alone."""
    choices = {}
    for variable in variables(board):
        if variable["type"] == "custom":
            choices[variable["name"]] = variable["query"].split(",")[-1].strip()
            continue
        if variable["datasource"]["type"] == "influxdb":
            choices[variable["name"]] = CHOSEN_TAGS[variable["name"]]
            continue
        metric, label = re.findall(r"[\w/]+", variable["query"].removeprefix("label_values"))
        values = [v for v in engine.label_values(metric, label) if v in SEEN.get(label, {v})]
        assert values, f"{board['uid']}: {variable['query']} has no values"
        # The last one that the points have too; "mobile" is the one that has an override.
        choices[variable["name"]] = re.sub(r"([\\^$*+?.()|[\]{}])", r"\\\1", values[-1])
    return choices


CHOSEN_TAGS = {"video": "video-01", "experiment": "e"}
"""Of each variable that asks InfluxDB, a value that the points have."""

SEEN = {
    "device": {"desktop", "mobile"},
    "browser": {"chrome", "safari"},
    "network": {"4g", "3g"},
    "region": {"asia", "europe"},
    "size_class": {"0-10MB", "30-100MB"},
    "player": {"dash.js", "hls.js"},
    "cdn": {"cloudfront", "fastly"},
    "provider": {"mux", "replicate"},
}
"""The members that the points of tests/dashboards/points.py have."""


def answer(engine: Prometheus, target: dict[str, Any], expr: str) -> list[dict[str, Any]]:
    return engine.now(expr) if target["instant"] else engine.lately(expr)


def may_be_empty(expr: str) -> bool:
    """A threshold that no team set, and what needs history."""
    if expr.startswith("kpi:threshold_override{"):
        return not re.match(r'.*upload_success_ratio", segment="device", member=~"(\.\*|mob)', expr)
    threshold = re.match(r'kpi:threshold\{kpi="(\w+)"', expr)
    if threshold:
        return threshold[1] not in {labels["kpi"] for labels in recorded("kpi:threshold")}
    return any(re.match(pattern, expr) for pattern in NEED_HISTORY)


def test_no_query_is_excused_in_vain() -> None:
    for pattern in NEED_HISTORY:
        assert any(re.match(pattern, expr) for _, expr in expressions()), pattern


@pytest.mark.parametrize("choose", [everything, one_of_each])
def test_every_promql_query_answers(
    metrics: Prometheus, choose: Callable[[dict[str, Any], Prometheus], dict[str, str]]
) -> None:
    waiting = asked("prometheus")
    deadline = time.monotonic() + PATIENCE
    empty = waiting
    while empty and time.monotonic() < deadline:
        choices = {board["uid"]: choose(board, metrics) for board in BOARDS.values()}
        empty = []
        for one in waiting:
            expr = filled(one.target["expr"], choices[one.board["uid"]])
            found = answer(metrics, one.target, expr)
            if not found and not may_be_empty(expr):
                empty.append(one)
            for name in re.findall(r"\{\{(\w+)\}\}", one.target["legendFormat"]):
                assert all(series["metric"].get(name) for series in found), (
                    f"{one}: the legend shows {name}, which its series do not have"
                )
        waiting = empty
        time.sleep(0.5)
    assert not empty, [f"{one}: {one.target['expr']}" for one in empty]


def test_every_annotation_answers(metrics: Prometheus) -> None:
    # No critical alert fires about an exporter that answers; that there is one is looked up.
    healthy = 'severity=~"critical", domain="exporter"'
    critical = [r for r in rules() if "alert" in r and r["labels"]["severity"] == "critical"]
    assert any(rule["labels"]["domain"] == "exporter" for rule in critical)
    waiting = [(board, note) for board, note in ANNOTATIONS if healthy not in note["expr"]]
    assert len(waiting) == len(ANNOTATIONS) - 1
    deadline = time.monotonic() + PATIENCE
    while waiting and time.monotonic() < deadline:
        waiting = [(b, note) for b, note in waiting if not metrics.ever(note["expr"])]
        time.sleep(0.5)
    assert not waiting, [(board["uid"], note["expr"]) for board, note in waiting]


@pytest.mark.parametrize("choose", [everything, one_of_each])
def test_every_influxql_query_answers(
    metrics: Prometheus,
    points: InfluxDb,
    choose: Callable[[dict[str, Any], Prometheus], dict[str, str]],
) -> None:
    assert asked("influxdb")
    for one in asked("influxdb"):
        statement = filled(one.target["query"], choose(one.board, metrics))
        found = points.query(statement)
        assert found, f"{one}: {statement}"
        rows = [row for series in found for row in series["values"]]
        for row in rows:
            assert sum(value is not None for value in row) > 1, f"{one}: {statement}"
        # A profile has a field for each part of the longest video there is; a mean is of points
        # that have the field, which those of one row need not have.
        if one.panel["type"] != "barchart":
            for name, *values in zip(found[0]["columns"], *rows, strict=True):
                assert any(value is not None for value in values), f"{one}: no row has {name}"


def shown_fields(panel: dict[str, Any]) -> set[str]:
    """The columns of a table; of a map, what places, sizes and colours a disc."""
    if panel["type"] == "table":
        return set(panel["transformations"][-2]["options"]["include"]["names"])
    (layer,) = [layer for layer in panel["options"]["layers"] if layer["type"] == "markers"]
    look = layer["config"]["style"]
    return {layer["location"]["lookup"], look["size"]["field"], look["color"]["field"]}


def test_every_column_of_a_table_and_every_trait_of_a_map_is_filled_by_a_query(
    metrics: Prometheus, points: InfluxDb
) -> None:
    tables = [(board, panel) for board, panel in PANELS if panel["type"] in {"table", "geomap"}]
    assert {panel["type"] for _, panel in tables} == {"table", "geomap"}
    deadline = time.monotonic() + PATIENCE
    waiting = tables
    while waiting and time.monotonic() < deadline:
        waiting = [
            (board, panel)
            for board, panel in waiting
            if not shown_fields(panel) <= filled_fields(board, panel, metrics, points)
        ]
        time.sleep(0.5)
    assert not waiting, [f"{board['uid']} / {panel['title']}" for board, panel in waiting]


def filled_fields(
    board: dict[str, Any], panel: dict[str, Any], metrics: Prometheus, points: InfluxDb
) -> set[str]:
    """The fields that the queries of a panel and its quotients make."""
    fields = {"Value"} if len(panel["targets"]) == 1 else set()
    for transformation in panel["transformations"]:
        if transformation["id"] == "calculateField":
            fields.add(transformation["options"]["alias"])
    for target in panel["targets"]:
        choices = everything(board, metrics)
        if target["datasource"]["type"] == "influxdb":
            for series in points.query(filled(target["query"], choices)):
                fields |= {*series["columns"], *series["tags"]}
        else:
            fields.add(f"Value #{target['refId']}")
            for row in metrics.now(filled(target["expr"], choices)):
                fields |= set(row["metric"])
    return fields
