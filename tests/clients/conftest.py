"""A Chromium and pages for the tests of one file, which share a loop for that; a film."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.clients import film
from tests.clients.browser import Browser, chromium
from tests.clients.scripted import Pages, pages


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Pages]:
    async with pages() as found:
        yield found


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film, made once."""
    return film.make(tmp_path_factory.mktemp("film"))
