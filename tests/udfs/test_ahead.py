"""Threads change when something is made, never what or in which order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from udfs.ahead import map_ahead


@pytest.mark.parametrize("depth", [0, 1, 7, 100])
def test_results_come_in_order(depth):
    with ThreadPoolExecutor(4) as threads:
        assert list(map_ahead(lambda n: n * n, range(50), threads, depth)) == [
            n * n for n in range(50)
        ]


def test_no_more_than_the_depth_is_begun_before_it_is_asked_for():
    drawn = []

    def items():
        for number in range(50):
            drawn.append(number)
            yield number

    with ThreadPoolExecutor(4) as threads:
        results = map_ahead(lambda n: n, items(), threads, depth=3)
        next(results)

        assert len(drawn) == 4


def test_two_are_made_at_once():
    meet = threading.Barrier(2, timeout=10)

    with ThreadPoolExecutor(2) as threads:
        assert len(list(map_ahead(lambda _: meet.wait(), range(2), threads, depth=2))) == 2


def test_an_error_comes_where_its_result_would():
    def fail_at_two(number):
        if number == 2:
            raise ValueError
        return number

    with ThreadPoolExecutor(2) as threads:
        results = map_ahead(fail_at_two, range(4), threads, depth=2)

        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match=r"^$"):
            next(results)
