"""The judge finds what chaos could do to rows, and nothing else."""

from __future__ import annotations

from tests.chaos.judge import row_problems
from tests.row_builders import ledger, segment
from udfs.rows import LEDGER, SEGMENTS


def test_revisions_of_a_row_and_another_time_are_no_problem() -> None:
    rows = [segment(revision=3, score=1.0), segment(revision=4, emitted_at=99)]

    assert list(row_problems(SEGMENTS, rows, [segment(revision=1, emitted_at=5)])) == []


def test_a_lost_row_is_told() -> None:
    [problem] = row_problems(SEGMENTS, [segment(0)], [segment(0), segment(1)])

    assert "lacks 1 keys" in problem


def test_a_row_too_many_is_told() -> None:
    [problem] = row_problems(SEGMENTS, [segment(0), segment(1)], [segment(0)])

    assert "has too much 1 keys" in problem


def test_a_stale_row_is_told_with_its_column() -> None:
    rows = [segment(revision=9, score=-2.0), segment(revision=2, score=2.0)]

    [problem] = row_problems(SEGMENTS, rows, [segment(score=2.0)])

    assert problem.endswith("differs in score")


def test_the_same_content_committed_twice_is_told() -> None:
    row = segment()
    again = segment(emitted_at=row.emitted_at + 1)

    [problem] = row_problems(SEGMENTS, [row, again], [row])

    assert problem == "segments has 1 rows twice"


def test_duplicates_that_the_replay_drew_are_no_problem() -> None:
    assert list(row_problems(LEDGER, [ledger(chunks_duplicate=7)], [ledger()])) == []
