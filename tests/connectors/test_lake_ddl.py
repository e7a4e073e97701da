"""The DDL for Athena says what the Parquet holds."""

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from connectors.lake_ddl import DdlError, athena_ddl
from connectors.lake_reader import write_rows
from tests.row_builders import reject, segment, summary
from udfs.rows import REJECTS, SEGMENTS, TABLES, newest

STATEMENTS = athena_ddl("s3a://calls/sentiment/", "calls", "2026-01-01")


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_statement_is_athenas(statement):
    parsed = sqlglot.parse_one(statement, dialect="athena")
    assert isinstance(parsed, exp.Create)


@pytest.mark.parametrize(("table", "statement"), list(zip(TABLES, STATEMENTS[:4], strict=True)))
def test_a_table_has_the_rows_columns_and_finds_its_partitions(table, statement):
    parsed = sqlglot.parse_one(statement, dialect="athena")
    columns = [column.name for column in parsed.this.expressions]
    assert columns == [column.name for column in table.columns]
    assert f"LOCATION 's3://calls/sentiment/{table.folder}/'" in statement
    assert f"'s3://calls/sentiment/{table.folder}/dt=${{dt}}/'" in statement
    assert "'projection.dt.range' = '2026-01-01,NOW+1DAYS'" in statement


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (SEGMENTS, [segment(revision=2, score=1.0), segment(revision=9), segment(1)]),
        (SEGMENTS, [segment(emitted_at=2, score=1.0), segment(emitted_at=1)]),
        (REJECTS, [reject(), reject(stream="text")]),
    ],
)
def test_a_view_has_the_newest_rows(tmp_path, table, rows):
    write_rows(tmp_path, table, rows, lambda _: "2026-11-23")
    view = athena_ddl("s3://calls/sentiment", "calls", "2026-01-01")[4 + TABLES.index(table)]
    with duckdb.connect() as database:
        database.execute("CREATE SCHEMA calls")
        database.execute(
            f"CREATE VIEW calls.{table.folder} AS SELECT * FROM "
            f"read_parquet('{tmp_path}/{table.folder}/*/*', hive_partitioning=true)"
        )
        database.execute(sqlglot.transpile(view, read="athena", write="duckdb")[0])
        keys = ", ".join(table.key)
        found = database.execute(f"SELECT {keys} FROM calls.{table.folder}_newest").fetchall()
        assert sorted(found) == sorted(map(table.key_of, newest(rows, table)))
        if table is SEGMENTS:
            scores = database.execute("SELECT score FROM calls.segments_newest").fetchall()
            best = max(rows[:2], key=lambda row: (row.revision, row.emitted_at))
            assert (best.score,) in scores


def test_views_order_by_what_their_table_has():
    calls = STATEMENTS[4 + 1]
    assert "emitted_at" not in calls
    assert "revision DESC" in calls


@pytest.mark.parametrize("root", ["output", "file:///tmp/x", "s3://", "s3://calls/it's"])
def test_a_root_outside_s3_is_refused(root):
    with pytest.raises(DdlError, match="write s3://bucket/prefix"):
        athena_ddl(root, "calls", "2026-01-01")


def test_a_database_that_athena_does_not_take_is_refused():
    with pytest.raises(DdlError, match="small letters"):
        athena_ddl("s3://calls/x", 'calls"; DROP', "2026-01-01")


def test_every_row_of_a_summary_is_described():
    assert f"`score` double COMMENT '{'mean score of the windows'}'" in STATEMENTS[1]
    assert len(summary().__slots__) == STATEMENTS[1].count("COMMENT")
