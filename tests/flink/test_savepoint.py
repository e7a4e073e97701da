"""A savepoint of each release is restored in the middle of its call, which ends as if unbroken."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec
import pytest
from pyarrow import fs

from connectors.kinesalite import Kinesalite
from connectors.kinesis_client import connect
from connectors.lake_reader import read_rows
from connectors.object_store import arrow_filesystem
from connectors.replay import Heartbeats, Replayer
from flink_job.local import STREAMS, JobProcess, local_groups, write_properties
from tests.flink import restored_job
from tests.flink.conftest import call_sentiment
from tests.flink.savepoint_fixture import (
    BUCKET,
    LAKE,
    SAMPLE,
    Moments,
    lake_on_moto,
    records,
)
from tests.row_comparison import assert_same_rows
from udfs.rows import ALL_PARTICIPANTS, LEDGER, REJECTS

RELEASES = sorted((Path(__file__).parent / "savepoints").iterdir())
DOWN_MS = 60_000
LIMIT_S = 180


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_call_goes_on_from_a_savepoint(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(SAMPLE, tmp_path / "calls" / SAMPLE.name)
    reference = tmp_path / "reference"
    done = call_sentiment("offline", "--calls", tmp_path / "calls", "--output", reference)
    assert done.returncode == 0, done.stderr
    moments = msgspec.json.decode((release / "moments.json").read_bytes(), type=Moments)
    monkeypatch.setenv(restored_job.SAVEPOINT_VARIABLE, (release / "savepoint").as_uri())
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    streams = shutil.copytree(release / "kinesis", tmp_path / "kinesis")
    restarted_ms = moments.taken_ms + DOWN_MS

    with lake_on_moto(), Kinesalite(clock_start_ms=restarted_ms, path=streams) as kinesalite:
        kinesis = connect("us-east-1", kinesalite.endpoint)
        fs.copy_files(
            str(release / "lake"),
            f"{BUCKET}/sentiment",
            source_filesystem=fs.LocalFileSystem(),
            destination_filesystem=arrow_filesystem(),
        )
        properties = write_properties(local_groups({}, kinesalite.endpoint, LAKE), work_dir)
        with (
            JobProcess(properties, work_dir, restored_job.__name__) as job,
            Heartbeats(kinesis, [*STREAMS.values()]),
        ):
            rest = records(first_ms=moments.sent_until_ms)
            Replayer(kinesis, STREAMS).send(rest, None)
            _wait_until_closed(job)
            job.stop()
        [whole] = [row for row in read_rows(LAKE, LEDGER) if row.participant_id == ALL_PARTICIPANTS]
        assert whole.complete
        assert read_rows(LAKE, REJECTS) == []
        assert_same_rows(LAKE, reference)


def _wait_until_closed(job: JobProcess) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not any(row.participant_id == ALL_PARTICIPANTS for row in read_rows(LAKE, LEDGER)):
        job.check()
        assert time.monotonic() < deadline_s, "the call stays open"
        time.sleep(0.5)
