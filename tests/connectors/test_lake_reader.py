"""What the lake gives back: the rows that were written, whoever wrote them."""

from __future__ import annotations

import dataclasses
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.lake_files import LakeError
from connectors.lake_reader import arrow_schema, read_rows, write_rows
from tests.row_builders import STARTED_AT, ledger, reject, segment, summary, unheard
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, TABLES, newest, partition_date

DATE = partition_date(STARTED_AT)


def dt_of(_row):
    return DATE


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (SEGMENTS, [segment(0), unheard(1)]),
        (CALLS, [summary(), summary(participant_id="all", role=None, ended_at=None)]),
        (LEDGER, [ledger(), ledger(participant_id="a1", complete=False)]),
        (REJECTS, [reject(), reject(sequence_number="2", payload=None)]),
    ],
    ids=[table.folder for table in TABLES],
)
def test_rows_come_back_as_they_were_written(tmp_path, table, rows):
    assert write_rows(tmp_path, table, rows, dt_of) == 2
    assert (tmp_path / table.folder / f"dt={DATE}" / "part-0.parquet").is_file()
    assert read_rows(tmp_path, table) == rows


def test_each_row_lands_in_the_partition_the_caller_names(tmp_path):
    dates = {"call-1": "2026-11-23", "call-2": "2026-11-24"}
    rows = [segment(call_id="call-1"), segment(call_id="call-2")]
    write_rows(tmp_path, SEGMENTS, rows, lambda row: dates[row.call_id])
    for row in rows:
        file = tmp_path / "segments" / f"dt={dates[row.call_id]}" / "part-0.parquet"
        assert pq.ParquetFile(file).read().column("call_id").to_pylist() == [row.call_id]


def test_writing_again_replaces_the_file(tmp_path):
    write_rows(tmp_path, CALLS, [summary(), summary(participant_id="a1")], dt_of)
    write_rows(tmp_path, CALLS, [summary(score=1.0)], dt_of)
    assert read_rows(tmp_path, CALLS) == [summary(score=1.0)]


def test_a_table_that_is_not_there_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "nothing", SEGMENTS) == []


def test_no_rows_leave_an_empty_table(tmp_path):
    assert write_rows(tmp_path, REJECTS, [], dt_of) == 0
    assert (tmp_path / "rejects").is_dir()
    assert read_rows(tmp_path, REJECTS) == []


def test_a_file_uri_is_a_root_too(tmp_path):
    write_rows(f"file://{tmp_path}", SEGMENTS, [segment()], dt_of)
    assert read_rows(tmp_path, SEGMENTS) == read_rows(f"file://{tmp_path}", SEGMENTS) == [segment()]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "INT96"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_instants_are_epoch_milliseconds_whatever_the_stored_unit(tmp_path, unit, zone):
    row = reject()
    stored = pa.table(
        {
            **{name: [value] for name, value in dataclasses.asdict(row).items()},
            "arrival": pa.array([row.arrival], pa.timestamp("ms")).cast(
                pa.timestamp("ns" if unit == "INT96" else unit, tz=zone)
            ),
        }
    )
    folder = tmp_path / "rejects" / f"dt={DATE}"
    folder.mkdir(parents=True)
    options = {"use_deprecated_int96_timestamps": True} if unit == "INT96" else {"version": "2.6"}
    pq.write_table(stored, folder / "part-0-0", **options)
    assert read_rows(tmp_path, REJECTS) == [row]


@pytest.mark.parametrize(
    "name",
    [
        f"dt={DATE}/.part-1-0.inprogress.7c1f",
        f"dt={DATE}/part-1-0.inprogress",
        f"dt={DATE}/_SUCCESS",
        f"dt={DATE}/.part-0.parquet.crc",
        ".staging_17/task-0/part-0",
        "_temporary/0/part-0",
    ],
)
def test_what_a_writer_has_not_finished_is_not_read(tmp_path, name):
    write_rows(tmp_path, SEGMENTS, [segment()], dt_of)
    unfinished = tmp_path / "segments" / name
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    unfinished.write_bytes(b"PAR1 and then nothing")
    assert read_rows(tmp_path, SEGMENTS) == [segment()]


def test_an_empty_file_is_not_read(tmp_path):
    write_rows(tmp_path, SEGMENTS, [segment()], dt_of)
    (tmp_path / "segments" / f"dt={DATE}" / "part-1-0").touch()
    assert read_rows(tmp_path, SEGMENTS) == [segment()]


def test_a_broken_file_is_an_error_that_names_it(tmp_path):
    folder = tmp_path / "segments" / f"dt={DATE}"
    folder.mkdir(parents=True)
    (folder / "part-9-0").write_bytes(b"PAR1 cut off")
    with pytest.raises(LakeError, match=r"part-9-0: not a whole Parquet file"):
        read_rows(tmp_path, SEGMENTS)


def test_a_file_without_a_column_that_must_be_there_is_an_error(tmp_path):
    write_rows(tmp_path, CALLS, [summary()], dt_of)
    file = tmp_path / "calls" / f"dt={DATE}" / "part-0.parquet"
    pq.write_table(pq.ParquetFile(file).read().drop(["revision"]), file)
    with pytest.raises(LakeError, match="no column revision"):
        read_rows(tmp_path, CALLS)


def test_a_null_where_none_may_be_is_an_error(tmp_path):
    folder = tmp_path / "rejects" / f"dt={DATE}"
    folder.mkdir(parents=True)
    columns = {name: [value] for name, value in dataclasses.asdict(reject()).items()}
    columns["reason"] = pa.array([None], pa.string())
    pq.write_table(pa.table(columns), folder / "part-0-0")
    with pytest.raises(LakeError, match="column reason has nulls"):
        read_rows(tmp_path, REJECTS)


def test_a_column_added_later_is_null_in_older_files(tmp_path):
    write_rows(tmp_path, CALLS, [summary()], dt_of)
    file = tmp_path / "calls" / f"dt={DATE}" / "part-0.parquet"
    pq.write_table(pq.ParquetFile(file).read().drop(["disagreement"]), file)
    assert read_rows(tmp_path, CALLS) == [summary(disagreement=None)]


def test_the_schema_is_the_rows_own():
    schema = arrow_schema(SEGMENTS)
    assert schema.names == [column.name for column in SEGMENTS.columns]
    assert schema.field("window_start_at").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("word_count").type == pa.float64()
    assert not schema.field("call_id").nullable
    assert schema.field("score").nullable


def test_the_highest_revision_wins_in_any_order():
    old, new = segment(revision=3), segment(revision=9)
    assert newest([old, new], SEGMENTS) == newest([new, old], SEGMENTS) == [new]


def test_windows_and_participants_are_keys_of_their_own():
    rows = [segment(0), segment(1), segment(0, participant_id="a1"), segment(0, call_id="call-2")]
    assert newest(rows, SEGMENTS) == rows


def test_of_equal_revisions_the_later_file_wins(tmp_path):
    first, second = segment(score=1.0), segment(score=2.0)
    write_rows(tmp_path, SEGMENTS, [first], dt_of, file_name="b.parquet")
    write_rows(tmp_path, SEGMENTS, [second], dt_of, file_name="a.parquet")
    folder = tmp_path / "segments" / f"dt={DATE}"
    os.utime(folder / "b.parquet", (1_000, 1_000))
    os.utime(folder / "a.parquet", (2_000, 2_000))
    assert newest(read_rows(tmp_path, SEGMENTS), SEGMENTS) == [second]


def test_a_reject_read_twice_is_one():
    assert newest([reject(), reject(), reject(stream="text")], REJECTS) == [
        reject(),
        reject(stream="text"),
    ]
