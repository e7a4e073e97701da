"""The command as a user runs it, against folders and an embedded PostgreSQL."""

import dataclasses

import pytest
from typer.testing import CliRunner

from connectors.lake_reader import write_rows
from connectors.warehouse.contract import Batch
from connectors.warehouse.migrations import migrate
from connectors.warehouse.opening import open_session, open_warehouse
from flink_job.cli import app
from flink_job.local import write_properties
from tests.connectors.warehouse.conftest import (  # noqa: F401 - fixtures
    empty_spec,
    session,
    spec,
    warehouse,
)
from tests.connectors.warehouse.loads import load
from tests.row_builders import STARTED_AT, ledger, segment, summary
from udfs.rows import CALLS, LEDGER, SEGMENTS, WAREHOUSE_TABLES, partition_date

DATE = partition_date(STARTED_AT)
ROWS = {
    SEGMENTS: [segment(0), segment(1)],
    CALLS: [summary(), summary(participant_id="all", role=None)],
    LEDGER: [ledger(windows_scored=2), ledger(participant_id="all", windows_scored=2)],
}


def run(*arguments):
    return CliRunner().invoke(app, ["reconcile", *map(str, arguments)])


@pytest.fixture
def lake(tmp_path):
    older = [segment(0, revision=3, score=1.0, emitted_at=1)]
    write_rows(tmp_path, SEGMENTS, older, lambda _: DATE, "part-0")
    for table, rows in ROWS.items():
        write_rows(tmp_path, table, rows, lambda _: DATE, "part-1")
    return tmp_path


def load_all(warehouse, rows):  # noqa: F811
    for table in WAREHOUSE_TABLES:
        load(warehouse, Batch(table, tuple(rows[table])))


def test_a_lake_alone_agrees_with_itself(lake):
    done = run("--output", lake)
    assert done.exit_code == 0, done.output
    assert "no difference" in done.output


def test_a_lake_without_a_ledgers_segment_does_not(lake):
    write_rows(lake, LEDGER, [ledger(windows_scored=3, revision=301)], lambda _: DATE, "part-2")
    done = run("--output", lake)
    assert done.exit_code == 1
    assert "1 × segments differ from ledger: ledger against lake" in done.output
    assert "1 × revision differs: calls against lake" in done.output


def test_a_row_committed_twice_is_found_until_it_is_compacted(lake):
    write_rows(lake, SEGMENTS, [segment(0)], lambda _: DATE, "part-2")
    done = run("--output", lake)
    assert done.exit_code == 1
    assert "1 × committed twice: segments" in done.output
    merged = CliRunner().invoke(app, ["lake", "compact", str(lake), "--min-age-s", "0"])
    assert "3 files -> 1, 1 of 4 rows stood twice" in merged.output
    assert run("--output", lake).exit_code == 0


def test_the_warehouse_that_was_loaded_agrees(lake, warehouse, spec):  # noqa: F811
    load_all(warehouse, ROWS)
    done = run("--output", lake, "--warehouse", spec.url, "--schema", spec.schema)
    assert done.exit_code == 0, done.output
    since = run(
        "--output", lake, "--warehouse", spec.url, "--schema", spec.schema, "--since", "2026-11-24"
    )
    assert since.exit_code == 0, since.output
    assert lines_of("segments", done) == ["segments", "2", "3", "2"]
    assert lines_of("segments", since) == ["segments", "0", "0", "0"]


def lines_of(table, done):
    return next(line.split()[:4] for line in done.output.splitlines() if table in line)


def test_what_differs_is_named_and_no_value_told(lake, warehouse, spec):  # noqa: F811
    changed = dataclasses.replace(ROWS[SEGMENTS][1], score=4.321)
    load_all(warehouse, {**ROWS, SEGMENTS: [changed], LEDGER: [ledger(windows_scored=2)]})
    done = run("--output", lake, "--warehouse", spec.url, "--schema", spec.schema, "--show", 9)
    assert done.exit_code == 1
    assert "1 × missing: segments against warehouse" in done.output
    assert "1 × missing: ledger against warehouse" in done.output
    assert "1 × values differ: segments against warehouse" in done.output
    assert "4.321" not in done.output


def test_only_so_many_are_shown(lake, warehouse, spec):  # noqa: F811
    done = run("--output", lake, "--warehouse", spec.url, "--schema", spec.schema, "--show", 2)
    assert done.exit_code == 1
    assert "… and 4 more" in done.output


def test_an_open_call_is_counted_and_not_compared(lake, warehouse, spec):  # noqa: F811
    load_all(warehouse, ROWS)
    write_rows(lake, SEGMENTS, [segment(call_id="call-2")], lambda _: DATE, "part-2")
    done = run("--output", lake, "--warehouse", spec.url, "--schema", spec.schema)
    assert done.exit_code == 0, done.output
    assert "1 calls still open" in done.output


def test_a_reference_is_held_against_the_lake(lake, tmp_path):
    other = tmp_path / "reference"
    for table, rows in ROWS.items():
        write_rows(other, table, rows, lambda _: DATE)
    assert run("--output", lake, "--reference", other).exit_code == 0
    write_rows(other, CALLS, [summary(score=2.0)], lambda _: DATE)
    done = run("--output", lake, "--reference", other)
    assert done.exit_code == 1
    assert "1 × unknown to the lake" not in done.output
    assert "1 × values differ: calls against reference" in done.output


def test_a_warehouse_that_is_not_there_is_one_line(lake):
    done = run("--output", lake, "--warehouse", "postgresql://nobody@127.0.0.1:1/none")
    assert done.exit_code == 2  # which is no difference
    assert len(done.output.strip().splitlines()) == 1


def test_redshift_of_the_settings_is_held_against_the_lake(lake, redshift):
    spec = redshift.spec  # noqa: F811
    session = open_session(spec)  # noqa: F811
    migrate(session, spec)
    session.close()
    warehouse = open_warehouse(spec)  # noqa: F811
    load_all(warehouse, ROWS)
    warehouse.close()
    groups = {
        "streams": {"audio.stream": "audio", "text.stream": "text"},
        "lake": {"root": str(lake)},
        "warehouse": {
            "url": spec.url,
            "db.schema": spec.schema,
            "staging.root": spec.staging_root,
            "endpoint": spec.endpoint,
        },
    }
    done = run("--output", lake, "--properties", write_properties(groups, lake))
    assert done.exit_code == 0, done.output
    assert lines_of("segments", done) == ["segments", "2", "3", "2"]


def test_a_date_is_a_date(lake):
    assert run("--output", lake, "--since", "yesterday").exit_code == 2
