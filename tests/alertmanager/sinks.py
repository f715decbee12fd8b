"""What stands at the other end in tests: Slack, PagerDuty and webhooks by HTTP, e-mail by SMTP."""

import asyncio
import base64
import email
import email.policy
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Delivery:
    """One message that arrived."""

    at: float
    channel: str
    body: Any


@dataclass(frozen=True)
class Mail:
    """An e-mail, to whom it went and with what password."""

    to: str
    password: str
    message: EmailMessage

    def part(self, kind: str) -> str:
        """Return the text of its alternative of type `kind`."""
        (part,) = [p for p in self.message.walk() if p.get_content_type() == kind]
        content: str = part.get_content()
        return content.replace("\r\n", "\n")


@dataclass
class Sinks:
    """The addresses of the sinks and what they got, in order."""

    http: str = ""
    smtp: str = ""
    deliveries: list[Delivery] = field(default_factory=list)

    def take(self, channel: str, body: Any) -> None:
        """Note that `body` arrived now."""
        self.deliveries.append(Delivery(time.time(), channel, body))

    async def _http(self, request: web.Request) -> web.Response:
        channel = request.match_info["channel"]
        self.take(channel, await request.json())
        if channel == "pagerduty":
            return web.json_response({"status": "success"}, status=202)
        return web.Response(text="ok")

    async def _smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to, password = "", ""
        writer.write(b"220 sink\r\n")
        while line := (await reader.readline()).decode().strip():
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    writer.write(b"250-sink\r\n250 AUTH PLAIN\r\n")
                case "AUTH":
                    password = base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")[2]
                    writer.write(b"235 ok\r\n")
                case "RCPT":
                    to = rest.partition("<")[2].partition(">")[0]
                    writer.write(b"250 ok\r\n")
                case "DATA":
                    writer.write(b"354 go on\r\n")
                    raw = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                    message = email.message_from_bytes(
                        raw.replace(b"\r\n..", b"\r\n."), policy=email.policy.default
                    )
                    self.take("email", Mail(to, password, message))
                    writer.write(b"250 ok\r\n")
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                case _:
                    writer.write(b"250 ok\r\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def sinks() -> AsyncIterator[Sinks]:
    """Listen on free ports; a path of the HTTP address is a channel."""
    sinks = Sinks()
    application = web.Application()
    application.router.add_post("/{channel}", sinks._http)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    smtp = await asyncio.start_server(sinks._smtp, "127.0.0.1", 0)
    sinks.http = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sinks.smtp = f"127.0.0.1:{smtp.sockets[0].getsockname()[1]}"
    try:
        yield sinks
    finally:
        smtp.close()
        await runner.cleanup()
