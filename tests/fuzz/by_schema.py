"""``python -m tests.fuzz.by_schema``: schemathesis reads ``/v1/schema`` and sends what it allows.

And what it forbids. What must hold: whatever the schema allows is accepted, each event of it; what
it forbids is answered below 500.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode

from tests.durability.processes import Exporter, conserved

PATH: Final = "/v1/events"
SECONDS: Final = 60.0
MOST_EVENTS: Final = 3
MODES: Final = {"allowed": GenerationMode.POSITIVE, "forbidden": GenerationMode.NEGATIVE}


class Sent(NamedTuple):
    """What became of the bodies."""

    answers: dict[str, Counter[int]]
    """Of those that the schema allows, and of those that it forbids, by status."""
    faults: list[str]


def described(url: str) -> dict[str, Any]:
    """The schema that the exporter serves."""
    with urllib.request.urlopen(f"{url}/v1/schema", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def document(schema: dict[str, Any], reference: str) -> dict[str, Any]:
    """OpenAPI of ``/v1/events`` for events of one type alone: of all together it makes few."""
    there = "#/components/schemas/"
    components = json.loads(json.dumps(schema["$defs"]).replace("#/$defs/", there))
    events = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_EVENTS,
        "items": {"$ref": reference.replace("#/$defs/", there)},
    }
    body = {"type": "object", "properties": {"events": events}, "required": schema["required"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": schema["title"], "version": "1"},
        "components": {"schemas": components},
        "paths": {
            PATH: {
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": body}},
                    },
                    "responses": {"202": {"description": "accepted"}},
                }
            }
        },
    }


def _examples(bodies: SearchStrategy[Case], count: int, seed: int) -> list[Case]:
    """So many of them; the same seed makes the same ones."""
    found: list[Case] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(bodies)
    def keep(case: Case) -> None:
        found.append(case)

    keep()
    return found


def send(url: str, examples: int, seed: int) -> Sent:
    """Send so many bodies of each kind for every type of event."""
    schema = described(url)
    answers: dict[str, Counter[int]] = {kind: Counter() for kind in MODES}
    faults: list[str] = []
    for place in schema["properties"]["events"]["items"]["oneOf"]:
        operation = schemathesis.openapi.from_dict(document(schema, place["$ref"]))[PATH]["POST"]
        for kind, mode in MODES.items():
            bodies = operation.as_strategy(generation_mode=mode)
            for case in _examples(bodies, examples, seed):
                answer = case.call(base_url=url, timeout=SECONDS)
                answers[kind][answer.status_code] += 1
                if kind == "allowed":
                    fault = answer.status_code != 202 or bool(answer.json()["rejected"])
                else:
                    fault = answer.status_code >= 500
                if fault:
                    body = json.dumps(case.body, default=repr)
                    faults.append(f"{answer.status_code} {answer.text[:200]} to {body[-1000:]}")
    return Sent(answers, faults)


async def run(examples: int, seed: int, folder: Path) -> Sent:
    """Send them to an exporter, which can read them again after a kill."""
    async with Exporter(folder / "exporter", {"LOG_LEVEL": "ERROR"}) as exporter:
        sent = await asyncio.to_thread(send, exporter.url, examples, seed)
        await exporter.kill()
        await exporter.start()
        conserved(await exporter.samples())
    return sent


def main() -> int:
    """Print what became of them; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.by_schema", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="of each kind, of every type")
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sent = asyncio.run(run(said.examples, said.seed, Path(folder)))
    for kind, answers in sent.answers.items():
        sys.stdout.write(f"{answers.total()} {kind}: answers {dict(sorted(answers.items()))}\n")
    sys.stdout.write(f"{time.monotonic() - began:.0f} s; broken: {len(sent.faults)}\n")
    for fault in sent.faults[:20]:
        sys.stdout.write(f"{fault}\n")
    return int(bool(sent.faults))


if __name__ == "__main__":
    sys.exit(main())
