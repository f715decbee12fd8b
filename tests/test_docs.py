"""Every command of the pages is run, in a shell, against a `make run` of the test.

What cannot be run here is in ``LEFT_OUT``, with a reason. Ports, folders and addresses that are
placeholders become those of the test; that is all that is changed.
"""

import asyncio
import importlib.util
import io
import itertools
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
import yaml

from exporter.formats.format import Sender
from exporter.settings import Settings, effective
from stack.layout import Demo, Ports
from tests.durability.processes import InfluxDb, deadline
from tests.pages import PAGES, ROOT, Block, agrees, blocks, commands
from tests.pipelines import CLEANER
from tests.programs import binary
from tests.sinks.server import Sink
from tests.stacks import Stack, running

SHELL = "sh"
OTHERS = {"haproxy", "ini", "js", "json", "nginx", "promql", "python", "sql", "text", "yaml"}
"""Languages that no shell runs; tests of their own hold most of them."""

LEFT_OUT = {
    r"make\b": "it would run this test, or what runs here already; the target is looked up",
    r"docker\b": "there is no engine; services are looked up in docker-compose.yml",
    r"(\w+=\S+\s+)*python -m exporter serve\b": "it runs until it is stopped, as it does here",
    r"(\w+=\S+\s+)*python -m exporter influx setup\b": "needs InfluxDB 2: make grafana",
    r"python -m (bench|tests)\b": "takes minutes to hours; module and options are looked up",
    r"python -m grafana\.check\b": "needs Grafana: tests/dashboards/test_check.py",
    r"\.venv/bin/pytest\b": "tests within a test; its files are looked up",
    r"python -m exporter dead-letters replay\b": "is refused again: tests/test_dead_letters.py",
    r"(tar|kill)\b": "would stop or overwrite what runs: tests/test_operations_docs.py",
    r"tusd\b": "runs until it is stopped: tests/clients/test_tusd.py",
    r"victoria-metrics\b": "runs until it is stopped: tests/test_operations_docs.py",
    r"(python3 -m venv|/opt/exporter/\S+/pip)\b": "installs; make does the same in .venv",
    r"du\b": "reads the whole disk",
}
"""Commands that are read by a shell, but not run; by what they begin with."""

SECONDS = 40.0
"""A command that only asks is asked again for so long: scrapes and rules come by their clock."""

LONGEST = 300.0
"""No block takes longer, not even on a busy machine."""

SENDS = re.compile(
    r"--json\b|--data|\s-d\s|-X POST|silence (add|expire)|alert add|forget|replay|purge"
)

SHELL_BLOCKS = [block for page in PAGES for block in blocks(page) if block.language == SHELL]
WITH_COMMANDS = sorted(
    {block.page for block in SHELL_BLOCKS}, key=[str(p.relative_to(ROOT)) for p in PAGES].index
)


def left_out(command: str) -> str | None:
    """What of the list keeps a command from being run."""
    line = command.replace("\\\n", " ").lstrip()
    return next((each for each in LEFT_OUT if re.match(each, line)), None)


# -- what is run --------------------------------------------------------------------------------


class Said(NamedTuple):
    """How a shell ended, and what was printed."""

    code: int | None
    out: str
    err: str


class Place(NamedTuple):
    """Where the commands of the pages are run."""

    stack: Stack
    influx: str
    folder: Path
    environment: Mapping[str, str]

    def translated(self, command: str) -> str:
        """A command with the ports, folders and addresses of the test."""
        ports = self.stack.ports
        here = {
            "8080": ports["EXPORTER_RECEIVER__PORT"],
            "9464": ports["EXPORTER_OPERATIONS__PORT"],
            "9090": ports["PROMETHEUS_PORT"],
            "9093": ports["ALERTMANAGER_PORT"],
            "8086": self.influx.rpartition(":")[2],
        }
        for placeholder, meant in {
            "COLLECTOR_URL": "http://127.0.0.1:8080",
            "http://api:8000/health": "http://127.0.0.1:9464/health/ready",
            "http://minio:9000/minio/health/live": "http://127.0.0.1:9093/-/ready",
            "tcp://rabbitmq:5672": "tcp://127.0.0.1:9093",
            ".run/": f"{self.stack.directory}/",
        }.items():
            command = command.replace(placeholder, meant)
        for shown, port in here.items():
            command = re.sub(rf"\b{shown}\b", str(port), command)
        return command

    async def run(self, script: str) -> Said:
        """Run a script as a careful shell does: it ends at the first command that fails."""
        process = await asyncio.create_subprocess_exec(
            *(binary("bash", "bash"), "-euo", "pipefail", "-c", script),
            cwd=self.folder,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with deadline(process, LONGEST):
            out, err = await process.communicate()
        return Said(process.returncode, out.decode(), err.decode())


def checkout(folder: Path) -> None:
    """What a checkout has; what commands may write is a copy."""
    folder.mkdir()
    for each in ROOT.iterdir():
        if each.name in {"alertmanager", "rules", "prometheus"}:
            shutil.copytree(each, folder / each.name)
        elif each.name != ".run":
            (folder / each.name).symlink_to(each)


def strict_curl(folder: Path) -> None:
    """A curl for which an answer of 400 or more is a failure, and every answer ends its line."""
    folder.mkdir()
    options = r"--fail-with-body --write-out '\n' --max-time 20"
    (folder / "curl").write_text(f'#!/bin/sh\nexec {binary("curl", "curl")} {options} "$@"\n')
    (folder / "curl").chmod(0o755)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("docs")
    # Debian's InfluxDB is too old for /api/v2/write, so somebody translates for it.
    async with (
        InfluxDb(folder / "influx") as influx,
        Sink(f"{influx.url}/write?db={influx.database}").serving() as sink,
    ):
        with started(folder, influx.url, sink.url) as place:
            yield place


@contextmanager
def started(folder: Path, influx: str, sink: str) -> Iterator[Place]:
    """A stack in a folder, of whose commands nobody else's files are touched."""
    settings = {
        "EXPORTER_INFLUX__URL": sink,
        "EXPORTER_INFLUX__EVERY_SECONDS": "0.5",
        "EXPORTER_SESSIONS__SETTLE_SECONDS": "1",
        "EXPORTER_JOURNAL__DIRECTORY": str(folder / "run" / "state"),
    }
    checkout(folder / "checkout")
    strict_curl(folder / "bin")
    with running(folder / "run", **settings) as stack:
        # A threshold that a page changes is that of the copy, and shows sooner than in a minute.
        thresholds = folder / "checkout" / "rules" / "thresholds.yml"
        thresholds.write_text(thresholds.read_text().replace("interval: 1m", "interval: 5s"))
        (stack.directory / "rules").unlink()
        (stack.directory / "rules").symlink_to(folder / "checkout" / "rules")
        refuse_some(stack)
        path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        reports = {
            "EXPORTER_REPORTS__PROMETHEUS_URL": f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}"
        }
        ports = {name: str(port) for name, port in stack.ports.items()}
        environment = os.environ | settings | ports | reports | {"PATH": path}
        yield Place(stack, influx, folder / "checkout", environment)


def refuse_some(stack: Stack) -> None:
    """Beacons that are refused, so that there is something to look at, show, replay and purge."""
    url = f"http://127.0.0.1:{stack.ports['EXPORTER_RECEIVER__PORT']}/v1/events"
    plain = {"Content-Type": "text/plain"}
    for number in range(12):
        body = json.dumps({"events": [{"type": f"unheard.of_{number}"}]}).encode()
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(urllib.request.Request(url, body, plain), timeout=10)
        time.sleep(0.06)  # at most 20 a second are kept


@pytest.mark.parametrize("page", WITH_COMMANDS)
@pytest.mark.asyncio(loop_scope="module")
async def test_every_command_of_a_page_does_what_the_page_says(place: Place, page: str) -> None:
    exported = ""
    for block in blocks(ROOT / page):
        if block.language == SHELL:
            said = [place.translated(each) for each in commands(block.text) if not left_out(each)]
            if said:
                await run(place, block, exported, "".join(said))
            exported += "".join(each for each in said if each.startswith("export "))


@pytest.mark.asyncio(loop_scope="module")
async def test_what_make_run_prints_can_be_pasted(place: Place) -> None:
    printed = [line for line in place.stack.said.splitlines() if line.startswith("  curl ")]
    said = await place.run("\n".join(printed))

    assert len(printed) == 2
    assert said.code == 0, said
    assert '"accepted":1' in said.out
    assert 'video_storage_operations_total{operation="check",result="ok"} ' in said.out


async def run(place: Place, block: Block, exported: str, script: str) -> None:
    """Run a block; one that only asks may have to wait for its answer."""
    began = time.monotonic()
    while True:
        said = await place.run(exported + script)
        fault = what_is_wrong(block, said)
        if not fault:
            return
        is_final = SENDS.search(script) or time.monotonic() - began > SECONDS
        assert not is_final, f"{block}: {fault}\n{script}\n{said.out}\n{said.err}"
        await asyncio.sleep(1)


def what_is_wrong(block: Block, said: Said) -> str:
    """Why an answer is not the one that the page promises."""
    if said.code:
        return f"ends with {said.code}"
    for line in said.out.splitlines():
        if line.startswith("{") and '"rejected"' in line and json.loads(line)["rejected"]:
            return "events were rejected"
    if block.answer and not agrees(block.answer, said.out):
        return f"does not answer as it shows:\n{block.answer}"
    return ""


# -- what is looked up --------------------------------------------------------------------------


def test_every_block_has_a_language_that_is_known() -> None:
    found = {block.language or str(block) for page in PAGES for block in blocks(page)}
    assert found <= {SHELL, *OTHERS}


def test_only_what_is_listed_is_left_out_and_nothing_is_listed_in_vain() -> None:
    left = {left_out(each) for block in SHELL_BLOCKS for each in commands(block.text)}
    assert left - {None} == set(LEFT_OUT)


def code() -> Iterator[tuple[str, str]]:
    """Every command and every piece of inline code, with its page."""
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        for block in blocks(page):
            if block.language == SHELL:
                yield from ((name, each.strip()) for each in commands(block.text))
        yield from ((name, each) for each in re.findall(r"`([^`\n]+)`", without_blocks(page)))


@cache
def without_blocks(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


CODE = list(code())


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = {
        (page, word)
        for page, each in CODE
        if each.startswith("make ")
        for word in shlex.split(each.splitlines()[0].partition("&&")[0], comments=True)[1:]
        if re.fullmatch("[a-z-]+", word)
    }
    assert said
    assert not {each for each in said if each[1] not in targets}


@cache
def help_of(words: tuple[str, ...]) -> str:
    """What a module of this project says of itself."""
    module, *rest = words
    said, before = io.StringIO(), sys.argv
    sys.argv = [module, *rest, "--help"]
    # Where another test has imported it, runpy would warn.
    spec = importlib.util.find_spec(module)
    runs = f"{module}.__main__" if spec and spec.submodule_search_locations else module
    main = sys.modules.pop(runs, None)
    try:
        with redirect_stdout(said), pytest.raises(SystemExit) as ended:
            runpy.run_module(module, run_name="__main__")
    finally:
        sys.argv = before
        if main is not None:
            sys.modules[runs] = main
    assert ended.value.code == 0, words
    return said.getvalue()


MODULE = re.compile(
    r"python3? -m ((?:exporter|bench|tests|grafana|demo|stack)[\w.]*)(.*)", re.DOTALL
)


def test_every_module_that_is_run_exists_and_knows_its_options() -> None:
    unknown = set()
    for page, each in CODE:
        for module, rest in MODULE.findall(each):
            assert importlib.util.find_spec(module), f"{page}: {module}"
            words = shlex.split(rest.split("\n")[0].rstrip("\\").replace("…", ""), comments=True)
            commanded: tuple[str, ...] = (module,)
            if module == "exporter":
                # A command, and of some that have commands of their own, one of these.
                names = itertools.takewhile(lambda word: re.fullmatch("[a-z-]+", word), words)
                commanded += tuple(names)[: 2 if words[:1] == ["dead-letters"] else 1]
                known = re.findall(r"\{([^}]*)\}", help_of(commanded[:1]))[0].split(",")
                assert set(commanded[1:2]) <= set(known), f"{page}: {each}"
            unknown |= {
                (page, word)
                for word in words
                if word.startswith("--") and word.split("=")[0] not in help_of(commanded)
            }
    assert not unknown


def test_every_setting_that_is_named_exists() -> None:
    names = {name for name, _ in effective(Settings())}
    names |= {f"DEMO_{each.upper()}" for each in Demo.model_fields}
    names |= {each.upper() for each in Ports.model_fields}
    unknown = set()
    for page in PAGES:
        for name in re.findall(
            r"\b(?:EXPORTER|DEMO)_[A-Z_]+[A-Z](?![A-Z_]*…)\*?", page.read_text()
        ):
            # A part, a setting, or a word of one that holds several.
            if not any(
                f"{each}__".startswith(f"{name}__") or name.startswith(f"{each}__")
                for each in names
            ):
                unknown.add((page.name, name))
    assert not unknown


PATHS = re.compile(
    r"(?:alertmanager|bench|demo|docs|exporter|grafana|prometheus|rules|stack|tests)/[\w./*<>-]*[\w/>]"
)


IMAGINED = re.compile(r"\b(live|acme)\b")
"""The domain and the format that CONTRIBUTING.md adds."""


def test_every_file_that_is_named_exists() -> None:
    gone = {
        (page, each)
        for page, each in CODE
        if PATHS.fullmatch(each)
        if not ("<" in each or IMAGINED.search(each.replace("_", " ")))
        if not list(ROOT.glob(each.rstrip("/")))
    }
    assert not gone


def test_every_file_of_a_test_that_is_left_out_exists() -> None:
    for block in SHELL_BLOCKS:
        for each in commands(block.text):
            if left_out(each):
                for path in re.findall(r"\b(?:tests|rules)/\S+", each):
                    assert (ROOT / path).exists(), f"{block}: {path}"


def test_every_service_of_docker_compose_that_is_named_exists() -> None:
    services = set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])
    asked = {
        (page, service)
        for page, each in CODE
        for service in re.findall(
            r"^docker compose (?:logs|ps) (?:.* )?([a-z]\w+)$", each.partition("#")[0].strip()
        )
    }
    assert asked
    assert not {each for each in asked if each[1] not in services}


def test_the_examples_of_contributing_work() -> None:
    said: dict[str, Any] = {"__name__": "exporter.events.example"}
    for block in blocks(ROOT / "CONTRIBUTING.md"):
        if block.language == "python":
            exec(compile(block.text, str(block), "exec"), said)  # noqa: S102 - it is ours
    parsed = said["Acme"](CLEANER).parse(b'{"session": "s1", "startup_ms": 800}', Sender("/acme"))

    assert said["DOMAIN"].events == (said["Ended"],)
    assert list(said["Ended"](stream_id="s1").observe()) == [said["ENDED"]()]
    assert [event.startup_seconds for event in parsed.events] == [0.8]


# -- links --------------------------------------------------------------------------------------


@cache
def anchors(page: Path) -> frozenset[str]:
    """What may follow # in a link to a page, as GitHub makes it of the headings."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.*)$", without_blocks(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return frozenset(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            lost.append(target)
    assert not lost


def test_every_page_is_reached_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        new = {
            (page.parent / target.partition("#")[0]).resolve()
            for page in new
            for target in re.findall(r"\]\(([^)\s]+?)\)", page.read_text())
            if target.partition("#")[0].endswith(".md") and not target.startswith("http")
        } - reached
    assert {page for page in PAGES if page not in reached} == set()


def test_the_page_for_those_on_call_has_everything_that_wakes_them() -> None:
    critical = {
        f"runbooks/{rule['labels']['domain']}.md#{rule['alert'].lower()}"
        for file in (ROOT / "rules").glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule and rule["labels"]["severity"] == "critical"
    }
    page = (ROOT / "docs" / "on-call.md").read_text()

    assert set(re.findall(r"\]\((runbooks/\w+\.md#\w+)\)", page)) == critical
