"""What is older than it may be, in every store that is ours, and how it goes.

    lake · staged objects · streams · log group   here
    warehouse                                      connectors.warehouse.retention

Each ``overdue_…`` lists and changes nothing; what it yields can be asked to go. On S3 the lifecycle
of the bucket does most of it by an object's age; what a compaction wrote is younger than its rows,
so the lake is looked through by ``dt`` everywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from connectors.aws_errors import code_of
from connectors.kinesis_client import KinesisClient
from connectors.lake_files import Lake, LakeFile
from connectors.replay_ledger import FOLDER as REPLAYS
from connectors.warehouse.staging import staged_prefixes
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, TABLES, Table

LAST_FILES_S: Final = 900
"""A job's last checkpoint names files that are no older than this than the lake's newest."""
_DAY_NS: Final = 86_400 * 1_000_000_000


class RetentionError(Exception):
    """A store cannot be looked through or cleaned; says which and what to do."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How long each class of data may be kept."""

    segments_days: int
    summaries_days: int
    ledgers_days: int
    rejects_days: int
    staged_days: int
    logs_days: int
    audio_stream_hours: int
    text_stream_hours: int

    def days_of(self, table: Table) -> int:
        return {
            SEGMENTS: self.segments_days,
            CALLS: self.summaries_days,
            LEDGER: self.ledgers_days,
            REJECTS: self.rejects_days,
        }[table]

    def oldest_allowed(self, table: Table, today: date) -> date:
        """The first date of a table that may still be kept."""
        return first_kept(today, self.days_of(table))


def first_kept(today: date, days: int) -> date:
    """What is of this UTC date or later is no older than ``days``."""
    return today - timedelta(days=days)


@dataclass(frozen=True, slots=True)
class Overdue:
    """Something that is kept longer than allowed."""

    where: str
    """The store: ``lake``, ``warehouse``, ``staged``, ``stream`` or ``logs``."""
    what: str
    amount: int
    unit: str
    oldest: str
    remove: Callable[[], None] = field(repr=False, compare=False)
    left_alone: str = ""
    """Why it cannot go yet; empty where it can."""


def overdue_in_lake(lake: Lake, rules: RetentionRules, today: date) -> Iterator[Overdue]:
    """Partitions of dates that are over, a table after the other.

    Raises:
        LakeError: a folder cannot be listed.
    """
    files = {table: lake.files(table.folder) for table in TABLES}
    newest_ns = max((file.finished_ns for of_one in files.values() for file in of_one), default=0)
    for table in TABLES:
        first = rules.oldest_allowed(table, today).isoformat()
        partitions = defaultdict(list)
        for file in files[table]:
            if file.dt is not None and file.dt < first:
                partitions[file.dt].append(file)
        for dt, of_date in sorted(partitions.items()):
            yield _partition(lake, f"{table.folder}/dt={dt}", dt, of_date, newest_ns)
    yield from _old_replays(lake, rules, today)


def _partition(lake: Lake, what: str, dt: str, files: list[LakeFile], newest_ns: int) -> Overdue:
    newest_of_these_ns = max(file.finished_ns for file in files)
    is_last = newest_of_these_ns > newest_ns - LAST_FILES_S * 1_000_000_000
    return Overdue(
        where="lake",
        what=what,
        amount=len(files),
        unit="files",
        oldest=dt,
        remove=partial(_remove_files, lake, files),
        left_alone="among the job's last files" if is_last else "",
    )


def _old_replays(lake: Lake, rules: RetentionRules, today: date) -> Iterator[Overdue]:
    """A replay is noted after its reject came, so it goes after it."""
    first = datetime.combine(first_kept(today, rules.rejects_days), datetime.min.time(), UTC)
    first_ns = int(first.timestamp()) * 1_000_000_000
    old = [file for file in lake.files(REPLAYS) if file.finished_ns < first_ns]
    if old:
        oldest = datetime.fromtimestamp(old[0].finished_ns / 1e9, UTC).date().isoformat()
        yield Overdue("lake", REPLAYS, len(old), "files", oldest, partial(_remove_files, lake, old))


def _remove_files(lake: Lake, files: list[LakeFile]) -> None:
    for file in files:
        lake.remove(file.path)


def overdue_staged(
    staging_root: str, region: str, rules: RetentionRules, now: datetime
) -> Iterator[Overdue]:
    """Objects on their way to Redshift that nobody fetched.

    Raises:
        RetentionError: they cannot be listed, or later removed.
    """
    bucket, prefixes = staged_prefixes(staging_root)
    s3: Any = boto3.client("s3", region_name=region)
    before = now - timedelta(days=rules.staged_days)
    old: list[tuple[datetime, str]] = []
    try:
        for prefix in prefixes:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for page in pages:
                found = ((one["LastModified"], one["Key"]) for one in page.get("Contents", ()))
                old += (one for one in found if one[0] < before)
    except (BotoCoreError, ClientError) as error:
        raise _refused(staging_root, error, "s3:ListBucket") from None
    if old:
        yield Overdue(
            where="staged",
            what=staging_root,
            amount=len(old),
            unit="objects",
            oldest=min(old)[0].date().isoformat(),
            remove=partial(_remove_objects, s3, bucket, [key for _, key in old]),
        )


def _remove_objects(s3: Any, bucket: str, keys: list[str]) -> None:
    try:
        for key in keys:
            s3.delete_object(Bucket=bucket, Key=key)
    except (BotoCoreError, ClientError) as error:
        raise _refused(bucket, error, "s3:DeleteObject") from None


def overdue_in_stream(kinesis: KinesisClient, name: str, allowed_hours: int) -> Iterator[Overdue]:
    """A stream that keeps its records longer than allowed.

    Raises:
        KinesisError: the stream cannot be asked, or later changed.
    """
    hours = kinesis.retention_hours(name)
    if hours > allowed_hours:
        yield Overdue(
            where="stream",
            what=name,
            amount=hours,
            unit=f"hours, allowed {allowed_hours}",
            oldest="",
            remove=partial(kinesis.shorten_retention, name, allowed_hours),
        )


def overdue_in_log_group(name: str, region: str, rules: RetentionRules) -> Iterator[Overdue]:
    """A log group that keeps its events longer than allowed, or for ever.

    Raises:
        RetentionError: there is none of that name, or it may not be looked at or changed.
    """
    logs: Any = boto3.client("logs", region_name=region)
    try:
        groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    except (BotoCoreError, ClientError) as error:
        raise _refused(name, error, "logs:DescribeLogGroups") from None
    found = [group for group in groups if group["logGroupName"] == name]
    if not found:
        msg = f"log group {name}: there is none in {region}; mend its name or the region"
        raise RetentionError(msg)
    days = found[0].get("retentionInDays")
    if days is None or days > rules.logs_days:
        yield Overdue(
            where="logs",
            what=name,
            amount=days or 0,
            unit=f"days{'' if days else ' (for ever)'}, allowed {rules.logs_days}",
            oldest="",
            remove=partial(_shorten_log_group, logs, name, rules.logs_days),
        )


def _shorten_log_group(logs: Any, name: str, days: int) -> None:
    try:
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    except (BotoCoreError, ClientError) as error:
        raise _refused(name, error, "logs:PutRetentionPolicy") from None


def _refused(what: str, error: BotoCoreError | ClientError, action: str) -> RetentionError:
    return RetentionError(f"{what}: {code_of(error)}; mend its name, or grant {action}")
