"""How much disk a month of this product takes in Prometheus, at a million events an hour.

A real exporter is sent the demo's traffic of every domain and read once a second. What its series
did in each second is drawn again and again, as often as a million events an hour need, to give the
scrapes of two hours as prometheus.yml has them: of these promtool makes a real block. The recording
rules are computed over it by a real Prometheus, which then merges everything into one block of two
hours, as it would have cut it. A month is 360 of these, whose indexes Prometheus merges later.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from bench import servers

ROOT: Final = Path(__file__).resolve().parent.parent
EVENTS_PER_SECOND: Final = 1_000_000 / 3600
HOURS: Final = 2
MONTH: Final = 30 * 24 // HOURS
"""Blocks of a month, as they are cut."""

MERGED: Final = 30 * 24 / 54
"""Blocks of a month after they were merged: Prometheus makes 54 hours of 27 blocks."""

REFERENCE: Final = 8
"""Bytes in the index for each chunk, at most; the rest of an index is there once a block."""

MERGE_SECONDS: Final = 400

WARM_UP: Final = 20
SILENCE: Final = json.dumps(
    dict.fromkeys(("upload", "generation", "play", "page_view", "web_session"), 60)
)
GOAL: Final = 1e9
SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
PHASE: Final = 0.37
"""When in their interval scrapes come, as a share of it: hardly ever when rules are computed."""

LABELS: Final = 'instance="127.0.0.1:9464"'
WORD: Final = re.compile(r"[a-zA-Z_:][\w:]*")

Page = dict[str, float]


class Seen(NamedTuple):
    """What the exporter showed: one page a second, and which series only grow."""

    pages: list[Page]
    growing: set[str]
    events_per_second: float


class Job(NamedTuple):
    """A scrape job: which series it keeps, how often."""

    name: str
    interval: int
    keeps: re.Pattern[str]
    drops: bool

    def has(self, series: str) -> bool:
        """Whether it stores ``series``."""
        return bool(self.keeps.fullmatch(series.partition("{")[0])) is not self.drops


class Block(NamedTuple):
    """What a block is made of."""

    series: int
    samples: int
    pieces: int
    """Chunks, of up to 120 samples of a series."""
    chunks: int
    """Bytes of them."""
    index_size: int

    @property
    def month(self) -> float:
        """Bytes of a month in merged blocks."""
        references = self.pieces * REFERENCE
        return (self.chunks + references) * MONTH + (self.index_size - references) * MERGED


def run(seconds: int) -> None:
    """Print what a month takes, and of what."""
    random.seed(1)
    seen = _watch(seconds)
    print(
        f"{len(seen.pages[-1])} series of the exporter, {seen.events_per_second:.0f} events/s "
        f"sent, drawn for {EVENTS_PER_SECOND:.0f} events/s"
    )
    start = (int(time.time()) // 7200 - 2) * 7200
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        data = Path(folder) / "data"
        rows = [_blocks(Path(folder), data, seen, job, start) for job in _jobs()]
        rows += list(_rules(Path(folder), data, start))
        whole = _merge(Path(folder), data)
    _print(rows, whole)


def _print(rows: Sequence[tuple[str, Block]], whole: Block) -> None:
    print(f"{'':24}series   samples  bytes/sample  MB of chunks/month")
    for name, block in (*rows, ("all in one block", whole)):
        print(
            f"{name:24}{block.series:6}{block.samples:10}{block.chunks / block.samples:14.2f}"
            f"{block.chunks * MONTH / 1e6:20.1f}"
        )
    print(f"index of that block: {whole.index_size / whole.series:.0f} bytes a series")
    cut = (whole.chunks + whole.index_size) * MONTH
    print(f"a month of such blocks, as they are cut: {cut / 1e6:.0f} MB")
    print(f"a month of them, merged: {whole.month / 1e6:.0f} MB, {whole.month / GOAL:.0%} of 1 GB")


# -- the exporter --------------------------------------------------------------------------------


def _watch(seconds: int) -> Seen:
    os.environ["EXPORTER_SESSIONS__SILENCE_SECONDS"] = SILENCE
    with servers.exporter("0,1") as server, _traffic(server.port):
        time.sleep(WARM_UP)
        url = f"http://127.0.0.1:{server.operations}/metrics"
        texts = []
        began = time.monotonic()
        for number in range(seconds + 1):
            time.sleep(max(0.0, began + number - time.monotonic()))
            with urllib.request.urlopen(url, timeout=10) as answer:
                texts.append(answer.read().decode())
    del os.environ["EXPORTER_SESSIONS__SILENCE_SECONDS"]
    gauges = set(re.findall(r"^# TYPE (\S+) (?:gauge|untyped|unknown)$", texts[0], re.MULTILINE))
    pages = [_page(text) for text in texts]
    growing = {series for series in pages[-1] if series.partition("{")[0] not in gauges}
    accepted = [
        sum(v for s, v in page.items() if s.startswith("exporter_events_accepted_total"))
        for page in (pages[0], pages[-1])
    ]
    return Seen(pages, growing, (accepted[1] - accepted[0]) / seconds)


@contextmanager
def _traffic(port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "demo.traffic", f"--url=http://127.0.0.1:{port}"]
    with subprocess.Popen(  # noqa: S603 - our own demo
        [*command, "--rate=4", "--speed=3"], stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def _page(text: str) -> Page:
    rows = (line.rpartition(" ") for line in text.splitlines() if line[:1] not in {"#", ""})
    return {series: float(value) for series, _, value in rows}


# -- scrapes -------------------------------------------------------------------------------------


def _jobs() -> list[Job]:
    config = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    jobs = []
    for each in config["scrape_configs"]:
        interval = each.get("scrape_interval", config["global"]["scrape_interval"])
        (relabel,) = each["metric_relabel_configs"]
        jobs.append(
            Job(
                each["job_name"],
                _seconds(interval),
                re.compile(relabel["regex"]),
                relabel["action"] == "drop",
            )
        )
    return jobs


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * SECONDS[duration[-1]]


def _blocks(folder: Path, data: Path, seen: Seen, job: Job, start: int) -> tuple[str, Block]:
    """Make a block of two hours of a job's scrapes."""
    file = folder / "scrapes"
    names = sorted(series for series in seen.pages[-1] if job.has(series))
    columns = _drawn(seen, job, names)
    with file.open("w") as out:
        for name, column in zip(names, columns, strict=True):
            _write(out, _labelled(name, job.name), column, start, job.interval)
        for name, column in _of_scrapes(job):
            _write(out, f'{name}{{job="{job.name}",{LABELS}}}', column, start, job.interval)
        if job.interval == min(each.interval for each in _jobs()):
            for name, column in _of_watchdog(job, start):
                _write(out, name, column, start, job.interval)
        out.write("# EOF\n")
    return job.name, _create(data, ("openmetrics", str(file), str(data)))


def _drawn(seen: Seen, job: Job, names: Sequence[str]) -> list[list[float]]:
    """The values of each series at each scrape."""
    first = seen.pages[0]
    steps = [
        [after.get(name, 0.0) - before.get(name, 0.0) for name in names]
        for before, after in zip(seen.pages, seen.pages[1:], strict=False)
    ]
    each = max(1, round(job.interval * EVENTS_PER_SECOND / seen.events_per_second))
    now = [first.get(name, 0.0) for name in names]
    grows = [name in seen.growing for name in names]
    columns: list[list[float]] = [[] for _ in names]
    for _ in range(HOURS * 3600 // job.interval):
        page = random.choice(seen.pages)  # noqa: S311 - nothing secret
        drawn = [random.choice(steps) for _ in range(each)]  # noqa: S311
        for place, (name, more) in enumerate(zip(names, zip(*drawn, strict=True), strict=True)):
            if grows[place]:
                now[place] += sum(more)
                columns[place].append(now[place])
            else:
                columns[place].append(page.get(name, 0.0))
    return columns


def _of_scrapes(job: Job) -> Iterator[tuple[str, list[float]]]:
    """What Prometheus adds to each scrape."""
    count = HOURS * 3600 // job.interval
    yield "up", [1.0] * count
    yield "scrape_samples_scraped", [2700.0] * count
    yield "scrape_samples_post_metric_relabeling", [2700.0] * count
    yield "scrape_series_added", [0.0] * count
    yield "scrape_duration_seconds", [random.uniform(0.03, 0.09) for _ in range(count)]  # noqa: S311


def _of_watchdog(job: Job, start: int) -> Iterator[tuple[str, list[float]]]:
    """The one alert that always fires, now the one and now the other."""
    count = HOURS * 3600 // job.interval
    labels = 'alertname="Watchdog",domain="platform",severity="none"'
    for beat in (0, 1):
        is_now = [number % 2 == beat for number in range(count)]
        fires = [1.0 if now else float("nan") for now in is_now]
        since = [
            float(start + number * job.interval) if now else float("nan")
            for number, now in enumerate(is_now)
        ]
        yield f'ALERTS{{{labels},alertstate="firing",beat="{beat}"}}', fires
        yield f'ALERTS_FOR_STATE{{{labels},beat="{beat}"}}', since


def _labelled(series: str, job: str) -> str:
    name, brace, labels = series.partition("{")
    return f'{name}{{job="{job}",{LABELS}{"," + labels if brace else "}"}'


def _write(out: Any, series: str, column: Iterable[float], start: int, interval: int) -> None:
    for number, value in enumerate(column):
        text = "NaN" if value != value else repr(value)  # noqa: PLR0124 - NaN is not itself
        out.write(f"{series} {text} {start + (number + PHASE) * interval:.3f}\n")


# -- rules ---------------------------------------------------------------------------------------


def _rules(folder: Path, data: Path, start: int) -> Iterator[tuple[str, Block]]:
    """Compute the recording rules over what is there, those that read others after them."""
    sums: dict[str, Counter[str]] = {}
    for number, level in enumerate(_levels()):
        for interval in sorted({interval for interval, _ in level}):
            rules = [rule for each, rule in level if each == interval]
            file = folder / f"rules-{number}-{interval}.yml"
            group = {"name": "rules", "interval": interval, "rules": rules}
            file.write_text(yaml.safe_dump({"groups": [group]}))
            out = folder / f"out-{number}-{interval}"
            with _prometheus(folder, data) as url:
                block = _create(
                    out,
                    (
                        "rules",
                        f"--url={url}",
                        f"--start={start}",
                        f"--end={start + HOURS * 3600 - 1}",
                        f"--output-dir={out}",
                        str(file),
                    ),
                )
            for each in out.glob("01*"):
                each.rename(data / each.name)
            counter = sums.setdefault(f"rules every {interval}", Counter())
            counter.update(block._asdict())
    for name, counter in sorted(sums.items()):
        yield name, Block(**counter)


def _levels() -> Iterator[list[tuple[str, Any]]]:
    """Recording rules with their intervals, in the order in which they can be computed."""
    evaluation = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())["global"]
    waiting = [
        (group.get("interval", evaluation["evaluation_interval"]), rule)
        for path in sorted((ROOT / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    ]
    while waiting:
        missing = {rule["record"] for _, rule in waiting if not _of_itself(rule)}
        ready = [
            (interval, rule)
            for interval, rule in waiting
            if not (set(WORD.findall(rule["expr"])) & (missing - {rule["record"]}))
            and not (_of_itself(rule) and rule["record"] in missing)
        ]
        # What reads itself through others, as an alert's history does, goes in its order.
        chosen = ready or waiting[:1]
        yield chosen
        waiting = [each for each in waiting if each not in chosen]


def _of_itself(rule: Any) -> bool:
    """Whether it sums up what it recorded before."""
    return rule["record"] in WORD.findall(rule["expr"])


# -- promtool and Prometheus ---------------------------------------------------------------------


def _create(folder: Path, arguments: Sequence[str]) -> Block:
    """Let promtool make blocks in ``folder``; return what is new there."""
    before = set(folder.glob("01*")) if folder.exists() else set()
    done = subprocess.run(  # noqa: S603 - Debian's
        [servers.tool("promtool", "prometheus"), "tsdb", "create-blocks-from", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"promtool {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    counter = Counter[str]()
    for block in set(folder.glob("01*")) - before:
        counter.update(_measured(block)._asdict())
    return Block(*(counter[name] for name in Block._fields))


def _measured(block: Path) -> Block:
    stats = json.loads((block / "meta.json").read_text())["stats"]
    return Block(
        stats.get("numSeries", 0),
        stats.get("numSamples", 0),
        stats.get("numChunks", 0),
        sum(each.stat().st_size for each in (block / "chunks").iterdir()),
        (block / "index").stat().st_size,
    )


def _merge(folder: Path, data: Path) -> Block:
    """Let Prometheus make one block of all, which it does after a minute."""
    with _prometheus(folder, data):
        latest = time.monotonic() + MERGE_SECONDS
        while len(blocks := _whole_blocks(data)) > 1:
            if time.monotonic() > latest:
                raise SystemExit(f"Prometheus has not merged {len(blocks)} blocks")
            time.sleep(1)
    (block,) = blocks
    return _measured(block)


def _whole_blocks(data: Path) -> list[Path]:
    """Blocks that are written; others have a name with a suffix."""
    return [each for each in data.glob("01*") if len(each.name) == 26]


@contextmanager
def _prometheus(folder: Path, data: Path) -> Iterator[str]:
    """A real Prometheus on the blocks that are there."""
    (folder / "prometheus.yml").write_text("")
    port = servers.free_port()
    command = [
        servers.tool("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command) as process:  # noqa: S603 - Debian's
        try:
            latest = time.monotonic() + servers.START_SECONDS
            while not _ready(f"{url}/-/ready"):
                if time.monotonic() > latest:
                    raise SystemExit("Prometheus is not ready")
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - on this machine
            return True
    except OSError:
        return False
