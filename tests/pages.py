"""The pages for people: their blocks, the commands in them, and what they show as an answer."""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.programs import binary

ROOT = Path(__file__).parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
# Nothing but a few words that lead over may stand between a command and what it answers.
ANSWER = re.compile(
    r"\s*(?:[^\n`]{0,80}:\s*)?^ *```(json|text)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """A fenced block of a page, and what the page shows as its answer."""

    page: str
    line: int
    language: str
    text: str
    answer: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Every fenced block of a page, without its indentation."""
    text, found = page.read_text(), []
    for each in BLOCK.finditer(text):
        answer = ANSWER.match(text, each.end())
        found.append(
            Block(
                str(page.relative_to(ROOT)),
                text.count("\n", 0, each.start()) + 1,
                each["language"],
                _without(each["indent"], each["text"]),
                _without(each["indent"], answer[2]) if answer else "",
            )
        )
    return tuple(found)


def _without(indent: str, text: str) -> str:
    return "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))


@cache
def commands(block: str) -> tuple[str, ...]:
    """Each command, with its comments and all its lines; AssertionError where a shell stumbles."""
    found, begun = [], ""
    for line in block.splitlines():
        begun += f"{line}\n"
        if not (line.endswith("\\") or _stumbles(begun)):
            found.append(begun)
            begun = ""
    assert not begun.strip(), f"no shell takes this: {_stumbles(begun) or begun}"
    return tuple(found)


def _stumbles(script: str) -> str:
    """What a shell says of a script that it does not run."""
    read = subprocess.run(
        (binary("bash", "bash"), "-n"), input=script, capture_output=True, text=True, check=False
    )
    return read.stderr


def agrees(shown: str, answered: str) -> bool:
    """Whether an answer is the one that is shown; … stands for anything.

    Of JSON the shape counts: keys and types. Of anything else, the lines that are shown, in order.
    """
    try:
        expected = json.loads(shown.replace("…", ""))
    except ValueError:
        lines = iter(answered.splitlines())
        return all(any(_is_like(each, line) for line in lines) for each in shown.splitlines())
    return any(_alike(expected, got) for got in _documents(answered))


def _is_like(shown: str, line: str) -> bool:
    pattern = ".*".join(map(re.escape, shown.split("…")))
    return re.fullmatch(pattern, line.rstrip()) is not None


def _documents(answered: str) -> Iterator[Any]:
    """Every JSON document in an answer: all of it, or a line."""
    for each in (answered, *answered.splitlines()):
        try:
            yield json.loads(each)
        except ValueError:
            continue


def _alike(shown: Any, got: Any) -> bool:
    if isinstance(shown, dict):
        return isinstance(got, dict) and all(
            key in got and _alike(value, got[key]) for key, value in shown.items()
        )
    if isinstance(shown, list):
        return isinstance(got, list) and (not shown or any(_alike(shown[0], each) for each in got))
    if isinstance(shown, int | float) and not isinstance(shown, bool):
        return isinstance(got, int | float) and not isinstance(got, bool)
    return type(shown) is type(got)
