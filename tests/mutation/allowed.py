"""Mutants that no test can notice, because they mean the same; each with its reason."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.mutation.trial import Mutant


class Entry(NamedTuple):
    """One change of one or several alerts, and why it changes nothing."""

    alerts: tuple[str, ...]
    what: str
    why: str


class Allowed(NamedTuple):
    """The entries of the list."""

    entries: tuple[Entry, ...]

    @classmethod
    def read(cls, path: Path) -> "Allowed":
        return cls(
            tuple(
                Entry(tuple(entry["alerts"]), entry["what"], entry["why"])
                for entry in yaml.safe_load(path.read_text()) or ()
            )
        )

    def faults(self, everything: Iterable[Mutant], survivors: Iterable[Mutant]) -> list[str]:
        """What survives and is not allowed; what is allowed and does not survive."""
        tried = {mutant.alert.file for mutant in everything}
        known = {(str(m.alert), m.what) for m in everything}
        alive = {(str(m.alert), m.what) for m in survivors}
        allowed = {(alert, entry.what) for entry in self.entries for alert in entry.alerts}
        here = {one for one in allowed if one[0].split()[0] in {path.name for path in tried}}
        return [
            *(f"not noticed: {alert}: {what}" for alert, what in sorted(alive - allowed)),
            *(f"allowed, but unknown: {alert}: {what}" for alert, what in sorted(here - known)),
            *(
                f"allowed, but noticed: {alert}: {what}"
                for alert, what in sorted((here & known) - alive)
            ),
        ]
