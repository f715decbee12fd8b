"""Rules: sound, tested to the minute, complete, explained, and run by a real Prometheus.

What a rule computes is told in tests/rules, in promtool's own language. Here promtool is run, and
what it cannot see is checked: that each alert is tested both ways, that names and labels exist,
that the numbers which a team edits make sense.
"""

import itertools
import json
import math
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from exporter.catalogue import BUDGET
from exporter.events.web.classes import LIMITS, Vital
from exporter.metric import Histogram
from tests.dashboards.engines import Prometheus, prometheus
from tests.dashboards.target import CATALOGUE, serving
from tests.promtool import promtool

ROOT = Path(__file__).parents[1]
RULES = sorted((ROOT / "rules").glob("*.yml"))
TESTS = sorted((ROOT / "tests" / "rules").glob("*_test.yml"))
FIXTURE = ROOT / "tests" / "rules" / "fixtures" / "thresholds.yml"
THRESHOLDS = ROOT / "rules" / "thresholds.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"

SEGMENTS = {
    "upload_success_ratio": {"size_class", "device", "browser", "network"},
    "upload_duration_p95_seconds": {"size_class", "resolution", "network"},
    "upload_duration_increase_ratio": set(),
    "upload_ttfb_p95_seconds": {"network"},
    "upload_throughput_utilisation_ratio": {"network", "region"},
    "upload_chunk_first_try_ratio": {"network"},
    "upload_abandonment_ratio": {"age_class", "size_class", "device"},
    "upload_preview_p95_seconds": {"device"},
    "upload_recovery_ratio": {"error_type"},
    "upload_satisfaction_score": {"device"},
    "upload_cpu_increase_ratio": {"device"},
    "upload_memory_increase_bytes": {"device"},
    "api_error_ratio": {"route", "error_type"},
    "storage_efficiency_ratio": set(),
    "storage_available": {"operation"},
    "generation_success_ratio": {"provider"},
    "generation_duration_mean_seconds": {"provider"},
    "generation_quality_score": {"provider"},
    "generation_satisfaction_score": {"provider"},
    "generation_recovery_ratio": {"provider"},
    "generation_queue_length": {"provider"},
    "generation_cost_mean": {"provider", "currency"},
    "premium_conversion_ratio": set(),
    "revenue_decline_ratio": {"currency"},
    "retention_ratio": set(),
    "playback_completion_ratio": {"device"},
    "playback_engagement_ratio": {"device"},
    "playback_startup_p95_seconds": {"device", "network", "player"},
    "playback_start_failure_ratio": {"player"},
    "playback_failure_ratio": {"player"},
    "playback_exit_before_start_ratio": {"player"},
    "playback_rebuffer_ratio": {"network", "cdn", "player"},
    "playback_bitrate_mean_bps": {"network", "device"},
    "beacon_loss_ratio": {"format"},
    "web_lcp_good_ratio": {"device", "route"},
    "web_inp_good_ratio": {"device", "route"},
    "web_cls_good_ratio": {"device", "route"},
    "web_fcp_good_ratio": {"device", "route"},
    "web_ttfb_good_ratio": {"device", "route"},
    "web_load_p95_seconds": {"device", "route"},
    "web_error_ratio": {"error_type", "route"},
    "web_request_failure_ratio": {"route"},
    "web_bounce_ratio": {"device"},
    "web_session_mean_seconds": {"device"},
    "web_engagement_score": {"device"},
    "service_availability_ratio": {"service"},
    "response_time_mean_seconds": {"route"},
    "response_time_p95_seconds": {"route"},
    "error_ratio": {"phase"},
    "memory_used_ratio": {"service"},
    "cpu_used_ratio": {"service"},
    "disk_used_ratio": {"service"},
    "cache_hit_ratio": {"cache"},
    "login_failure_ratio": set(),
    "pwa_install_ratio": set(),
    "incident_mttr_seconds": {"severity"},
    "user_satisfaction_score": {"domain"},
}
KPIS = frozenset(SEGMENTS)
LABELS_OF = {"route": ("route", "page"), "domain": ("part",)}
"""Segments of the contract whose members stand in labels of other names."""
# Made of what was before the test began, or of alerts that fire.
WITH_PAST = {
    "upload_duration_increase_ratio",
    "generation_cost_mean",
    "revenue_decline_ratio",
    "incident_mttr_seconds",
}
WINDOWS = {"5m", "1h", "1d"}
SEVERITIES = ["critical", "high", "medium", "low"]  # from grave to mild, as far as KPIs have them
DOMAINS = {"upload", "generation", "playback", "web", "exporter", "platform"}
ALWAYS = {"Watchdog", "UploadDailySummary", "UploadWeeklyTrend"}  # the rule never waits
SECTIONS = [
    "What it means",
    "Who is affected",
    "First look",
    "Usual causes and what to do",
    "If it is noise",
]
# Labels that a series of thresholds.yml has; optional ones after the first |.
LABELS = {
    "kpi:target": {"kpi"},
    "kpi:direction": {"kpi"},
    "kpi:min_events": {"kpi"},
    "kpi:threshold": {"kpi", "severity"},
    "kpi:threshold_override": {"kpi", "severity", "segment", "member"},
    "platform:performance_target": set[str](),
    "platform:fast_route": {"route"},
    "alert:threshold": {"alert", "limit"},
}
NUMBER = re.compile(r"-?\d+(\.\d+)?(e\d+)?|NaN")
SHARES = {kpi for kpi in KPIS if kpi.endswith("_ratio")} - {"storage_efficiency_ratio"}
OF_PROMETHEUS = {"up", "scrape_samples_scraped", "ALERTS"}
WORDS = {"and", "or", "unless", "offset", "bool", "Inf"}

Rule = dict[str, Any]


class Told(NamedTuple):
    """What a promtool test says of an alert at one moment."""

    story: tuple[str, str]
    second: int
    step: int
    alert: str
    firing: tuple[dict[str, Any], ...]


def content(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules_in(path: Path) -> list[Rule]:
    return [rule for group in content(path)["groups"] for rule in group["rules"]]


RULE_LIST = [rule for path in RULES for rule in rules_in(path)]
ALERTS = [rule for rule in RULE_LIST if "alert" in rule]
RECORDS = [rule for rule in RULE_LIST if "record" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})


def seconds(text: str) -> int:
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([dhms])", text))


@cache
def told() -> list[Told]:
    return [
        Told(
            (path.name, test["name"]),
            seconds(one["eval_time"]),
            seconds(file["evaluation_interval"]),
            one["alertname"],
            tuple(one["exp_alerts"]),
        )
        for path in TESTS
        for file in [content(path)]
        for test in file["tests"]
        for one in test.get("alert_rule_test", ())
    ]


def series_names(expr: str) -> set[str]:
    """The names in PromQL, without labels, ranges, functions and words of the language."""
    bare = re.sub(r'"[^"]*"', "", expr)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)) - WORDS


def queries(rule: Rule) -> list[str]:
    """The expression of a rule, and what the texts of an alert ask."""
    texts = " ".join(rule.get("annotations", {}).values())
    asked = re.findall(r'(?:query|printf) "((?:[^"\\]|\\.)*)"', texts)
    return [rule["expr"], *(q.replace("'", '"') for q in asked if not q.startswith("%"))]


def selectors(expr: str) -> Iterator[tuple[str, str, str]]:
    """Each label that is compared with a text: metric, label, text."""
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expr):
        for label, text in re.findall(r'(\w+)\s*[=!]~?\s*"([^"]*)"', matchers):
            yield name, label, text


# -- promtool ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*RULES, FIXTURE], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_rules_pass_the_linter_of_prometheus(path: Path) -> None:
    check = promtool("check", "rules", "--lint=all", "--lint-fatal", str(path))
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.fixture(scope="module")
def runs() -> dict[Path, subprocess.CompletedProcess[str]]:
    """All of promtool's tests, one a processor at a time: together they take minutes."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(
            zip(
                TESTS,
                pool.map(lambda path: promtool("test", "rules", str(path)), TESTS),
                strict=True,
            )
        )


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_compute_and_alert_as_their_tests_say(
    path: Path, runs: dict[Path, subprocess.CompletedProcess[str]]
) -> None:
    assert runs[path].returncode == 0, runs[path].stdout + runs[path].stderr


def test_every_rule_file_has_a_test_and_every_test_a_rule_file() -> None:
    stems = {path.stem for path in RULES}
    tested = {
        path.name: next((s for s in stems if re.fullmatch(rf"{s}(_\w+)?_test", path.stem)), None)
        for path in TESTS
    }
    assert set(tested.values()) == stems, "name tests/rules/<rule file>[_<topic>]_test.yml"
    for name, stem in tested.items():
        loaded = {Path(file).name for file in content(TESTS[0].parent / name)["rule_files"]}
        assert f"{stem}.yml" in loaded or stem == THRESHOLDS.stem, f"{name} does not load {stem}"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_no_test_depends_on_the_numbers_that_a_team_tunes(path: Path) -> None:
    files = [(path.parent / file).resolve() for file in content(path)["rule_files"]]
    assert THRESHOLDS not in files, "load fixtures/thresholds.yml"


# -- every alert is tested both ways ----------------------------------------------------------


def test_tests_speak_only_of_alerts_that_exist() -> None:
    assert {one.alert for one in told()} <= set(NAMES)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda r: f"{r['alert']}-{r['labels']['severity']}")
def test_an_alert_fires_when_it_should_and_not_one_step_earlier(rule: Rule) -> None:
    severity = rule["labels"]["severity"]
    fired = {
        (one.story, one.second): one.step
        for one in told()
        if one.alert == rule["alert"]
        and any(alert["exp_labels"]["severity"] == severity for alert in one.firing)
    }
    assert fired, "no test in which it fires"
    if rule["alert"] in ALWAYS:
        return
    looked_at = {(one.story, one.second) for one in told() if one.alert == rule["alert"]}
    edges = [
        before
        for (story, second), step in fired.items()
        if (before := (story, second - step)) in looked_at and before not in fired
    ]
    assert edges, "no test that looks one step before it fires"


@pytest.mark.parametrize("name", sorted(set(NAMES) - ALWAYS))
def test_an_alert_is_silent_where_nothing_is_wrong_and_where_nothing_is_known(name: str) -> None:
    silent = {one.story[1] for one in told() if one.alert == name and not one.firing}
    assert any("healthy" in story or story == "sixteen days" for story in silent)
    assert any("without any" in story for story in silent) or name == "ExporterMissing"


# -- labels, texts, runbooks ------------------------------------------------------------------


@pytest.mark.parametrize("rule", ALERTS, ids=lambda r: f"{r['alert']}-{r['labels']['severity']}")
def test_an_alert_says_how_grave_it_is_what_broke_and_where_to_look(rule: Rule) -> None:
    assert re.fullmatch(r"([A-Z][a-z0-9]+)+", rule["alert"]), "CamelCase, easy to silence"
    assert rule["labels"]["severity"] in {*SEVERITIES, "info", "none"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}
    where = f"/docs/runbooks/{rule['labels']['domain']}.md#{rule['alert'].lower()}"
    assert rule["annotations"]["runbook_url"] == where


def test_alerts_as_they_arrive_have_the_labels_that_routing_and_inhibition_need() -> None:
    arrived = [alert for one in told() for alert in one.firing]
    assert arrived
    for alert in arrived:
        labels = alert["exp_labels"]
        assert labels["domain"] in DOMAINS
        assert "kpi" not in labels or {"segment", "member"} <= set(labels), labels
        assert (labels.get("segment") == "all") == (labels.get("member") == "all"), labels


def test_texts_of_alerts_as_they_arrive_hold_no_gap() -> None:
    for one in told():
        for alert in one.firing:
            texts = alert["exp_annotations"]
            for text in (texts["summary"], texts["description"]):
                assert not re.search(r"<no value>|NaN|%!|  |\{\{|^$", text), text
            path, anchor = texts["runbook_url"].removeprefix("/").split("#")
            headings = re.findall(r"^## (\w+)$", (ROOT / path).read_text(), re.MULTILINE)
            assert anchor in {heading.lower() for heading in headings}


def test_the_window_does_the_waiting() -> None:
    others: dict[str, tuple[str | None, ...]] = {
        "JobStalled": ("2m",),  # it has no window, and a timer that has not run yet is at 0
        "ThresholdMissing": ("2m",),  # nor has it; after a start, some groups are yet to come
        "UploadNewErrorType": (None,),
        "WebNewErrors": (None,),
        **dict.fromkeys(("GenerationNewErrorType", "GenerationRequestsUnusual"), (None,)),
        # One more look of its group: what pages leaves within 20 s.
        **dict.fromkeys(("ServiceDown", "ExporterDown"), ("5s",)),
        "ExporterRefusing": ("5s", "1m"),
        # A Prometheus that begins finds the first exporter within ten seconds.
        "ExporterMissing": ("30s",),
        "StorageUnavailable": (None,),
        **dict.fromkeys(ALWAYS, (None,)),
    }
    for rule in ALERTS:
        assert rule.get("for") in others.get(rule["alert"], ("1m",)), (
            f"{rule['alert']}: window + for"
        )


def runbook(domain: str) -> dict[str, str]:
    """The text under each alert's heading."""
    parts = re.split(r"^## (\w+)$", (RUNBOOKS / f"{domain}.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    written = {(path.stem, name) for path in RUNBOOKS.glob("*.md") for name in runbook(path.stem)}
    alerts = {(rule["labels"]["domain"], rule["alert"]) for rule in ALERTS}
    assert written == alerts


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_a_runbook_answers_the_five_questions(domain: str) -> None:
    for name, text in runbook(domain).items():
        questions = re.findall(r"^\*\*(.+?)\.\*\*", text, re.MULTILINE)
        assert questions == SECTIONS, f"{domain}.md, {name}"


@pytest.mark.parametrize("domain", sorted(DOMAINS))
def test_queries_of_a_runbook_can_be_asked(domain: str, tmp_path: Path) -> None:
    blocks = re.findall(
        r"^```promql\n(.*?)^```", (RUNBOOKS / f"{domain}.md").read_text(), re.MULTILINE | re.DOTALL
    )
    asked = [line for block in blocks for line in block.splitlines()]
    assert asked
    known = known_names()
    assert not {line: unknown for line in asked if (unknown := series_names(line) - known)}
    as_rules = [{"record": f"asked:{n}", "expr": line} for n, line in enumerate(asked)]
    file = tmp_path / "asked.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": as_rules}]}))
    check = promtool("check", "rules", str(file))
    assert check.returncode == 0, check.stdout + check.stderr


# -- names and labels exist -------------------------------------------------------------------


@cache
def known_names() -> set[str]:
    names = OF_PROMETHEUS | {rule["record"] for rule in RECORDS} | set(LABELS)
    for metric in CATALOGUE.metrics:
        suffixes = ("_bucket", "_sum", "_count") if isinstance(metric, Histogram) else ("",)
        names |= {f"{metric.name}{suffix}" for suffix in suffixes}
    return names


@cache
def label_values() -> dict[str, dict[str, set[str]]]:
    """By series name and label: the values that the exporter can give."""
    found: dict[str, dict[str, set[str]]] = {}
    for metric in CATALOGUE.metrics:
        values: dict[str, set[str]] = {name: set() for name in metric.label_names}
        for labels in metric.label_sets(CATALOGUE.members):
            for name, value in zip(metric.label_names, labels, strict=True):
                values[name].add(value)
        found[metric.name] = values
        if isinstance(metric, Histogram):
            bounds = {str(float(bound)) for bound in metric.buckets} | {"+Inf"}
            found |= {f"{metric.name}{suffix}": values for suffix in ("_sum", "_count")}
            found[f"{metric.name}_bucket"] = values | {"le": bounds}
    return found


def test_every_series_that_a_rule_asks_for_exists() -> None:
    known = known_names()
    for rule in RULE_LIST:
        for query in queries(rule):
            assert series_names(query) <= known, f"{rule.get('alert') or rule['record']}: {query}"


def test_every_label_of_the_exporter_that_a_rule_asks_for_can_have_that_value() -> None:
    of_prometheus = {"instance", "job"}
    seen = 0
    for rule in RULE_LIST:
        for query in queries(rule):
            for name, label, text in selectors(query):
                if name not in label_values() or label in of_prometheus or "%s" in text:
                    continue
                assert set(text.split("|")) <= label_values()[name][label], f"{name}: {label}"
                seen += 1
    assert seen


def test_the_check_of_names_sees_through_promql() -> None:
    expr = (
        'sum by (le) (rate(a_bucket{b="c d"}[5m])) / on (x) group_left (y) b:c:d and time() > 3e2'
    )
    assert series_names(expr) == {"a_bucket", "b:c:d"}
    assert list(selectors(expr)) == [("a_bucket", "b", "c d")]


# -- KPIs -------------------------------------------------------------------------------------


def windows(rule: Rule) -> set[str]:
    """The windows in which a rule records something: its own, or those of what it is made of."""
    if own := rule.get("labels", {}).get("window"):
        return {own}
    of_parts = [
        set().union(*(windows(part) for part in RECORDS if part["record"] == name))
        for name in series_names(rule["expr"])
    ]
    return set.intersection(*of_parts)


@pytest.mark.parametrize("record", ["kpi:value", "kpi:events"])
def test_every_kpi_is_recorded_in_every_window(record: str) -> None:
    found = {rule["labels"]["kpi"]: windows(rule) for rule in RECORDS if rule["record"] == record}
    assert set(found) == KPIS
    assert not {kpi: WINDOWS - has for kpi, has in found.items() if not has >= WINDOWS}


def test_the_rules_of_one_count_differ_in_their_window_alone() -> None:
    shapes: dict[tuple[str, str], set[str]] = {}
    for rule in RECORDS:
        if not rule["record"].endswith(":increase") or "segment" in rule["labels"]:
            continue
        window = rule["labels"]["window"]
        expr = rule["expr"]
        if "_over_time" in expr:  # of recorded hours
            assert f"[{window}:1h]" in expr, rule
            continue
        before = "_before" in rule["record"]
        asked = re.findall(r"offset (\w+)", expr) if before else re.findall(r"\[(\w+)\]", expr)
        assert set(asked) == {window}, rule
        pattern = r"offset \w+" if before else r"\[\w+\]"
        shapes.setdefault((rule["record"], str(before)), set()).add(re.sub(pattern, "W", expr))
    assert shapes
    assert not {name: exprs for name, exprs in shapes.items() if len(exprs) > 1}


def test_every_alert_on_a_kpi_is_guarded_by_its_number_of_events() -> None:
    guarded = set()
    for rule in ALERTS:
        for kpi, window in re.findall(r'kpi:value\{kpi="(\w+)", window="(\w+)"\}', rule["expr"]):
            guard = f'kpi:events{{window="{window}"}} >= on (kpi) kpi:min_events'
            assert guard in rule["expr"], f"{rule['alert']} of {kpi}"
            guarded.add(kpi)
    limited = {r["labels"]["kpi"] for r in RECORDS if r["record"] == "kpi:expected_threshold"}
    assert guarded >= limited


def test_the_spikes_of_cpu_and_of_memory_are_one_rule() -> None:
    def about(name: str, kpi: str) -> str:
        (rule,) = [rule for rule in ALERTS if rule["alert"] == name]
        return str(rule["expr"]).replace(name, "Spike").replace(kpi, "kpi")

    cpu = about("UploadCpuSpike", "upload_cpu_increase_ratio")
    assert cpu == about("UploadMemorySpike", "upload_memory_increase_bytes")


def test_what_alerts_need_is_declared_so_that_its_absence_is_seen() -> None:
    declared = {
        (rule["labels"]["kpi"], rule["labels"]["severity"])
        for rule in RECORDS
        if rule["record"] == "kpi:expected_threshold"
    }
    needed = {
        (kpi, severity)
        for rule in ALERTS
        for kpi in re.findall(r'kpi:value\{kpi="(\w+)"', rule["expr"])
        for severity in re.findall(r'kpi:threshold\{severity="(\w+)"\}', rule["expr"])
    }
    assert declared == needed
    asked = {
        limit
        for rule in RULE_LIST
        for limit in re.findall(r'alert:threshold\{alert="(\w+)", limit="(\w+)"', rule["expr"])
    }
    assert asked == {
        (rule["labels"]["alert"], rule["labels"]["limit"])
        for rule in RECORDS
        if rule["record"] == "alert:expected_threshold"
    }


# -- the numbers that a team edits ------------------------------------------------------------


def key(rule: Rule) -> tuple[str, ...]:
    return (rule["record"], *(f"{k}={v}" for k, v in sorted(rule.get("labels", {}).items())))


def faults(rules: list[Rule]) -> list[str]:
    """What is wrong with thresholds, in words for whoever edits them."""
    keys = [key(rule) for rule in rules]
    return [
        *(f"{one}: stands here twice" for one in sorted({k for k in keys if keys.count(k) > 1})),
        *(fault for rule in rules for fault in _own_faults(rule)),
        *_order_faults(rules),
        *(fault for rule in rules for fault in _override_faults(rule, rules)),
    ]


def _own_faults(rule: Rule) -> Iterator[str]:
    record, labels, one = rule["record"], rule.get("labels", {}), key(rule)
    if record not in LABELS:
        yield f"{one}: no series of this file"
        return
    optional = {"kpi", "severity"} if record == "alert:threshold" else set()
    if set(labels) - optional != LABELS[record]:
        yield f"{one}: has the labels {sorted(labels)}, needs {sorted(LABELS[record])}"
    routes = label_values()["video_api_duration_seconds_count"]["route"]
    known = {"kpi": KPIS, "severity": SEVERITIES, "alert": NAMES, "route": routes}
    for label, values in known.items():
        if label in labels and labels[label] not in values:
            yield f"{one}: {label} is one of {sorted(values)}"
    yield from _number_faults(rule)


def _number_faults(rule: Rule) -> Iterator[str]:
    if not NUMBER.fullmatch(rule["expr"]):
        yield f"{key(rule)}: {rule['expr']!r} is no number"
    elif rule["record"] == "kpi:direction" and rule["expr"] not in {"1", "-1"}:
        yield f"{key(rule)}: 1 or -1"
    elif (
        rule["record"] == "kpi:target"
        and rule["labels"].get("kpi") in SHARES
        and not 0 <= float(rule["expr"]) <= 1
    ):
        yield f"{key(rule)}: a share is 0 to 1, not a percentage"


def _order_faults(rules: list[Rule]) -> Iterator[str]:
    numbers = {key(rule): float(rule["expr"]) for rule in rules if NUMBER.fullmatch(rule["expr"])}
    for kpi in sorted(KPIS):
        direction = numbers.get(("kpi:direction", f"kpi={kpi}"))
        target = numbers.get(("kpi:target", f"kpi={kpi}"))
        if direction is None or target is None or ("kpi:min_events", f"kpi={kpi}") not in numbers:
            yield f"{kpi}: needs kpi:target, kpi:direction and kpi:min_events"
            continue
        graded = [
            (severity, numbers[one])
            for severity in SEVERITIES
            if (one := ("kpi:threshold", f"kpi={kpi}", f"severity={severity}")) in numbers
        ]
        # NaN, an alert that is switched off, is neither.
        graded = [(name, number) for name, number in graded if not math.isnan(number)]
        scale = [(name, number * direction) for name, number in (*graded, ("target", target))]
        for (graver, worse), (milder, better) in itertools.pairwise(scale):
            if worse >= better:
                yield f"{kpi}: {graver} must be worse than {milder}"


def _override_faults(rule: Rule, rules: list[Rule]) -> Iterator[str]:
    if rule["record"] != "kpi:threshold_override":
        return
    labels, one = rule.get("labels", {}), key(rule)
    kpi, segment = labels.get("kpi", ""), labels.get("segment", "")
    default = ("kpi:threshold", f"kpi={kpi}", f"severity={labels.get('severity')}")
    if default not in {key(other) for other in rules}:
        yield f"{one}: no alert of that severity watches this KPI"
    if segment not in SEGMENTS.get(kpi, set()):
        yield f"{one}: segments of {kpi} are {sorted(SEGMENTS.get(kpi, set()))}"
        return
    names = LABELS_OF.get(segment, (segment,))
    members = {m for v in label_values().values() for name in names for m in v.get(name, ())}
    if labels.get("member") not in members:
        yield f"{one}: members of {segment} are {sorted(members)}"


def test_the_numbers_of_the_team_make_sense() -> None:
    assert not faults(rules_in(THRESHOLDS))


def test_vitals_are_drawn_with_the_limits_by_which_they_are_rated() -> None:
    drawn = {
        (rule["labels"]["vital"], rule["labels"]["rating"]): float(rule["expr"])
        for rule in RECORDS
        if rule["record"] == "web:vital_limit"
    }
    rated = {kpi.split("_")[1] for kpi in KPIS if re.fullmatch(r"web_\w+_good_ratio", kpi)}
    assert drawn == {
        (vital, rating): limit
        for vital in rated
        for rating, limit in zip(("good", "poor"), LIMITS[Vital(vital)], strict=True)
    }


def test_an_exporter_as_shipped_is_within_the_series_that_an_alert_allows() -> None:
    (allowed,) = [
        float(rule["expr"])
        for rule in rules_in(THRESHOLDS)
        if rule.get("labels", {}).get("alert") == "SeriesBudget"
    ]
    # Beside the families of the catalogue there are those of the process.
    assert CATALOGUE.most_series() + 20 <= allowed < BUDGET


def test_the_examples_of_overrides_make_sense_as_well() -> None:
    commented = re.findall(r"^ +# (- \{record: .+\})$", THRESHOLDS.read_text(), re.MULTILINE)
    examples = yaml.safe_load("\n".join(commented))
    assert len(examples) == 3
    assert not faults([*rules_in(THRESHOLDS), *examples])


def changed(record: str, expr: str | None, **labels: str) -> list[Rule]:
    """The team's rules with one of them changed, taken away (None) or added."""
    new = {"record": record, "labels": labels, "expr": expr}
    others = [rule for rule in rules_in(THRESHOLDS) if key(rule) != key(new)]
    return others if expr is None else [*others, new]


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (changed("kpi:limit", "1", kpi="api_error_ratio"), "no series of this file"),
        (changed("kpi:target", "1", kpi="upload_sucess_ratio"), "kpi is one of"),
        (changed("kpi:target", "98", kpi="upload_success_ratio"), "not a percentage"),
        (changed("kpi:target", "98 %", kpi="upload_success_ratio"), "is no number"),
        (changed("kpi:target", None, kpi="upload_success_ratio"), "needs kpi:target"),
        (changed("kpi:direction", "0", kpi="upload_success_ratio"), "1 or -1"),
        (
            changed("kpi:threshold", "0.96", kpi="upload_success_ratio", severity="critical"),
            "critical must be worse than high",
        ),
        (
            changed("kpi:threshold", "0.99", kpi="upload_success_ratio", severity="high"),
            "high must be worse than target",
        ),
        (
            changed("kpi:threshold", "0.02", kpi="upload_abandonment_ratio", severity="high"),
            "high must be worse than target",
        ),
        (
            changed("kpi:threshold", "0.5", kpi="upload_success_ratio", severity="hihg"),
            "severity is one of",
        ),
        (changed("kpi:threshold", "0.5", kpi="upload_success_ratio"), "has the labels"),
        (changed("alert:threshold", "1", alert="NoBeacon", limit="events"), "alert is one of"),
        (changed("platform:fast_route", "1", route="/api/vidoes"), "route is one of"),
        (rules_in(THRESHOLDS) + rules_in(THRESHOLDS)[:1], "stands here twice"),
        (
            changed(
                "kpi:threshold_override",
                "0.5",
                kpi="upload_success_ratio",
                severity="low",
                segment="device",
                member="tv",
            ),
            "no alert of that severity",
        ),
        (
            changed(
                "kpi:threshold_override",
                "0.5",
                kpi="upload_success_ratio",
                severity="high",
                segment="region",
                member="europe",
            ),
            "segments of upload_success_ratio are",
        ),
        (
            changed(
                "kpi:threshold_override",
                "0.5",
                kpi="upload_success_ratio",
                severity="high",
                segment="device",
                member="phone",
            ),
            "members of device are",
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_slip_in_the_numbers_is_explained(rules: list[Rule], says: str) -> None:
    assert any(says in fault for fault in faults(rules)), faults(rules)


def test_an_alert_that_is_switched_off_is_no_slip() -> None:
    assert not faults(
        changed("kpi:threshold", "NaN", kpi="upload_success_ratio", severity="critical")
    )


def test_the_numbers_of_the_tests_lack_none_of_the_team() -> None:
    missing = {key(rule) for rule in rules_in(THRESHOLDS)} - {key(r) for r in rules_in(FIXTURE)}
    assert not {k for k in missing if k[0] != "kpi:threshold_override"}


# -- in a real Prometheus ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """All rules as the team has them, on an exporter of which every series moves."""
    folder = tmp_path_factory.mktemp("prometheus")
    with serving() as target, prometheus(folder, target, RULES) as engine:
        deadline = time.monotonic() + 60
        segments = sum(len(several) for kpi, several in SEGMENTS.items() if kpi not in WITH_PAST)
        others = f'{{kpi!~"{"|".join(sorted(WITH_PAST))}"}}'
        while (  # some KPIs need more events than others, so on a busy machine they come later
            not engine.now("platform:performance_score")
            or len(engine.now(f"group by (kpi, segment) (kpi:worst_segment{others})")) < segments
        ):
            assert time.monotonic() < deadline, "no score, or a segment without a worst member"
            time.sleep(0.5)
        time.sleep(3)  # every group once more, with all that it reads
        yield engine


def test_no_rule_fails_when_it_is_evaluated(running: Prometheus) -> None:
    with urllib.request.urlopen(f"{running.url}/api/v1/rules", timeout=30) as answer:
        groups = json.load(answer)["data"]["groups"]
    evaluated = [rule for group in groups for rule in group["rules"]]
    assert len(evaluated) == len(RULE_LIST)
    assert not [(r["name"], r.get("lastError")) for r in evaluated if r["health"] != "ok"]


def test_every_kpi_that_needs_no_past_has_a_value_target_and_score(running: Prometheus) -> None:
    def kpis(expr: str) -> set[str]:
        return {series["metric"]["kpi"] for series in running.now(expr)}

    for window in WINDOWS:
        assert kpis(f'kpi:value{{window="{window}"}}') - WITH_PAST == KPIS - WITH_PAST
    assert kpis("kpi:score") - WITH_PAST == KPIS - WITH_PAST
    for series in ("kpi:target", "kpi:direction", "kpi:min_events", "kpi:score:zero"):
        assert kpis(series) == KPIS
    (score,) = running.now("platform:performance_score")
    assert 0 <= float(score["value"][1]) <= 100


def test_every_segment_of_the_contract_is_recorded_and_no_other(running: Prometheus) -> None:
    for record in ("kpi:segment_value", "kpi:segment_events", "kpi:worst_segment"):
        found = running.now(f"group by (kpi, segment) ({record})")
        segments = {(series["metric"]["kpi"], series["metric"]["segment"]) for series in found}
        expected = {(kpi, one) for kpi, several in SEGMENTS.items() for one in several}
        assert segments <= expected
        assert {pair for pair in expected if pair[0] not in WITH_PAST} <= segments


def test_with_the_team_s_numbers_nothing_is_missing(running: Prometheus) -> None:
    assert running.now('ALERTS{alertname="Watchdog"}')
    assert not running.now('ALERTS{alertname="ThresholdMissing"}')
