"""What pyarrow and DuckDB see in the lake's files, without a hint."""

import os

import duckdb
import pyarrow.dataset as ds
import pytest

from connectors.lake_compact import CompactionRules, compact
from connectors.lake_files import Lake
from connectors.lake_reader import write_rows
from tests.row_builders import STARTED_AT, ledger, reject, segment, summary, unheard
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, partition_date

DATE = partition_date(STARTED_AT)
ROWS = [
    (SEGMENTS, [segment(0), unheard(1)]),
    (CALLS, [summary(), summary(participant_id="all", role=None, ended_at=None)]),
    (LEDGER, [ledger()]),
    (REJECTS, [reject(), reject(sequence_number="2", payload=None)]),
]


@pytest.fixture(params=ROWS, ids=[table.folder for table, _ in ROWS])
def written(request, tmp_path):
    table, rows = request.param
    write_rows(tmp_path, table, rows, lambda _: DATE)
    return tmp_path / table.folder, table, rows


def millis(instants):
    return [None if instant is None else round(instant.timestamp() * 1000) for instant in instants]


def test_pyarrow_reads_the_rows(written):
    folder, table, rows = written
    found = ds.dataset(folder, format="parquet", partitioning="hive").to_table()
    assert found.column("dt").to_pylist() == [DATE] * len(rows)
    for column in table.columns:
        values = found.column(column.name).to_pylist()
        expected = [getattr(row, column.name) for row in rows]
        if column.type == "timestamp":
            # without a zone, which is UTC
            values = [
                value and round(value.tz_localize("UTC").timestamp() * 1e3) for value in values
            ]
        assert values == expected


def test_duckdb_reads_the_rows_wherever_it_runs(written):
    folder, table, rows = written
    for zone in ("UTC", "America/New_York"):
        with duckdb.connect() as database:
            database.execute(f"SET TimeZone = '{zone}'")
            for column in table.columns:
                what = f"epoch_ms({column.name})" if column.type == "timestamp" else column.name
                found = database.execute(f"SELECT {what} FROM read_parquet('{folder}/*/*')")
                expected = [getattr(row, column.name) for row in rows]
                assert [value for (value,) in found.fetchall()] == expected


def test_what_was_compacted_and_what_came_later_read_alike(tmp_path):
    for number in range(3):
        write_rows(tmp_path, CALLS, [summary(call_id=str(number))], lambda _: DATE, str(number))
        os.utime(tmp_path / "calls" / f"dt={DATE}" / str(number), (number, number))
    list(compact(Lake(tmp_path), lambda _: True, CompactionRules(min_age_s=0)))
    write_rows(tmp_path, CALLS, [summary(call_id="3")], lambda _: DATE, "3")
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'America/New_York'")
        found = database.execute(
            f"SELECT call_id, epoch_ms(started_at) FROM read_parquet('{tmp_path}/calls/*/*')"
        ).fetchall()
    assert sorted(found) == [(str(number), STARTED_AT) for number in range(4)]
