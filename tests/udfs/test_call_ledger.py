"""What never came, by name and number, on drawn examples."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.call_ledger import MAX_RANGES_CHARACTERS, format_ranges, missing_ranges, windows_lost
from udfs.call_state import Run
from udfs.window_cutting import insert_run

SECOND_US = 1_000_000


def runs(*sequences: int, chunk_ms: int = 1_000) -> list[Run]:
    """Chunks of a second, each where its sequence says."""
    found: list[Run] = []
    for k in sequences:
        us = chunk_ms * 1_000
        found = insert_run(found, Run(k, k, k * us, (k + 1) * us))
    return found


@pytest.mark.parametrize(
    ("came", "expected", "missing"),
    [
        ([0, 1, 2], 3, ""),
        ([0, 1, 2], None, ""),
        ([1, 2], None, "0"),
        ([0, 2, 3, 7], None, "1,4-6"),
        ([0, 1], 5, "2-4"),
        ([], 3, "0-2"),
        ([], None, ""),
        ([], 0, ""),
        ([0, 1, 2, 3], 2, ""),
        ([41, 44, 45], 58, "0-40,42-43,46-57"),
    ],
)
def test_missing_sequences_are_named(came, expected, missing):
    assert format_ranges(list(missing_ranges(runs(*came), expected))) == missing


@given(st.permutations(range(12)), st.integers(0, 12))
def test_runs_are_the_same_in_any_order(order, num):
    found: list[Run] = []
    for k in order[:num]:
        found = insert_run(found, Run(k, k, k * 10, k * 10 + 10))

    came = {k for run in found for k in range(run.first, run.last + 1)}
    assert came == set(order[:num])
    assert [run.first for run in found] == sorted(run.first for run in found)
    for before, after in pairwise(found):
        assert before.last + 1 < after.first
    for run in found:
        assert (run.start_us, run.end_us) == (run.first * 10, run.last * 10 + 10)


def test_ranges_too_long_for_a_column_are_cut_between_two_and_say_so():
    text = format_ranges([(2 * k, 2 * k) for k in range(40_000)])

    assert len(text) <= MAX_RANGES_CHARACTERS + 4
    assert text.endswith(",...")
    assert all(part.isdigit() for part in text.removesuffix(",...").split(","))


@pytest.mark.parametrize(
    ("came", "expected", "lost"),
    [
        #  seconds of audio ┊ windows  0 1 2 3 4 | 5 6 7 8 9 | 10 ...
        (range(15), 15, 0),
        ([*range(5), *range(10, 15)], 15, 1),  # 5-9 never came: window 1
        ([*range(6), *range(10, 15)], 15, 0),  # one second of window 1 came
        ([*range(5), *range(9, 15)], 15, 0),
        ([*range(5), *range(20, 25)], 25, 3),  # windows 1, 2, 3
        (range(5, 15), 15, 1),  # the head: window 0
        (range(4, 15), 15, 0),
        (range(12, 15), 15, 2),
        (range(5), 15, 2),  # the tail: windows 1 and 2
        (range(5), 11, 2),  # a second of window 2 was to come
        (range(5), None, 0),  # who knows
        ([7], 15, 2),  # windows 0 and 2
        ([], 15, 3),
        ([], 0, 0),
        ([], None, 0),
    ],
)
def test_a_window_is_lost_when_all_its_audio_is(came, expected, lost):
    assert windows_lost(runs(*came), expected, SECOND_US) == lost


def test_where_nothing_came_from_anybody_the_length_is_not_known():
    assert windows_lost([], 100, 0) == 0
