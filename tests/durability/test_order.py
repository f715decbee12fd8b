"""No answer before its sync: read off the system calls of a running exporter.

For each beacon: its request is read, its id is written to the journal's log, a sync of that file
begins after the write, the sync ends, and only then does the answer leave.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tests.durability.processes import Exporter, until
from tests.programs import binary

CALLS = "read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,fdatasync,fsync"
BEACONS = 120
AT_ONCE = 4

LINE = re.compile(
    r"^(?P<pid>\d+) +(?:"
    r"(?P<call>\w+)\((?P<arguments>.*?)(?P<unfinished> <unfinished \.\.\.>)?"
    r"|<\.\.\. (?P<resumed>\w+) resumed>(?P<rest>.*?)"
    r")(?:\) += (?P<result>-?\d+).*)?$"
)


class Call(NamedTuple):
    """A system call, with the places in the trace where it began and where it ended."""

    name: str
    arguments: str
    began: int
    ended: int
    result: str


def calls(trace: str) -> Iterator[Call]:
    """The calls of a trace, put together where threads took turns."""
    begun: dict[tuple[str, str], tuple[str, int]] = {}
    for place, text in enumerate(trace.splitlines()):
        found = LINE.match(text)
        if found is None:
            continue
        if found["resumed"]:
            arguments, began = begun.pop((found["pid"], found["resumed"]))
            arguments += found["rest"] or ""
            yield Call(found["resumed"], arguments, began, place, found["result"])
        elif found["unfinished"]:
            begun[found["pid"], found["call"]] = found["arguments"], place
        else:
            yield Call(found["call"], found["arguments"], place, place, found["result"])


async def traced(folder: Path) -> str:
    """Post beacons to an exporter under strace; returns the trace."""
    trace = folder / "trace"
    # -D: strace is nobody's parent, so that signals for the exporter reach the exporter.
    wrapper = [binary("strace", "strace"), "-D", "-f", "-yy", "-s", "10000"]
    wrapper += ["-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(trace)]
    async with Exporter(folder, wrapper=wrapper) as exporter:
        numbers = iter(range(BEACONS))

        async def post() -> None:
            async with aiohttp.ClientSession() as http:
                for number in numbers:
                    event = {"type": "upload.preview_shown", "upload_id": f"beacon-{number}-"}
                    body = {"events": [event]}
                    async with http.post(f"{exporter.url}/v1/events", json=body) as answer:
                        assert answer.status == 202

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(post())
        assert await exporter.stop() == 0
        pid = exporter.process.pid
        await until(
            lambda: (
                re.search(rf"^{pid} .*exited with 0", trace.read_text(), re.MULTILINE) is not None
            )
        )
    return trace.read_text()


async def test_no_answer_leaves_before_the_sync_that_covers_its_beacon(tmp_path: Path) -> None:
    found = sorted(calls(await traced(tmp_path)), key=lambda call: call.ended)
    syncs = [
        call
        for call in found
        if call.name in {"fdatasync", "fsync"}
        and "journal.db-wal" in call.arguments
        and call.result == "0"
    ]
    written = [
        call for call in found if call.name == "pwrite64" and "journal.db-wal" in call.arguments
    ]
    reading: dict[str, tuple[str, int]] = {}
    answered = 0
    for call in found:
        connection = re.match(r"\d+<TCP:\[([^\]]+)\]>", call.arguments)
        if connection is None:
            continue
        beacon = re.search(r"beacon-\d+-", call.arguments)
        if call.name in {"read", "recvfrom", "recvmsg"} and beacon:
            reading[connection[1]] = beacon[0], call.ended
        elif "HTTP/1.1 202" in call.arguments:
            name, read = reading.pop(connection[1])
            (log, *_) = [w for w in written if name in w.arguments]
            assert read < log.began, name
            covering = [s for s in syncs if s.began > log.ended and s.ended < call.began]
            assert covering, f"{name} was acknowledged before its sync"
            answered += 1
    assert answered == BEACONS
