"""What ``docs/operations.md`` gives to operators is run, in the programs that it is for."""

import asyncio
import io
import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.durability.processes import (
    PATIENCE,
    Exporter,
    Server,
    VictoriaMetrics,
    accepted,
    deadline,
    until,
)
from tests.programs import binary, free_port

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
PATH = "/api/analytics/upload-performance"


def blocks(section: str, language: str) -> list[str]:
    """The blocks of a language in a section of the page."""
    (text,) = re.findall(
        rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE
    )
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


async def run(script: str, environment: Mapping[str, str]) -> None:
    """Run a block of the page in a shell."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-e", "-c", script), env={**os.environ, **environment}
    )
    async with deadline(process, PATIENCE):
        await process.wait()
    assert process.returncode == 0


async def send(url: str, numbers: range, **options: Any) -> list[int]:
    """Beacons of which none is like another; the answers that they got."""
    answers = []
    async with aiohttp.ClientSession() as http:
        for number in numbers:
            body = json.dumps({"totalTime": 1000 + number, "success": True})
            async with http.post(url + PATH, data=body, **options) as answer:
                answers.append(answer.status)
                if answer.status == 429:
                    assert int(answer.headers["Retry-After"]) > 0
    return answers


async def counted(exporter: Exporter, number: int) -> None:
    async def all_of_them() -> bool:
        return accepted(await exporter.samples()) == number

    await until(all_of_them)


# -- proxies ---------------------------------------------------------------------------------


@pytest.fixture
async def certificate(tmp_path: Path) -> Path:
    """A certificate with its key, in one file and in two."""
    folder = tmp_path / "ssl"
    folder.mkdir()
    key, pem = folder / "beacons.key", folder / "beacons.pem"
    script = (
        f"{binary('openssl', 'openssl')} req -x509 -newkey rsa:2048 -nodes -days 1 "
        f"-subj /CN=beacons.example.com -keyout {key} -out {pem} 2>/dev/null; cat {key} >> {pem}"
    )
    await run(script, {})
    return folder


def adapted(block: str, certificate: Path, port: int, exporters: Mapping[str, str]) -> str:
    """A block of the page with the places of a test."""
    block = block.replace("/etc/ssl/", f"{certificate}/")
    for address, url in exporters.items():
        assert address in block
        block = block.replace(address, url.removeprefix("http://"))
    return re.sub(r"(listen |bind )\S+", rf"\g<1>127.0.0.1:{port}", block)


@asynccontextmanager
async def nginx(folder: Path, block: str) -> AsyncIterator[None]:
    ready = free_port()
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; events {{}}\n"
        f"pid {folder}/pid; error_log {folder}/error.log;\n"
        f"http {{ access_log off; {temporary}\n{block}\n"
        f"server {{ listen 127.0.0.1:{ready}; location / {{ return 200; }} }} }}\n"
    )
    command = (binary("nginx", "nginx"), "-e", f"{folder}/error.log", "-c", str(configuration))
    async with Server(command, folder / "nginx.log", f"http://127.0.0.1:{ready}/"):
        yield


async def test_behind_nginx_beacons_are_those_of_who_connects_and_not_of_whom_they_name(
    tmp_path: Path, certificate: Path
) -> None:
    (block,) = blocks("Behind a proxy", "nginx")
    settings = {
        "RECEIVER__PROXIES": "127.0.0.0/8",
        "RECEIVER__RATE_PER_SECOND": 0.01,
        "RECEIVER__RATE_BURST": 3,
    }
    port = free_port()
    async with Exporter(tmp_path / "exporter", settings) as exporter:
        block = adapted(block, certificate, port, {"127.0.0.1:8080": exporter.url})
        async with nginx(tmp_path, block):
            url, answers = f"https://127.0.0.1:{port}", []
            for number in range(5):
                claimed = {"X-Forwarded-For": f"198.51.{number}.7"}
                answers += await send(url, range(number, number + 1), ssl=False, headers=claimed)
            async with (
                aiohttp.ClientSession() as http,
                http.post(
                    url + "/v1/events", data=io.BytesIO(bytes(2**20 + 1)), ssl=False
                ) as answer,
            ):
                too_large = answer.status
        await counted(exporter, 3)

    assert answers == [202, 202, 202, 429, 429]
    assert too_large == 413


async def test_behind_haproxy_an_instance_that_stands_by_takes_over(
    tmp_path: Path, certificate: Path
) -> None:
    (block,) = blocks("Behind a proxy", "haproxy")
    port = free_port()
    async with Exporter(tmp_path / "one") as one, Exporter(tmp_path / "two") as two:
        places = {"10.0.0.11:8080": one.url, "10.0.0.12:8080": two.url}
        block = adapted(block, certificate, port, places)
        for exporter in (one, two):
            block = block.replace("port 9464", f"port {exporter.target.split(':')[1]}", 1)
        configuration = tmp_path / "haproxy.cfg"
        ready = free_port()
        configuration.write_text(
            "defaults\n    timeout connect 2s\n    timeout client 10s\n    timeout server 10s\n"
            f"{block}\nfrontend ready\n    mode http\n    bind 127.0.0.1:{ready}\n"
            "    http-request return status 200\n"
        )
        command = (binary("haproxy", "haproxy"), "-db", "-f", str(configuration))
        proxy = Server(command, tmp_path / "haproxy.log", f"http://127.0.0.1:{ready}/")
        async with proxy:
            url = f"https://127.0.0.1:{port}"
            assert await send(url, range(10), ssl=False) == [202] * 10
            await counted(one, 10)
            assert accepted(await two.samples()) == 0
            await one.stop()

            async def taken_over() -> bool:
                return await send(url, range(10, 11), ssl=False) == [202]

            await until(taken_over)
            assert await send(url, range(11, 21), ssl=False) == [202] * 10
            await counted(two, 11)


# -- backups ---------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [False, True], ids=["standing still", "running"])
async def test_a_backup_is_an_instance_that_goes_on(tmp_path: Path, running: bool) -> None:
    cold, hot, restore = blocks("Backing up", "sh")
    backup = {"BACKUP": str(tmp_path / "backup.tgz")}
    exporter, other = Exporter(tmp_path / "one"), Exporter(tmp_path / "other")
    await exporter.start()
    await send(exporter.url, range(100))
    directory = {"EXPORTER_JOURNAL__DIRECTORY": str(exporter.directory)}
    if running:
        pid = {"PID_OF_EXPORTER": str(exporter.process.pid)}
        await run(hot, {**backup, **directory, **pid})
        await send(exporter.url, range(100, 150))
        await exporter.kill()
    else:
        await exporter.stop()
        await run(cold, {**backup, **directory})

    unpack, serve = restore.rsplit("\n", 2)[0], restore.strip().splitlines()[-1]
    assert serve == "python -m exporter serve"
    await run(unpack, {**backup, "EXPORTER_JOURNAL__DIRECTORY": str(other.directory)})
    async with other:
        await counted(other, 100)
        await send(other.url, range(50, 150))
        await counted(other, 150)
        assert await other.value("exporter_events_duplicate_total") == 50


# -- VictoriaMetrics -------------------------------------------------------------------------


async def test_victoria_metrics_has_numbers_and_no_texts(tmp_path: Path) -> None:
    (command,) = blocks("VictoriaMetrics in place of InfluxDB", "sh")
    victoria = VictoriaMetrics(tmp_path / "victoria")
    assert set(command.split()[1:]) <= set(victoria._command)
    settings = {"SESSIONS__SETTLE_SECONDS": 0.5, "INFLUX__EVERY_SECONDS": 0.5}
    async with victoria, Exporter(tmp_path / "exporter", settings) as exporter:
        await exporter.stop()
        exporter.configure({"INFLUX__URL": victoria.url})
        await exporter.start()
        play = {"play_id": "p1", "position_seconds": 30, "watched_seconds": 31}
        async with aiohttp.ClientSession() as http:
            events = {"events": [{"type": "playback.finished", **play}]}
            async with http.post(f"{exporter.url}/v1/events", json=events) as answer:
                assert answer.status == 202

        async def arrived() -> bool:
            return bool(await victoria.export("play_watched_seconds"))

        await until(arrived)
        (watched,) = await victoria.export("play_watched_seconds")
        (play_id,) = await victoria.export("play_play_id")

    assert watched["values"] == [31]
    assert watched["metric"]["outcome"] == "finished"
    assert play_id["values"] == [0]
