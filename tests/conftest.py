"""Fixtures: a pipeline under a clock that the test moves, and a real exporter on free ports."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.apps import Running, Start, running
from tests.pipelines import Piped, conserved

# An example may take long on a busy machine; what fails in CI must fail again at home.
settings.register_profile("home", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", settings.get_profile("home"), derandomize=True, database=None, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "home")


@pytest.fixture
def piped() -> Iterator[Piped]:
    piped = Piped()
    yield piped
    conserved(piped.pipeline.store)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def begin(**parts: Any) -> Running:
            return await stack.enter_async_context(running(tmp_path / "state", **parts))

        yield begin


@pytest.fixture
async def app(start: Start) -> Running:
    return await start()
