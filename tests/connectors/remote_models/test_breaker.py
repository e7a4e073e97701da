"""The breaker against a model of it: random calls, endings and waits."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from connectors.remote_models.breaker import Breaker

FAILURES, OPEN_S = 3, 10.0


class BreakerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0
        self.breaker = Breaker(FAILURES, OPEN_S, lambda: self.now_s)
        self.in_flight = 0
        self.failed_in_a_row = 0
        self.held_back_until_s: float | None = None

    @rule()
    def ask(self) -> None:
        allowed = self.breaker.allows()

        if self.held_back_until_s is None:
            assert allowed
        elif self.now_s < self.held_back_until_s:
            assert not allowed
        else:
            assert allowed
            self.held_back_until_s = self.now_s + OPEN_S  # and no second one meanwhile
            assert not self.breaker.allows()
        self.in_flight += allowed

    @precondition(lambda self: self.in_flight)
    @rule()
    def end_well(self) -> None:
        assert self.breaker.succeeded() == (self.held_back_until_s is not None)
        self.in_flight -= 1
        self.failed_in_a_row = 0
        self.held_back_until_s = None

    @precondition(lambda self: self.in_flight)
    @rule()
    def end_badly(self) -> None:
        was_closed = self.held_back_until_s is None
        has_opened = self.breaker.failed()
        self.in_flight -= 1
        self.failed_in_a_row += 1
        assert has_opened == (was_closed and self.failed_in_a_row >= FAILURES)
        if self.failed_in_a_row >= FAILURES:
            self.held_back_until_s = self.now_s + OPEN_S

    @rule(seconds=st.sampled_from([0.1, 4.0, 9.9, 10.0, 25.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @invariant()
    def is_open_exactly_when_calls_may_be_held_back(self) -> None:
        assert self.breaker.is_open == (self.held_back_until_s is not None)


TestBreaker = BreakerMachine.TestCase
