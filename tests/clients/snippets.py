"""The configurations that ``docs/clients`` gives to people, as code that runs."""

import re
from pathlib import Path

PAGES = Path(__file__).parents[2] / "docs" / "clients"


def snippet(page: str, collector: str) -> str:
    """The one block of JavaScript on a page, with the address of a collector in it."""
    (block,) = snippets(page, collector)
    return block


def snippets(page: str, collector: str) -> list[str]:
    """All of them."""
    text = (PAGES / page).read_text()
    blocks = re.findall(r"^```js\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert any("COLLECTOR_URL" in block for block in blocks), page
    return [block.replace("COLLECTOR_URL", collector) for block in blocks]
