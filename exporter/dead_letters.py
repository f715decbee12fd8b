"""``python -m exporter dead-letters list|show|replay|purge``: what was refused, and what for.

Works while the instance runs: it reads its state file, and replays through its public port like
any other client, so what is understood by now is journaled, deduplicated and counted as ever. But
it proves that it has the key, so that who is named by a hash is taken for whose hash it is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp

from exporter import audit, key
from exporter.catalogue import DEFAULTS
from exporter.events import DOMAINS
from exporter.formats import formats
from exporter.formats.format import Format
from exporter.privacy import REPLAYED, Privacy
from exporter.settings import Settings
from exporter.telemetry import Rejection

PAUSE_SECONDS: Final = 0.1
"""Between two replays: what is refused again must find room among the samples of its second."""

LONGEST: Final = 72
ANYWHERE: Final = {"0.0.0.0", "::"}  # noqa: S104 - nobody listens here, it is only compared
TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


class Letter(NamedTuple):
    """A refused beacon, or part of one; times in seconds since 1970."""

    number: int
    at: float
    last_at: float
    times: int
    reason: str
    path: str
    sample: str
    whole: bool
    part: bool


class UnreadableLettersError(Exception):
    """The state file cannot be read; the message says why."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    does = parser.add_subparsers(dest="does", required=True)
    for name, says in (
        ("list", "one line for each, the latest last"),
        ("show", "all that is kept of some"),
        ("replay", "send them again, and forget those that are taken"),
        ("purge", "forget them"),
    ):
        one = does.add_parser(name, help=says)
        one.add_argument(
            "numbers", nargs="*", type=int, metavar="NUMBER", help="which; default: all"
        )
        one.add_argument("--reason", choices=list(Rejection), help="only those refused for this")
        one.add_argument("--path", help="only those that came to this path")
    does.choices["show"].add_argument("--json", action="store_true", help="one JSON object a line")
    does.choices["replay"].add_argument(
        "--url", help="address of the public port; default: as the settings say"
    )
    does.choices["purge"].add_argument("--all", action="store_true", help="needed to forget all")


async def run(settings: Settings, said: argparse.Namespace, now: Callable[[], float]) -> int:
    """Do it; 1 where something was refused again or could not be sent."""
    directory = settings.journal.directory
    chosen = [each for each in _letters(directory) if _is_chosen(each, said)]
    about = {"numbers": [each.number for each in chosen]}
    if said.does == "list":
        audit.write(directory, "dead_letters.listed", about, now())
        _list(chosen)
        return 0
    if said.does == "purge" and not (said.all or said.numbers or said.reason or said.path):
        sys.stderr.write("Name numbers, --reason or --path; --all forgets everything.\n")
        return 2
    if said.does == "show":
        audit.write(directory, "dead_letters.shown", about, now())
        _show(chosen, as_json=said.json)
        return 0
    if said.does == "purge":
        audit.write(directory, "dead_letters.purged", about, now())
        _forget(directory, about["numbers"])
        sys.stdout.write(f"{len(chosen)} forgotten\n")
        return 0
    return await _replay(settings, said.url, chosen, now)


def _is_chosen(letter: Letter, said: argparse.Namespace) -> bool:
    return (
        (not said.numbers or letter.number in said.numbers)
        and said.reason in {None, letter.reason}
        and said.path in {None, letter.path}
    )


@contextmanager
def _state(directory: Path) -> Iterator[sqlite3.Connection]:
    path = directory / "state.db"
    if not path.exists():
        raise UnreadableLettersError(
            f"{path} does not exist: EXPORTER_JOURNAL__DIRECTORY names the folder of the instance"
        )
    try:
        with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as db:
            yield db
    except sqlite3.OperationalError as error:
        raise UnreadableLettersError(f"{path}: {error}") from error


def _letters(directory: Path) -> list[Letter]:
    with _state(directory) as db:
        rows = db.execute(
            "SELECT number, at, last_at, times, reason, path, sample, whole, part "
            "FROM dead_letter ORDER BY last_at, number"
        )
        return [Letter(*row) for row in rows]


def _forget(directory: Path, numbers: Sequence[int]) -> None:
    with _state(directory) as db:
        db.executemany("DELETE FROM dead_letter WHERE number = ?", [(each,) for each in numbers])


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def _list(letters: Sequence[Letter]) -> None:
    for each in letters:
        sample = " ".join(each.sample.split())
        short = sample if len(sample) <= LONGEST else f"{sample[: LONGEST - 1]}…"
        sys.stdout.write(
            f"{each.number:6}  {_clock(each.last_at)}  {each.times:6}x  {each.reason:20}  "
            f"{each.path}  {short}\n"
        )
    sys.stdout.write(f"{len(letters)} kept\n")


def _show(letters: Sequence[Letter], *, as_json: bool) -> None:
    for each in letters:
        if as_json:
            sys.stdout.write(json.dumps(each._asdict()) + "\n")
            continue
        sys.stdout.write(
            f"number   {each.number}{'' if each.whole else ' (cut; cannot be replayed)'}\n"
            f"first    {_clock(each.at)}\nlast     {_clock(each.last_at)}\n"
            f"times    {each.times}\nreason   {each.reason}\n"
            f"path     {each.path}{' (one part of a beacon)' if each.part else ''}\n\n"
            f"{each.sample}\n\n"
        )


async def _replay(
    settings: Settings, url: str | None, letters: Sequence[Letter], now: Callable[[], float]
) -> int:
    receiver = settings.receiver
    host = "127.0.0.1" if receiver.host in ANYWHERE else receiver.host
    base = url or f"http://{f'[{host}]' if ':' in host else host}:{receiver.port}"
    headers = {"X-API-Key": receiver.keys[0].get_secret_value()} if receiver.keys else {}
    # What a part stands in does not depend on lists.
    own = Privacy(DEFAULTS, key.load(settings.journal.directory))
    readers = formats(DOMAINS, own, settings.clients())
    taken: list[int] = []
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session:
            for letter in letters:
                why = _unsendable(letter, readers) or await _send(
                    session, base, letter, readers, own
                )
                sys.stdout.write(f"{letter.number:6}  {why or 'taken'}\n")
                if not why:
                    taken.append(letter.number)
                await asyncio.sleep(PAUSE_SECONDS)
    except (aiohttp.ClientError, TimeoutError) as error:
        sys.stderr.write(f"{base}: {error or 'no answer in time'}\n")
        return 1
    finally:
        _forget(settings.journal.directory, taken)
        about = {"numbers": [each.number for each in letters], "taken": taken}
        audit.write(settings.journal.directory, "dead_letters.replayed", about, now())
    sys.stdout.write(f"{len(taken)} of {len(letters)} taken\n")
    return int(len(taken) < len(letters))


def _unsendable(letter: Letter, readers: Mapping[str, Format]) -> str:
    reader = readers.get(letter.path)
    if not letter.whole:
        return "kept: it was cut"
    if reader is None:
        return "kept: nothing reads this path any more"
    return "kept: its answers do not tell what was taken" if reader.answers.always else ""


async def _send(
    session: aiohttp.ClientSession,
    base: str,
    letter: Letter,
    readers: Mapping[str, Format],
    own: Privacy,
) -> str:
    """Why it was not taken, or nothing."""
    body = letter.sample.encode()
    if letter.part:
        body = readers[letter.path].alone(letter.path, body)
    headers = {REPLAYED: own.proof(letter.path, body)}
    async with session.post(
        base + letter.path, data=body, headers=headers, skip_auto_headers=["Content-Type"]
    ) as got:
        answer: Any = await got.json() if got.content_type == "application/json" else {}
        refused = answer.get("rejected") if isinstance(answer, dict) else None
        if got.status < HTTPStatus.BAD_REQUEST and not refused:
            return ""
        reason = refused[0]["reason"] if refused else answer.get("error", got.reason)
        return f"kept: {got.status} {reason}"
