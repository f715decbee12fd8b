"""From a condition to the webhook in 20 s: added up from what is shipped, and tried."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.settings import Settings
from tests.alertmanager import timing
from tests.alertmanager.engine import REAL, ROOT, seconds

pytestmark = pytest.mark.alone

PROMETHEUS = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
ALERTMANAGER = yaml.safe_load(REAL.read_text())
GROUPS = [
    group
    for path in sorted((ROOT / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
]
INSTANT = {
    rule["alert"]: (rule, group)
    for group in GROUPS
    if group["name"].endswith("-instant")
    for rule in group["rules"]
    if "alert" in rule and rule["labels"]["severity"] == "critical"
}
PROBED = {"ServiceDown"}


def job(name: str) -> Any:
    (found,) = [each for each in PROMETHEUS["scrape_configs"] if each["job_name"] == name]
    return found


def route(matcher: str) -> Any:
    (found,) = [
        r
        for r in ALERTMANAGER["route"]["routes"]
        if r["matchers"] == [matcher] and not r.get("continue")
    ]
    return found


def test_the_alerts_on_the_instant_are_the_ones_that_are_meant() -> None:
    assert set(INSTANT) == {
        "ExporterDown",
        "ExporterRefusing",
        "ServiceDown",
        "StorageUnavailable",
    }


@pytest.mark.parametrize("name", sorted(INSTANT))
def test_the_waits_of_an_alert_on_the_instant_add_up_to_less_than_the_limit(name: str) -> None:
    rule, group = INSTANT[name]
    scrape, told = job("exporter-instant"), route('severity="critical"')
    look = seconds(group["interval"])
    worst = seconds(scrape["scrape_interval"]) + seconds(scrape["scrape_timeout"]) + look
    if "for" in rule:
        assert seconds(rule["for"]) % look == 0
        worst += seconds(rule["for"])
    if name in PROBED:
        probes = Settings.model_construct().probes
        # A service that answers a probe too late lets a scrape be in time.
        worst += round(probes.every_seconds + probes.timeout_seconds)
        worst -= seconds(scrape["scrape_timeout"])
    assert told["group_wait"] == "0s"
    assert told["group_by"] == ["..."]
    assert worst < timing.LIMIT


@pytest.mark.parametrize("name", sorted(INSTANT))
def test_what_an_alert_on_the_instant_reads_is_scraped_by_the_fast_job_alone(name: str) -> None:
    fast, slow = job("exporter-instant"), job("exporter")
    (keep,), (drop,) = fast["metric_relabel_configs"], slow["metric_relabel_configs"]
    assert (keep["action"], drop["action"]) == ("keep", "drop")
    assert keep["regex"] == drop["regex"]
    rule, group = INSTANT[name]
    texts = rule["expr"] + "".join(r["expr"] for r in group["rules"] if "record" in r)
    read = set(re.findall(r"\b(?:video|exporter)_\w+", texts))
    assert read
    assert all(re.fullmatch(keep["regex"], series) for series in read)


def test_a_watchdog_is_another_one_at_every_look() -> None:
    ((rule, group),) = [(r, g) for g in GROUPS for r in g["rules"] if r.get("alert") == "Watchdog"]
    look = seconds(group["interval"])
    assert f"time()) / {look})" in rule["expr"]
    told = route('alertname="Watchdog"')
    assert told["group_by"] == ["beat"]
    # One that is over must be seen to be over before it begins again.
    assert seconds(told["group_interval"]) < look / 2
    assert seconds(told["repeat_interval"]) > 4 * 60
    # Two may be lost.
    assert 2 * look + seconds(told["group_interval"]) < timing.AGREED < timing.LIMIT


async def test_conditions_are_told_in_time() -> None:
    """A short form of ``python -m tests.alertmanager.timing``: one world of each kind."""
    found = await timing.measure(2, 2, with_storage=False)
    assert {each.condition for each in found} == {"service", "exporter", "watchdog"}
    assert len(found) == 6
    assert not [each for each in found if each.seconds > timing.LIMIT]


def test_the_document_tells_what_was_agreed() -> None:
    text = (ROOT / "docs" / "alerting.md").read_text()
    assert f"for {timing.AGREED:g} s" in text
    assert Path(timing.__file__).stem in text
