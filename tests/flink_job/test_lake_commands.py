"""The lake's commands as a user runs them."""

import os

import pytest
from typer.testing import CliRunner

from connectors.lake_reader import read_rows, write_rows
from flink_job.cli import app
from tests.row_builders import ledger, segment, summary
from udfs.rows import CALLS, LEDGER, SEGMENTS


def run(*arguments):
    return CliRunner().invoke(app, ["lake", *map(str, arguments)])


@pytest.fixture
def root(tmp_path):
    for number in range(3):
        for dt in ("2026-11-22", "2026-11-23"):
            write_rows(tmp_path, CALLS, [summary(revision=number)], lambda _, d=dt: d, f"p{number}")
            os.utime(tmp_path / "calls" / f"dt={dt}" / f"p{number}", (number + 1, number + 1))
    return tmp_path


def num_files(root, dt):
    return len(list((root / "calls" / f"dt={dt}").iterdir()))


def test_one_date_is_compacted(root):
    done = run("compact", root, "--dt", "2026-11-22", "--min-age-s", "0")
    assert done.exit_code == 0, done.output
    assert "calls/dt=2026-11-22: 3 files -> 1, 0 of 3 rows stood twice" in done.output
    assert done.output.splitlines()[-1] == "3 files -> 1"
    assert (num_files(root, "2026-11-22"), num_files(root, "2026-11-23")) == (1, 3)
    assert len(read_rows(root, CALLS)) == 6


def test_dates_long_ago_are_compacted(root):
    assert run("compact", root, "--older-than", "36500", "--min-age-s", "0").exit_code == 0
    assert num_files(root, "2026-11-22") == 3


def test_why_a_partition_is_left_alone_is_said(root):
    for number in range(2):
        write_rows(root, SEGMENTS, [segment(number)], lambda _: "2026-11-23", f"p{number}")
    assert (
        "calls/dt=2026-11-23: 3 files left alone: open calls"
        in run("compact", root, "--dt", "2026-11-23", "--min-age-s", "0").output
    )
    write_rows(root, LEDGER, [ledger(participant_id="all")], lambda _: "2026-11-23")
    assert (
        "segments/dt=2026-11-23: 2 files left alone: among the job's last files"
        in run("compact", root).output
    )


@pytest.mark.parametrize("dt", ["today", "20261123", "2026-13-01"])
def test_a_date_that_is_none_is_wrong_use(root, dt):
    assert run("compact", root, "--dt", dt).exit_code == 2


def test_ddl_is_printed(root):
    done = run("ddl", "--root", "s3a://calls/sentiment", "--database", "calls")
    assert done.exit_code == 0, done.output
    assert done.output.count("CREATE EXTERNAL TABLE") == 4
    assert done.output.count("CREATE OR REPLACE VIEW") == 4
    assert run("ddl", "--root", root, "--database", "calls").exit_code == 2
