"""A real tusd, real tus-js-client, and a line between them that may be slow or hang."""

import asyncio
import json
import shlex
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.clients.browser import HERE, NODE
from tests.durability.processes import ROOT, Samples, Server, parse
from tests.programs import free_port

TUSD = ROOT / ".tools" / "bin" / "tusd"
PATIENCE = 120.0  # seconds until something that should happen must have happened
PIECE = 16_384


class Tusd(Server):
    """A tusd with the flags of a command that may be pasted, on a port of the test."""

    def __init__(self, folder: Path, command: str, *more: str) -> None:
        assert TUSD.is_file(), "make tusd builds what is missing"
        folder.mkdir()
        self.port = free_port()
        program, *flags = shlex.split(command)
        assert program == "tusd"
        own = ("-host", "127.0.0.1", "-port", str(self.port), "-upload-dir", str(folder / "data"))
        super().__init__(
            (str(TUSD), *flags, *own, *more), folder / "log", f"http://127.0.0.1:{self.port}/"
        )
        self.url = f"http://127.0.0.1:{self.port}"

    async def failed_hooks(self) -> float:
        """How many of its hooks failed, as it says itself."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as answer:
            return total(parse(await answer.text()), "tusd_hook_errors_total")

    async def failed_hooks_are(self, least: int) -> bool:
        """Whether so many of its hooks failed."""
        return await self.failed_hooks() >= least


class Line:
    """A way to a port of so many bytes a second, on which nothing moves while it is not free."""

    def __init__(self, port: int, rate: float) -> None:
        self._port = port
        self._rate = rate
        self.free = asyncio.Event()
        self.free.set()
        self._ends: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break all connections that there are."""
        for end in self._ends:
            end.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        there = await asyncio.open_connection("127.0.0.1", self._port)
        ends = {writer, there[1]}
        self._ends |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._move(reader, there[1], self._rate))
                both.create_task(self._move(there[0], writer, 0.0))
        except* (ConnectionError, EOFError):
            pass
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()

    async def _move(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: float
    ) -> None:
        while piece := await reader.read(PIECE):
            await self.free.wait()
            writer.write(piece)
            await writer.drain()
            if rate:
                await asyncio.sleep(len(piece) / rate)
        raise EOFError


@asynccontextmanager
async def line(port: int, rate: float) -> AsyncIterator[tuple[Line, str]]:
    """Such a way, and its address."""
    carrier = Line(port, rate)
    server = await asyncio.start_server(carrier.carry, "127.0.0.1", 0, limit=PIECE)
    address = server.sockets[0].getsockname()[1]
    async with server:
        yield carrier, f"http://127.0.0.1:{address}"


class Uploading:
    """One upload by tus-js-client."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.happened: list[Mapping[str, Any]] = []

    async def until(self, event: str, sent: int = 0) -> Mapping[str, Any]:
        """Return when something happens that has not happened yet; nothing else may fail."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while text := await self._process.stdout.readline():
                told: Mapping[str, Any] = json.loads(text)
                self.happened.append(told)
                if told["event"] == event and told.get("sent", 0) >= sent:
                    return told
                assert told["event"] != "failed", told
        raise AssertionError(f"the client ended before {event}")

    def tell(self, word: str) -> None:
        """``start``, ``pause`` or ``terminate``."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the series of a family that have these labels."""
    wanted = labels.items()
    return sum(value for (found, own), value in samples.items() if found == name and wanted <= own)


@asynccontextmanager
async def upload(url: str, size: int, **options: Any) -> AsyncIterator[Uploading]:
    """Upload so many bytes through an address of a tusd."""
    told = {"endpoint": f"{url}/files/", "bytes": size, **options}
    process = await asyncio.create_subprocess_exec(
        NODE, HERE / "upload.mjs", json.dumps(told), stdin=PIPE, stdout=PIPE, cwd=HERE
    )
    try:
        yield Uploading(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
