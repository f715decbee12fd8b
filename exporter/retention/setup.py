"""Makes InfluxDB what the plan says, and says what it did; a second time, nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from exporter.retention.api import Api, SetupError
from exporter.retention.plan import DAY, Bucket, Mapping, Plan, Task


class Step(NamedTuple):
    """One thing of the plan: whether it was made, changed, or found as it should be."""

    done: str
    what: str

    @property
    def changes(self) -> bool:
        """Whether it is not as it should be, or was not."""
        return self.done != "unchanged"


class Setup:
    """One organisation of one InfluxDB."""

    def __init__(self, api: Api, organisation: str, *, dry_run: bool) -> None:
        self._api = api
        self._organisation = organisation
        self._dry_run = dry_run
        self._ids: dict[str, str] = {}
        """Of buckets."""

    async def run(self, plan: Plan) -> AsyncIterator[Step]:
        """Each thing in its turn: buckets, then what needs them."""
        for bucket in plan.buckets:
            yield await self._bucket(bucket)
        for task in plan.tasks:
            yield await self._task(task)
        for mapping in plan.mappings:
            yield await self._mapping(mapping)

    async def _bucket(self, wanted: Bucket) -> Step:
        what = f"bucket {wanted.name}, kept {wanted.days} days"
        rules = [{"type": "expire", "everySeconds": wanted.seconds}]
        found = await self._api.listed(
            "buckets", "buckets", orgID=self._organisation, name=wanted.name
        )
        if not found:
            body = {
                "orgID": self._organisation,
                "name": wanted.name,
                "description": wanted.description,
                "retentionRules": rules,
            }
            made = await self._make("buckets", body)
            self._ids[wanted.name] = made.get("id", "")
            return Step("created", what)
        self._ids[wanted.name] = found[0]["id"]
        seconds = _kept(found[0])
        if seconds == wanted.seconds:
            return Step("unchanged", what)
        await self._change(f"buckets/{found[0]['id']}", {"retentionRules": rules})
        before = f"{seconds / DAY:g} days" if seconds else "for ever"
        return Step("updated", f"{what} (was {before})")

    async def _task(self, wanted: Task) -> Step:
        what = f"task {wanted.name}"
        found = await self._api.listed("tasks", "tasks", orgID=self._organisation, name=wanted.name)
        if not found:
            body = {"orgID": self._organisation, "flux": wanted.flux, "status": "active"}
            await self._make("tasks", body)
            return Step("created", what)
        task = found[0]
        if task["flux"].strip() == wanted.flux.strip() and task["status"] == "active":
            return Step("unchanged", what)
        await self._change(f"tasks/{task['id']}", {"flux": wanted.flux, "status": "active"})
        return Step("updated", what)

    async def _mapping(self, wanted: Mapping) -> Step:
        what = f"mapping {wanted.database}.{wanted.policy} to bucket {wanted.bucket}"
        bucket = self._ids[wanted.bucket]
        found = [
            each
            for each in await self._api.listed(
                "dbrps", "content", orgID=self._organisation, db=wanted.database
            )
            if each["retention_policy"] == wanted.policy and not each.get("virtual")
        ]
        if not found:
            body = {
                "orgID": self._organisation,
                "bucketID": bucket,
                "database": wanted.database,
                "retention_policy": wanted.policy,
                "default": wanted.default,
            }
            await self._make("dbrps", body)
            return Step("created", what)
        if found[0]["bucketID"] != bucket:
            raise SetupError(
                f"InfluxQL already finds another bucket under {wanted.database}.{wanted.policy}"
                f" (mapping {found[0]['id']}); delete that mapping, or choose another"
                " EXPORTER_INFLUX__BUCKET."
            )
        if found[0]["default"] == wanted.default:
            return Step("unchanged", what)
        path = f"dbrps/{found[0]['id']}?orgID={self._organisation}"
        await self._change(path, {"retention_policy": wanted.policy, "default": wanted.default})
        return Step("updated", what)

    async def _make(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return {} if self._dry_run else await self._api.post(path, body)

    async def _change(self, path: str, body: dict[str, Any]) -> None:
        if not self._dry_run:
            await self._api.patch(path, body)


def _kept(bucket: dict[str, Any]) -> int:
    """For how many seconds a bucket keeps a point; 0 is for ever."""
    rules = (rule for rule in bucket.get("retentionRules") or () if rule["type"] == "expire")
    return next((int(rule["everySeconds"]) for rule in rules), 0)
