"""Every knob is described, and no typing mistake is a silent default."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from exporter import settings
from exporter.settings import Settings, effective

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the shell of a developer says out of these tests."""
    for name, _ in effective(Settings()):
        monkeypatch.delenv(name, raising=False)


SECRET = "c4n4ry"  # noqa: S105 - of nothing


def said(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings()


def knobs(part: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, knob in part.model_fields.items():
        if isinstance(knob.annotation, type) and issubclass(knob.annotation, BaseModel):
            yield from knobs(knob.annotation)
        else:
            yield name, knob


def test_every_knob_is_described_in_a_sentence() -> None:
    wrong = [name for name, knob in knobs(Settings) if not (knob.description or "").endswith(".")]

    assert wrong == []


def test_the_page_of_settings_is_up_to_date() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()

    assert page == settings.render(), "run `make golden` and commit what it writes"
    for name, _ in effective(Settings()):
        assert f"`{name}`" in page


def test_the_knobs_that_the_docs_name_exist() -> None:
    names = {name for name, _ in effective(Settings())}
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    named = {
        (str(page.relative_to(ROOT)), name)
        for page in pages
        for name in re.findall(r"\bEXPORTER_[A-Z_]+[A-Z]\b", page.read_text())
    }
    starts = tuple(f"{name}__" for name in names)

    assert {
        each for each in named if each[1] not in names and not each[1].startswith(starts)
    } == set()


def test_a_knob_of_a_part_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    found = said(
        monkeypatch,
        EXPORTER_RECEIVER__PORT="81",
        EXPORTER_RECEIVER__KEYS="first, second,",
        EXPORTER_RECEIVER__ORIGINS="https://a.example.com",
        EXPORTER_RECEIVER__PROXIES="10.0.0.0/8,2001:db8::/32",
        EXPORTER_LABELS__ROUTES="/a,/b/:id",
        EXPORTER_PROBES__TARGETS="api=http://a:1/x?y=z, queue=tcp://[::1]:5672",
        EXPORTER_PROBES__STATUSES="200,401",
        EXPORTER_SERIES_BUDGET="9000",
        EXPORTER_LOG_LEVEL="warning",
    )

    assert found.receiver.port == 81
    assert [key.get_secret_value() for key in found.receiver.keys] == ["first", "second"]
    assert found.receiver.origins == ("https://a.example.com",)
    assert found.receiver.proxies == ("10.0.0.0/8", "2001:db8::/32")
    assert found.labels.routes == ("/a", "/b/:id")
    assert found.probes.targets == ("api=http://a:1/x?y=z", "queue=tcp://[::1]:5672")
    assert found.probes.statuses == (200, 401)
    assert found.series_budget == 9000
    assert found.log_level == "WARNING"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXPORTER_SESSIONS__SILENCE_SECONDS", '{"upload": 60}'),
        ("EXPORTER_SESSIONS__SILENCE_SECONDS__UPLOAD", "60"),
    ],
)
def test_the_silence_of_a_lifecycle_is_set_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert said(monkeypatch, **{name: value}).sessions.silence_seconds == {"upload": 60.0}


def test_the_token_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from the file\n")

    assert said(monkeypatch, EXPORTER_INFLUX__TOKEN=SECRET).influx.secret() == SECRET
    assert said(monkeypatch, EXPORTER_INFLUX__TOKEN_FILE=str(file)).influx.secret() == (
        "from the file"
    )


MISTAKES = [
    ("EXPORTER_RECEIVER__PROT", "1", "EXPORTER_RECEIVER__PROT"),
    ("EXPORTER_RECIEVER__PORT", "1", "EXPORTER_RECIEVER__PORT"),
    ("EXPORTER_RECEIVER_PORT", "1", "EXPORTER_RECEIVER_PORT"),
    ("EXPORTER_PORT", "1", "EXPORTER_PORT"),
    ("EXPORTER_RECEIVER__PORT", "http", "EXPORTER_RECEIVER__PORT"),
    ("EXPORTER_RECEIVER__PORT", "65536", "EXPORTER_RECEIVER__PORT"),
    ("EXPORTER_RECEIVER__PORT__X", "1", "EXPORTER_RECEIVER__PORT"),
    ("EXPORTER_RECEIVER", "8080", "EXPORTER_RECEIVER"),
    ("EXPORTER_RECEIVER__PROXIES", "10.0.0.1/8", "EXPORTER_RECEIVER__PROXIES"),
    ("EXPORTER_RECEIVER__PROXIES", "proxy", "EXPORTER_RECEIVER__PROXIES"),
    ("EXPORTER_RECEIVER__READ_TIMEOUT_SECONDS", "0", "EXPORTER_RECEIVER__READ_TIMEOUT_SECONDS"),
    ("EXPORTER_SESSIONS__SILENCE_SECONDS", "60", "EXPORTER_SESSIONS__SILENCE_SECONDS"),
    (
        "EXPORTER_SESSIONS__SILENCE_SECONDS__UPLOAD",
        "-1",
        "EXPORTER_SESSIONS__SILENCE_SECONDS__UPLOAD",
    ),
    ("EXPORTER_JOURNAL__CHECKPOINT_SECONDS", "soon", "EXPORTER_JOURNAL__CHECKPOINT_SECONDS"),
    ("EXPORTER_LOG_LEVEL", "LOUD", "EXPORTER_LOG_LEVEL"),
    ("EXPORTER_PROBES__TARGETS", "http://api/", "EXPORTER_PROBES__TARGETS"),
    ("EXPORTER_PROBES__TARGETS", "api=ftp://api/", "EXPORTER_PROBES__TARGETS"),
    ("EXPORTER_PROBES__TARGETS", "api=http:///health", "EXPORTER_PROBES__TARGETS"),
    ("EXPORTER_PROBES__TARGETS", "api=http://api:many/", "EXPORTER_PROBES__TARGETS"),
    ("EXPORTER_PROBES__TARGETS", "api=http://api/,queue=tcp://queue", "EXPORTER_PROBES__TARGETS"),
    ("EXPORTER_PROBES__EVERY_SECONDS", "0", "EXPORTER_PROBES__EVERY_SECONDS"),
    ("EXPORTER_PROBES__EVERY_SECONDS", "61", "EXPORTER_PROBES__EVERY_SECONDS"),
    ("EXPORTER_CMCD__TARGETS", "web,web/live", "EXPORTER_CMCD__TARGETS"),
    ("EXPORTER_CMCD__UNWANTED_TARGETS", "/cmcd/web", "EXPORTER_CMCD__UNWANTED_TARGETS"),
    ("EXPORTER_CMCD__MOST_RECORDS", "0", "EXPORTER_CMCD__MOST_RECORDS"),
    ("EXPORTER_GENERATION__RETRY_SECONDS", "-1", "EXPORTER_GENERATION__RETRY_SECONDS"),
    ("EXPORTER_OPERATIONS__HOST", "0.0.0.0", "EXPORTER_OPERATIONS"),  # noqa: S104 - refused
    ("EXPORTER_OPERATIONS__HOST", "exporter.example", "EXPORTER_OPERATIONS"),
    ("EXPORTER_OPERATIONS__CERTIFICATE", "certificate.pem", "EXPORTER_OPERATIONS"),
]


@pytest.mark.parametrize(("name", "value", "blamed"), MISTAKES)
def test_a_mistake_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, blamed: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        said(monkeypatch, **{name: value})

    places = [each["loc"] for each in caught.value.errors()]
    assert ["EXPORTER_" + "__".join(map(str, loc)).upper() for loc in places] == [blamed]


def test_what_is_shown_of_the_settings_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    found = said(
        monkeypatch,
        EXPORTER_RECEIVER__KEYS="c4n4ry,c4n4ry2",
        EXPORTER_INFLUX__TOKEN=SECRET,
        EXPORTER_INFLUX__URL="http://name:c4n4ry@influxdb:8086/x",
    )
    shown = dict(effective(found))

    assert SECRET not in str(shown)
    assert SECRET not in repr(found.receiver) + repr(found.influx.token)
    assert shown["EXPORTER_RECEIVER__KEYS"] == "********,********"
    assert shown["EXPORTER_INFLUX__TOKEN"] == shown["EXPORTER_RECEIVER__KEYS"][:8]
    assert shown["EXPORTER_INFLUX__URL"] == "http://********@influxdb:8086/x"
    assert shown["EXPORTER_RECEIVER__ORIGINS"] == ""


def test_what_is_shown_may_be_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    one = said(monkeypatch, EXPORTER_SESSIONS__SILENCE_SECONDS__UPLOAD="60")
    shown = {name: value for name, value in effective(one) if value}
    monkeypatch.delenv("EXPORTER_SESSIONS__SILENCE_SECONDS__UPLOAD")

    assert said(monkeypatch, **shown) == one
