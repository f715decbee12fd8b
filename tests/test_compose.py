"""docker-compose.yml and the Dockerfile, as far as both can be checked without an engine."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from exporter import __version__
from exporter.settings import Settings
from stack.layout import RETENTION
from stack.secrets import CHANNELS, OURS

COMPOSE: dict[str, Any] = yaml.safe_load(Path("docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = Path("Dockerfile").read_text()

OF_OURS = ("exporter", "webhook")

STRING = {"type": "string"}
STRINGS = {"type": "array", "items": STRING, "uniqueItems": True}
EMPTY = {"type": "object", "additionalProperties": False}
# The rules of the compose specification for the keys that are used here; a key that is not among
# them is more likely a slip than a wish.
SCHEMA = {
    "type": "object",
    "required": ["name", "services"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "build": STRING,
                    "cap_drop": STRINGS,
                    "command": {"type": "array", "items": STRING},
                    "depends_on": {
                        "additionalProperties": {
                            "type": "object",
                            "required": ["condition"],
                            "additionalProperties": False,
                            "properties": {
                                "condition": {"enum": ["service_started", "service_healthy"]}
                            },
                        }
                    },
                    "environment": {"type": "object", "additionalProperties": STRING},
                    "healthcheck": {
                        "type": "object",
                        "required": ["test", "interval", "timeout", "start_period", "retries"],
                        "additionalProperties": False,
                        "properties": {
                            "test": {
                                "type": "array",
                                "prefixItems": [{"const": "CMD"}],
                                "items": STRING,
                                "minItems": 2,
                            },
                            "interval": {"$ref": "#/$defs/duration"},
                            "timeout": {"$ref": "#/$defs/duration"},
                            "start_period": {"$ref": "#/$defs/duration"},
                            "retries": {"type": "integer"},
                        },
                    },
                    "image": STRING,
                    "init": {"type": "boolean"},
                    "network_mode": STRING,
                    "networks": STRINGS,
                    "ports": STRINGS,
                    "read_only": {"type": "boolean"},
                    "restart": {"enum": ["unless-stopped"]},
                    "secrets": {
                        "type": "array",
                        "items": {
                            "oneOf": [
                                STRING,
                                {
                                    "type": "object",
                                    "required": ["source", "target"],
                                    "additionalProperties": False,
                                    "properties": {"source": STRING, "target": STRING},
                                },
                            ]
                        },
                    },
                    "security_opt": STRINGS,
                    "stop_grace_period": {"$ref": "#/$defs/duration"},
                    "tmpfs": STRINGS,
                    "user": STRING,
                    "volumes": STRINGS,
                },
            }
        },
        "networks": {
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"internal": {"type": "boolean"}},
            }
        },
        "volumes": {"additionalProperties": EMPTY},
        "secrets": {
            "additionalProperties": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {"file": STRING},
            }
        },
    },
    "$defs": {"duration": {"type": "string", "pattern": "^[0-9]+(s|m)$"}},
}


def mounts(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Source, target and mode of every volume."""
    return [(*each.split(":"), "rw")[:3] for each in service.get("volumes", [])]


def secrets_of(service: dict[str, Any]) -> dict[str, str]:
    """Where a container finds each of its secrets."""
    found = {}
    for each in service.get("secrets", []):
        source = each if isinstance(each, str) else each["source"]
        found[source] = f"/run/secrets/{each}" if isinstance(each, str) else each["target"]
    return found


def test_it_keeps_to_the_rules_of_the_compose_specification() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(COMPOSE)


def test_everything_that_is_spoken_of_is_there() -> None:
    assert {"exporter", "prometheus", "alertmanager", "grafana", "influxdb"} <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_of_one_version(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag), SERVICES[name]["image"]


@pytest.mark.parametrize("base", re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
def test_every_base_image_is_of_one_version(base: str) -> None:
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", base)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_whether_it_is_well_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OF_OURS)
def test_our_containers_are_nobodys_root_and_write_only_where_they_must(name: str) -> None:
    service = SERVICES[name]
    assert re.search(rf"^USER {service['user']}$", DOCKERFILE, re.MULTILINE)
    assert int(service["user"].partition(":")[0]) >= 10_000
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    writable = {target for _, target, mode in mounts(service) if mode == "rw"}
    assert writable | set(service["tmpfs"]) <= {"/tmp", "/var/lib/exporter"}  # noqa: S108


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_can_become_more_than_it_is(name: str) -> None:
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_what_asks_and_what_tells_write_into_their_volume_alone(name: str) -> None:
    service = SERVICES[name]
    (storage,) = [
        option.partition("=")[2]
        for option in service["command"]
        if "storage" in option and "path" in option
    ]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert [target for _, target, mode in mounts(service) if mode == "rw"] == [storage]


def test_the_user_of_the_image_is_in_the_group_that_it_runs_as() -> None:
    (user, group) = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)[0]
    assert f"groupadd --gid {group} exporter" in DOCKERFILE
    assert f"useradd --no-create-home --uid {user} --gid {group} " in DOCKERFILE


IN_IMAGES = {
    "video-metrics-exporter": "python",
    "prom/prometheus": "wget",
    "prom/alertmanager": "wget",
    "influxdb": "influx",
    "grafana/grafana": "wget",
}
"""What the images bring that can ask a service how it is: busybox, or a client of their own."""


@pytest.mark.parametrize("name", SERVICES)
def test_who_asks_a_service_how_it_is_is_in_its_image(name: str) -> None:
    image, _, _ = SERVICES[name]["image"].partition(":")
    assert SERVICES[name]["healthcheck"]["test"][1] == IN_IMAGES[image]


def test_the_question_of_the_image_is_that_of_the_service() -> None:
    (asked,) = re.findall(r"HEALTHCHECK .*\\\n +CMD (\[.*\])", DOCKERFILE)
    assert ["CMD", *json.loads(asked)] == SERVICES["exporter"]["healthcheck"]["test"]


def test_alertmanager_takes_the_configuration_as_it_is_mounted(tmp_path: Path) -> None:
    amtool = shutil.which("amtool")
    assert amtool, "amtool is missing: sh stack/debian.sh test"
    sources = {target: source for source, target, _ in mounts(SERVICES["alertmanager"])}
    file = tmp_path / "alertmanager.yml"
    shutil.copy(sources["/etc/alertmanager/alertmanager.yml"], file)
    (tmp_path / "templates").symlink_to(Path(sources["/etc/alertmanager/templates"]).absolute())
    checked = subprocess.run(
        [amtool, "check-config", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "templates" in checked.stdout


def test_the_image_is_of_this_release() -> None:
    assert SERVICES["exporter"]["image"].endswith(f":{__version__}")


@pytest.mark.parametrize("name", SERVICES)
def test_everything_that_is_mounted_is_in_the_repository_or_a_declared_volume(name: str) -> None:
    for source, _, mode in mounts(SERVICES[name]):
        if source.startswith("./"):
            assert Path(source).exists(), source
            assert mode == "ro", source
        else:
            assert source in COMPOSE["volumes"], source


def test_every_volume_network_and_secret_has_a_use() -> None:
    used = {
        "volumes": {s for each in SERVICES.values() for s, _, _ in mounts(each) if s[0] != "."},
        "networks": {n for each in SERVICES.values() for n in each.get("networks", [])},
        "secrets": {n for each in SERVICES.values() for n in secrets_of(each)},
    }
    for kind, names in used.items():
        assert names == set(COMPOSE[kind]), kind


def test_make_secrets_writes_every_file_that_is_wanted() -> None:
    files = {each["file"] for each in COMPOSE["secrets"].values()}
    assert files == {f"./.secrets/{name}" for name in (*OURS, *CHANNELS)}


def test_every_file_of_a_secret_that_a_configuration_names_is_handed_over() -> None:
    alertmanager = secrets_of(SERVICES["alertmanager"]).values()
    named = re.findall(
        r"/etc/alertmanager/secrets/\w+", Path("alertmanager/alertmanager.yml").read_text()
    )
    assert set(named) == set(alertmanager)
    for service in SERVICES.values():
        for value in service.get("environment", {}).values():
            for path in re.findall(r"/run/secrets/\w+", value):
                assert path in secrets_of(service).values(), path


def test_no_secret_is_written_down_in_it() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|KEY", variable):
                assert "/run/secrets/" in value, f"{name}: {variable}"


def test_the_exporters_variables_are_settings_and_their_values_are_valid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment: dict[str, str] = SERVICES["exporter"]["environment"]
    in_image = re.findall(r"(EXPORTER_\w+)=(\S+)", DOCKERFILE)
    variables = [*environment.items(), *in_image]
    for variable, value in variables:
        monkeypatch.setenv(variable, value)
    for variable, _ in variables:
        part, _, knob = variable.removeprefix("EXPORTER_").lower().partition("__")
        assert knob in type(getattr(Settings(), part)).model_fields, variable
    settings = Settings()
    assert str(settings.journal.directory) == "/var/lib/exporter"
    assert (
        settings.influx.bucket == SERVICES["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"]
    )
    assert settings.influx.org == SERVICES["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_ORG"]


def test_ports_agree_with_the_settings_and_only_this_machine_reaches_them() -> None:
    environment = SERVICES["exporter"]["environment"]
    beacons = environment["EXPORTER_RECEIVER__PORT"]
    operations = environment["EXPORTER_OPERATIONS__PORT"]
    assert (int(beacons), int(operations)) == (Settings().receiver.port, Settings().operations.port)
    assert SERVICES["exporter"]["ports"] == [f"127.0.0.1:{beacons}:{beacons}"]
    assert f"EXPOSE {beacons} {operations}" in DOCKERFILE
    assert f":{operations}/health/ready" in SERVICES["exporter"]["healthcheck"]["test"][-1]
    targets = Path("prometheus/targets")
    assert f'"exporter:{operations}"' in (targets / "exporter.json").read_text()
    assert '"alertmanager:9093"' in (targets / "alertmanager.json").read_text()
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port), port


def test_everybody_shares_a_network_with_whom_they_ask() -> None:
    networks = {name: set(each.get("networks", [])) for name, each in SERVICES.items()}
    for asking, asked in (
        ("prometheus", "exporter"),
        ("prometheus", "alertmanager"),
        ("exporter", "influxdb"),
        ("grafana", "prometheus"),
        ("grafana", "alertmanager"),
        ("grafana", "influxdb"),
    ):
        assert networks[asking] & networks[asked], (asking, asked)
    assert SERVICES["webhook"]["network_mode"] == "service:alertmanager"


def test_grafana_is_given_every_variable_that_its_provisioning_reads() -> None:
    read = set()
    for file in Path("grafana/provisioning").rglob("*.yml"):
        read |= set(re.findall(r"\$\{(\w+)\}", file.read_text()))
    assert read <= set(SERVICES["grafana"]["environment"])
    paths = [
        each["options"]["path"]
        for file in Path("grafana/provisioning/dashboards").glob("*.yml")
        for each in yaml.safe_load(file.read_text())["providers"]
    ]
    assert set(paths) <= {target for _, target, _ in mounts(SERVICES["grafana"])}


def test_every_folder_is_there_without_which_grafana_complains() -> None:
    found = {file.parent.name for file in Path("grafana/provisioning").glob("*/*")}
    assert found >= {"alerting", "dashboards", "datasources", "notifiers", "plugins"}


def test_what_the_image_copies_is_what_it_needs_and_is_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)
    allowed = re.findall(r"^!(\S+)$", Path(".dockerignore").read_text(), re.MULTILINE)
    assert set(copied) == set(allowed) == {"requirements.txt", "exporter", "demo"}


def test_both_ways_of_running_keep_the_same_time_of_numbers() -> None:
    assert f"--storage.tsdb.retention.time={RETENTION}" in SERVICES["prometheus"]["command"]


def test_prometheus_takes_the_configuration_as_it_is_mounted(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: sh stack/debian.sh test"
    service = SERVICES["prometheus"]
    for source, target, mode in mounts(service):
        if mode == "ro":
            link = tmp_path / target.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(Path(source).absolute())
    for secret in service["secrets"]:
        (tmp_path / secret["target"].lstrip("/")).write_text("secret")
    (config,) = [each for each in service["command"] if each.startswith("--config.file=")]
    file = tmp_path / config.partition("=")[2].lstrip("/")
    checked = subprocess.run(
        [promtool, "check", "config", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"SUCCESS: {len(list(Path('rules').glob('*.yml')))} rule files found" in checked.stdout
