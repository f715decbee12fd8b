"""The locked requirements are what pyproject.toml asks for, and nothing can be put under them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

LOCKS = {"requirements.txt": False, "requirements-dev.txt": True}
RELOCK = "run `make lock`"


def locked(file: str) -> dict[str, Version]:
    """The version of every package of a lock."""
    pins = re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", Path(file).read_text(), re.MULTILINE)
    return {name: Version(version) for name, version in pins}


def wanted(*, dev: bool) -> list[Requirement]:
    """What pyproject.toml asks for."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + (project["optional-dependencies"]["dev"] if dev else [])
    return [Requirement(each) for each in asked]


@pytest.mark.parametrize("file", LOCKS)
def test_every_requirement_is_locked_within_its_bounds(file: str) -> None:
    pins = locked(file)
    for requirement in wanted(dev=LOCKS[file]):
        name = requirement.name.lower().replace("_", "-")
        assert name in pins, f"{name} is not in {file}: {RELOCK}"
        assert requirement.specifier.contains(pins[name]), f"{file}: {requirement}: {RELOCK}"


@pytest.mark.parametrize("file", LOCKS)
def test_every_locked_package_has_hashes_and_no_lock_names_where_it_comes_from(file: str) -> None:
    text = Path(file).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked(file))
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]
    assert "://" not in text
    assert not re.search(r"(?<![\w.-])/\w", text), "a path of some machine"


def test_what_is_tested_is_what_runs() -> None:
    runs, tested = locked("requirements.txt"), locked("requirements-dev.txt")
    assert runs.items() <= tested.items(), RELOCK


def test_nothing_stays_locked_that_is_no_longer_asked_for() -> None:
    entries = re.split(r"^(?=[a-z0-9])", Path("requirements.txt").read_text(), flags=re.MULTILINE)
    asked = {entry.split("==")[0] for entry in entries if "(pyproject.toml)" in entry}
    assert asked == {each.name.lower().replace("_", "-") for each in wanted(dev=False)}, RELOCK
