"""The lines for nginx in front of PeerTube, in a real nginx."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from tests.clients.snippets import PAGES
from tests.durability.processes import Exporter, Server, until
from tests.formats.test_peertube import BYTES, INCIDENTS, PATH, REPORT
from tests.programs import binary, free_port

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = /ready {{ return 200; }}
        {snippet}
    }}
}}
"""


@asynccontextmanager
async def peertube() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Stands for PeerTube: what comes to its own path."""
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post(PATH, take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", bodies
    finally:
        await runner.cleanup()


@pytest.fixture
def snippet() -> str:
    (found,) = re.findall(
        r"^```nginx\n(.*?)^```$", (PAGES / "peertube.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return str(found)


async def test_nginx_hands_each_report_to_the_exporter_and_a_copy_to_peertube(
    tmp_path: Path, snippet: str
) -> None:
    exporter, port = Exporter(tmp_path / "exporter"), free_port()
    (tmp_path / "nginx").mkdir()
    configuration = tmp_path / "nginx" / "nginx.conf"
    nginx = Server(
        (binary("nginx", "nginx"), "-c", str(configuration)),
        tmp_path / "nginx" / "log",
        f"http://127.0.0.1:{port}/ready",
    )
    async with peertube() as (address, copies), ClientSession() as player:
        snippet = snippet.replace("COLLECTOR_URL", exporter.url).replace("PEERTUBE_URL", address)
        configuration.write_text(
            CONFIGURATION.format(folder=tmp_path / "nginx", port=port, snippet=snippet)
        )
        await exporter.start()
        await nginx.start()
        try:
            for _ in range(3):
                async with player.post(
                    f"http://127.0.0.1:{port}{PATH}",
                    data=json.dumps(REPORT),
                    headers={"Content-Type": "application/json; charset=UTF-8"},
                ) as answer:
                    assert answer.status == 204

            async def counted() -> bool:
                return await exporter.value(INCIDENTS, incident="stall") == 3 * 2

            await until(counted)
            peers = await exporter.value(BYTES, transport="p2p")
            while len(copies) < 3:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.02)
        finally:
            await nginx.stop()
            await exporter.stop()

    assert peers == 3 * REPORT["downloadedBytesP2P"]
    assert [json.loads(copy) for copy in copies] == [REPORT] * 3
