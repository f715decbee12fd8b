"""One stem everywhere: what belongs to a domain is found under its name, or a test says where not.

The message of a failure is a sentence that says what to write.
"""

import json
import pkgutil
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import events
from exporter.events import DOMAINS
from tests.pipelines import CATALOGUE

ROOT = Path(__file__).parents[1]
NAMES = [domain.name for domain in DOMAINS]


def test_every_package_of_events_is_a_domain_and_every_domain_is_a_package() -> None:
    packages = {module.name for module in pkgutil.iter_modules(events.__path__)}

    assert packages - set(NAMES) == set(), (
        "register these domains in DOMAINS of exporter/events/__init__.py, or remove them"
    )
    assert set(NAMES) - packages == set(), "write exporter/events/<name>/ for these domains"
    assert len(NAMES) == len(set(NAMES)), "give each domain a name of its own"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("exporter/events/{}/__init__.py", "declare the domain"),
        ("exporter/events/{}/metrics.py", "declare its metrics"),
        ("tests/events/test_{}.py", "test its events and lifecycles"),
        ("tests/events/cases/{}.yml", "list what is sent and which numbers come of it"),
        ("rules/{}.yml", "write its KPIs and alerts"),
        ("tests/rules/{}_test.yml", "test that its alerts fire when they should, and only then"),
        ("docs/runbooks/{}.md", "write what to do when its alerts fire"),
    ],
)
def test_what_every_domain_has(name: str, place: str, says: str) -> None:
    path = place.format(name)

    assert (ROOT / path).is_file(), f"{says} in {path}"


@pytest.mark.parametrize("name", NAMES)
def test_every_domain_has_a_dashboard(name: str) -> None:
    boards = sorted((ROOT / "grafana" / "dashboards" / name).glob("*.json"))

    assert boards, f"build at least one dashboard into grafana/dashboards/{name}/"
    for board in boards:
        assert json.loads(board.read_text())["uid"] == board.stem, (
            f"give {board.name} its own name as uid, so that alerts can point at it"
        )


def test_nothing_is_left_of_a_domain_that_is_gone() -> None:
    known = set(NAMES)
    tested = {path.stem.removeprefix("test_") for path in ROOT.glob("tests/events/test_*.py")}
    cases = {path.stem for path in ROOT.glob("tests/events/cases/*.yml")}
    # The dashboards that belong to no domain: the whole product, and ourselves.
    boards = {path.name for path in ROOT.glob("grafana/dashboards/*/")} - {"platform"}

    assert (tested | cases | boards) - known == set(), "remove what belongs to no domain"


RULES = sorted(path.stem for path in (ROOT / "rules").glob("*.yml"))


@pytest.mark.parametrize("stem", RULES)
def test_every_file_of_rules_has_a_test(stem: str) -> None:
    path = f"tests/rules/{stem}_test.yml"

    assert (ROOT / path).is_file(), f"test rules/{stem}.yml in {path}"


def alerts(stem: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "rules" / f"{stem}.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


@pytest.mark.parametrize("stem", RULES)
def test_every_alert_points_at_a_runbook_and_a_dashboard_that_exist(stem: str) -> None:
    uids = {path.stem for path in ROOT.glob("grafana/dashboards/*/*.json")}
    for alert in alerts(stem):
        name, notes = alert["alert"], alert["annotations"]
        path, _, anchor = notes["runbook_url"].removeprefix("/").partition("#")
        page = ROOT / path
        assert page.is_file(), f"write {path}, at which {name} points"
        headings = {
            re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
        }
        assert anchor in headings, f"write a heading {name} in {path}"
        if "dashboard_url" in notes:
            uid = notes["dashboard_url"].removeprefix("/d/").partition("?")[0].partition("/")[0]
            assert uid in uids, f"{name} points at the dashboard {uid}, which does not exist"


def test_every_series_that_a_runbook_names_exists() -> None:
    """A runbook that asks for a number which is no more helps nobody at three in the morning."""
    suffixes = ("", "_bucket", "_sum", "_count")
    known = {metric.name + suffix for metric in CATALOGUE.metrics for suffix in suffixes}
    missing = {
        (page.name, name)
        for page in ROOT.glob("docs/runbooks/*.md")
        for name in re.findall(r"\b(?:video|exporter)_[a-z0-9_]+\b", page.read_text())
        if name not in known
    }

    assert missing == set(), "name series of docs/metrics.md in these runbooks"


def test_every_module_has_its_place_in_the_layers() -> None:
    """What import-linter checks as ``exhaustive``, said in a sentence."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layered,) = [each for each in settings["contracts"] if each["type"] == "layers"]
    placed = {name.strip() for layer in layered["layers"] for name in layer.split("|")}
    modules = {module.name for module in pkgutil.iter_modules([str(ROOT / "exporter")])}

    assert layered["exhaustive"] is True
    assert modules - placed == set(), "give these modules a layer in pyproject.toml"
    assert placed - modules == set(), "remove these layers from pyproject.toml"


def test_the_core_is_named_in_the_contract_that_keeps_it_pure() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    pure = next(each for each in settings["contracts"] if each["type"] == "forbidden")
    edges = {
        "__main__", "addresses", "answers", "app", "audit", "check", "checkpoint", "connections",
        "crowd",
        "database", "dead_letters", "delivery", "engine", "forgetting", "health", "influxql",
        "jobs", "journal", "key", "probes", "receiver", "reports", "retention", "settings",
        "sinks",
    }  # fmt: skip
    modules = {module.name for module in pkgutil.iter_modules([str(ROOT / "exporter")])}

    assert {name.removeprefix("exporter.") for name in pure["source_modules"]} == modules - edges, (
        "name a new module in the contract of the core in pyproject.toml, or here among the edges"
    )
