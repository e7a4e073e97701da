"""Calls that came again changed the last digit of their summary, and so a row of the warehouse."""

from itertools import permutations

from udfs.call_rows import mean


def test_a_mean_is_the_same_in_any_order() -> None:
    assert sum((0.1, 0.7, 0.3)) != sum((0.7, 0.3, 0.1)), "or this test could not fail"

    assert len({mean(list(order)) for order in permutations((0.1, 0.7, 0.3))}) == 1
