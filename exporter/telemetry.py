"""What the exporter measures of itself.

Two kinds, told apart by where they are fed. Accounting of events comes out of the journal like
every other number, so it survives ``kill -9`` and the law of conservation (received = accepted +
duplicate + rejected + limited + refused) holds at every scrape. Everything else belongs to the
process and starts from zero with it.
"""

from __future__ import annotations

from typing import NamedTuple

from exporter.metric import AnyMetric, Closed, Counter, EventType, Gauge, Histogram, Unlabelled


class Rejection(Closed):
    """Why something was refused for good: sending it again as it is cannot help."""

    MALFORMED = "malformed"
    INVALID = "invalid"
    UNKNOWN_TYPE = "unknown_type"
    TOO_LARGE = "too_large"
    TOO_MANY_EVENTS = "too_many_events"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    UNSUPPORTED_TYPE = "unsupported_type"
    UNSUPPORTED_VERSION = "unsupported_version"
    """It is newer than what we understand."""
    UNAUTHORISED = "unauthorised"
    INCOMPLETE = "incomplete"
    UNWANTED = "unwanted"
    """The sender is told to stop: 410."""
    NO_CONSENT = "no_consent"
    """Whom it is about did not consent, and the settings want nothing of them: 204."""


class Code(Closed):
    """HTTP status of an answer, as far as it is a label."""

    ACCEPTED = "202"
    NO_CONTENT = "204"
    OK = "200"
    BAD_REQUEST = "400"
    UNAUTHORISED = "401"
    NOT_FOUND = "404"
    METHOD = "405"
    TIMEOUT = "408"
    GONE = "410"
    TOO_LARGE = "413"
    UNSUPPORTED = "415"
    TOO_MANY = "429"
    UNAVAILABLE = "503"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> Code:
        return cls.OTHER


class Cut(Closed):
    """Why a connection was ended without an answer."""

    SLOW = "slow"
    """Its request was not there whole in time."""
    UNREAD = "unread"
    """It did not read its answers in time."""
    CROWDED = "crowded"
    """There were too many, and it kept us waiting longest."""
    FULL = "full"
    """There were too many, and nobody gave way for it."""


class LifecycleName(str):
    """The name of a lifecycle that a domain declares."""

    __slots__ = ()


class SinkName(Closed):
    """Where points go."""

    INFLUX = "influx"


class SinkError(Closed):
    """Why points did not arrive: the sink was away, said "later", or refused them for good."""

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    REFUSED = "refused"


class JobName(Closed):
    """What runs on a timer."""

    TICK = "tick"
    CHECKPOINT = "checkpoint"
    DELIVER = "deliver"
    DISK = "disk"
    KEY = "key"
    PROBE = "probe"
    DAILY_REPORT = "daily_report"
    WEEKLY_REPORT = "weekly_report"


class OpenTag(Closed):
    """Tags of points whose values clients bring, up to a limit."""

    VIDEO = "video"
    COURSE = "course"
    FINGERPRINT = "fingerprint"


class ByTag(NamedTuple):
    tag: OpenTag


class ByReason(NamedTuple):
    reason: Rejection


class ByType(NamedTuple):
    type: EventType


class ByCode(NamedTuple):
    code: Code


class ByCut(NamedTuple):
    reason: Cut


class ByLifecycle(NamedTuple):
    lifecycle: LifecycleName


class BySink(NamedTuple):
    sink: SinkName


class BySinkError(NamedTuple):
    sink: SinkName
    kind: SinkError


class ByJob(NamedTuple):
    timer: JobName


class Build(str):
    """The one value that a build has."""

    __slots__ = ()


class BuildLabels(NamedTuple):
    version: Build


# -- accounting, out of the journal ----------------------------------------------------------
RECEIVED = Counter(
    "exporter_events_received_total",
    "Events that reached us; the sum of accepted, duplicate, rejected, limited and refused.",
    Unlabelled,
)
ACCEPTED = Counter("exporter_events_accepted_total", "Events counted, each once, by type.", ByType)
DUPLICATE = Counter(
    "exporter_events_duplicate_total",
    "Events that had been counted before and were not again.",
    Unlabelled,
)
REJECTED = Counter(
    "exporter_events_rejected_total",
    "Events (or whole beacons, where their events could not be told apart) refused for good.",
    ByReason,
)
LIMITED = Counter(
    "exporter_events_limited_total",
    "Beacons answered 429 because their sender was over its rate; known here once on disk.",
    Unlabelled,
)
REFUSED = Counter(
    "exporter_events_refused_total",
    "Beacons answered 503 because they could not be written down; known here once on disk.",
    Unlabelled,
)

TAG_VALUES_CAPPED = Counter(
    "exporter_tag_values_capped_total",
    "Values of tags that came after the limit on different ones and became other.",
    ByTag,
)

# -- of this process --------------------------------------------------------------------------
RESPONSES = Counter("exporter_http_responses_total", "Answers, by status code.", ByCode)
REQUEST_SECONDS = Histogram(
    "exporter_http_request_seconds",
    "From the head of a beacon read to its answer ready, the journal's sync included.",
    Unlabelled,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1),
)
CONNECTIONS = Gauge("exporter_connections", "Open connections of clients.", Unlabelled)
CUT = Counter(
    "exporter_connections_cut_total",
    "Connections ended without an answer, by reason: a request not there whole in time, answers "
    "not read in time, the longest wait when there were too many, nobody who gave way.",
    ByCut,
)
APPEND_SECONDS = Histogram(
    "exporter_journal_append_seconds",
    "One group commit of the journal, sync included.",
    Unlabelled,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1),
)
APPENDED_BYTES = Counter(
    "exporter_journal_appended_bytes_total", "Bytes of records written to the journal.", Unlabelled
)
APPEND_ERRORS = Counter(
    "exporter_journal_append_errors_total",
    "Group commits that failed; their beacons got 503.",
    Unlabelled,
)
JOURNAL_BYTES = Gauge("exporter_journal_bytes", "Size of the journal's files on disk.", Unlabelled)
JOURNAL_WRITABLE = Gauge(
    "exporter_journal_writable",
    "1 while beacons are taken; 0 while they get 503: the disk is full, below its floor, fails or "
    "hangs, or checkpoints have failed for long.",
    Unlabelled,
)
DISK_FREE = Gauge("exporter_disk_free_bytes", "Free space where the journal lives.", Unlabelled)
APPLY_LAG = Gauge(
    "exporter_apply_lag_seconds",
    "Age of the oldest record written down but not yet counted.",
    Unlabelled,
)
APPLY_ERRORS = Counter(
    "exporter_apply_errors_total",
    "Records that the code could not count; a defect: each is logged with its cause.",
    Unlabelled,
)
REPLAYED = Gauge(
    "exporter_replayed_records",
    "Records that this process counted from the journal at its start.",
    Unlabelled,
)
CHECKPOINT_SECONDS = Histogram(
    "exporter_checkpoint_seconds",
    "One checkpoint: counters, sessions, dedup state and outbox in one transaction.",
    Unlabelled,
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
CHECKPOINT_ERRORS = Counter(
    "exporter_checkpoint_errors_total",
    "Checkpoints that failed and will be tried again.",
    Unlabelled,
)
OPEN_SESSIONS = Gauge(
    "exporter_open_sessions", "Lifecycles that go on now, such as uploads.", ByLifecycle
)
REMEMBERED_SESSIONS = Gauge(
    "exporter_remembered_sessions",
    "Lifecycles in memory: those that go on and those that ended a while ago.",
    ByLifecycle,
)
REMEMBERED_IDS = Gauge(
    "exporter_remembered_ids", "Ids in memory by which a repeated event is recognised.", Unlabelled
)
OUTBOX_POINTS = Gauge("exporter_outbox_points", "Points that wait to be delivered.", BySink)
OUTBOX_BYTES = Gauge("exporter_outbox_bytes", "Size of the points that wait.", BySink)
SINK_LAG = Gauge(
    "exporter_sink_lag_seconds", "Age of the oldest point that waits; 0 when none does.", BySink
)
SINK_CONFIGURED = Gauge(
    "exporter_sink_configured", "1 where an address is set; points wait where none is.", BySink
)
DELIVERED = Counter("exporter_sink_points_total", "Points that the sink took.", BySink)
SINK_ERRORS = Counter("exporter_sink_errors_total", "Deliveries that failed, by kind.", BySinkError)
SET_ASIDE = Counter(
    "exporter_sink_refused_points_total",
    "Points that the sink refused for good; they are kept beside the outbox.",
    BySink,
)
OUTBOX_DROPPED = Counter(
    "exporter_outbox_dropped_points_total",
    "Oldest points dropped because the outbox reached its limit.",
    BySink,
)
DEAD_LETTERS = Gauge(
    "exporter_dead_letters", "Refused beacons kept for a look and a replay.", Unlabelled
)
JOB_SUCCESS = Gauge(
    "exporter_job_last_success_timestamp_seconds", "When each timer last did its work.", ByJob
)
JOB_ERRORS = Counter("exporter_job_errors_total", "Runs of a timer that failed.", ByJob)
BUILD = Gauge("exporter_build_info", "Always 1; the version is the label.", BuildLabels)

ACCOUNTING: tuple[AnyMetric, ...] = (
    RECEIVED,
    ACCEPTED,
    DUPLICATE,
    REJECTED,
    LIMITED,
    REFUSED,
    TAG_VALUES_CAPPED,
)
PROCESS: tuple[AnyMetric, ...] = (
    RESPONSES,
    REQUEST_SECONDS,
    CONNECTIONS,
    CUT,
    APPEND_SECONDS,
    APPENDED_BYTES,
    APPEND_ERRORS,
    JOURNAL_BYTES,
    JOURNAL_WRITABLE,
    DISK_FREE,
    APPLY_LAG,
    APPLY_ERRORS,
    REPLAYED,
    CHECKPOINT_SECONDS,
    CHECKPOINT_ERRORS,
    OPEN_SESSIONS,
    REMEMBERED_SESSIONS,
    REMEMBERED_IDS,
    OUTBOX_POINTS,
    OUTBOX_BYTES,
    SINK_LAG,
    SINK_CONFIGURED,
    DELIVERED,
    SINK_ERRORS,
    SET_ASIDE,
    OUTBOX_DROPPED,
    DEAD_LETTERS,
    JOB_SUCCESS,
    JOB_ERRORS,
    BUILD,
)
