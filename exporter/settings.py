"""Every knob, grouped by the part that uses it; from the environment, ``EXPORTER_<PART>__<KNOB>``.

Nothing is read when this module is imported; parts are given their own group, never the whole.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from exporter.catalogue import BUDGET, DEFAULTS, Lists
from exporter.formats import Clients, cmcd, tusd, webhooks
from exporter.formats.webhooks.signature import standard_key
from exporter.limits import Allowance
from exporter.metric import (
    Cache,
    Cdn,
    Currency,
    Measurement,
    Page,
    Provider,
    Route,
    Service,
    Trial,
)
from exporter.pipeline import MOST_TAG_VALUES

Port = Annotated[int, Field(ge=0, le=65535)]
Listed = NoDecode
"""A list that is written with commas."""


class Part(BaseModel):
    """A group of knobs; unknown ones are errors, so a typing mistake is never a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class EmptySecretError(ValueError):
    """A file that should hold a secret holds none, which must not mean that none is needed."""


def _secret(given: SecretStr, file: Path | None) -> str:
    return given.get_secret_value() if file is None else _held(file)


def _secrets(given: tuple[SecretStr, ...], file: Path | None) -> tuple[str, ...]:
    if file is not None:
        return tuple(_held(file).replace(",", " ").split())
    return tuple(secret.get_secret_value() for secret in given)


def _held(file: Path) -> str:
    held = file.read_text().strip()
    if not held:
        raise EmptySecretError(f"{file} is empty, and should hold a secret")
    return held


def _origins(given: tuple[str, ...]) -> tuple[str, ...]:
    for origin in given:
        if origin not in {"*", "null"} and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
            raise ValueError(f"{origin} is no origin such as https://video.example.com")
    return given


def _header(name: str) -> str:
    """A name that no header can have (RFC 9110, token) would never be found."""
    if name and re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) is None:
        raise ValueError(f"{name!r} is no name of a header such as X-Country")
    return name


def _on_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Receiver(Part):
    """The public port."""

    host: str = Field("127.0.0.1", description="Address to listen on for beacons.")
    port: Port = Field(8080, description="Port for beacons; 0 takes a free one.")
    keys: Annotated[tuple[SecretStr, ...], Listed] = Field(
        (), description="Keys, separated by commas; without any, everybody may send."
    )
    origins: Annotated[tuple[str, ...], Listed] = Field(
        (), description="Origins whose pages may send with a preflight, or *; by commas."
    )
    proxies: Annotated[tuple[str, ...], Listed] = Field(
        (), description="Networks of trusted proxies (CIDR), by commas; only they name the country."
    )
    country_header: str = Field(
        "", description="Header in which a trusted proxy names the client's country (ISO 3166-1)."
    )
    beacon_bytes: int = Field(65_536, ge=1024, description="Largest beacon, raw and inflated.")
    beacon_events: int = Field(50, ge=1, description="Most events in a beacon.")
    batch_bytes: int = Field(
        1_048_576,
        ge=1024,
        description="Largest body on /v1/events, /collect and of webhooks, raw and inflated.",
    )
    batch_events: int = Field(500, ge=1, description="Most events in such a body.")
    rate_per_second: float = Field(
        0.0, ge=0, description="Beacons a second from one network (/24, /48); 0: no limit."
    )
    rate_burst: float = Field(
        200.0, ge=1, description="Beacons that may come at once above it, of a network or a key."
    )
    key_rates: Annotated[tuple[NonNegativeFloat, ...], Listed] = Field(
        (),
        description="Beacons a second with one key: one number for all keys, or one for each in "
        "their order, by commas; 0: no limit.",
    )
    key_quotas: Annotated[tuple[NonNegativeInt, ...], Listed] = Field(
        (),
        description="Beacons a day (UTC) with one key, since the start of this process: one number "
        "for all keys, or one for each in their order, by commas; 0: no quota.",
    )
    most_connections: int = Field(
        10_000,
        ge=10,
        description="Open connections; above it those give way that keep us waiting longest. At "
        "most what the system's limit of open files leaves room for.",
    )
    read_timeout_seconds: float = Field(
        10.0,
        gt=0,
        description="Time a client has for a request, head and body, and to read its answers.",
    )
    keepalive_seconds: float = Field(30.0, gt=0, description="Time an idle connection is kept.")

    split = field_validator("keys", "origins", "proxies", "key_rates", "key_quotas", mode="before")(
        _split
    )
    header = field_validator("country_header")(_header)

    @model_validator(mode="after")
    def are_for_keys(self) -> Self:
        """A limit of a key that is not there would limit nobody."""
        for name in ("key_rates", "key_quotas"):
            given = len(getattr(self, name))
            if given and (not self.keys or given not in {1, len(self.keys)}):
                raise ValueError(
                    f"{name} has {given} numbers for {len(self.keys)} keys: give one for all keys, "
                    "or one for each"
                )
        return self

    def allowances(self) -> dict[str, Allowance]:
        """What each key may send."""
        count = len(self.keys)
        rates = self.key_rates * count if len(self.key_rates) == 1 else self.key_rates
        quotas = self.key_quotas * count if len(self.key_quotas) == 1 else self.key_quotas
        return {
            key.get_secret_value(): Allowance(rate, self.rate_burst, quota)
            for key, rate, quota in zip(
                self.keys, rates or (0.0,) * count, quotas or (0,) * count, strict=True
            )
        }

    @field_validator("origins")
    @classmethod
    def are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """What no browser ever sends would look like pages that may not send."""
        return _origins(origins)

    @field_validator("proxies")
    @classmethod
    def are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        """What is no network would only be found out when the first beacon comes."""
        for proxy in proxies:
            ipaddress.ip_network(proxy)
        return proxies


class Consent(Part):
    """What is counted of people who did not consent, and what means that they did not."""

    required: bool = Field(
        False, description="Whether consent must be said (?consent=granted, or X-Consent: granted)."
    )
    signals: bool = Field(
        True, description="Whether Sec-GPC: 1 and DNT: 1 mean no consent, unless it is said."
    )
    without: Literal["anonymous", "nothing"] = Field(
        "anonymous",
        description="What is counted without consent: anonymous (all but who it was) or nothing.",
    )


class Samples(Part):
    """What is shown of the messages of errors."""

    words: Annotated[tuple[str, ...], Listed] = Field(
        (), description="Words that samples show besides the technical ones, by commas."
    )

    split = field_validator("words", mode="before")(_split)


class Operations(Part):
    """The port for Prometheus and health checks; never reachable for clients."""

    host: str = Field("127.0.0.1", description="Address of /metrics and /health.")
    port: Port = Field(9464, description="Port of /metrics and /health; 0 takes a free one.")
    token: SecretStr = Field(
        SecretStr(""),
        description="Token for /metrics (Authorization: Bearer); needed where the address is not "
        "on loopback.",
    )
    token_file: Path | None = Field(None, description="File that holds the token instead.")
    certificate: Path | None = Field(
        None, description="Certificate (PEM, with its chain) for TLS; needs the private key."
    )
    private_key: Path | None = Field(None, description="Private key (PEM) of the certificate.")

    @model_validator(mode="after")
    def is_guarded(self) -> Self:
        """Numbers are nobody's business whom nobody has let in."""
        open_to_all = not self.token.get_secret_value() and self.token_file is None
        if open_to_all and not _on_loopback(self.host):
            raise ValueError(
                f"{self.host} is not on loopback: EXPORTER_OPERATIONS__TOKEN_FILE is needed"
            )
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("a certificate and its private key are given together")
        return self

    def secret(self) -> str:
        """The token, from wherever it is; OSError where the file cannot be read."""
        return _secret(self.token, self.token_file)


class Journal(Part):
    """The files of this instance."""

    directory: Path = Field(
        Path("state"), description="Folder of journal.db, state.db and lock; of one instance only."
    )
    floor_bytes: int = Field(
        64 * 1024 * 1024,
        ge=0,
        description="Beacons get 503 while less than this is free on the disk.",
    )
    checkpoint_seconds: float = Field(
        1.0, gt=0, description="Time between checkpoints: how much a crash must count again."
    )
    key_days: int = Field(
        0,
        ge=0,
        description="Days after which the key of the hashes is replaced, at midnight (UTC): nobody "
        "can be found any more in what is older; 0: never by itself.",
    )
    outbox_bytes: int = Field(
        1024 * 1024 * 1024,
        ge=1024,
        description="Most bytes of points that wait; above it the oldest are dropped and counted.",
    )


class Influx(Part):
    """The InfluxDB that is told what happened. Without an address, points wait."""

    url: str = Field("", description="Address, such as http://influxdb:8086; empty: none yet.")
    token: SecretStr = Field(SecretStr(""), description="Token that may write into the bucket.")
    token_file: Path | None = Field(None, description="File that holds the token instead.")
    org: str = Field("video", description="Organisation.")
    bucket: str = Field("video", description="Bucket.")
    instance: str = Field(
        "",
        description="Name of this exporter, a tag of points, where several write into one bucket.",
    )
    timeout_seconds: float = Field(10.0, gt=0, description="Time one delivery may take.")
    every_seconds: float = Field(5.0, gt=0, description="Time between deliveries.")
    detail_days: int = Field(
        90, ge=1, description="Days that `influx setup` lets the bucket keep every point."
    )
    hourly_days: int = Field(
        365, ge=1, description="Days that it lets the hourly summaries be kept."
    )
    daily_days: int = Field(730, ge=1, description="Days that it lets the daily summaries be kept.")

    def secret(self) -> str:
        """The token, from wherever it is; OSError where the file cannot be read."""
        return _secret(self.token, self.token_file)

    def authorisation(self) -> dict[str, str]:
        """The header for requests; none where the address itself has a name and a password."""
        secret = self.secret()
        return {"Authorization": f"Token {secret}"} if secret and "@" not in self.url else {}


class Sessions(Part):
    """How long lifecycles wait, by server time."""

    silence_seconds: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="Silence after which a lifecycle is given up, instead of its own: by name."
    )
    settle_seconds: float = Field(
        10.0, ge=0, description="Time after an end in which the other side can still tell."
    )
    remember_seconds: float = Field(
        86_400.0, gt=0, description="Time after its end in which a lifecycle cannot begin again."
    )


class Dedup(Part):
    """How long ids are remembered."""

    window_seconds: float = Field(
        7200.0, gt=0, description="An id is recognised for at least half of this."
    )


class Labels(Part):
    """The label values that a team names; everything else is ``other``."""

    routes: Annotated[tuple[str, ...], Listed] = Field(
        DEFAULTS[Route], description="Templates of API routes, by commas."
    )
    pages: Annotated[tuple[str, ...], Listed] = Field(
        DEFAULTS[Page], description="Templates of the paths of pages, by commas."
    )
    services: Annotated[tuple[str, ...], Listed] = Field(
        DEFAULTS[Service], description="Parts of the platform that report or are probed, by commas."
    )
    providers: Annotated[tuple[str, ...], Listed] = Field(
        DEFAULTS[Provider], description="Providers that generate videos, by commas."
    )
    currencies: Annotated[tuple[str, ...], Listed] = Field(
        DEFAULTS[Currency], description="Currencies (ISO 4217) whose amounts count, by commas."
    )
    caches: Annotated[tuple[str, ...], Listed] = Field(
        DEFAULTS[Cache], description="Caches, by commas."
    )
    cdns: Annotated[tuple[str, ...], Listed] = Field(
        DEFAULTS[Cdn], description="Content delivery networks (CMCD key cdn), by commas."
    )
    experiments: Annotated[tuple[str, ...], Listed] = Field(
        (), description="A/B tests as experiment/variant, by commas; tags of points, not labels."
    )

    most_tag_values: int = Field(
        MOST_TAG_VALUES,
        ge=1,
        description="Different videos, courses, errors that may be tags of points in half a week.",
    )

    split = field_validator(
        "routes",
        "pages",
        "services",
        "providers",
        "currencies",
        "caches",
        "cdns",
        "experiments",
        mode="before",
    )(_split)

    @field_validator("routes", "pages")
    @classmethod
    def are_paths(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        """No path would ever be one of these."""
        for template in templates:
            if not re.fullmatch(r"/[^\s?#]*", template):
                raise ValueError(f"{template} is no template of a path such as /watch/:id")
        return templates

    @field_validator("experiments")
    @classmethod
    def are_trials(cls, experiments: tuple[str, ...]) -> tuple[str, ...]:
        """No event would ever be of one of these."""
        for experiment in experiments:
            if not re.fullmatch(r"[^/]+/[^/]+", experiment):
                raise ValueError(f"{experiment} is not given as experiment/variant")
        return experiments

    @property
    def lists(self) -> Lists:
        """By the type of the label."""
        return {
            Route: self.routes,
            Page: self.pages,
            Service: self.services,
            Provider: self.providers,
            Currency: self.currencies,
            Cache: self.caches,
            Cdn: self.cdns,
            Trial: self.experiments,
        }


class Faro(Part):
    """The Grafana Faro SDK in pages."""

    measurements: Annotated[tuple[str, ...], Listed] = Field(
        DEFAULTS[Measurement],
        description="Times that pages measure, as type.value ending in _ms or _seconds, by commas.",
    )

    split = field_validator("measurements", mode="before")(_split)


class Playback(Part):
    """What counts as what."""

    completion_ratio: float = Field(
        0.90, gt=0, le=1, description="Share of a video from which a play counts as completed."
    )


class Reports(Part):
    """Reports for people: by `python -m exporter report`, and by the clock where it is enabled."""

    enabled: bool = Field(False, description="Whether daily and weekly reports come by themselves.")
    prometheus_url: str = Field(
        "http://127.0.0.1:9090", description="Prometheus that the reports are made of."
    )
    alertmanager_url: str = Field(
        "http://127.0.0.1:9093",
        description="Alertmanager that is told of scheduled reports; empty: nobody is.",
    )
    zone: str = Field(
        "UTC", description="Time zone of reports and of their schedule, such as Europe/Berlin."
    )
    hour: int = Field(
        9, ge=0, le=23, description="Hour of the daily report, and on Mondays of the weekly one."
    )
    directory: Path | None = Field(
        None, description="Folder for scheduled reports as HTML, PDF and JSON; empty: none is kept."
    )
    timeout_seconds: float = Field(30.0, gt=0, description="Time one question may take.")

    @field_validator("zone")
    @classmethod
    def is_a_zone(cls, zone: str) -> str:
        """A zone that does not exist would only be found out at nine o'clock."""
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, OSError, ValueError) as error:
            raise ValueError(f"there is no time zone {zone!r}") from error
        return zone


class Generation(Part):
    """When a generation has failed."""

    retry_seconds: float = Field(
        60.0, ge=0, description="Time another attempt has to begin before a failure is final."
    )


class Cmcd(Part):
    """Players that report by CMCD."""

    targets: Annotated[tuple[str, ...], Listed] = Field(
        cmcd.Knobs().targets,
        description="What may follow /cmcd/ in an address, by commas; a player's name says who "
        "reports.",
    )
    unwanted_targets: Annotated[tuple[str, ...], Listed] = Field(
        (), description="Targets whose players are told to stop (410), by commas."
    )
    unwanted_origins: Annotated[tuple[str, ...], Listed] = Field(
        (), description="Origins whose players are told to stop (410), or *; by commas."
    )
    most_records: int = Field(
        cmcd.Knobs().most_records, ge=1, description="Most reports in a body."
    )

    split = field_validator("targets", "unwanted_targets", "unwanted_origins", mode="before")(
        _split
    )

    @field_validator("unwanted_origins")
    @classmethod
    def are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """What no browser ever sends would stop nobody."""
        return _origins(origins)

    @field_validator("targets", "unwanted_targets")
    @classmethod
    def are_names(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        """A target with a slash or a blank would never be found."""
        for target in targets:
            if re.fullmatch(r"[A-Za-z0-9._-]+", target) is None:
                raise ValueError(f"{target} is no name of a target")
        return targets

    def knobs(self) -> cmcd.Knobs:
        """As the format takes them."""
        return cmcd.Knobs(
            self.targets, self.unwanted_targets, self.unwanted_origins, self.most_records
        )


class Tusd(Part):
    """The hooks of a tusd."""

    country_header: str = Field(
        "",
        description="Header in which what stands before tusd names the client's country "
        "(ISO 3166-1).",
    )

    header = field_validator("country_header")(_header)

    def knobs(self) -> tusd.Knobs:
        """As the format takes them."""
        return tusd.Knobs(self.country_header)


class Webhooks(Part):
    """The providers whose webhooks are taken; one without a secret is not."""

    replicate_secrets: Annotated[tuple[SecretStr, ...], Listed] = Field(
        (), description="Signing secrets of Replicate (whsec_…); by commas while one is replaced."
    )
    replicate_secrets_file: Path | None = Field(None, description="File that holds them instead.")
    mux_secrets: Annotated[tuple[SecretStr, ...], Listed] = Field(
        (), description="Signing secrets of Mux; by commas while one is replaced."
    )
    mux_secrets_file: Path | None = Field(None, description="File that holds them instead.")
    tolerance_seconds: float = Field(
        300.0, gt=0, description="By how much the time of a webhook may differ from ours."
    )

    split = field_validator("replicate_secrets", "mux_secrets", mode="before")(_split)

    @field_validator("replicate_secrets")
    @classmethod
    def are_standard(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        """What is no secret would look like a provider that forges."""
        for secret in secrets:
            standard_key(secret.get_secret_value())
        return secrets

    def knobs(self) -> webhooks.Knobs:
        """The secrets, from wherever they are; OSError where a file cannot be read."""
        return webhooks.Knobs(
            _secrets(self.replicate_secrets, self.replicate_secrets_file),
            _secrets(self.mux_secrets, self.mux_secrets_file),
            self.tolerance_seconds,
        )


class Probes(Part):
    """Our own look at the services."""

    targets: Annotated[tuple[str, ...], Listed] = Field(
        (),
        description="What to probe, by commas: service=http://host/path or service=tcp://host:port.",
    )
    every_seconds: float = Field(
        2.0, gt=0, le=60, description="Time between two probes of a target, at most a minute."
    )
    timeout_seconds: float = Field(
        2.0,
        gt=0,
        description="Time a target has to answer, at most the time between two probes.",
    )
    statuses: Annotated[tuple[int, ...], Listed] = Field(
        (), description="HTTP statuses that are healthy, by commas; without any, 200 to 399."
    )

    split = field_validator("targets", "statuses", mode="before")(_split)

    @field_validator("targets")
    @classmethod
    def are_targets(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        """What cannot be probed would look like a service that is down."""
        for target in targets:
            service, _, address = target.partition("=")
            parts = urlsplit(address)
            known = parts.scheme in {"http", "https", "tcp"} and parts.hostname
            # Of TCP, no port is usual; one that is no port raises a ValueError that says so.
            if not service or not known or (parts.port is None and parts.scheme == "tcp"):
                raise ValueError(f"{service or target} is not given as service=http://host/path")
        return targets


class _Environment(EnvSettingsSource):
    """The environment; what looks like a knob and is none is handed on, to be refused by name."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        prefix = self.env_prefix.lower()
        for variable, value in self.env_vars.items():
            name = variable.removeprefix(prefix)
            part, _, _ = name.partition("__")
            if variable.startswith(prefix) and part not in self.settings_cls.model_fields:
                found[name] = value
        return found

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """What is no JSON is handed on too: the field that it is for says so better."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class Settings(BaseSettings):
    """All parts."""

    model_config = SettingsConfigDict(
        env_prefix="EXPORTER_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    receiver: Receiver = Receiver()
    consent: Consent = Consent()
    samples: Samples = Samples()
    operations: Operations = Operations()
    journal: Journal = Journal()
    influx: Influx = Influx()
    sessions: Sessions = Sessions()
    dedup: Dedup = Dedup()
    labels: Labels = Labels()
    faro: Faro = Faro()
    playback: Playback = Playback()
    generation: Generation = Generation()
    cmcd: Cmcd = Cmcd()
    tusd: Tusd = Tusd()
    webhooks: Webhooks = Webhooks()
    probes: Probes = Probes()
    reports: Reports = Reports()
    series_budget: int = Field(
        BUDGET, ge=1, description="Most series on /metrics; the start is refused above it."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Level of the log: DEBUG, INFO, WARNING, ERROR."
    )

    @property
    def lists(self) -> Lists:
        """Everything that a team names, by the type of the label."""
        return {**self.labels.lists, Measurement: self.faro.measurements}

    def clients(self) -> Clients:
        """The knobs of every format; OSError where a file of secrets cannot be read."""
        return Clients(self.cmcd.knobs(), self.tusd.knobs(), self.webhooks.knobs())

    @field_validator("log_level", mode="before")
    @classmethod
    def in_capitals(cls, level: object) -> object:
        """A level may be written in any case."""
        return level.upper() if isinstance(level, str) else level

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What a program says, and the environment."""
        return init_settings, _Environment(settings_cls)


def without_password(url: str) -> str:
    """An address that may be shown; it may hold a password: http://name:password@influxdb:8086."""
    return re.sub(r"//[^/@]*@", "//********@", url)


def effective(settings: BaseModel, prefix: str = "EXPORTER") -> Iterator[tuple[str, str]]:
    """Every knob by the name of its environment variable, with its value."""
    separator = "_" if prefix == "EXPORTER" else "__"
    for field in type(settings).model_fields:
        value = getattr(settings, field)
        name = f"{prefix}{separator}{field.upper()}"
        if isinstance(value, BaseModel):
            yield from effective(value, name)
        else:
            yield name, _starred(value)


def _starred(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return ",".join(_starred(each) for each in value)
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else without_password(str(value))


def render() -> str:
    """``docs/settings.md``."""
    lines = [
        "# Settings",
        "",
        "Generated by `python -m exporter settings`; a test compares. Do not edit.",
        "",
        "All come from the environment. `python -m exporter check` prints the effective ones and",
        "probes what they point to; a name that does not exist is an error.",
        "",
        "| variable | default | what it does |",
        "|---|---|---|",
        *(f"| `{name}` | {_shown(knob)} | {knob.description} |" for name, knob in _knobs(Settings)),
    ]
    return "\n".join(lines) + "\n"


def _knobs(part: type[BaseModel], prefix: str = "EXPORTER_") -> Iterator[tuple[str, FieldInfo]]:
    for name, knob in part.model_fields.items():
        kind = knob.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _knobs(kind, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper(), knob


def _shown(knob: FieldInfo) -> str:
    default = knob.get_default(call_default_factory=True)
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, dict):
        default = json.dumps(default)
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return "–" if default in {None, "", "{}"} else f"`{default}`"
