"""Who hears of what, when: asked of the real amtool and of the real Alertmanager.

Waits are those of alertmanager.yml divided by 240 (an hour is 15 s), or by 1200 where patience is
tried; nothing else of it changes but addresses, secrets and the day's intervals, see
tests/alertmanager/engine.py.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from alertmanager import derive
from demo import webhook
from exporter.reports.alertmanager import tell
from exporter.reports.bulletin import LASTS, Alert
from tests.alertmanager import story
from tests.alertmanager.engine import (
    FASTER,
    FASTEST,
    LOCAL,
    REAL,
    ROOT,
    ZONE,
    alertmanager,
    faster,
    routes,
    seconds,
)
from tests.alertmanager.sinks import Delivery, Mail, sinks
from tests.alertmanager.story import ANNOTATIONS, INHIBITION, Story
from tests.programs import binary, free_port

CONFIG = yaml.safe_load(REAL.read_text())
MINUTE = 60 / FASTER  # a minute of the tree, in seconds of the test
HOUR = 3600 / FASTEST  # an hour of the tree, where patience is tried
SLACK = 0.9  # what a busy machine may add to a wait

CHANNELS = {
    "critical": {"pagerduty", "slack", "email", "webhook"},
    "high": {"slack", "email", "webhook"},
    "medium": {"slack", "email", "webhook"},
    "low": {"slack", "email", "webhook"},
    "info": {"slack", "webhook"},
}
RECEIVERS = {
    "critical": "on-call",
    "high": "team-lead",
    "medium": "team",
    "low": "digest",
    "info": "daily",
}
ESCALATED = {
    "high": {"escalated-to-on-call": 1},
    "medium": {"escalated-to-team-lead": 4, "escalated-to-on-call": 5},
}  # by severity, in the order of the tree: who is told, after how many hours


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, Story, Story]:
    names = ("main", "monday", "patience")
    main, monday, patience = (tmp_path_factory.mktemp(name) for name in names)
    return asyncio.run(story.all_stories(main, monday, patience))


@pytest.fixture(scope="module")
def told(stories: tuple[Story, Story, Story]) -> Story:
    return stories[0]


@pytest.fixture(scope="module")
def monday(stories: tuple[Story, Story, Story]) -> Story:
    return stories[1]


@pytest.fixture(scope="module")
def patience(stories: tuple[Story, Story, Story]) -> Story:
    return stories[2]


def channels(receiver: str) -> set[str]:
    (found,) = [r for r in CONFIG["receivers"] if r["name"] == receiver]
    return {key.removesuffix("_configs") for key in found if key.endswith("_configs")}


def heard_by(severity: str) -> str:
    """Return all receivers of alerts of `severity`, as amtool writes them."""
    return ",".join([*ESCALATED.get(severity, ()), RECEIVERS[severity]])


def written(delivery: Delivery) -> str:
    """Return what a message says, in one string."""
    if delivery.channel == "email":
        text: str = delivery.body.part("text/plain")
        return text
    return json.dumps(delivery.body, ensure_ascii=False)


# The files


@pytest.mark.parametrize("path", [REAL, LOCAL], ids=lambda path: path.name)
def test_amtool_accepts(path: Path) -> None:
    subprocess.run(
        [binary("amtool", "prometheus-alertmanager"), "check-config", path],
        check=True,
        capture_output=True,
    )


def test_the_local_file_is_made_of_the_real_one() -> None:
    assert derive.render() == LOCAL.read_text(), "run python alertmanager/derive.py"


def test_the_local_file_has_the_real_tree_and_only_a_webhook_on_this_machine() -> None:
    local = yaml.safe_load(LOCAL.read_text())
    for part in ("route", "inhibit_rules", "time_intervals", "templates"):
        assert local[part] == CONFIG[part], part
    assert "global" not in local
    assert [r["name"] for r in local["receivers"]] == [r["name"] for r in CONFIG["receivers"]]
    for receiver in local["receivers"]:
        assert set(receiver) == {"name", "webhook_configs"}
        for hook in receiver["webhook_configs"]:
            assert hook["url"].startswith("http://127.0.0.1:9096/")


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"alertname": "Watchdog", "severity": "none"}, "heartbeat"),
        *(({"alertname": "X", "severity": s, "kpi": "k"}, heard_by(s)) for s in RECEIVERS),
        ({"alertname": "UploadDailySummary", "severity": "info"}, "daily"),
        ({"alertname": "UploadWeeklyTrend", "severity": "info"}, "daily"),
        ({"alertname": "DailyReport", "severity": "info"}, "daily"),
        ({"alertname": "WeeklyReport", "severity": "info"}, "daily"),
        ({"alertname": "X", "severity": "none"}, "team"),
        ({"alertname": "X", "severity": "hihg"}, "team"),
        ({"alertname": "X"}, "team"),
    ],
    ids=str,
)
def test_amtool_routes(labels: dict[str, str], receivers: str) -> None:
    pairs = [f"{name}={value}" for name, value in labels.items()]
    command = [
        binary("amtool", "prometheus-alertmanager"),
        "config",
        "routes",
        "test",
        f"--verify.receivers={receivers}",
    ]
    for path in (REAL, LOCAL):
        done = subprocess.run(
            [*command, f"--config.file={path}", *pairs], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def alerts_of_the_rules() -> set[tuple[str, str]]:
    """Return name and severity of every alert that Prometheus knows."""
    groups = [
        group
        for path in (ROOT / "rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return {(rule["alert"], rule["labels"]["severity"]) for rule in rules}


@pytest.mark.parametrize(("name", "severity"), sorted(alerts_of_the_rules()))
def test_every_alert_of_the_rules_has_its_route(name: str, severity: str) -> None:
    receivers = "heartbeat" if name == "Watchdog" else heard_by(severity)
    test_amtool_routes({"alertname": name, "severity": severity, "kpi": "k"}, receivers)


REPORTS = {"DailyReport", "WeeklyReport"}  # the exporter itself tells these


def test_every_alert_that_the_tree_names_is_one_of_the_rules_or_a_report() -> None:
    matchers = [m for r in routes(CONFIG["route"]) for m in r.get("matchers", [])]
    for rule in CONFIG["inhibit_rules"]:
        matchers += rule["source_matchers"] + rule["target_matchers"]
    patterns = {
        pattern
        for matcher in matchers
        if matcher.startswith("alertname=")
        for pattern in matcher.split('"')[1].split("|")
    }
    assert len(patterns) == 9
    names = REPORTS | {name for name, _ in alerts_of_the_rules()}
    for pattern in patterns:
        assert [name for name in names if re.fullmatch(pattern, name)], pattern


@pytest.mark.parametrize("severity", CHANNELS)
def test_a_severity_goes_by_its_channels(severity: str) -> None:
    assert channels(RECEIVERS[severity]) == CHANNELS[severity]


@pytest.mark.parametrize("receiver", ["on-call", "team-lead"])
def test_what_escalates_goes_to_the_same_people_by_the_same_channels(receiver: str) -> None:
    by_name = {r["name"]: r for r in CONFIG["receivers"]}
    assert by_name[f"escalated-to-{receiver}"] | {"name": receiver} == by_name[receiver]


def test_no_secret_stands_in_the_file() -> None:
    secret = re.compile(r"(api_url|routing_key|service_key|password|token|credentials|secret):")
    assert not secret.findall(REAL.read_text())


def test_every_matcher_is_quoted_as_newer_versions_want_it() -> None:
    matchers = [m for r in routes(CONFIG["route"]) for m in r.get("matchers", [])]
    for rule in CONFIG["inhibit_rules"]:
        matchers += rule["source_matchers"] + rule["target_matchers"]
    assert len(matchers) > 10
    for matcher in matchers:
        assert re.fullmatch(r'\w+(=|!=|=~|!~)"[^"]+"', matcher), matcher


def test_the_time_zone_is_the_same_everywhere() -> None:
    spells = [s for interval in CONFIG["time_intervals"] for s in interval["time_intervals"]]
    assert len({s["location"] for s in spells}) == 1
    assert REAL.read_text().count("location: *zone") == len(spells) - 1


def test_what_is_daily_repeats_neither_in_its_interval_nor_after_the_next() -> None:
    (info,) = [r for r in CONFIG["route"]["routes"] if r["matchers"] == ['severity="info"']]
    for interval in CONFIG["time_intervals"]:
        ((spell,), (times,)) = interval["time_intervals"], interval["time_intervals"][0]["times"]
        start, end = (
            int(t[:2]) * 3600 + int(t[3:]) * 60 for t in (times["start_time"], times["end_time"])
        )
        assert spell.get("weekdays", ["monday"]) == ["monday"]
        assert end - start < seconds(info["repeat_interval"]) < seconds("23h") - (end - start)
        assert end - start > 2 * seconds(info["group_interval"])


def test_addresses_of_grafana_and_runbooks_stand_in_one_template() -> None:
    templates = {path.name: path.read_text() for path in REAL.parent.glob("templates/*.tmpl")}
    assert [name for name, text in templates.items() if "://" in text] == ["links.tmpl"]
    assert templates["links.tmpl"].count("://") == 2


# Timing


def test_critical_is_told_at_once_on_every_channel(told: Story) -> None:
    first = {
        channel: next(d.at for d in told.heard if d.channel == channel and "Critical" in written(d))
        for channel in CHANNELS["critical"]
    }
    assert max(first.values()) - told.began < SLACK


def test_critical_is_repeated_every_hour_while_it_lasts(told: Story) -> None:
    first, again = told.webhooks("Critical")
    assert 60 * MINUTE <= again.at - first.at < 62 * MINUTE + SLACK


def test_high_is_told_after_5_minutes_to_the_team_lead(told: Story) -> None:
    assert 5 * MINUTE <= told.waited("High") < 5 * MINUTE + SLACK
    assert told.webhooks("High")[0].body["receiver"] == "team-lead"
    assert told.mails("Alert: High,")[0].to.endswith("lead@example.org")
    assert told.bodies("slack", "`High`")
    assert not told.bodies("pagerduty", "[HIGH]")


def test_medium_is_told_after_15_minutes_to_the_team(told: Story) -> None:
    assert 15 * MINUTE <= told.waited("Medium") < 15 * MINUTE + SLACK
    assert told.webhooks("Medium")[0].body["receiver"] == "team"


def test_what_heals_within_its_wait_is_never_told(told: Story) -> None:
    assert not [d for d in told.heard if "HealsInTime" in written(d)]


def test_low_is_one_message_an_hour_for_all(told: Story) -> None:
    (digest,) = [d for d in told.heard if d.channel == "webhook" and d.body["receiver"] == "digest"]
    assert 60 * MINUTE <= digest.at - told.began < 60 * MINUTE + SLACK
    assert {(a["labels"]["alertname"], a["status"]) for a in digest.body["alerts"]} == {
        ("Lowone", "firing"),
        ("Lowtwo", "firing"),
        ("Lowlater", "firing"),
        ("LowHeals", "resolved"),
    }


def test_what_no_route_knows_reaches_the_team(told: Story) -> None:
    for name in ("Typo", "Bare"):
        assert told.webhooks(name)[0].body["receiver"] == "team"
        assert told.bodies("slack", f"`{name}`")
        assert told.mails(f"Alert: {name}")


def test_each_beat_of_the_watchdog_is_told_and_told_alone(told: Story) -> None:
    beats = told.webhooks("Watchdog")
    assert {b.channel for b in beats} == {"heartbeat"}
    assert beats[0].at - told.began < SLACK
    pauses = [after.at - before.at for before, after in pairwise(beats)]
    assert len(pauses) > 30
    assert sorted(pauses)[len(pauses) // 2] == pytest.approx(story.PULSE, rel=0.4)
    assert max(pauses) < story.PULSE + SLACK


def test_without_another_beat_there_is_no_heartbeat(told: Story) -> None:
    last = told.webhooks("Watchdog")[-1]
    assert last.at < told.beaten + SLACK
    assert told.heard[-1].at > told.beaten + 5 * SLACK


def test_the_daily_summary_is_told_once_and_only_in_its_interval(
    told: Story, monday: Story
) -> None:
    assert len(told.webhooks("UploadDailySummary")) == 1
    assert len(told.bodies("slack", "UploadDailySummary")) == 1
    assert told.webhooks("UploadDailySummary")[0].body["receiver"] == "daily"
    assert not monday.webhooks("UploadDailySummary")


def test_the_weekly_trend_is_told_once_and_only_in_its_interval(told: Story, monday: Story) -> None:
    assert len(monday.webhooks("UploadWeeklyTrend")) == 1
    assert len(monday.bodies("slack", "UploadWeeklyTrend")) == 1
    assert not told.webhooks("UploadWeeklyTrend")


def test_other_info_is_told_once_in_the_daily_interval(told: Story, monday: Story) -> None:
    assert len(told.webhooks("UploadNewErrorType")) == 1
    assert not monday.webhooks("UploadNewErrorType")


def test_no_e_mail_carries_info(told: Story) -> None:
    assert told.mails("Alert: ")
    for name in ("UploadDailySummary", "UploadWeeklyTrend", "UploadNewErrorType"):
        assert not told.mails(name)


async def test_a_report_is_told_once_when_it_comes_and_the_summaries_are_not(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    names = ("DailyReport", "WeeklyReport")
    async with (
        sinks() as heard,
        alertmanager(faster(heard, tmp_path, "daily-summary"), tmp_path) as engine,
        aiohttp.ClientSession() as http,
    ):
        for words in ("First", "Second"):
            for name in names:
                labels = {"alertname": name, "severity": "info", "domain": "platform"}
                labels["day"] = f"{now:%Y-%m-%d}"
                alert = Alert(labels, {"summary": f"{words} {name}"}, now, now + LASTS)
                await tell(http, engine.url, alert)
        await engine.post(story.DAILY, story.WEEKLY, story.INFO)
        await asyncio.sleep(6 * MINUTE)
        quiet = {
            each["labels"]["alertname"]
            for each in await engine.alerts()
            if each["status"]["inhibitedBy"]
        }
    told = [d for d in heard.deliveries if d.channel == "webhook"]
    assert quiet == {"UploadDailySummary", "UploadWeeklyTrend"}
    assert sorted(each.body["groupLabels"].get("alertname", "") for each in told) == ["", *names]
    assert {d.channel for d in heard.deliveries} == CHANNELS["info"]


# Inhibition


@pytest.mark.parametrize(("name", "by"), [(labels["alertname"], by) for labels, by in INHIBITION])
def test_inhibition(told: Story, name: str, by: set[str]) -> None:
    assert told.inhibited[name] == by


def test_what_is_inhibited_is_not_told(told: Story) -> None:
    for labels, by in INHIBITION:
        assert bool(told.webhooks(labels["alertname"])) != bool(by), labels


# Patience


def escalations(patience: Story, name: str) -> dict[str, float]:
    """Return who was told that `name` escalates, and after how many hours first."""
    first: dict[str, float] = {}
    for delivery in patience.webhooks(name):
        first.setdefault(delivery.body["receiver"], (delivery.at - patience.began) / HOUR)
    return {name: hours for name, hours in first.items() if name.startswith("escalated-")}


def soon(hours: float) -> Any:
    """Return what equals `hours`, or somewhat more on a busy machine."""
    return pytest.approx(hours + SLACK / HOUR / 2, abs=SLACK / HOUR / 2)


@pytest.mark.parametrize(("name", "severity"), [("Ignored", "high"), ("Lingering", "medium")])
def test_what_nobody_silences_is_told_to_the_next_people_after_its_patience(
    patience: Story, name: str, severity: str
) -> None:
    assert escalations(patience, name) == {r: soon(h) for r, h in ESCALATED[severity].items()}
    for receiver in ESCALATED[severity]:
        (alert,) = patience.webhooks(name, receiver=receiver)[0].body["alerts"]
        assert alert["labels"]["severity"] == severity


def test_the_usual_people_are_told_as_always(patience: Story) -> None:
    for name, receiver in (("Ignored", "team-lead"), ("Lingering", "team")):
        assert patience.webhooks(name)[0].body["receiver"] == receiver


def test_one_silence_ends_it_before_and_between(patience: Story) -> None:
    assert patience.webhooks("Taken", receiver="team-lead")
    assert escalations(patience, "Taken") == {}
    assert set(escalations(patience, "TakenLate")) == {"escalated-to-team-lead"}


def test_what_still_fires_when_its_silence_ends_is_told_then(patience: Story) -> None:
    assert escalations(patience, "Snoozed") == {"escalated-to-on-call": soon(6 / HOUR)}


def test_what_heals_within_its_patience_is_not_told(patience: Story) -> None:
    assert patience.webhooks("Healed", receiver="team-lead")
    assert escalations(patience, "Healed") == {}


def test_patience_is_not_begun_again_by_a_restart_of_alertmanager(patience: Story) -> None:
    assert escalations(patience, "Old") == {"escalated-to-on-call": soon(0)}
    assert escalations(patience, "Aged") == {"escalated-to-on-call": soon(2 / HOUR)}


def test_what_heals_and_comes_back_has_the_clock_of_its_first_time(patience: Story) -> None:
    assert escalations(patience, "Flapping") == {"escalated-to-on-call": soon(1)}


def test_what_a_critical_alert_of_its_kpi_keeps_quiet_is_not_told_until_that_is_over(
    patience: Story,
) -> None:
    assert not patience.webhooks("Covered")
    after = (patience.healed - patience.began) / HOUR
    assert escalations(patience, "Uncovered") == {"escalated-to-on-call": soon(after)}


def test_each_alert_has_a_clock_and_a_message_of_its_own(patience: Story) -> None:
    messages = patience.webhooks("SinkLagging", receiver="escalated-to-on-call")
    first: dict[str, float] = {}
    for message in messages:
        (alert,) = message.body["alerts"]
        first.setdefault(alert["labels"]["instance"], message.at - patience.began)
    assert first == {
        "a:9464": pytest.approx(HOUR + SLACK / 2, abs=SLACK / 2),
        "b:9464": pytest.approx(1 + HOUR + SLACK / 2, abs=SLACK / 2),
    }


@pytest.mark.parametrize("labels", story.NEVER, ids=lambda labels: labels["severity"])
def test_other_severities_have_no_patience(patience: Story, labels: dict[str, str]) -> None:
    assert escalations(patience, labels["alertname"]) == {}


def test_an_escalated_alert_is_repeated_every_hour_and_told_when_it_is_over(
    patience: Story,
) -> None:
    first, again, *_ = patience.webhooks("Ignored", receiver="escalated-to-on-call")
    assert again.at - first.at == pytest.approx(HOUR + SLACK / 2, abs=SLACK / 2)
    (over,) = patience.webhooks("Ignored", "resolved", "escalated-to-on-call")
    assert over.at - patience.healed < SLACK


def test_a_silence_keeps_quiet_that_an_escalated_alert_is_over(patience: Story) -> None:
    assert patience.webhooks("Lingering", receiver="escalated-to-on-call")
    assert not patience.webhooks("Lingering", "resolved")


def test_an_escalated_alert_says_so_in_its_title_on_every_channel(patience: Story) -> None:
    since = datetime.fromtimestamp(patience.began).astimezone().strftime("%a %H:%M")
    for name, severity in (("Ignored", "HIGH"), ("Lingering", "MEDIUM")):
        title = f"[ESCALATED: {severity} since {since}, nobody silenced it] {name} happened"
        slack = [
            a["title"] for b in patience.bodies("slack", f"`{name}`") for a in b["attachments"]
        ]
        assert title in slack
        assert f"[{severity}] {name} happened" in slack
        mails = {(m.to, m.message["Subject"]) for m in patience.mails(f"Alert: {name},")}
        assert ("video-on-call@example.org", title) in mails
        assert (("video-lead@example.org", title) in mails) == (severity == "MEDIUM")
        (page, *_) = patience.bodies("pagerduty", f"'class': '{name}'")
        assert page["payload"]["summary"] == title
    assert patience.bodies("slack", "[RESOLVED] Ignored happened")


# What messages say


def links() -> tuple[str, str]:
    """Return where messages say that the runbook and the dashboard are."""
    text = (REAL.parent / "templates" / "links.tmpl").read_text()
    found = dict(re.findall(r'define "video\.(\w+)" }}(\w+://[^{]+){{', text))
    return (
        found["runbooks"] + ANNOTATIONS["runbook_url"],
        found["grafana"] + ANNOTATIONS["dashboard_url"],
    )


def shown(moment: float) -> str:
    """Return `moment` as messages show it: in the zone of Alertmanager's machine."""
    return f"{datetime.fromtimestamp(moment, ZONE):%a %-d %b %H:%M %Z}"


class Page(HTMLParser):
    """The words and links of a page, and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.links: list[str | None] = []
        self.open: list[str] = []
        self.rows = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name == "href"]
        self.rows += tag == "tr"
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def test_slack_says_what_where_since_when_and_links(told: Story) -> None:
    runbook, dashboard = links()
    message = told.bodies("slack", "`Critical`")[0]
    assert message["channel"] == "#video-alerts"
    (attachment,) = message["attachments"]
    assert attachment["title"] == (
        "[CRITICAL] Upload success is 86.2 % &amp; falling, &lt;90 %&gt;"
    )
    assert attachment["fallback"] == attachment["title"]
    assert attachment["title_link"] == dashboard
    assert attachment["text"] == (
        f"{ANNOTATIONS['description']}\n"
        f"upload, device tv · since {shown(told.began)}\n"
        f"`Critical` critical · <{runbook}|Runbook> · <{dashboard}|Dashboard>\n"
    )


def test_pagerduty_opens_an_incident_with_details_and_closes_it(told: Story) -> None:
    runbook, dashboard = links()
    trigger, again, resolve = told.bodies("pagerduty", "'class': 'Critical'")
    actions = [body["event_action"] for body in (trigger, again, resolve)]
    assert actions == ["trigger", "trigger", "resolve"]
    assert trigger["dedup_key"] == again["dedup_key"] == resolve["dedup_key"]
    assert trigger["routing_key"] == "key of the file"
    assert trigger["links"] == [
        {"href": runbook, "text": "Runbook"},
        {"href": dashboard, "text": "Dashboard"},
    ]
    payload = trigger["payload"]
    assert payload["severity"] == "critical"
    assert payload["summary"] == f"[CRITICAL] {ANNOTATIONS['summary']}"
    assert payload["custom_details"]["firing"].splitlines() == [
        ANNOTATIONS["summary"],
        *ANNOTATIONS["description"].splitlines(),
        "Where: upload, device tv",
        f"Since: {shown(told.began)}",
        "Alert: Critical, critical",
        f"Runbook: {runbook}",
        f"Dashboard: {dashboard}",
        "",
    ]
    assert resolve["payload"]["custom_details"]["resolved"].startswith("RESOLVED: ")


def test_e_mail_says_it_in_html_and_in_plain_text(told: Story) -> None:
    runbook, dashboard = links()
    mail = told.mails("Alert: Critical,")[0]
    assert mail.password == "password of the file"  # noqa: S105
    assert mail.message["Subject"] == f"[CRITICAL] {ANNOTATIONS['summary']}"
    page = Page(mail.part("text/html"))
    assert not page.open
    assert page.links[:2] == [runbook, dashboard]
    for word in (
        ANNOTATIONS["summary"],
        ANNOTATIONS["description"],
        "upload, device tv",
        shown(told.began),
    ):
        assert word in page.words
        assert word in mail.part("text/plain").replace("\r", "")
    assert f"Runbook: {runbook}" in mail.part("text/plain")


def test_where_is_a_segment_a_whole_domain_or_what_else_the_labels_say(told: Story) -> None:
    wheres = {
        "Critical": "upload, device tv",
        "High": "upload as a whole",
        "UploadNewErrorType": "upload, error_type timeout",
        "ExporterDown": "exporter, instance 127.0.0.1:9464",
        "Bare": "no domain",
    }
    for name, where in wheres.items():
        (attachment,) = told.bodies("slack", f"`{name}`")[0]["attachments"]
        assert f"{where} · since " in attachment["text"]


def test_high_and_medium_say_how_to_acknowledge(told: Story) -> None:
    for name in ("High", "Medium"):
        assert "/docs/alerting.md#acknowledge|Acknowledge>" in str(
            told.bodies("slack", f"`{name}`")
        )
        assert "/docs/alerting.md#acknowledge" in told.mails(f"Alert: {name},")[0].part(
            "text/plain"
        )
    assert "\n## Acknowledge\n" in DOCUMENT


def test_the_digest_has_a_line_per_alert_on_every_channel(told: Story) -> None:
    title = "Hourly digest of low alerts: 3 firing, 1 resolved"
    (slack,) = told.bodies("slack", title)
    lines = slack["attachments"][0]["text"].splitlines()
    assert len(lines) == 4
    (over,) = [line for line in lines if line.startswith("• Resolved: ")]
    assert "Upload success is 86.2 % &amp; falling, &lt;90 %&gt; (upload as a whole), since" in over
    assert slack["attachments"][0]["title"] == title
    (mail,) = told.mails("* Lowtwo happened (upload as a whole), since ")
    assert mail.message["Subject"] == title
    lines = mail.part("text/plain").strip().splitlines()
    assert len(lines) == 4
    linked = [line for line in lines if "://" in line]
    assert len(linked) == 2
    for line in linked:
        assert line.endswith(f", {', '.join(links())}")
    page = Page(mail.part("text/html"))
    assert not page.open
    assert page.words.count("since ") == 4
    assert [link for link in page.links if "runbooks" in str(link)] == [links()[0]] * 2
    assert [link for link in page.links if "/d/" in str(link)] == [links()[1]] * 2


def test_what_is_over_is_told_at_the_next_turn_of_its_group(told: Story) -> None:
    for name, receiver, turn in (
        ("Critical", "on-call", 5 / 60),
        ("High", "team-lead", 5),
        ("High", "escalated-to-on-call", 1),
    ):
        (over,) = told.webhooks(name, "resolved", receiver)
        assert over.at - told.healed < turn * MINUTE + SLACK
    slack = told.bodies("slack", "[RESOLVED]")
    assert {s["attachments"][0]["color"] for s in slack} == {"#2e7d32"}
    for mail in told.mails("RESOLVED: "):
        assert "acknowledge" not in mail.part("text/plain")
    assert {m.message["Subject"].split()[0] for m in told.mails("RESOLVED: Upload")} >= {
        "[RESOLVED]"
    }


def test_no_message_shows_a_template_or_a_gap(told: Story) -> None:
    for delivery in told.heard:
        said = written(delivery)
        if isinstance(delivery.body, Mail):
            said += delivery.body.part("text/html") + delivery.body.message["Subject"]
        for fault in ("{{", "<no value>", "%!", "ZgotmplZ", "<nil>"):
            assert fault not in said


def test_a_missing_secret_silences_only_its_own_channel(monday: Story) -> None:
    assert not monday.bodies("pagerduty", "Critical")
    assert monday.bodies("slack", "`Critical`")
    assert monday.mails("Alert: Critical,")
    assert monday.webhooks("Critical")


# On a machine without secrets


async def test_locally_an_alert_reaches_the_demo_webhook_at_once(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "kept" / "alerts.jsonl"
    config = tmp_path / "local.yml"
    config.write_text(
        LOCAL.read_text()
        .replace("127.0.0.1:9096", f"127.0.0.1:{port}")
        .replace("templates/", f"{LOCAL.parent}/templates/")
    )
    hook = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "demo.webhook", "--port", str(port), "--file", str(file)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        async with asyncio.timeout(20), alertmanager(config, tmp_path) as engine:
            await listening(port)
            began = time.time()
            await engine.post(story.CRITICAL, annotations=ANNOTATIONS)
            assert hook.stdout
            line = (await hook.stdout.readline()).decode()
            assert time.time() - began < SLACK
    finally:
        hook.terminate()
        assert await hook.wait() == 0
    assert re.match(r"\d\d:\d\d:\d\d FIRING  critical  Critical  Upload success is 86.2 % ", line)
    assert "(upload device tv)" in line
    assert ANNOTATIONS["runbook_url"] in line
    (kept,) = [json.loads(text) for text in file.read_text().splitlines()]
    assert kept["receiver"] == "on-call"
    assert datetime.fromisoformat(kept["received_at"]).timestamp() == pytest.approx(began, abs=5)
    assert kept["alerts"][0]["labels"] == story.CRITICAL


async def listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"alerts": [{}]}', b'"alerts"'])
async def test_the_demo_webhook_refuses_what_is_no_notification(
    body: bytes, tmp_path: Path, aiohttp_client: Any
) -> None:
    file = tmp_path / "alerts.jsonl"
    client = await aiohttp_client(webhook.application(file))
    answer = await client.post("/", data=body)
    assert answer.status == 400
    assert not file.exists()


# The documentation

DOCUMENT = (ROOT / "docs" / "alerting.md").read_text()


def table(head: str) -> list[list[str]]:
    """Return the rows of the table of the document that begins with the column `head`."""
    lines = DOCUMENT.splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith(f"| {head} |")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def waits(route: dict[str, Any]) -> list[str]:
    """Return the waits of `route` in the document's words."""
    durations = (route[f"{wait}"] for wait in ("group_wait", "group_interval", "repeat_interval"))
    words = {"s": "s", "m": "min", "h": "h"}
    return ["at once" if d == "0s" else f"{d[:-1]} {words[d[-1]]}" for d in durations]


def row_of(name: str, route: dict[str, Any]) -> list[str]:
    """Return who hears of `name` by `route`, and how, in the document's words."""
    words = {"pagerduty": "PagerDuty", "slack": "Slack", "email": "e-mail", "webhook": "webhook"}
    by = channels(route["receiver"])
    return [name, route["receiver"], ", ".join(words[c] for c in words if c in by)]


def test_the_table_of_the_document_is_the_tree() -> None:
    root = CONFIG["route"]
    by_matcher = {r["matchers"][0]: r for r in root["routes"] if not r.get("continue")}
    expected = []
    for name in (*RECEIVERS, "Watchdog", "anything else"):
        route = by_matcher.get(f'severity="{name}"', by_matcher.get(f'alertname="{name}"', root))
        row = row_of(name, route)
        match name:
            case "info":
                ((spell,),) = [i["time_intervals"] for i in CONFIG["time_intervals"][:1]]
                ((start, end),) = [(t["start_time"], t["end_time"]) for t in spell["times"]]
                expected.append([*row, f"{start} to {end}", "–", "the next day"])
            case "Watchdog":  # repeated at every look of Prometheus
                expected.append([*row, *waits(route)[:2], "5 s"])
            case _:
                expected.append([*row, *waits(route)])
        expected += [
            [*row_of(f"{name}, ignored", r), *waits(r)]
            for r in root["routes"]
            if r.get("continue") and r["matchers"] == [f'severity="{name}"']
        ]
    assert table("severity") == expected


async def test_the_commands_of_the_document_do_what_it_says(tmp_path: Path) -> None:
    kpi = "upload_success_ratio"
    mobile = {"segment": "device", "member": "mobile"}
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
    acknowledge, acknowledge_other, broader, expire, inhibited, _, heartbeat, change = blocks
    async with (
        sinks() as heard,
        alertmanager(faster(heard, tmp_path, "daily-summary"), tmp_path) as engine,
    ):
        await engine.post(
            story.WATCHDOG,
            story.alert("Bad", "high", kpi),
            story.alert("Worst", "critical", kpi, **story.TABLET),
            story.alert("WorstOfMobile", "critical", kpi, **mobile),
            story.alert("BadOfMobile", "high", kpi, **mobile),
            story.alert("Another", "critical", "api_error_ratio"),
            story.alert("SinkLagging", "medium"),
        )
        said = await shell(engine.url, acknowledge)
        assert "Worst" in said
        assert await engine.silenced() == {"Bad", "BadOfMobile"}

        await shell(engine.url, acknowledge_other)
        assert await engine.silenced() == {"Bad", "BadOfMobile", "SinkLagging"}
        first, outage = broader.splitlines()
        await shell(engine.url, first)
        assert await engine.silenced() == {"Bad", "BadOfMobile", "WorstOfMobile", "SinkLagging"}
        await shell(engine.url, outage)
        everything = {a["labels"]["alertname"] for a in await engine.alerts()}
        assert await engine.silenced() == everything - {"Watchdog"}
        query, end = expire.splitlines()
        assert "Planned outage" in await shell(engine.url, query)
        await shell(engine.url, end)
        left = await shell(engine.url, query)
        assert "Planned outage" in left
        assert "kpi=" not in left
        await shell(engine.url, end.replace(f"kpi={kpi}", ""))
        assert await engine.silenced() == set()

        said = await shell(engine.url, inhibited)
        shown_by_amtool, answered = said.split("[", 1)
        assert "BadOfMobile" in shown_by_amtool
        assert [a["labels"]["alertname"] for a in json.loads("[" + answered)] == ["BadOfMobile"]
        said = await shell(engine.url, heartbeat)
        assert "Watchdog" in said
        assert "} 0" in said
        said = await shell(engine.url, change.replace("python alertmanager/derive.py\n", ""))
        assert "SUCCESS" in said
        await asyncio.sleep(SLACK)
        tests = {d.channel for d in heard.deliveries if "A test of all channels" in written(d)}
        assert tests == CHANNELS["critical"]


async def shell(url: str, script: str) -> str:
    """Return what `script` of the document prints with `url` for Alertmanager."""
    binary("amtool", "prometheus-alertmanager")
    binary("curl", "curl")
    script = script.replace("export AM=http://127.0.0.1:9093", "")
    process = await asyncio.create_subprocess_exec(
        *("sh", "-e", "-c", script),
        env={**os.environ, "AM": url},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()
