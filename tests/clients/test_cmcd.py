"""The page of CMCD: what it gives to a shell and to an nginx is run, and does what it says."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from exporter.formats.cmcd.reader import Knobs
from exporter.telemetry import Rejection
from tests.apps import SECONDS, Running, Start
from tests.clients.snippets import PAGES
from tests.durability.processes import PATIENCE, Server
from tests.pipelines import Series
from tests.programs import binary, free_port

PAGE = (PAGES / "cmcd.md").read_text()
SAMPLED = 'exporter_events_accepted_total{type="playback.sampled"}'
MEDIA = "/media/segment.m4s"


def blocks(language: str, collector: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [block.replace("COLLECTOR_URL", collector) for block in found]


async def run(script: str) -> str:
    """What a shell says to what a person pastes into it."""
    process = await asyncio.create_subprocess_exec(
        binary("bash", "bash"), "-euc", script, stdout=-1, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(SECONDS):
        said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


async def test_the_commands_are_answered_204_and_their_reports_count(app: Running) -> None:
    scripts = blocks("sh", app.public)
    said = "".join([await run(script) for script in scripts])

    commands = sum(script.count("curl ") for script in scripts)
    assert re.findall(r"^HTTP/1\.1 (\d+)", said, re.MULTILINE) == ["204"] * commands
    assert commands == 4
    series = await app.scrape()
    assert series[SAMPLED] == 3 + 1 + 2
    assert not any(name.startswith("exporter_events_rejected_total") for name in series)


async def test_the_three_reports_are_a_play_of_a_minute_that_started_after_0_9_s(
    start: Start,
) -> None:
    app = await start(sessions={"settle_seconds": 0.2})
    await run(blocks("sh", app.public)[0])
    series = await counted(app, 'video_playback_ended_total{outcome="finished",player="native"}')

    of_player = '{player="native"}'
    assert series[f"video_playback_attempts_total{of_player}"] == 1
    assert series[f"video_playback_started_total{of_player}"] == 1
    startup = f"video_playback_startup_by_player_seconds_sum{of_player}"
    assert series[startup] == pytest.approx(0.9, abs=1e-3)
    watched = f"video_playback_watched_seconds_total{of_player}"
    assert series[watched] == pytest.approx(60.9, abs=1e-3)
    assert series['video_playback_bits_total{device="other"}'] == 60 * 3_328_000


async def counted(app: Running, name: str, count: float = 1.0) -> Series:
    """The numbers, once one of them is as high as it must become."""
    async with asyncio.timeout(PATIENCE):
        while True:
            series = await app.scrape()
            if series.get(name, 0.0) >= count:
                return series
            await asyncio.sleep(0.1)


@asynccontextmanager
async def nginx(folder: Path, snippet: str) -> AsyncIterator[str]:
    """An nginx with a segment of media, and what the page says in its server."""
    port = free_port()
    (folder / "media").mkdir(parents=True)
    (folder / MEDIA.lstrip("/")).write_bytes(b"media")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; events {{}}\n"
        f"pid {folder}/pid; error_log {folder}/error.log;\n"
        f"http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port}; root {folder};\n"
        f"location = /ready {{ return 200; }}\n{snippet} }} }}\n"
    )
    command = (binary("nginx", "nginx"), "-e", f"{folder}/error.log", "-c", str(configuration))
    async with Server(command, folder / "log", f"http://127.0.0.1:{port}/ready"):
        yield f"http://127.0.0.1:{port}{MEDIA}"


async def test_an_nginx_hands_on_what_requests_of_media_say(app: Running, tmp_path: Path) -> None:
    (snippet,) = blocks("nginx", app.public)
    headers = {
        "CMCD-Session": 'sid="s2"',
        "CMCD-Request": "bl=21300",
        "CMCD-Object": "br=3200,ot=v",
    }
    async with nginx(tmp_path / "nginx", snippet) as media, aiohttp.ClientSession() as http:
        asked = (
            (media, {}),
            (f"{media}?token=secret", {}),
            (f"{media}?CMCD=bl%3D21300%2Cbr%3D3200%2Cot%3Dv%2Csid%3D%22s1%22", {}),
            (f"{media}?token=secret&CMCD=bl%3D100%2Csid%3D%22s1%22", {}),
            (media, headers),
        )
        for url, own in asked:
            async with http.get(url, headers=own) as answer:
                assert (answer.status, await answer.read()) == (200, b"media")
        # Requests that say nothing come first: nothing of them is under way any more.
        series = await counted(app, SAMPLED, 3)

    assert series["exporter_events_received_total{}"] == series[SAMPLED] == 3


def test_the_page_knows_what_is_shipped() -> None:
    for name in Knobs().targets:
        assert f"`{name}`" in PAGE
    assert f"at most {Knobs().most_records} in a body" in PAGE
    named = set(re.findall(r'exporter_events_rejected_total\{reason="(\w+)"\}', PAGE))
    assert named <= {str(reason) for reason in Rejection}
