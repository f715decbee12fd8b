"""What a proof did, and what it found."""

from dataclasses import dataclass, field


@dataclass
class Figures:
    """Numbers of one run; an audit that finds a difference ends it, so no figure says that."""

    seed: int
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    kills: int = 0
    kills_while_starting: int = 0
    times_full: int = 0
    clock_steps: int = 0
    audits: int = 0
    audits_of_every_label: int = 0
    longest_stop_seconds: float = 0.0
    longest_until_taken_again_seconds: float = 0.0

    acknowledged_beacons: int = 0
    acknowledged_events: int = 0
    repeated_beacons: int = 0
    answers_503: int = 0
    unanswered_requests: int = 0
    records_replayed: int = 0
    answer_p50_ms: float = 0.0
    answer_p99_ms: float = 0.0
    difference_of_events: float = 0.0

    series_compared: int = 0
    series_not_zero: int = 0

    given_up_at_the_end: dict[str, int] = field(default_factory=dict)
    """By lifecycle: what silence has ended."""
    given_up_expected: dict[str, int] = field(default_factory=dict)
    patience_seconds: float = 0.0
    given_up_after_seconds: tuple[float, float] = (0.0, 0.0)

    points_expected: int = 0
    points_delivered: int = 0
    points_set_aside: int = 0
    points_missing: int = 0
    points_too_many: int = 0
    answers_lost_by_sink: int = 0
    samples_in_victoria_metrics: int = 0
    samples_missing: int = 0
    samples_too_many: int = 0

    scrapes: int = 0
    scrapes_that_failed: int = 0
    resets_seen_by_prometheus: float = 0.0
    largest_error_of_increase: float = 0.0

    @property
    def broken(self) -> list[str]:
        """Which promises were, by the names of the figures that say so."""
        found = {
            "difference_of_events": self.difference_of_events,
            "given_up_at_the_end": self.given_up_at_the_end != self.given_up_expected,
            "points_missing": self.points_missing,
            "points_too_many": self.points_too_many,
            "samples_missing": self.samples_missing,
            "samples_too_many": self.samples_too_many,
            "resets_seen_by_prometheus": self.resets_seen_by_prometheus,
            "largest_error_of_increase": self.largest_error_of_increase > 1e-9,
        }
        return [name for name, off in found.items() if off]
