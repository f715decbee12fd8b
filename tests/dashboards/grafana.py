"""Judges the whole against a real Grafana and a real InfluxDB 2, which somebody has to build first.

``python -m tests.dashboards.grafana --grafana DIR --influxd FILE`` starts both, and exporter,
Prometheus, Alertmanager and demo as `make run` does; it ends with 1 and names what is wrong. It
takes a quarter of an hour and is no part of `make test`: Debian has neither of the two.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from exporter.retention.plan import DAY, plan
from exporter.settings import Influx
from grafana import check
from tests.dashboards import engines
from tests.dashboards.truth import (
    PANELS,
    SENDERS,
    Panel,
    Rows,
    popular,
    send_plays,
    send_uploads,
    wrong,
)
from tests.durability.processes import Exporter, until
from tests.durability.wall import WallClock
from tests.stacks import running
from tests.test_dashboards import BOARDS, FOLDER, NEED_HISTORY

HOUR = 3600
SOON = 120.0  # seconds until what was told must be in InfluxDB
LATELY = "1h"
TOKEN = "EXPORTER_INFLUX__TOKEN"  # noqa: S105 - the name of a setting
NEED_PAST = (*NEED_HISTORY, r'kpi:(value|score)\{kpi="retention_ratio"')
"""What compares with days and weeks; retention counts the people of 60 days."""

PLAN = plan(Influx())
HOW = """\
{option} needs {what}, and {path} is none.
Debian has neither of the two, so somebody has to build them from their sources, anywhere:
  grafana/grafana, 9.4: `make build-go`; --grafana names the checkout, or bin/…/grafana in it
  influxdata/influxdb, 2.7 or newer: `make`; --influxd names bin/linux/influxd in it
docs/dashboards.md has more, see "Judge all of it with the real ones".
"""

Faults = list[str]


class Programs(NamedTuple):
    """What somebody built."""

    grafana: Path
    home: Path
    influxd: Path


class Sent:
    """What pages and servers tell over minutes, sent to an exporter at once."""

    def __init__(self, url: str) -> None:
        self._url = url

    def beacon(self, path: str, body: Mapping[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = json.load(answer)
        assert not said["rejected"], said

    def tell(self, *events: Mapping[str, Any]) -> None:
        self.beacon("/v1/events", {"events": events})

    def wait(self, seconds: float) -> None:
        """Nothing that is compared depends on it."""


class Judge:
    """Looks at one thing after the other, says how it is, and keeps what is wrong."""

    def __init__(self) -> None:
        self.faults: Faults = []

    def say(self, what: str, found: str, faults: Faults) -> None:
        """A line of the summary."""
        self.faults += [f"{what}: {fault}" for fault in faults]
        sys.stdout.write(f"{what}: {found}, {len(faults)} wrong\n")
        sys.stdout.flush()


# -- InfluxDB --------------------------------------------------------------------------------------


def judge_setup(judge: Judge, influx: engines.InfluxDb2, settings: Mapping[str, str]) -> None:
    """``influx setup`` makes everything, and a second time changes nothing."""
    first = _setup(settings)
    before = _laid_out(influx)
    second = _setup(settings)
    parts = len((*PLAN.buckets, *PLAN.tasks, *PLAN.mappings))
    faults = []
    if [line.split()[0] for line in first] != ["updated", *["created"] * (parts - 1)]:
        faults.append(f"it said {first}")
    if {line.split()[0] for line in second[:-1]} != {"unchanged"} or len(second) != parts + 1:
        faults.append(f"the second time it said {second}")
    if before != _laid_out(influx):
        faults.append("the second time it changed something")
    judge.say("influx setup", f"{parts} things made, the second time none", faults)


def _setup(settings: Mapping[str, str]) -> list[str]:
    command = (sys.executable, "-m", "exporter", "influx", "setup")
    ended = subprocess.run(
        command, env=os.environ | settings, cwd=engines.ROOT, capture_output=True, check=False
    )
    return [*ended.stdout.decode().splitlines(), *ended.stderr.decode().splitlines()]


def _laid_out(influx: engines.InfluxDb2) -> list[Any]:
    return [
        influx.call(f"/api/v2/{kind}?orgID={influx.org}") for kind in ("buckets", "tasks", "dbrps")
    ]


def judge_summaries(judge: Judge, influx: engines.InfluxDb2, hour: float) -> None:
    """The tasks summarise what was written, and again with what came late; and what was told."""
    if HOUR - time.time() % HOUR < SOON:
        time.sleep(SOON)  # An hour that ends in between would be in one of the summaries.
    now = time.time()
    points = [(now - number * 0.7 * HOUR, float(number * number)) for number in range(110)]
    late = [(now - 20 * HOUR, 1000.0)]
    faults = []
    for written in (points, [*points, *late]):
        influx.write(_lines(written))
        names = influx.run_tasks()
        for policy, every, days in (("hourly", HOUR, 1), ("daily", DAY, 3)):
            first, last = (now - days * DAY) // every * every, now // every * every
            truth = _summary([each for each in written if first <= each[0] < last], every)
            asked = f'SELECT * FROM "{policy}"."proof" GROUP BY *'  # noqa: S608
            shown = {row.pop("time"): row for _, row in influx.rows(asked)}
            faults += [
                f"{policy} of {at}: {shown.get(at)}, should be {truth.get(at)}"
                for at in sorted({*shown, *truth})
                if shown.get(at) != truth.get(at)
            ]
    plays = (
        "SELECT sum(watched_seconds_sum) AS watched, sum(watched_seconds_count) AS views"  # noqa: S608
        f' FROM "hourly"."play" WHERE time = {int(hour)}s GROUP BY video'
    )
    told = {
        video: {"watched": row["watched"], "views": row["views"]}
        for video, row in popular().items()
    }
    faults += wrong({tags["video"]: row for tags, row in influx.rows(plays)}, told)
    judge.say("summaries", f"{' and '.join(names)} ran twice over {len(points)} points", faults)


def _lines(points: list[tuple[float, float]]) -> Iterator[str]:
    """By two browsers, which summaries do without, as they do without texts."""
    for number, (at, value) in enumerate(points):
        browser = ("chrome", "safari")[number % 2]
        yield f'proof,browser={browser} value={value},text="t" {int(at)}000000000'


def _summary(points: list[tuple[float, float]], every: int) -> dict[float, dict[str, float]]:
    values: dict[float, list[float]] = {}
    for at, value in points:
        values.setdefault(at // every * every, []).append(value)
    return {
        at: {
            "value_count": len(those),
            "value_max": max(those),
            "value_mean": sum(those) / len(those),
            "value_sum": sum(those),
        }
        for at, those in values.items()
    }


def judge_retention(judge: Judge, influx: engines.InfluxDb2) -> None:
    """Each bucket takes what is younger than it keeps, and not what is older."""
    faults = []
    for bucket in PLAN.buckets:
        for days in (bucket.days - 1, bucket.days + 1):
            at = int(time.time() - days * DAY)
            if influx.write([f"kept v=1 {at}000000000"], bucket.name) != (days < bucket.days):
                faults.append(f"what {bucket.name} does with a point of {days} days")
    judge.say("retention", f"{len(PLAN.buckets)} buckets", faults)


# -- What was sent ---------------------------------------------------------------------------------


async def tell_past(folder: Path, settings: Mapping[str, str], began: float) -> None:
    """Let an exporter hear of plays and uploads at that time, hours ago, and stop it."""
    wall = WallClock(folder / "wall")
    wall.set(int(began - time.time()))
    exporter = Exporter(
        folder / "run", {"SESSIONS__SETTLE_SECONDS": 1, "SESSIONS__SILENCE_SECONDS__PLAY": 10}
    )
    exporter.environment |= {**settings, **wall.environment}

    async def over() -> bool:
        page = await exporter.samples()
        kinds = (frozenset({("lifecycle", kind)}) for kind in ("play", "upload"))
        return not any(page["exporter_open_sessions", kind] for kind in kinds)

    async with exporter:
        sent = Sent(exporter.url)
        for number in range(SENDERS):
            await asyncio.to_thread(send_plays, sent, number)
        await asyncio.to_thread(send_uploads, sent)
        await until(over, SOON)
        await exporter.stop()


def judge_truth(judge: Judge, grafana: check.Grafana, hour: float) -> None:
    """The popular list, the heat map and the map of that hour, by Grafana's own API."""
    span = {"from": str(int(hour * 1000)), "to": str(int((hour + HOUR) * 1000))}

    def look() -> Faults:
        return [
            f"{panel.title} {panel.video}: {fault}"
            for panel in PANELS
            for fault in wrong(_shown(grafana, panel, span), panel.rows)
        ]

    judge.say("truth", f"{len(PANELS)} panels compared", _patiently(look, SOON))


def _patiently(look: Callable[[], Faults], seconds: float) -> Faults:
    """Look until nothing is wrong, or for so long."""
    end = time.monotonic() + seconds
    while (faults := look()) and time.monotonic() < end:
        time.sleep(5)
    return faults


def _shown(grafana: check.Grafana, panel: Panel, span: Mapping[str, str]) -> Rows:
    board = BOARDS[FOLDER / panel.board]
    named = panel.title, panel.kind
    (built,) = [each for each in board["panels"] if (each.get("title"), each["type"]) == named]
    variables = board["templating"]["list"]
    choices = {each["name"]: each.get("allValue", panel.video) for each in variables}
    queries = [check.filled(target, choices) for target in built["targets"]]
    found: Rows = {}
    for answer in check.answers(grafana, queries, dict(span)).values():
        for frame in answer["frames"]:
            name = frame["schema"]["name"]
            parts = re.fullmatch(r"\w+\.(.+) \{ \w+: (.+) \}", name)
            assert parts, f"{name!r} is not how Grafana 9.4 calls it: play.views {{ video: a }}"
            _, (value,) = frame["data"]["values"]
            found.setdefault(parts[2], {})[parts[1]] = value
    return found


# -- Grafana ---------------------------------------------------------------------------------------


def judge_provisioning(judge: Judge, log: Path) -> None:
    """Nothing that Grafana says of provisioning warns."""
    with log.open(errors="replace") as lines:
        found = list(check.provisioning(lines))
    faults = [line.text for line in found if line.wanting] if found else ["the log tells nothing"]
    judge.say("provisioning", f"{len(found)} lines in the log", faults)


def judge_panels(judge: Judge, grafana: check.Grafana, patience: float) -> None:
    """Every panel answers and, once the demo has run for a while, has data."""
    excused = {
        (board["title"], panel["title"], panel["fieldConfig"]["defaults"]["noValue"])
        for board in BOARDS.values()
        for panel in board["panels"]
        if panel["type"] != "row" and all(map(_needs_past, panel["targets"]))
    }
    counts: dict[str, int] = {}

    def look() -> Faults:
        own = list(check.check(grafana))
        # The first point of a graph over a week comes after many minutes.
        late = list(check.check(grafana, LATELY))
        empty = [a for a, b in zip(own, late, strict=True) if a.wanting and b.wanting]
        past = [each for each in empty if (each.board, each.panel, each.hint) in excused]
        counts.update(all=len(own), past=len(past))
        faults = [str(each) for each in (*own, *late) if each.error]
        return faults + [str(each) for each in empty if each not in past and not each.error]

    faults = _patiently(look, patience)
    found = f"{counts['all']} asked, {counts['past']} have no past to compare with"
    judge.say("panels", found, faults)


def _needs_past(target: Mapping[str, Any]) -> bool:
    return any(re.match(pattern, target.get("expr", "")) for pattern in NEED_PAST)


# -- All of it -------------------------------------------------------------------------------------


def run(judge: Judge, folder: Path, programs: Programs, patience: float) -> None:
    """Start everything, look at it, and stop everything."""
    hour = time.time() // HOUR * HOUR - 3 * HOUR
    for name in ("influxdb", "grafana"):
        (folder / name).mkdir()
    with ExitStack() as stack:
        influx = stack.enter_context(engines.influxdb2(folder / "influxdb", programs.influxd))
        settings = {"EXPORTER_INFLUX__URL": influx.url}
        judge_setup(judge, influx, {**settings, TOKEN: influx.token})
        # Nobody is given more than docs/operations.md says.
        settings[TOKEN] = influx.grant("read", "write")
        asyncio.run(tell_past(folder, settings, hour + 600))
        started = stack.enter_context(running(folder / "run", "--demo", **settings))
        sources = {
            "PROMETHEUS_URL": f"http://127.0.0.1:{started.ports['PROMETHEUS_PORT']}",
            "ALERTMANAGER_URL": f"http://127.0.0.1:{started.ports['ALERTMANAGER_PORT']}",
            "INFLUXDB_URL": influx.url,
            "INFLUXDB_TOKEN": influx.grant("read"),
        }
        served = engines.grafana(folder / "grafana", programs.grafana, programs.home, sources)
        grafana = check.Grafana(stack.enter_context(served))
        judge_truth(judge, grafana, hour)
        judge_summaries(judge, influx, hour)
        judge_retention(judge, influx)
        judge_panels(judge, grafana, patience)
        judge_provisioning(judge, folder / "grafana" / "log")


def found(grafana: Path, influxd: Path) -> Programs | str:
    """The programs, or why they are none."""
    given = grafana.resolve()
    for program in [given] if given.is_file() else sorted(given.glob("bin/**/grafana")):
        for home in program.parents:
            if (home / "conf" / "defaults.ini").is_file():
                if os.access(influxd, os.X_OK) and influxd.is_file():
                    return Programs(program, home, influxd.resolve())
                return HOW.format(
                    option="--influxd", what="the program of InfluxDB 2", path=influxd
                )
    what = "the folder of a Grafana, with bin and conf"
    return HOW.format(option="--grafana", what=what, path=grafana)


def main(arguments: list[str] | None = None) -> int:
    """Judge; 1 where something is wrong, and 2 where something to judge with is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.dashboards.grafana", description=__doc__)
    parser.add_argument("--grafana", type=Path, required=True, help="its folder or its program")
    parser.add_argument("--influxd", type=Path, required=True, help="the program of InfluxDB 2")
    parser.add_argument("--patience", type=float, default=1800.0, help="for panels to fill, in s")
    said = parser.parse_args(arguments)
    programs = found(said.grafana, said.influxd)
    if isinstance(programs, str):
        sys.stderr.write(programs)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # What was started is stopped then, too.
    judge, began = Judge(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(judge, Path(folder), programs, said.patience)
        except (AssertionError, ValueError, OSError, check.NoAnswerError) as broken:
            judge.faults.append(f"it came no further: {broken}")
    sys.stdout.writelines(f"wrong: {fault}\n" for fault in judge.faults)
    sys.stdout.write(f"{len(judge.faults)} wrong, {time.monotonic() - began:.0f} s\n")
    return int(bool(judge.faults))


if __name__ == "__main__":
    sys.exit(main())
