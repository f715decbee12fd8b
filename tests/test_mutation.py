"""The mutation of alerts: what is changed, what a test notices, what may stay unnoticed.

That every mutant of every alert is noticed is told by ``python -m tests.mutation``, which takes
minutes; `make test` runs it.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.mutation.allowed import Allowed, Entry
from tests.mutation.promql import mutations, printed
from tests.mutation.trial import Alert, Court, Mutant, NotFairError, mutants, trials
from tests.rules import edges

ROOT = Path(__file__).parents[1]
EXPRESSIONS = sorted(
    {
        rule["expr"]
        for path in (ROOT / "rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    }
)


def results(expr: str) -> dict[str, str]:
    return {mutation.what: mutation.expr for mutation in mutations(expr)}


# -- what is changed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("a > 2", {"a{} >= 2", "a{} < 2", "a{} > 2.2", "a{} > 1.8"}),
        ("a == 0", {"a{} != 0", "a{} == 1"}),
        ("a and b", {"a{} unless b{}", "a{}"}),
        ("a unless on (c) b", {"a{} and on (c) b{}", "a{}"}),
        ("a or b", {"a{}", "b{}"}),
        ("-a + b", {"-a{} - b{}"}),
        ('a{b="c"}', {"a{}", 'a{b!="c"}'}),
        ('a{b=~"c|d"}', {"a{}", 'a{b!~"c|d"}', 'a{b=~"c"}', 'a{b=~"d"}'}),
        (
            "rate(a[5m] offset 1h)",
            {
                "rate(a{}[10m] offset 1h)",
                "rate(a{}[2m30s] offset 1h)",
                "rate(a{}[5m] offset 2h)",
                "rate(a{}[5m] offset 30m)",
                "rate(a{}[5m])",
            },
        ),
        (
            "max_over_time(a[1h:5m])",
            {
                "max_over_time(a{}[2h:5m])",
                "max_over_time(a{}[30m:5m])",
                "max_over_time(a{}[1h:10m])",
                "max_over_time(a{}[1h:2m30s])",
            },
        ),
        ("kpi:target", {"(kpi:target{} * 1.1)", "(kpi:target{} * 0.9)"}),
        (
            "sum by (c) (a) / 2",
            {"sum by (c)(a{}) * 2", "sum by (c)(a{}) / 2.2", "sum by (c)(a{}) / 1.8"},
        ),
    ],
)
def test_one_thing_is_changed_at_a_time(expr: str, expected: set[str]) -> None:
    assert {printed(result) for result in results(expr).values()} == {printed(e) for e in expected}


def test_where_only_its_presence_matters_a_number_is_left_alone() -> None:
    assert not {e for e in results("a and kpi:target").values() if "1.1" in e}
    assert not {e for e in results("count(kpi:target)").values() if "1.1" in e}
    assert [e for e in results("a and b > kpi:target").values() if "1.1" in e]


def test_every_change_has_words_of_its_own() -> None:
    for expr in EXPRESSIONS:
        found = mutations(expr)
        assert len({mutation.what for mutation in found}) == len(found)
        assert len({mutation.expr for mutation in found}) == len(found)
        assert printed(expr) not in {mutation.expr for mutation in found}


def test_the_parser_writes_what_it_has_read() -> None:
    assert not [expr for expr in EXPRESSIONS if printed(printed(expr)) != printed(expr)]


# -- what a test notices -------------------------------------------------------------------------


RULE = {
    "alert": "TooMany",
    "expr": 'sum(things{kind="bad"}) > 5 and on () things{kind="all"} >= 10',
    "for": "1m",
    "labels": {"severity": "high"},
    "annotations": {"summary": "{{ $value }} bad things"},
}


def tried(folder: Path, *expected: dict[str, Any]) -> list[Mutant]:
    """The survivors among the mutants of RULE, on a test with these expectations."""
    rules, test = folder / "things.yml", folder / "things_test.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "things", "rules": [RULE]}]}))
    test.write_text(
        yaml.safe_dump(
            {
                "rule_files": ["things.yml"],
                "evaluation_interval": "1m",
                "tests": [
                    {
                        "name": "things",
                        "interval": "1m",
                        "input_series": [
                            {"series": 'things{kind="bad"}', "values": "5x4 5.2x4 6x4"},
                            {"series": 'things{kind="good"}', "values": "70x14"},
                            {"series": 'things{kind="all"}', "values": "20x8 9.5 10x5"},
                        ],
                        "alert_rule_test": list(expected),
                    }
                ],
            }
        )
    )
    court = Court(mutants([rules]))
    court.hold(trials([test]))
    return court.survivors


def fires(minute: int, value: str = "") -> dict[str, Any]:
    alerts = [
        {"exp_labels": {"severity": "high"}, "exp_annotations": {"summary": f"{value} bad things"}}
    ]
    return {
        "eval_time": f"{minute}m",
        "alertname": "TooMany",
        "exp_alerts": alerts if value else [],
    }


def test_without_looks_at_the_edges_much_stays_unnoticed(tmp_path: Path) -> None:
    survivors = {mutant.what for mutant in tried(tmp_path, fires(13, "6"))}
    assert {"5 → 5.5", "5 → 4.5", "for: dropped", "10 → 9"} <= survivors
    assert 'things: kind="bad" → kind!="bad"' not in survivors
    assert "label severity: changed" not in survivors


def test_what_a_test_looks_at_is_noticed(tmp_path: Path) -> None:
    looks = [
        fires(4),
        fires(5),
        fires(6, "5.2"),
        fires(7, "5.2"),
        fires(9),
        fires(10),
        fires(11, "6"),
    ]
    survivors = {mutant.what for mutant in tried(tmp_path, *looks)}
    assert not survivors


def test_an_alert_that_fails_without_a_change_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFairError, match=r"things\.yml TooMany \(high\) as it is"):
        tried(tmp_path, fires(13, "7"))


def test_an_expression_about_alerts_counts_as_a_look_at_them(tmp_path: Path) -> None:
    rules, test = tmp_path / "things.yml", tmp_path / "things_test.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "things", "rules": [RULE]}]}))
    labels = '{__name__="ALERTS", alertname="TooMany", alertstate="firing", severity="high"}'
    test.write_text(
        yaml.safe_dump(
            {
                "rule_files": ["things.yml"],
                "evaluation_interval": "1m",
                "tests": [
                    {
                        "interval": "1m",
                        "input_series": [
                            {"series": 'things{kind="bad"}', "values": "6x9"},
                            {"series": 'things{kind="all"}', "values": "20x9"},
                        ],
                        "promql_expr_test": [
                            {
                                "expr": 'ALERTS{alertname=~"TooMany|Other"}',
                                "eval_time": "5m",
                                "exp_samples": [{"labels": labels, "value": 1}],
                            }
                        ],
                        "name": "things",
                    }
                ],
            }
        )
    )
    court = Court(mutants([rules]))
    court.hold(trials([test]))
    survivors = {mutant.what for mutant in court.survivors}
    assert "for: dropped" in survivors
    assert "label severity: changed" not in survivors


# -- what may stay unnoticed ---------------------------------------------------------------------


def test_what_is_not_noticed_must_be_allowed_and_what_is_allowed_must_be_so() -> None:
    alert = Alert(Path("things.yml"), "TooMany", "high")
    made = [Mutant(n, alert, what, RULE) for n, what in enumerate(("", "one", "two", "three"))]
    allowed = Allowed(
        tuple(Entry(("things.yml TooMany (high)",), what, "") for what in ("one", "two", "four"))
    )
    assert allowed.faults(made, [made[1], made[3]]) == [
        "not noticed: things.yml TooMany (high): three",
        "allowed, but unknown: things.yml TooMany (high): four",
        "allowed, but noticed: things.yml TooMany (high): two",
    ]


def test_what_is_allowed_has_a_reason_and_is_a_change_that_is_made() -> None:
    allowed = Allowed.read(ROOT / "tests" / "mutation" / "equivalent.yml")
    made = {(str(m.alert), m.what) for m in mutants(sorted((ROOT / "rules").glob("*.yml")))}
    for entry in allowed.entries:
        assert len(entry.why) > 20, entry
        for alert in entry.alerts:
            assert (alert, entry.what) in made, (alert, entry.what)


# -- tests that are made -------------------------------------------------------------------------


@pytest.mark.parametrize("domain", sorted(edges.CONTRACT))
def test_the_tests_at_the_edges_are_made_of_the_contract(domain: str) -> None:
    made = edges.path(domain).read_text()
    assert made == edges.render(domain), "run python -m tests.rules.edges"


def test_the_tests_of_a_week_are_made_of_it_too() -> None:
    assert edges.DAYS.read_text() == edges.render_days(), "run python -m tests.rules.edges"


@pytest.mark.parametrize("domain", sorted(edges.CONTRACT))
def test_the_contract_names_every_alert_on_a_kpi_and_its_threshold(domain: str) -> None:
    written = {
        (rule["alert"], rule["labels"]["severity"])
        for group in yaml.safe_load((ROOT / "rules" / f"{domain}.yml").read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule and "group_left (severity) kpi:threshold{" in rule["expr"]
    }
    assert written == {(alert.name, alert.severity) for alert in edges.CONTRACT[domain]}
