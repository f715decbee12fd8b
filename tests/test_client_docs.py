"""What the pages of ``docs/clients`` owe to who reads them."""

import re
from pathlib import Path

import pytest

from exporter.events import DOMAINS
from exporter.formats import Clients, formats, webhooks
from tests.client_pages import PAGES, index, paths
from tests.pipelines import CLEANER, FORMATS

ROOT = Path(__file__).parents[1]
CLIENTS = ROOT / "tests" / "clients"

RUN_BY = {
    "cmcd.md": "test_cmcd.py",
    "dash.js.md": "plays.py",
    "epas.md": "test_epas.py",
    "faro.md": "test_faro.py",
    "hls.js.md": "plays.py",
    "mux.md": "test_webhooks.py",
    "peertube.md": "test_peertube.py",
    "pillarbox.md": "test_pillarbox.py",
    "replicate.md": "test_webhooks.py",
    "shaka.md": "plays.py",
    "trackers.md": "test_trackers.py",
    "tus-js-client.md": "test_tus_js_client.py",
    "tusd.md": "test_tusd.py",
    "web-vitals.md": "test_web_vitals.py",
}
"""Which file of ``tests/clients`` takes the snippet out of a page and runs it."""

ALL = sorted(each.name for each in PAGES.glob("*.md") if each.name != "README.md")


def sections(page: str) -> dict[str, str]:
    """The text under each heading of a page."""
    _, *parts = re.split(r"^## (.*)$", (PAGES / page).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_page_is_in_the_index_and_every_line_of_the_index_has_one() -> None:
    assert sorted({row.page for row in index()}) == ALL


def test_every_path_is_told_and_every_path_that_is_told_is_there() -> None:
    assert paths() == set(FORMATS)
    knobs = webhooks.Knobs(replicate=("secret",), mux=("secret",))
    with_secrets = formats(DOMAINS, CLEANER, Clients(webhooks=knobs))
    assert {path for row in index() for path in row.paths} == set(with_secrets)


def test_every_page_has_a_test_that_runs_it() -> None:
    assert sorted(RUN_BY) == ALL


@pytest.mark.parametrize("page", ALL)
def test_a_page_has_its_parts(page: str) -> None:
    found = sections(page)
    see = list(found).index("What you then see")
    snippets = "".join(list(found.values())[:see])

    assert "```" in snippets, "what to paste comes first"
    assert re.search(r"(COLLECTOR|EXPORTER)_URL", snippets)
    assert list(found).index("What it cannot tell") > see
    assert found["What it cannot tell"].count("\n- ") >= 2


@pytest.mark.parametrize("page", ALL)
def test_a_page_tells_its_paths(page: str) -> None:
    text = (PAGES / page).read_text()
    told = {path for row in index() if row.page == page for path in row.paths}

    assert told
    assert [path for path in told if path.split("<")[0] not in text] == []


@pytest.mark.parametrize("page", ALL)
def test_the_file_that_runs_a_page_names_it(page: str) -> None:
    assert f'"{page}"' in (CLIENTS / RUN_BY[page]).read_text()


@pytest.mark.parametrize("page", [*ALL, "README.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (PAGES / page).read_text()):
        assert target.startswith("https://") or (PAGES / target).exists(), target


def test_the_dashboards_that_are_named_are_there() -> None:
    dashboards = ROOT / "grafana" / "dashboards"
    titles = {
        title
        for each in dashboards.rglob("*.json")
        for title in re.findall(r'^  "title": "(.*)",?$', each.read_text(), re.MULTILINE)
    }
    for page in ALL:
        see = sections(page)["What you then see"]
        on = re.findall(r"dashboards? (\*\*.*?\*\*(?:(?:,| and| or) \*\*.*?\*\*)*)", see)
        named = {name for each in on for name in re.findall(r"\*\*(.*?)\*\*", each)}
        assert named <= titles, page
