"""Whatever names somebody is sent through every format, and then looked for in all that is kept.

Each beacon is sent as its client sends it, with the canaries wherever it has room for text, and
then once more for each of its texts with a canary in that place alone: what is understood, what
is half understood and what is refused must all have forgotten who it was.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter.settings import Influx
from tests import hostile
from tests.apps import Start
from tests.canaries import ALIKE, BODIES, EMAIL, HEADERS, LOOKED_FOR, SEEDS, TOKEN
from tests.pipelines import FORMATS
from tests.sinks.server import Sink


def placed(body: Any, seed: str) -> Iterator[Any]:
    """The body with a canary in place of one of its texts, for each of them."""
    if isinstance(body, str):
        yield seed
    elif isinstance(body, Mapping):
        for name, value in body.items():
            for each in placed(value, seed):
                yield {**body, name: each}
    elif isinstance(body, list):
        for place, value in enumerate(body):
            for each in placed(value, seed):
                yield [*body[:place], each, *body[place + 1 :]]


def beacons() -> Iterator[tuple[str, Any]]:
    for path, bodies in BODIES.items():
        for body in bodies:
            yield path, body
            if not isinstance(body, bytes):
                for seed in SEEDS:
                    yield from ((path, each) for each in placed(body, seed))
    maker = hostile.Hostile(1)
    for event in hostile.TYPES:
        said = maker.of(event)
        for seed in SEEDS:
            texts = {k: v for k, v in said.items() if isinstance(v, str) and k != "type"}
            yield "/v1/events", {"events": [{**said, name: seed} for name in texts] or [said]}


def test_every_format_is_tried() -> None:
    tried = {*BODIES, *ALIKE}

    assert {path for path in FORMATS if not path.startswith("/cmcd/")} <= tried


def kept(folder: Path) -> dict[str, bytes]:
    """Every file of the instance as it is on the disk."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_nothing_that_is_kept_names_anybody(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Sink().serving() as sink:
        app = await start(
            sessions={"settle_seconds": 0.0, "silence_seconds": {"play": 1.0, "upload": 1.0}},
            influx=Influx(url=sink.url, every_seconds=0.2),
        )
        files: dict[str, bytes] = {}
        for number, (path, body) in enumerate(beacons()):
            query = f"?token={TOKEN}&mail={EMAIL}" if number % 2 else ""
            await app.post(path + query, body, headers=HEADERS)
            if number % 20 == 0:
                # What is refused is kept, as far as there is room for it.
                app.engine.tick()
            if number % 200 == 0:
                files |= {f"{name} {number}": held for name, held in kept(tmp_path).items()}
        await app.counted()
        await app.engine.checkpoint()
        text = (await app.ask("GET", f"{app.operations}/metrics")).body
        await app.until(lambda: bool(sink.taken))
        assert app.engine.dead_letters > 100, "not all was understood"
        files |= kept(tmp_path)
    files |= {"/metrics": text, "points": "\n".join(sink.taken).encode()}
    files["log"] = json.dumps([str(vars(each)) for each in caplog.records]).encode()

    found = {
        (name, word) for name, held in files.items() for word in LOOKED_FOR if word.encode() in held
    }
    assert not found
