"""The pages on webhooks, with the providers' own libraries, against a real exporter."""

import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.clients.browser import HERE, NODE
from tests.clients.snippets import PAGES
from tests.clients.uploads import total
from tests.durability.processes import Exporter, until
from tests.formats.test_webhooks import PREDICTION, by_mux, standard, webhook

SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def block(page: str, language: str) -> str:
    """The one block of a language on a page."""
    text = (PAGES / page).read_text()
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return str(found)


def exporter(folder: Path, page: str, secret: str) -> Exporter:
    """An exporter with the settings of a page and a key that no provider has."""
    file = folder / "secret"
    file.write_text(secret)
    variable, path = block(page, "sh").strip().split("=")
    assert path.startswith("/run/secrets/")
    settings = {
        variable.removeprefix("EXPORTER_"): file,
        "RECEIVER__KEYS": "of-somebody-else",
        "SESSIONS__SETTLE_SECONDS": 1,
    }
    return Exporter(folder / "exporter", settings)


async def runs(script: str) -> str:
    """What a module says in Node, beside the libraries."""
    process = await asyncio.create_subprocess_exec(
        NODE, "--input-type=module", "-", stdin=-1, stdout=-1, stderr=-1, cwd=HERE,
        env={"REPLICATE_API_TOKEN": "r8_x"},
    )  # fmt: skip
    out, errors = await process.communicate(script.encode())
    assert process.returncode == 0, errors.decode()
    return out.decode()


async def post(url: str, body: Mapping[str, Any], sign: Any) -> int:
    raw = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **sign(raw)}
    async with aiohttp.ClientSession() as http, http.post(url, data=raw, headers=headers) as answer:
        return answer.status


class Provider:
    """Takes predictions as Replicate does, and posts what becomes of them."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        now = datetime.now(UTC)
        prediction = {
            **PREDICTION,
            "model": "/".join(request.match_info[part] for part in ("owner", "name")),
            "input": asked["input"],
            "created_at": now.isoformat(),
        }
        assert asked["webhook_events_filter"] == ["start", "completed"]
        self._tasks.add(asyncio.create_task(self._run(prediction, now, asked["webhook"])))
        return web.json_response(prediction, status=201)

    async def _run(self, prediction: Mapping[str, Any], now: datetime, url: str) -> None:
        completed = {
            **prediction,
            "status": "succeeded",
            "started_at": (now + timedelta(seconds=4)).isoformat(),
            "completed_at": (now + timedelta(seconds=50)).isoformat(),
            "metrics": {"predict_time": 46.0, "total_time": 50.0},
        }
        for number, body in enumerate((prediction, completed, completed)):

            def sign(raw: bytes, number: int = number) -> dict[str, str]:
                webhook_id = f"msg_{min(number, 1)}"
                return standard(raw, at=time.time(), secret=SECRET, webhook_id=webhook_id)

            self.told.append(await post(url, body, sign))


@asynccontextmanager
async def provider() -> AsyncIterator[tuple[Provider, str]]:
    found = Provider()
    app = web.Application()
    app.router.add_post("/v1/models/{owner}/{name}/predictions", found.create)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield found, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def test_a_prediction_of_the_library_of_replicate_is_counted(tmp_path: Path) -> None:
    async with (
        exporter(tmp_path, "replicate.md", SECRET) as running,
        provider() as (there, address),
    ):
        script = block("replicate.md", "js").replace("COLLECTOR_URL", running.url)
        elsewhere = f'new Replicate({{ baseUrl: "{address}" }})'
        assert script.count("new Replicate()") == 1
        said = await runs(
            script.replace("new Replicate()", elsewhere) + "console.log(prediction.id)"
        )
        assert said.strip() == PREDICTION["id"]

        async def is_over() -> bool:
            return total(await running.samples(), "video_generation_ended_total") == 1

        await until(is_over)
        await until(lambda: len(there.told) == 3)
        samples = await running.samples()
        assert there.told == [202, 202, 202]
        ended = {"outcome": "succeeded", "provider": "replicate"}
        assert total(samples, "video_generation_ended_total", **ended) == 1
        assert total(samples, "video_generation_requested_total") == 1
        assert total(samples, "video_generation_duration_seconds_sum", provider="replicate") == 50
        assert total(samples, "video_generation_run_seconds_sum") == 46
        queued = total(samples, "video_generation_queue_seconds_sum")
        assert abs(queued - 4) < 0.001
        assert total(samples, "exporter_events_rejected_total") == 0


async def test_webhooks_that_the_library_of_mux_believes_are_counted(tmp_path: Path) -> None:
    secret = secrets.token_hex(16)
    now = time.time()
    body = json.dumps(webhook("video.asset.ready")).encode()
    check = f"""
        import Mux from '@mux/mux-node';
        const mux = new Mux({{ tokenId: 'x', tokenSecret: 'x' }});
        const headers = {json.dumps(by_mux(body, at=now, secret=secret))};
        await mux.webhooks.verifySignature({json.dumps(body.decode())}, headers, '{secret}');
        console.log('believed');
    """
    assert await runs(check) == "believed\n"

    async with exporter(tmp_path, "mux.md", secret) as running:
        address = block("mux.md", "text").strip().replace("COLLECTOR_URL", running.url)

        def sign(raw: bytes) -> dict[str, str]:
            return by_mux(raw, at=time.time(), secret=secret)

        def forge(raw: bytes) -> dict[str, str]:
            return by_mux(raw, at=time.time(), secret="another")  # noqa: S106 - it is no secret

        kinds = ("video.asset.created", "video.asset.ready", "video.asset.ready", "video.other")
        assert [await post(address, webhook(kind), sign) for kind in kinds] == [202] * 4
        assert await post(address, webhook("video.asset.errored", id="a2"), forge) == 401

        async def is_over() -> bool:
            return total(await running.samples(), "video_generation_ended_total") == 1

        await until(is_over)
        samples = await running.samples()
        ended = {"outcome": "succeeded", "provider": "mux"}
        assert total(samples, "video_generation_ended_total", **ended) == 1
        assert total(samples, "video_generation_requested_total") == 1
        assert total(samples, "video_generation_duration_seconds_sum", provider="mux") == 40
        assert total(samples, "video_generic_events_total") == 1
        assert total(samples, "exporter_events_rejected_total", reason="unauthorised") == 1
