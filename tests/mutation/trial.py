"""Tries mutants of alerts on the tests of their rules, hundreds of them in one run of promtool.

A mutant is an alert beside the others, under a name of its own, of which every test of the alert
expects what it expects of the alert. So promtool computes what the alerts read once for all of
them, and says by name which did not behave. Beside them runs each alert as it is, which must.
"""

import json
import re
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.mutation.promql import mutations, printed
from tests.promtool import promtool

AT_ONCE = 2
"""Runs of promtool; a machine of CI has two cores."""

NAMED = re.compile(r"Tried\d+")
ASKED = re.compile(r'alertname=~?"([\w|]+)"')
WORD = re.compile(r"[a-zA-Z_:][\w:]*")

Rule = dict[str, Any]


class Alert(NamedTuple):
    """One alert; several may share a name, and then differ in their severity."""

    file: Path
    name: str
    severity: str

    def __str__(self) -> str:
        return f"{self.file.name} {self.name} ({self.severity})"


@dataclass(frozen=True)
class Mutant:
    """An alert with one thing changed; the control has nothing changed."""

    number: int
    alert: Alert
    what: str
    rule: Rule = field(compare=False)

    @property
    def name(self) -> str:
        return f"Tried{self.number}"

    def renamed(self) -> Rule:
        """The rule under its own name, with the summary as its only text."""
        summary = {"summary": self.rule["annotations"]["summary"]}
        expr = self.rule["expr"].replace(
            f'alertname="{self.alert.name}"', f'alertname="{self.name}"'
        )
        return {**self.rule, "alert": self.name, "expr": expr, "annotations": summary}


class Trial(NamedTuple):
    """One test of a test file, which tells of some alerts."""

    file: Path
    head: dict[str, Any]
    test: dict[str, Any]

    def tells_of(self, alert: Alert) -> bool:
        """Whether it expects anything of ``alert``."""
        return alert.file in self.rule_files and (
            any(one["alertname"] == alert.name for one in self.test.get("alert_rule_test", ()))
            or any(_asks_for(one["expr"], alert) for one in self.asked)
        )

    @property
    def asked(self) -> list[dict[str, Any]]:
        """What it asks about alerts in PromQL; the answer to anything else is in other words."""
        asked = self.test.get("promql_expr_test", ())
        return [one for one in asked if re.fullmatch(r"ALERTS\{[^}]*\}", one["expr"])]

    @property
    def latest(self) -> int:
        """When the last look at an alert is, in seconds."""
        looks = [*self.test.get("alert_rule_test", ()), *self.asked]
        return max((_seconds(one["eval_time"]) for one in looks), default=0)

    @property
    def rule_files(self) -> list[Path]:
        return [(self.file.parent / name).resolve() for name in self.head["rule_files"]]


class NotFairError(Exception):
    """An alert without any change does not behave here as its test says."""


@cache
def content(path: Path) -> Any:
    """What stands in a file of YAML."""
    return yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


# -- mutants --------------------------------------------------------------------------------------


def mutants(rule_files: Iterable[Path]) -> list[Mutant]:
    """The control and all mutants of every alert, numbered."""
    made = [
        (alert, what, mutated)
        for path in rule_files
        for group in content(path)["groups"]
        for rule in group["rules"]
        if "alert" in rule
        for alert in [Alert(path, rule["alert"], rule["labels"]["severity"])]
        for what, mutated in [("", {**rule, "expr": printed(rule["expr"])}), *_mutated(rule)]
    ]
    return [Mutant(number, *each) for number, each in enumerate(made)]


def _mutated(rule: Rule) -> Iterator[tuple[str, Rule]]:
    for what, expr in mutations(rule["expr"]):
        yield what, {**rule, "expr": expr}
    for wait in ("for", "keep_firing_for"):
        if wait in rule:
            yield f"{wait}: dropped", {k: v for k, v in rule.items() if k != wait}
            yield f"{wait}: longer", {**rule, wait: _longer(rule[wait])}
    for label in rule["labels"]:
        yield f"label {label}: changed", {**rule, "labels": {**rule["labels"], label: "changed"}}


def _longer(duration: str) -> str:
    number, unit = re.fullmatch(r"(\d+)(\w+)", duration).groups()  # type: ignore[union-attr]
    return f"{2 * int(number)}{unit}"


# -- trials ---------------------------------------------------------------------------------------


def trials(test_files: Iterable[Path]) -> list[Trial]:
    """Every test that tells of alerts, the short ones first."""
    found = [
        Trial(path, {k: v for k, v in content(path).items() if k != "tests"}, test)
        for path in test_files
        for test in content(path)["tests"]
    ]
    return sorted(
        (trial for trial in found if trial.test.get("alert_rule_test") or trial.asked),
        key=lambda trial: trial.latest / _seconds(trial.head["evaluation_interval"]),
    )


def _asks_for(expr: str, alert: Alert) -> bool:
    found = ASKED.search(expr)
    return found is not None and alert.name in found[1].split("|")


def _seconds(duration: str) -> int:
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([dhms])", duration))


class Court:
    """Which mutants are still alive."""

    def __init__(self, everything: Sequence[Mutant]) -> None:
        self._lock = threading.Lock()
        self._alive = {mutant.name: mutant for mutant in everything if mutant.what}
        self._controls = [mutant for mutant in everything if not mutant.what]
        self.runs = 0

    @property
    def survivors(self) -> list[Mutant]:
        return sorted(self._alive.values(), key=lambda mutant: mutant.number)

    def hold(self, session: Iterable[Trial]) -> None:
        """Try every mutant on every test that tells of its alert, until one kills it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(self._try, session):
                pass

    def _try(self, trial: Trial) -> None:
        while tried := self._concerned(trial):
            killed, cut_short = _judge(trial, tried)
            with self._lock:
                self.runs += 1
                for name in killed:
                    self._alive.pop(name, None)
            if not cut_short:
                return

    def _concerned(self, trial: Trial) -> list[Mutant]:
        with self._lock:
            alive = list(self._alive.values())
        told = {alert for alert in {m.alert for m in alive} if trial.tells_of(alert)}
        alive = [mutant for mutant in alive if mutant.alert in told]
        about = {mutant.alert for mutant in alive}
        return [each for each in self._controls if each.alert in about] + alive


def _judge(trial: Trial, tried: Sequence[Mutant]) -> tuple[set[str], bool]:
    """The names of those that did not behave; whether an error kept the others from being tried."""
    with tempfile.TemporaryDirectory() as directory:
        file = _write(Path(directory), trial, tried)
        run = promtool("test", "rules", file)
    said = run.stdout + run.stderr
    misbehaved = set(NAMED.findall(said))
    where = f"{trial.file.name}, {trial.test['name']}"
    if run.returncode and not misbehaved:
        raise NotFairError(f"{where}: {said}")
    for mutant in tried:
        if mutant.name in misbehaved and not mutant.what:
            raise NotFairError(f"{where}: {mutant.alert} as it is: {said[:2000]}")
    return misbehaved, "err: " in said


def _write(folder: Path, trial: Trial, tried: Sequence[Mutant]) -> Path:
    """Lay out the rules and the test, with the mutants in the place of the alerts."""
    by_alert: dict[Alert, list[Mutant]] = {}
    for mutant in tried:
        by_alert.setdefault(mutant.alert, []).append(mutant)
    files = trial.rule_files
    needed = _needed(files, [mutant.rule for mutant in tried])
    names = []
    for number, path in enumerate(files):
        groups = [_group(path, group, by_alert, needed) for group in content(path)["groups"]]
        names.append(f"rules{number}.yml")
        (folder / names[-1]).write_text(json.dumps({"groups": [g for g in groups if g["rules"]]}))
    test = {
        **trial.test,
        "alert_rule_test": [
            expected
            for one in trial.test.get("alert_rule_test", ())
            for alert, several in by_alert.items()
            if alert.name == one["alertname"]
            for expected in _expected(one, alert, several)
        ],
        "promql_expr_test": [
            expected
            for one in trial.asked
            for alert, several in by_alert.items()
            if _asks_for(one["expr"], alert)
            for expected in _answered(one, alert, several)
        ],
    }
    document = {**trial.head, "rule_files": names, "tests": [test]}
    (folder / "test.yml").write_text(json.dumps(document))
    return folder / "test.yml"


def _group(
    path: Path, group: Rule, by_alert: dict[Alert, list[Mutant]], needed: set[str]
) -> dict[str, Any]:
    rules: list[Rule] = []
    for rule in group["rules"]:
        if "alert" in rule:
            alert = Alert(path, rule["alert"], rule["labels"]["severity"])
            rules += [mutant.renamed() for mutant in by_alert.get(alert, ())]
        elif rule["record"] in needed:
            rules.append(rule)
    return {**group, "rules": rules}


def _expected(one: Rule, alert: Alert, several: Sequence[Mutant]) -> Iterator[Rule]:
    """What a test expects of one alert: of the others of its name there is no trace here."""
    told = [
        {**each, "exp_annotations": {"summary": each["exp_annotations"]["summary"]}}
        for each in deepcopy(one["exp_alerts"])
        if each["exp_labels"]["severity"] == alert.severity
    ]
    for mutant in several:
        yield {**one, "alertname": mutant.name, "exp_alerts": told}


def _answered(one: Rule, alert: Alert, several: Sequence[Mutant]) -> Iterator[Rule]:
    """The same of an expression, which asks for the mutant alone."""
    ours = (f'alertname="{alert.name}"', f'severity="{alert.severity}"')
    samples = [s for s in one["exp_samples"] or () if all(part in s["labels"] for part in ours)]
    for mutant in several:
        name = f'alertname="{mutant.name}"'
        told = [{**s, "labels": s["labels"].replace(ours[0], name)} for s in samples]
        yield {**one, "expr": ASKED.sub(name, one["expr"], count=1), "exp_samples": told}


def _needed(files: Sequence[Path], rules: Iterable[Rule]) -> set[str]:
    """The names of all that the alerts read, and all that those read."""
    reads: dict[str, set[str]] = {}
    for path in files:
        for group in content(path)["groups"]:
            for rule in group["rules"]:
                if "record" in rule:
                    reads.setdefault(rule["record"], set()).update(WORD.findall(rule["expr"]))
    new = {
        word
        for rule in rules
        for text in (rule["expr"], rule["annotations"]["summary"])
        for word in WORD.findall(text)
    } & set(reads)
    found: set[str] = set()
    while new:
        found |= new
        new = set().union(*(reads[name] for name in new)) & set(reads) - found
    return found
