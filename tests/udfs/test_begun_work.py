"""What is begun in one step and finished in another, whatever happens in between."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.begun_work import BegunWork, UnknownTicketError, finish

TIMEOUT_S = 10


@pytest.fixture
def begun():
    work = BegunWork(most_inputs=4)
    yield work
    work.close()


@given(
    sizes=st.lists(st.integers(0, 6), max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_each_ticket_brings_its_own_result_in_whatever_order_it_is_used(sizes, order):
    work = BegunWork(most_inputs=4)
    expected = {}
    for batch, size in enumerate(sizes):
        results = [b"%d-%d" % (batch, place) for place in range(size)]
        tickets = work.begin(lambda results=results: results, range(size))
        expected |= dict(zip(tickets, results, strict=True))
    tickets = list(expected)
    order.shuffle(tickets)

    assert {ticket: finish(ticket) for ticket in tickets} == expected
    work.close()


def test_only_the_places_asked_for_have_tickets(begun):
    (ticket,) = begun.begin(lambda: [None, b"one", None], [1])

    assert finish(ticket) == b"one"


def test_a_ticket_is_of_one_use_and_one_process(begun):
    (ticket,) = begun.begin(lambda: [b"once"], [0])
    finish(ticket)

    with pytest.raises(UnknownTicketError):
        finish(ticket)
    with pytest.raises(UnknownTicketError):
        finish(bytes(20))


def test_the_next_batch_waits_while_too_much_is_unfinished(begun):
    go_on = threading.Event()

    def slowly():
        assert go_on.wait(TIMEOUT_S)
        return [b"x"] * 3

    with ThreadPoolExecutor(1) as another:
        first = begun.begin(slowly, range(3))
        waiting = another.submit(begun.begin, lambda: [b"y"] * 2, range(2))
        (fits,) = begun.begin(lambda: [b"z"], [0])
        assert finish(fits) == b"z"
        assert not waiting.done()

        go_on.set()
        assert [finish(ticket) for ticket in waiting.result(TIMEOUT_S)] == [b"y"] * 2
    assert [finish(ticket) for ticket in first] == [b"x"] * 3


def test_a_batch_larger_than_all_that_may_be_unfinished_is_begun_alone(begun):
    assert len(begun.begin(lambda: [b"x"] * 9, range(9))) == 9


def test_an_error_of_the_work_comes_where_its_result_would_and_lets_others_in(begun):
    def fail():
        raise ValueError

    tickets = begun.begin(fail, range(4))
    (well,) = begun.begin(lambda: [b"well"], [0])

    for ticket in tickets:
        with pytest.raises(ValueError, match=r"^$"):
            finish(ticket)
    assert finish(well) == b"well"


def test_what_was_begun_is_finished_before_its_step_closes_and_can_be_taken_after():
    go_on = threading.Event()
    work = BegunWork(most_inputs=4)

    def slowly():
        assert go_on.wait(TIMEOUT_S)
        return [b"late"]

    (ticket,) = work.begin(slowly, [0])
    with ThreadPoolExecutor(1) as another:
        closing = another.submit(work.close)
        assert not closing.done()
        go_on.set()
        closing.result(TIMEOUT_S)

    assert finish(ticket) == b"late"
