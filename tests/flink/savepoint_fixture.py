"""A savepoint of a release, taken in the middle of a call, and all that it needs to go on.

python -m tests.flink.savepoint_fixture tests/flink/savepoints/VERSION

savepoint/       the job's state, in Flink's canonical format
kinesis/         kinesalite's streams, to which the savepoint's positions belong
lake/            what the job had committed until then
moments.json     when the savepoint was taken, and up to where in the call records had been sent

Its scores are those of the models shipped at that time: with other models, and until a version is
released, take it anew.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pyarrow import fs

from connectors.kinesalite import Kinesalite
from connectors.kinesis_client import connect
from connectors.lake_reader import read_rows
from connectors.object_store import arrow_filesystem
from connectors.replay import Heartbeats, Replayer
from flink_job.local import SHARDS, STREAMS, JobProcess, local_groups, write_properties
from tests.chaos.object_store import ObjectStore, environment_of
from udfs.call_folder import read_call_folder
from udfs.replay_plan import PlannedRecord, plan_call
from udfs.rows import SEGMENTS

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "sample-1-pleasant"
BUCKET = "calls"
LAKE = f"s3a://{BUCKET}/sentiment"
SENT_UNTIL_MS = 8_000
_CHUNK_MS = 200
_LIMIT_S = 120.0


@dataclass(frozen=True)
class Moments:
    taken_ms: int
    """Epoch, by kinesalite's clock."""
    sent_until_ms: int
    """From the call's start."""


@contextmanager
def lake_on_moto() -> Iterator[None]:
    """S3 with the bucket, for this process and its children."""
    with ObjectStore(BUCKET) as s3, environment_of(s3.environment):
        yield


def records(*, first_ms: int = 0, until_ms: int | None = None) -> tuple[PlannedRecord, ...]:
    """The sample's records that are due in a part of the call."""
    return tuple(
        record
        for record in plan_call(read_call_folder(SAMPLE), _CHUNK_MS)
        if first_ms <= record.at_ms and (until_ms is None or record.at_ms < until_ms)
    )


def make(target: Path) -> None:
    """Run the job into the call's middle, stop it, and keep what it left."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        lake_on_moto(),
        Kinesalite(path=target / "kinesis") as kinesalite,
    ):
        work_dir = Path(folder)
        kinesis = connect("us-east-1", kinesalite.endpoint)
        for kind, name in STREAMS.items():
            kinesis.create_stream(name, SHARDS[kind])
        properties = write_properties(local_groups({}, kinesalite.endpoint, LAKE), work_dir)
        with JobProcess(properties, work_dir) as job, Heartbeats(kinesis, [*STREAMS.values()]):
            Replayer(kinesis, STREAMS).send(records(until_ms=SENT_UNTIL_MS), None)
            _wait_for_rows(job)
            job.stop()
        moments = Moments(kinesalite.clock_ms(), SENT_UNTIL_MS)
        [savepoint] = (work_dir / "savepoints").iterdir()
        shutil.copytree(savepoint, target / "savepoint")
        fs.copy_files(
            f"{BUCKET}/sentiment",
            str(target / "lake"),
            source_filesystem=arrow_filesystem(),
            destination_filesystem=fs.LocalFileSystem(),
        )
    for diary in ("LOG", "LOG.old", "LOCK"):
        (target / "kinesis" / diary).unlink(missing_ok=True)
    (target / "moments.json").write_bytes(msgspec.json.format(msgspec.json.encode(moments)))


def _wait_for_rows(job: JobProcess) -> None:
    deadline_s = time.monotonic() + _LIMIT_S
    while len(read_rows(LAKE, SEGMENTS)) < 2:
        job.check()
        if time.monotonic() > deadline_s:
            msg = "no rows came"
            raise TimeoutError(msg)
        time.sleep(0.5)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
