"""The bill of materials names what is installed, and nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path

from exporter.app import LEAST_AIOHTTP

ROOT = Path(__file__).parents[1]


def test_every_locked_requirement_is_in_it_with_its_hashes(tmp_path: Path) -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nsbom:")[2].partition("\n\n")[0]
    assert "cyclonedx-py requirements requirements.txt" in recipe
    written = tmp_path / "sbom.json"
    subprocess.run(
        (
            *(str(Path(sys.executable).with_name("cyclonedx-py")), "requirements"),
            *("requirements.txt", "--pyproject", "pyproject.toml", "--short-PURLs"),
            *("--output-reproducible", "--of", "JSON", "-o", str(written)),
        ),
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    bill = json.loads(written.read_text())
    locked = re.findall(
        r"^([\w.\-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )

    assert bill["metadata"]["component"]["name"] == "video-metrics-exporter"
    assert sorted((each["name"], each["version"]) for each in bill["components"]) == sorted(locked)
    assert all(each["externalReferences"][0]["hashes"] for each in bill["components"])


def test_the_locked_aiohttp_is_not_older_than_is_safe() -> None:
    (version,) = re.findall(
        r"^aiohttp==(\d+)\.(\d+)\.(\d+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert tuple(map(int, version)) >= LEAST_AIOHTTP
