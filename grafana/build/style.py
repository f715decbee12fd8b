"""The house style: one palette, one set of units, and one builder for each kind of panel.

A dashboard is a :class:`Board` of :class:`Row` of panels. Every panel says which question it
answers and what good looks like; a member of a class (a device, an outcome, a severity) has the
same colour on every panel of every dashboard; a line that was set by people (a target, a
threshold) is dashed, has no fill, and is read from the series that the alerts read.
"""

from __future__ import annotations

import json
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

from exporter.catalogue import DEFAULTS
from exporter.metric import (
    Cache,
    Cdn,
    Currency,
    Listed,
    Measurement,
    Page,
    Provider,
    Route,
    Service,
)

with warnings.catch_warnings():
    # The SDK would rather build the newer format; files of every Grafana hold the classic one.
    warnings.filterwarnings("ignore", "Prefer using", DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        barchart,
        bargauge,
        common,
        dashboard,
        geomap,
        heatmap,
        prometheus,
        stat,
        statetimeline,
        table,
        timeseries,
    )
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common as kinds
    from grafana_foundation_sdk.models import dashboard as model
    from grafana_foundation_sdk.models import heatmap as heat
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

# -- colours ---------------------------------------------------------------------------------
# Okabe and Ito's palette, told apart with any colour vision; its black is grey here, because
# black cannot be seen on a dark page.
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#999999"


def _listed(kind: type[Listed]) -> Mapping[str, str]:
    """Colours for the members of a list of the settings, in their order."""
    palette = (BLUE, SKY, ORANGE, GREEN, PURPLE, VERMILION, YELLOW)
    return {**dict(zip(DEFAULTS[kind], palette, strict=False)), "other": GREY}


COLOURS: Final[Mapping[str, Mapping[str, str]]] = {
    "upload outcome": {"completed": GREEN, "failed": VERMILION, "abandoned": ORANGE},
    "generation outcome": {
        "succeeded": GREEN,
        "failed": VERMILION,
        "cancelled": SKY,
        "lost": ORANGE,
    },
    "playback outcome": {
        "finished": GREEN,
        "left": SKY,
        "idle": BLUE,
        "failed": VERMILION,
        "start_failed": PURPLE,
        "start_exited": ORANGE,
        "start_dropped": GREY,
    },
    "result": {"ok": GREEN, "failed": VERMILION},
    "web result": {"ok": GREEN, "failed": VERMILION, "slow": ORANGE},
    "rating": {"good": GREEN, "needs-improvement": ORANGE, "poor": VERMILION},
    "erred": {"yes": VERMILION, "no": GREEN},
    "bounced": {"yes": ORANGE, "no": GREEN},
    "completed": {"yes": GREEN, "no": ORANGE},
    "preview": {"yes": SKY, "no": BLUE},
    "lookup": {"hit": GREEN, "miss": ORANGE},
    "severity": {
        "critical": VERMILION,
        "high": ORANGE,
        "medium": PURPLE,
        "low": SKY,
        "info": GREY,
    },
    "upload source": {"lifecycle": BLUE, "report": ORANGE},
    "platform source": {"probe": BLUE, "report": ORANGE},
    "first_try": {"yes": GREEN, "no": ORANGE},
    "device": {
        "desktop": BLUE,
        "mobile": ORANGE,
        "tablet": GREEN,
        "tv": PURPLE,
        "other": GREY,
    },
    "browser": {
        "chrome": BLUE,
        "safari": SKY,
        "firefox": ORANGE,
        "edge": GREEN,
        "other": GREY,
    },
    "network": {
        "4g": BLUE,
        "3g": SKY,
        "2g": ORANGE,
        "slow-2g": VERMILION,
        "other": GREY,
    },
    "size_class": {
        "0-10MB": SKY,
        "10-30MB": BLUE,
        "30-100MB": ORANGE,
        "100MB+": VERMILION,
        "other": GREY,
    },
    "resolution": {
        "sd": SKY,
        "hd": BLUE,
        "full_hd": ORANGE,
        "uhd": VERMILION,
        "other": GREY,
    },
    "age_class": {
        "0-10s": SKY,
        "10-30s": BLUE,
        "30-60s": GREEN,
        "1-5m": ORANGE,
        "5m+": VERMILION,
    },
    "region": {
        "africa": ORANGE,
        "asia": VERMILION,
        "europe": BLUE,
        "north_america": SKY,
        "oceania": PURPLE,
        "south_america": GREEN,
        "other": GREY,
    },
    "upload error_type": {
        "network": BLUE,
        "timeout": SKY,
        "server": VERMILION,
        "storage": ORANGE,
        "auth": PURPLE,
        "validation": YELLOW,
        "cancelled": GREEN,
        "other": GREY,
    },
    "generation error_type": {
        "timeout": SKY,
        "rate_limit": ORANGE,
        "moderation": PURPLE,
        "input": YELLOW,
        "provider": VERMILION,
        "storage": BLUE,
        "other": GREY,
    },
    "playback error_type": {
        "network": BLUE,
        "manifest": ORANGE,
        "media": VERMILION,
        "drm": PURPLE,
        "unsupported": YELLOW,
        "timeout": SKY,
        "other": GREY,
    },
    "web error_type": {
        "javascript": VERMILION,
        "promise_rejection": ORANGE,
        "http_error": PURPLE,
        "network_error": BLUE,
        "slow_request": SKY,
        "xhr_error": GREEN,
        "xhr_http_error": YELLOW,
        "other": GREY,
    },
    "player": {
        "hls.js": BLUE,
        "dash.js": ORANGE,
        "shaka": GREEN,
        "pillarbox": SKY,
        "native": PURPLE,
        "other": GREY,
    },
    "format": {"tracker": BLUE, "events": GREEN, "cmcd": ORANGE, "other": GREY},
    "vital": {
        "lcp": BLUE,
        "inp": ORANGE,
        "cls": GREEN,
        "fcp": SKY,
        "ttfb": PURPLE,
        "fid": GREY,
    },
    "web phase": {
        "dns_lookup": SKY,
        "tcp_connect": BLUE,
        "ssl_handshake": PURPLE,
        "request_response": ORANGE,
        "dom_processing": GREEN,
    },
    "platform phase": {"auth": PURPLE, "content": BLUE, "pwa": GREEN, "system": ORANGE},
    "action": {
        "click": BLUE,
        "form_submit": GREEN,
        "scroll": SKY,
        "route_change": PURPLE,
        "page_hidden": YELLOW,
        "page_visible": ORANGE,
        "ux_error": VERMILION,
        "other": GREY,
    },
    "part": {
        "upload": BLUE,
        "generation": ORANGE,
        "playback": GREEN,
        "web": PURPLE,
        "other": GREY,
    },
    "web window": {"5m": SKY, "1d": BLUE, "30d": PURPLE},
    "operation": {
        "put": BLUE,
        "get": SKY,
        "delete": ORANGE,
        "list": PURPLE,
        "check": GREEN,
        "other": GREY,
    },
    "route": _listed(Route),
    "page": _listed(Page),
    "web route": _listed(Page),
    "service": _listed(Service),
    "provider": _listed(Provider),
    "currency": _listed(Currency),
    "cache": _listed(Cache),
    "cdn": _listed(Cdn),
    "fate": {
        "accepted": GREEN,
        "duplicate": SKY,
        "rejected": VERMILION,
        "limited": ORANGE,
        "refused": PURPLE,
    },
    "level": {
        "trace": PURPLE,
        "debug": SKY,
        "info": BLUE,
        "log": GREEN,
        "warn": ORANGE,
        "error": VERMILION,
        "other": GREY,
    },
    "cut": {"slow": ORANGE, "unread": SKY, "crowded": PURPLE, "full": VERMILION},
    "milestone": {"25": SKY, "50": BLUE, "75": ORANGE, "100": GREEN},
    "incident": {"error": VERMILION, "stall": ORANGE, "quality_change": SKY},
    "transport": {"http": BLUE, "p2p": GREEN, "p2p_sent": PURPLE},
    "measurement": _listed(Measurement),
    "tag": {"video": BLUE, "course": ORANGE, "fingerprint": GREEN},
    "answer": {"2xx": GREEN, "4xx": ORANGE, "5xx": VERMILION, "other": GREY},
    "lately": {"5 min": GREY, "1 h": BLUE},
    "burn": {"30m": GREY, "6h": BLUE, "3d": GREEN},
    "kpis": {
        "defined": GREY,
        "with data": BLUE,
        "at target": GREEN,
        "at or beyond critical": VERMILION,
    },
    "scored domain": {
        "upload": BLUE,
        "generation": ORANGE,
        "playback": GREEN,
        "web": PURPLE,
        "platform": VERMILION,
    },
    "domain": {
        "upload": BLUE,
        "generation": ORANGE,
        "playback": GREEN,
        "web": PURPLE,
        "other": GREY,
    },
    "vendor": {"CTA-2066": BLUE, "Conviva": ORANGE, "Mux": GREEN, "Bitmovin": PURPLE},
    "mux score": {"success": GREEN, "startup": BLUE, "smoothness": ORANGE},
    "delivery error": {"busy": ORANGE, "refused": VERMILION, "unreachable": PURPLE},
    "forecast": {"now": BLUE, "forecast": ORANGE, "most": GREY, "least": GREY},
    "memory": {"open": BLUE, "remembered": GREY},
    "delivery": {"delivered": GREEN, "refused": VERMILION, "dropped": ORANGE},
    "line": {"target": GREEN, "alert": ORANGE, "budget": VERMILION, "received": GREY},
    "quantile": {"p50": SKY, "p95": BLUE, "p99": ORANGE},
}
"""The colour of every member of every class, here and nowhere else.

A class is a label; where domains give a label other members, the domain's name stands before it.
"""


def coloured(label: str, domain: str) -> str | None:
    """The class that gives the members of a label their colours in a domain, if there is one."""
    return next((key for key in (f"{domain} {label}", label) if key in COLOURS), None)


# -- units -----------------------------------------------------------------------------------
SHARE: Final = "percentunit"
SECONDS: Final = "s"
BYTES: Final = "decbytes"
BYTES_PER_SECOND: Final = "Bps"
BITS_PER_SECOND: Final = "bps"
COUNT: Final = "short"
WHOLE: Final = "locale"
"""A count in figures: all digits, and no fraction, which Prometheus makes up between scrapes."""
PER_MINUTE: Final = "suffix:/min"
PER_SECOND: Final = "suffix:/s"
SCORE: Final = "none"
YES_NO: Final = "bool_yes_no"
TIMES: Final = "suffix: ×"
SINCE: Final = "dateTimeFromNow"

# -- where things are ------------------------------------------------------------------------
ROOT: Final = Path(__file__).parents[2]
PROMETHEUS: Final = kinds.DataSourceRef(type_val="prometheus", uid="prometheus")
INFLUXDB: Final = kinds.DataSourceRef(type_val="influxdb", uid="influxdb")


def link_base(name: str) -> str:
    """An address of ``alertmanager/templates/links.tmpl``, the one place that has it."""
    text = (ROOT / "alertmanager" / "templates" / "links.tmpl").read_text()
    found = re.search(rf'define "{re.escape(name)}" -?}}}}\s*(\S+?)\s*{{{{-? end', text)
    if found is None:
        raise LookupError(f'links.tmpl does not define "{name}"')
    return found.group(1)


RUNBOOKS: Final = link_base("video.runbooks")


# -- queries ---------------------------------------------------------------------------------
class Shape(Enum):
    """In which form a panel wants its answer."""

    RANGE = "range"
    NOW = "now"
    TABLE = "table"
    BUCKETS = "buckets"
    BUCKETS_NOW = "buckets now"


class Query(ABC):
    """One query of a panel."""

    source: kinds.DataSourceRef

    @abstractmethod
    def target(self, ref: str, shape: Shape) -> Builder[Dataquery]:
        """The query as Grafana wants it."""


@dataclass(frozen=True)
class Prom(Query):
    """PromQL, and what its series are called; ``line`` is a dashed line that people set."""

    expr: str
    legend: str = ""
    line: bool = False
    source = PROMETHEUS

    def target(self, ref: str, shape: Shape) -> Builder[Dataquery]:
        """The query as Grafana wants it."""
        target = (
            prometheus.Dataquery()
            .datasource(PROMETHEUS)
            .ref_id(ref)
            .expr(self.expr)
            .legend_format(self.legend)
            .editor_mode(QueryEditorMode.CODE)
            .format(_FORMATS[shape])
        )
        return target.range() if shape in {Shape.RANGE, Shape.BUCKETS} else target.instant()


_FORMATS: Final = {
    Shape.RANGE: PromQueryFormat.TIME_SERIES,
    Shape.NOW: PromQueryFormat.TIME_SERIES,
    Shape.TABLE: PromQueryFormat.TABLE,
    Shape.BUCKETS: PromQueryFormat.HEATMAP,
    Shape.BUCKETS_NOW: PromQueryFormat.HEATMAP,
}


@dataclass(frozen=True)
class Influx(Query):
    """InfluxQL, which every version of InfluxDB speaks; the points of the chosen time."""

    select: str
    measurement: str
    group: str
    where: str = ""
    alias: str = ""
    source = INFLUXDB

    @property
    def statement(self) -> str:
        """The whole query."""
        where = all_of("$timeFilter", self.where)
        from_ = f'"{self.measurement}"'
        clauses = ("SELECT", self.select, "FROM", from_, "WHERE", where, "GROUP BY", self.group)
        return " ".join(clauses)

    def target(self, ref: str, shape: Shape) -> Builder[Dataquery]:
        """The query as Grafana wants it."""
        return _InfluxTarget(
            {
                "datasource": INFLUXDB,
                "refId": ref,
                "query": self.statement,
                "rawQuery": True,
                "resultFormat": "time_series" if shape is Shape.RANGE else "table",
                "alias": self.alias,
            }
        )


def all_of(*conditions: str) -> str:
    """The condition of InfluxQL that all hold; an empty one always does."""
    return " AND ".join(filter(None, conditions))


def chosen(*tags: str) -> str:
    """The condition for points of what is chosen at the top, by tags of their names."""
    return all_of(*(f'"{tag}" =~ /^${{{tag}:regex}}$/' for tag in tags))


@dataclass(frozen=True)
class _InfluxTarget(Builder[Dataquery], Dataquery):
    """The SDK has no type for InfluxQL; this is the JSON of one query."""

    content: Mapping[str, object]

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> Mapping[str, object]:
        return self.content


# -- panels ----------------------------------------------------------------------------------
Look = model.DynamicConfigValue
"""One property that a series or a column has of its own."""

P = TypeVar(
    "P",
    barchart.Panel,
    bargauge.Panel,
    geomap.Panel,
    heatmap.Panel,
    stat.Panel,
    statetimeline.Panel,
    table.Panel,
    timeseries.Panel,
)


@dataclass(frozen=True, kw_only=True)
class Panel(ABC):
    """What every panel says: a title, the question that it answers, what good looks like."""

    title: str
    question: str
    good: str
    unit: str
    queries: Sequence[Query]
    span: int = 8
    height: int = 8
    by: str | None = None
    """The class whose members the series are; it gives them their colours."""
    more: str | None = None
    """The uid of the dashboard that says more."""

    @abstractmethod
    def build(self) -> model.Panel:
        """The panel as Grafana wants it."""

    def _dress(self, panel: P, shape: Shape) -> P:
        panel.title(self.title)
        panel.description(f"{self.question}\n\n**Good:** {self.good}")
        panel.datasource(self.queries[0].source)
        panel.unit(self.unit).span(self.span).height(self.height)
        if self.unit == COUNT and isinstance(panel, bargauge.Panel | stat.Panel):
            panel.unit(WHOLE).decimals(0)
        if self.more is not None:
            link = dashboard.DashboardLink("More").type(model.DashboardLinkType.LINK)
            panel.links([link.url(f"/d/{self.more}").keep_time(True)])
        for ref, query in _lettered(self.queries):
            panel.with_target(query.target(ref, shape))
        for regexp, colour in _colours(self.by):
            panel.override_by_regexp(regexp, [_fixed(colour)])
        return panel


def _lettered(queries: Sequence[Query]) -> Iterator[tuple[str, Query]]:
    return zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(queries)], queries, strict=True)


def _colours(kind: str | None) -> Iterator[tuple[str, str]]:
    """A pattern for each member of a class: the series with its name among its words."""
    if kind is not None:
        for member, colour in COLOURS[kind].items():
            yield f"/(^| ){re.escape(member)}( |$)/", colour


def _fixed(colour: str) -> Look:
    return Look("color", {"mode": "fixed", "fixedColor": colour})


@dataclass(frozen=True, kw_only=True)
class Series(Panel):
    """Lines over time; ``stacked`` where they are parts of a whole."""

    stacked: bool = False
    least: float | None = 0
    most: float | None = None
    empty: str = "nothing in this time"
    """What is said where there is nothing."""

    def build(self) -> model.Panel:
        """The panel as Grafana wants it."""
        panel = self._dress(timeseries.Panel(), Shape.RANGE)
        panel.span_nulls(False)
        # Without an outline: that of a part of which there is none would lie on the part below.
        panel.line_width(0 if self.stacked else 1.5).fill_opacity(70 if self.stacked else 0)
        panel.interval(_STEP).point_size(3).show_points(
            kinds.VisibilityMode.NEVER if self.stacked else kinds.VisibilityMode.AUTO
        )
        panel.color_scheme(_plain(BLUE)).no_value(self.empty)
        for (ref, query), colour in zip(_lettered(self.queries), _IN_TURN, strict=False):
            if not self.by and not _is_line(query):
                panel.override_by_query(ref, [_fixed(colour)])
        panel.legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(kinds.LegendDisplayMode.LIST)
            .placement(kinds.LegendPlacement.BOTTOM)
            .calcs(["lastNotNull"] if self.span >= _WIDE else [])
        )
        panel.tooltip(
            common.VizTooltipOptions()
            .mode(kinds.TooltipDisplayMode.MULTI)
            .sort(kinds.SortOrder.DESCENDING)
        )
        if self.most is None and self.unit in _ENDS:
            panel.axis_soft_max(_ENDS[self.unit])
        if self.stacked:
            panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
        if self.least is not None:
            panel.min(self.least)
        if self.most is not None:
            panel.max(self.most)
        self._dash(panel)
        return panel.build()

    def _dash(self, panel: timeseries.Panel) -> None:
        for ref, query in _lettered(self.queries):
            if not isinstance(query, Prom) or not query.line:
                continue
            panel.override_by_query(ref, _DASHED if self.span >= _WIDE else _DASHED_UNTOLD)
            if query.legend == "{{severity}}":
                for regexp, colour in _colours("severity"):
                    panel.override_by_regexp(regexp, [_fixed(colour)])
            elif query.legend in COLOURS["line"]:
                panel.override_by_query(ref, [_fixed(COLOURS["line"][query.legend])])


_STEP: Final = "1m"
"""The shortest step of a line: a rate over less is noise where little happens."""

_ENDS: Final = {SHARE: 0.01, COUNT: 1, PER_MINUTE: 1, PER_SECOND: 1}
"""How far an axis goes at least: nothing at all is a line at the bottom, not below 10,000 %."""

_IN_TURN: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)
"""The colours of lines that are members of no class, in the order of their queries."""

_WIDE: Final = 12
"""From this width on there is room in the legend for last values and for what people set."""


def _is_line(query: Query) -> bool:
    return isinstance(query, Prom) and query.line


_DASHED: Final = [
    Look("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
    Look("custom.lineWidth", 1),
    Look("custom.fillOpacity", 0),
    Look("custom.showPoints", "never"),
    Look("custom.stacking", {"mode": "none", "group": "lines"}),
]

_DASHED_UNTOLD: Final = [
    *_DASHED,
    Look("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
]


def _plain(colour: str) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(colour)


def _steps(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value, colour) for value, colour in steps])
    )


@dataclass(frozen=True, kw_only=True)
class Number(Panel):
    """The state now, in large figures.

    ``steps`` colour every figure; ``scored`` is the letter of a query that answers a KPI score,
    which is told in words because 0 and 100 mean the same for every KPI.
    """

    height: int = 5
    history: bool = False
    steps: Sequence[tuple[float | None, str]] = ()
    scored: str | None = None
    empty: str = "no data"
    """What is said where there is nothing."""

    def build(self) -> model.Panel:
        """The panel as Grafana wants it."""
        panel = self._dress(stat.Panel(), Shape.RANGE if self.history else Shape.NOW)
        panel.graph_mode(
            kinds.BigValueGraphMode.AREA if self.history else kinds.BigValueGraphMode.NONE
        )
        panel.color_mode(kinds.BigValueColorMode.VALUE)
        panel.text_mode(
            kinds.BigValueTextMode.VALUE_AND_NAME
            if len(self.queries) > 1
            else kinds.BigValueTextMode.AUTO
        )
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        panel.no_value(self.empty)
        if self.steps:
            panel.thresholds(_steps(*self.steps)).color_scheme(_BY_STEPS)
        else:
            panel.color_scheme(_plain(BLUE))
        if self.scored:
            # Below each other, with names to the left: words need more room than figures.
            panel.orientation(kinds.VizOrientation.HORIZONTAL)
            panel.text(common.VizTextDisplayOptions().title_size(15).value_size(24))
            panel.override_by_query(self.scored, list(SCORE_WORDS))
        return panel.build()


_NO_LEGEND: Final = (
    common.VizLegendOptions()
    .show_legend(False)
    .display_mode(kinds.LegendDisplayMode.HIDDEN)
    .placement(kinds.LegendPlacement.BOTTOM)
    .calcs([])
)

_BY_STEPS: Final = dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)

SCORE_STEPS: Final = ((None, VERMILION), (1.0, ORANGE), (100.0, GREEN))
"""A score is 0 at the critical threshold and 100 at the target, whatever these are."""

_THRESHOLDS: Final = {
    "mode": "absolute",
    "steps": [{"value": value, "color": colour} for value, colour in SCORE_STEPS],
}

NOT_SCORED: Final = 101
"""Stands for no score where a table sorts by it: what is not known comes last, uncoloured."""

_UNKNOWN: Final = {
    "type": "value",
    "options": {str(NOT_SCORED): {"text": "no data", "color": "transparent", "index": 0}},
}

SCORE_COLUMN: Final = (
    Look("unit", SCORE),
    Look("decimals", 0),
    Look("color", {"mode": "thresholds"}),
    Look("thresholds", _THRESHOLDS),
    Look("mappings", [_UNKNOWN]),
)
"""A score as a number in its colour."""

COLOURED_TEXT: Final = (
    Look("custom.cellOptions", {"type": "color-text"}),
    # What Grafana called it up to 9.4.
    Look("custom.displayMode", "color-text"),
)
"""A cell whose text has the colour of its value."""


def _from(least: float, most: float, text: str, colour: str, index: int) -> dict[str, object]:
    result = {"text": text, "color": colour, "index": index}
    return {"type": "range", "options": {"from": least, "to": most, "result": result}}


SCORE_WORDS: Final = (
    Look("color", {"mode": "thresholds"}),
    Look("thresholds", _THRESHOLDS),
    Look(
        "mappings",
        [
            _from(100, 100, "on target", GREEN, 0),
            _from(0.001, 99.999, "off target", ORANGE, 1),
            _from(0, 0.001, "far off", VERMILION, 2),
        ],
    ),
)
"""A score in words, which need no colour to be understood."""


@dataclass(frozen=True, kw_only=True)
class Scores(Panel):
    """A strip for each KPI score over time, in the colours of scores; the right end is now."""

    names: Mapping[str, str]
    """The titles of the series by their legends."""

    def build(self) -> model.Panel:
        """The panel as Grafana wants it."""
        panel = self._dress(statetimeline.Panel(), Shape.RANGE)
        panel.interval("2m").merge_values(True).row_height(0.8).line_width(0).fill_opacity(85)
        panel.show_value(kinds.VisibilityMode.NEVER).mappings([]).color_scheme(_BY_STEPS)
        panel.thresholds(_steps(*SCORE_STEPS)).min(0).max(100)
        panel.legend(_NO_LEGEND)
        panel.tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.SINGLE))
        for legend, title in self.names.items():
            panel.override_by_name(legend, [Look("displayName", title)])
        return panel.build()


@dataclass(frozen=True, kw_only=True)
class Bars(Panel):
    """One bar for each member, now; ``buckets`` where they are the buckets of a histogram."""

    buckets: bool = False
    colour: str = BLUE
    empty: str = "none"
    """What is said where there is nothing."""

    def build(self) -> model.Panel:
        """The panel as Grafana wants it."""
        panel = self._dress(bargauge.Panel(), Shape.BUCKETS_NOW if self.buckets else Shape.NOW)
        panel.orientation(kinds.VizOrientation.HORIZONTAL)
        panel.display_mode(kinds.BarGaugeDisplayMode.BASIC)
        panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        panel.color_scheme(_plain(self.colour)).min(0).no_value(self.empty)
        return panel.build()


@dataclass(frozen=True, kw_only=True)
class Spread(Panel):
    """The buckets of a histogram over time."""

    def build(self) -> model.Panel:
        """The panel as Grafana wants it."""
        panel = self._dress(heatmap.Panel(), Shape.BUCKETS)
        panel.calculate(False).cell_gap(1).interval(_STEP)
        panel.color(
            heatmap.HeatmapColorOptions()
            .mode(heat.HeatmapColorMode.SCHEME)
            .scheme("Viridis")
            .steps(64)
        )
        panel.y_axis(heatmap.YAxisConfig().unit(self.unit))
        panel.cell_values(heatmap.CellValues().unit(COUNT))
        return panel.build()


@dataclass(frozen=True)
class Column:
    """A column of a table: the field that fills it, and how it looks."""

    field: str
    title: str
    unit: str | None = None
    looks: Sequence[Look] = ()
    width: int | None = None
    """Pixels; the columns without a width share what is left."""


@dataclass(frozen=True, kw_only=True)
class Listing(Panel):
    """A table with the named columns, in their order; the answers of its queries are merged."""

    columns: Sequence[Column]
    computed: Sequence[tuple[str, str, str]] = ()
    """Quotients of two fields: (name, dividend, divisor)."""
    sort: tuple[str, bool] | None = None
    """The title of the column to sort by, and whether the largest comes first."""
    then: tuple[str, bool] | None = None
    """The same of the column that decides among equals."""
    empty: str = "–"
    """What stands where there is nothing."""

    def build(self) -> model.Panel:
        """The panel as Grafana wants it."""
        panel = self._dress(table.Panel(), Shape.TABLE)
        panel.transformations(list(self._transformations()))
        for column in self.columns:
            looks = list(column.looks)
            if column.field in {name for name, _, _ in self.computed}:
                looks.append(Look("mappings", [{"type": "special", "options": self._nothing}]))
            if column.unit is not None:
                looks.append(Look("unit", column.unit))
            elif self.unit == COUNT:
                looks += [Look("unit", WHOLE), Look("decimals", 0)]
            if column.width is not None:
                looks.append(Look("custom.width", column.width))
            if looks:
                panel.override_by_name(column.title, looks)
        panel.no_value(self.empty)
        panel.sort_by(
            [
                common.TableSortByFieldState().display_name(title).desc(descending)
                for title, descending in filter(None, (self.sort, self.then))
            ]
        )
        return panel.build()

    @property
    def _nothing(self) -> dict[str, object]:
        """A quotient of what is not there."""
        return {"match": "null+nan", "result": {"text": self.empty, "index": 0}}

    def _transformations(self) -> Iterator[model.DataTransformerConfig]:
        yield from _merged(self.computed)
        names = [column.field for column in self.columns]
        yield model.DataTransformerConfig(
            "filterFieldsByName", options={"include": {"names": names}}
        )
        yield model.DataTransformerConfig(
            "organize",
            options={
                "indexByName": {name: index for index, name in enumerate(names)},
                "renameByName": {
                    column.field: column.title
                    for column in self.columns
                    if column.title != column.field
                },
            },
        )


def _merged(computed: Sequence[tuple[str, str, str]]) -> Iterator[model.DataTransformerConfig]:
    """One table of the answers of all queries, with the quotients of its fields."""
    # Rows are merged where all that they share is equal, but each answer has a time of its own.
    yield model.DataTransformerConfig(
        "filterFieldsByName", options={"exclude": {"pattern": "^[Tt]ime$"}}
    )
    yield model.DataTransformerConfig("merge", options={})
    for name, dividend, divisor in computed:
        binary = {"left": dividend, "operator": "/", "right": divisor}
        yield model.DataTransformerConfig(
            "calculateField", options={"mode": "binary", "alias": name, "binary": binary}
        )


@dataclass(frozen=True, kw_only=True)
class Profile(Panel):
    """A bar for each ten seconds of something, at the same places on every profile of it.

    The numbered fields of one answer: those of ``axis_prefix`` say which bars there are, those of
    ``prefix`` how high they are. Where there is none of these the place stays empty.
    """

    prefix: str
    """What stands before the number in the names of the fields."""
    axis_prefix: str
    axis: str
    """What the numbers are."""
    height: int = 9
    colour: str = BLUE

    def build(self) -> model.Panel:
        """The panel as Grafana wants it."""
        panel = self._dress(barchart.Panel(), Shape.TABLE)
        panel.transformations(list(self._transformations()))
        panel.x_field(self.axis).x_tick_label_spacing(100).bar_width(0.95).fill_opacity(80)
        panel.show_value(kinds.VisibilityMode.NEVER).color_scheme(_plain(self.colour))
        # Of one width, so that what stands below each other is of one second.
        panel.legend(_NO_LEGEND).min(0).axis_width(60)
        panel.no_value("nothing yet; totals are of full hours, so choose two hours or more")
        return panel.build()

    def _transformations(self) -> Iterator[model.DataTransformerConfig]:
        """Fields become rows, sorted as numbers, with a column for each prefix."""
        prefixes = f"{re.escape(self.prefix)}|{re.escape(self.axis_prefix)}"
        split = {
            "regex": f"^sum_({prefixes})(\\d+)$",
            "renamePattern": '{"prefix": "$1", "number": "$2"}',
        }
        yield model.DataTransformerConfig("renameByRegex", options=split)
        yield model.DataTransformerConfig(
            "filterFieldsByName", options={"include": {"pattern": "^\\{.+$"}}
        )
        yield model.DataTransformerConfig(
            "reduce", options={"reducers": ["lastNotNull"], "mode": "seriesToRows"}
        )
        # Longer videos have more fields than the chosen one has numbers.
        is_there = {"id": "isNotNull", "options": {}}
        yield model.DataTransformerConfig(
            "filterByValue",
            options={
                "filters": [{"fieldName": "Last *", "config": is_there}],
                "type": "include",
                "match": "all",
            },
        )
        yield model.DataTransformerConfig(
            "extractFields", options={"source": "Field", "format": "json"}
        )
        yield self._converted("number")
        yield model.DataTransformerConfig(
            "sortBy", options={"fields": {}, "sort": [{"field": "number"}]}
        )
        # A bar chart wants the names of its bars as text.
        yield self._converted("string")
        yield model.DataTransformerConfig(
            "groupingToMatrix",
            options={
                "columnField": "prefix",
                "rowField": "number",
                "valueField": "Last *",
                "emptyValue": "null",
            },
        )
        rows = "number\\prefix"
        yield model.DataTransformerConfig(
            "filterFieldsByName", options={"include": {"names": [rows, self.prefix]}}
        )
        yield model.DataTransformerConfig(
            "organize", options={"renameByName": {rows: self.axis, self.prefix: self.title}}
        )

    @staticmethod
    def _converted(to: str) -> model.DataTransformerConfig:
        conversion = {"targetField": "number", "destinationType": to}
        return model.DataTransformerConfig(
            "convertFieldType", options={"fields": {}, "conversions": [conversion]}
        )


@dataclass(frozen=True, kw_only=True)
class World(Panel):
    """A map: one disc for each country, its size and its colour by two fields."""

    height: int = 12
    country: str
    size: str
    shade: str
    computed: Sequence[tuple[str, str, str]] = ()

    def build(self) -> model.Panel:
        """The panel as Grafana wants it."""
        panel = self._dress(geomap.Panel(), Shape.TABLE)
        panel.transformations(list(_merged(self.computed)))
        panel.view(geomap.MapViewConfig().id("zero").lat(20).lon(0).zoom(1))
        panel.basemap(common.MapLayerOptions().type("default").name("Map"))
        panel.layers([self._countries(), self._discs()])
        panel.override_by_name(
            self.shade,
            [
                Look("unit", SHARE),
                Look("min", 0),
                # Else the worst country would be red, however well it is.
                Look("max", 0.2),
                Look("color", {"mode": "continuous-YlRd"}),
            ],
        )
        return panel.build()

    @staticmethod
    def _countries() -> common.MapLayerOptions:
        """Outlines that Grafana brings along, so there is a map without the internet."""
        style = {
            "color": {"fixed": GREY},
            "opacity": 0.15,
            "lineWidth": 1,
        }
        return (
            common.MapLayerOptions()
            .type("geojson")
            .name("Countries")
            .tooltip(False)
            .config({"src": "public/maps/countries.geojson", "rules": [], "style": style})
        )

    def _discs(self) -> common.MapLayerOptions:
        style = {
            "size": {"field": self.size, "fixed": 5, "min": 4, "max": 30},
            "color": {"field": self.shade, "fixed": BLUE},
            "opacity": 0.7,
            "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
        }
        return (
            common.MapLayerOptions()
            .type("markers")
            .name(self.title)
            .tooltip(True)
            .config({"showLegend": True, "style": style})
            .location(
                common.FrameGeometrySource()
                .mode(kinds.FrameGeometrySourceMode.LOOKUP)
                .lookup(self.country)
                .gazetteer("public/gazetteer/countries.json")
            )
        )


# -- panels that several dashboards have -----------------------------------------------------
CLIENT_TAGS: Final = ("device", "browser", "network", "region")
"""What tells clients apart on points, and has a variable."""

_SEVERITIES: Final = ("critical", "high", "medium", "low")
"""Of alerts that ask somebody to do something, the gravest first; reports are info."""

_SEVERITY_TEXT: Final = (
    Look(
        "mappings",
        [
            {
                "type": "value",
                "options": {
                    str(rank): {"text": name, "color": COLOURS["severity"][name], "index": rank}
                },
            }
            for rank, name in enumerate(_SEVERITIES)
        ],
    ),
    *COLOURED_TEXT,
    Look("custom.align", "left"),
)
"""A rank as the name of a severity: names sort by the alphabet, ranks by how grave it is."""


def of_exporter(expr: str) -> str:
    """The series that only exporters have; a target is one where it shows its build."""
    return f"{expr} and on (instance) exporter_build_info"


def firing_count(domain: str) -> Prom:
    """How many alerts of a domain fire that ask somebody to do something."""
    return Prom(
        "count(max by (alertname, severity, segment, member)"
        f' (ALERTS{{alertstate="firing", severity!~"info|none", domain="{domain}"}}))'
        " or vector(0)"
    )


def firing(
    domain: str | None = None,
    *,
    about: Sequence[str] = ("segment", "member"),
    span: int = 12,
    height: int = 8,
) -> Listing:
    """The alerts that fire now, of one domain or of all; ``about`` are labels that tell where."""
    of = 'severity!~"info|none"' if domain is None else f'severity!~"info|none", domain="{domain}"'
    runbook = f"{RUNBOOKS}/docs/runbooks/{domain or '${__data.fields.domain}'}.md"
    ranked = " or ".join(
        f'ALERTS{{alertstate="firing", {of}, severity="{name}"}} * {rank}'
        for rank, name in enumerate(_SEVERITIES)
    )
    return Listing(
        title="Firing alerts",
        question="Which alerts fire now, about what, and since when? The name opens the runbook."
        " Reports, whose severity is info, are left out.",
        good="None.",
        unit=COUNT,
        span=span,
        height=height,
        empty="none",
        queries=[
            Prom(_placed(ranked, about)),
            Prom(
                _placed(
                    f"ALERTS_FOR_STATE{{{of}}} * 1000"
                    f' and ignoring (alertstate) ALERTS{{alertstate="firing", {of}}}',
                    about,
                )
            ),
        ],
        columns=[
            Column("Value #A", "severity", looks=_SEVERITY_TEXT, width=85),
            Column(
                "alertname",
                "alert",
                looks=[Look("links", [{"title": "Runbook", "url": runbook, "targetBlank": True}])],
            ),
            *([Column("domain", "domain", width=105)] if domain is None else []),
            *([Column("where", "where", width=150)] if span >= _WIDE else []),
            Column("Value #B", "since", unit=SINCE, width=130),
        ],
        sort=("severity", False),
    )


def _placed(alerts: str, about: Sequence[str]) -> str:
    """The alerts with what they are about in one label."""
    labels = ", ".join(f'"{label}"' for label in about)
    joined = f'label_join({alerts}, "where", " ", {labels})'
    everywhere = f'label_replace({joined}, "where", "everywhere", "where", " *|all all|none none")'
    return f"max by (alertname, severity, domain, where) ({everywhere})"


_CLASS_WIDTHS: Final = {"device": 80, "browser": 80, "network": 80, "region": 125}
"""Room for the longest class, and for ten columns beside each other."""


def by_client(
    measurement: str,
    selects: Mapping[str, str],
    *,
    title: str,
    question: str,
    good: str,
    columns: Sequence[Column],
    computed: Sequence[tuple[str, str, str]] = (),
    tags: Sequence[str] = CLIENT_TAGS,
    others: Sequence[str] = (),
    span: int = 24,
) -> Listing:
    """A table with a row for each kind of client, of the chosen ones; the most frequent come first.

    ``selects`` gives what is selected its condition, if it has one; the first of ``columns`` tells
    how frequent it is. ``others`` are tags that filter and tell no clients apart.
    """
    return Listing(
        title=title,
        question=f"{question} One row for each kind of client in the chosen time.",
        good=good,
        unit=COUNT,
        span=span,
        height=9,
        queries=[
            Influx(
                select=select,
                measurement=measurement,
                where=all_of(chosen(*tags, *others), where),
                group=", ".join(f'"{tag}"' for tag in tags),
            )
            for select, where in selects.items()
        ],
        columns=[*(Column(tag, tag, width=_CLASS_WIDTHS[tag]) for tag in tags), *columns],
        computed=computed,
        sort=(columns[0].title, True),
    )


# -- dashboards ------------------------------------------------------------------------------
def _spoken(label: str) -> str:
    """What a variable is called at the top of a board."""
    return label.upper() if label == "cdn" else label.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Choice:
    """A variable: the values of a label, several at once or all of them."""

    label: str
    metric: str

    def build(self) -> dashboard.QueryVariable:
        """The variable as Grafana wants it."""
        return (
            dashboard.QueryVariable(self.label)
            .label(_spoken(self.label))
            .datasource(PROMETHEUS)
            .query(f"label_values({self.metric}, {self.label})")
            .refresh(model.VariableRefresh.ON_DASHBOARD_LOAD)
            .sort(model.VariableSort.DISABLED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
        )


CLIENT: Final = (
    # Every label set is there from the start, so any family with a label has all of its values.
    Choice("device", "video_upload_ended_total"),
    Choice("browser", "video_upload_ended_by_client_total"),
    Choice("network", "video_upload_ended_by_client_total"),
    Choice("region", "video_upload_ended_by_region_total"),
)
"""The variables that say who; the same everywhere, so that they travel along links."""


@dataclass(frozen=True)
class Tag:
    """A variable: the values that a tag of a measurement has in InfluxDB, one at a time."""

    label: str
    measurement: str

    def build(self) -> dashboard.QueryVariable:
        """The variable as Grafana wants it."""
        return (
            dashboard.QueryVariable(self.label)
            .label(_spoken(self.label))
            .datasource(INFLUXDB)
            .query(f'SHOW TAG VALUES FROM "{self.measurement}" WITH KEY = "{self.label}"')
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
            .multi(False)
            .include_all(False)
        )


@dataclass(frozen=True)
class Switch:
    """A variable with fixed values, one at a time; the first is the default."""

    name: str
    label: str
    values: Sequence[str]

    def build(self) -> dashboard.CustomVariable:
        """The variable as Grafana wants it."""
        first, *_ = self.values
        return (
            dashboard.CustomVariable(self.name)
            .label(self.label)
            .values(",".join(self.values))
            .current(model.VariableOption(selected=True, text=first, value=first))
        )


@dataclass(frozen=True)
class Row:
    """Panels under one question."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Board:
    """A dashboard."""

    uid: str
    title: str
    question: str
    folder: str
    rows: Sequence[Row]
    variables: Sequence[Choice | Switch | Tag] = ()
    runbook: str = ""
    """The stem of its runbooks; empty where the dashboard is about every domain."""
    lately: str = "6h"
    """How far back it looks when it is opened: about as far as its question."""
    refresh: str = "30s"

    def render(self) -> str:
        """The JSON that Grafana provisions."""
        content: dict[str, Any] = json.loads(JSONEncoder().encode(self._build()))
        for number, panel in enumerate(content["panels"], start=1):
            panel["id"] = number
            if panel["type"] != "row" and self.variables:
                panel["description"] += _follows(panel, content["templating"]["list"])
        # The SDK puts links and annotations into a menu; an SRE should not have to look for them.
        for shown in (*content["links"], *content["annotations"]["list"]):
            del shown["placement"]
        content["id"] = None
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def _build(self) -> model.Dashboard:
        board = (
            dashboard.Dashboard(self.title)
            .uid(self.uid)
            .description(self.question)
            .tags(["video", self.folder])
            .readonly()
            .refresh(self.refresh)
            .time(f"now-{self.lately}", "now")
            .timezone("browser")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
        )
        for variable in self.variables:
            board.with_variable(variable.build())
        for name, severities, colour, shown in (
            ("Critical alerts", "critical", VERMILION, True),
            ("Other alerts", "high|medium|low", GREY, False),
        ):
            board.annotation(self._alerts(name, severities, colour).enable(shown))
        for link in self._links():
            board.link(link)
        for row in self.rows:
            board.with_row(dashboard.Row(row.title))
            for panel in row.panels:
                board.with_panel(_Built(panel))
        return board.build()

    def _alerts(self, name: str, severities: str, colour: str) -> dashboard.AnnotationQuery:
        """The minute at which an alert begins; all the time that it fires would hide the plot."""
        of = f', domain="{self.runbook}"' if self.runbook else ""
        firing = f'ALERTS{{alertstate="firing", severity=~"{severities}"{of}}}'
        return (
            dashboard.AnnotationQuery()
            .name(name)
            .datasource(PROMETHEUS)
            .icon_color(colour)
            .expr(f"{firing} unless {firing} offset 1m")
            .step("60s")
            .title_format("{{alertname}}")
            .text_format("{{severity}} {{kpi}} {{segment}} {{member}}")
            .tag_keys("severity,kpi")
        )

    def _links(self) -> Iterator[dashboard.DashboardLink]:
        yield (
            dashboard.DashboardLink("Video dashboards")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["video"])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
        runbook = f"{self.runbook}.md" if self.runbook else ""
        yield (
            dashboard.DashboardLink("Runbooks")
            .type(model.DashboardLinkType.LINK)
            .icon("doc")
            .url(f"{RUNBOOKS}/docs/runbooks/{runbook}")
            .target_blank(True)
        )


def _follows(panel: Mapping[str, Any], variables: Sequence[Mapping[str, Any]]) -> str:
    """Which variables filter a panel: nobody should have to guess why it does not move."""
    asked = json.dumps(panel["targets"])
    of = [v["label"] for v in variables if re.search(rf"\$\{{?{v['name']}\b", asked)]
    return f"\n\n**Follows:** {', '.join(of) or 'none of the choices at the top'}."


@dataclass(frozen=True)
class _Built(Builder[model.Panel]):
    """A panel of ours where the SDK asks for a builder of its own."""

    panel: Panel

    def build(self) -> model.Panel:
        return self.panel.build()
