"""``python -m tests.dashboards.grafana``, as far as neither Grafana nor InfluxDB 2 is there."""

from pathlib import Path

import pytest

from tests.dashboards.grafana import main
from tests.dashboards.truth import popular, wrong


@pytest.mark.parametrize("missing", ["--grafana", "--influxd"])
def test_what_is_missing_is_named_with_how_to_build_it(
    missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bin/grafana", "conf/defaults.ini", "influxd"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch(mode=0o755)
    there = {"--grafana": tmp_path, "--influxd": tmp_path / "influxd"}
    there[missing] = tmp_path / "nowhere"
    assert main([f"{option}={path}" for option, path in there.items()]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{missing} needs ")
    assert f"{tmp_path}/nowhere" in said
    assert "make build-go" in said


def test_what_is_shown_otherwise_is_named() -> None:
    shown = popular()
    assert wrong(shown, popular()) == []
    shown["harbour"]["views"] += 1
    del shown["tide"]["watched"]
    shown["ghost"] = {"viewers": 1}
    assert wrong(shown, popular()) == [
        "ghost, viewers: 1, should be None",
        "harbour, views: 5, should be 4",
        "tide, watched: None, should be 120",
    ]
