"""A remote service as a scorer: calls in flight, a time limit, a breaker; outcomes in order.

    inputs ─► collected into calls ─► threads, each asking with retries ─► outcomes, in order

At most twice as many inputs are begun as may be in flight, so a slow one does not hold up the
others, none waits long for its turn, and few are held in memory; however many threads score.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDoneError
from threading import BoundedSemaphore
from typing import Generic, NamedTuple, Protocol, TypeVar

from connectors.remote_models.breaker import Breaker
from connectors.remote_models.client import CallError
from connectors.remote_models.spec import RemoteSpec
from udfs.events import (
    BREAKER_CLOSED,
    BREAKER_OPENED,
    REMOTE_ANSWER_BROKEN,
    REMOTE_CALL_FAILED,
)
from udfs.metrics import Metrics, ModelMetrics
from udfs.models.scorer import ModelFailure, Outcome

Input = TypeVar("Input")
Input_contra = TypeVar("Input_contra", contravariant=True)

BEGUN_PER_INPUT_IN_FLIGHT = 2


class Reply(NamedTuple):
    """What one call brought."""

    outcomes: Sequence[Outcome]
    """One for each input."""
    retries: int = 0
    cost_micro_usd: float = 0.0


class Service(Protocol[Input_contra]):
    """One remote model: what it takes in one call, and what its answer means."""

    inputs_per_call: int

    def kind_of(self, one: Input_contra) -> Hashable:
        """Inputs of one kind may go into one call; None: it is in no language of the model's."""
        ...

    def ask(self, inputs: Sequence[Input_contra], deadline_s: float) -> Reply:
        """One call.

        Args:
            inputs: all of one kind.
            deadline_s: by ``time.monotonic``; no attempt begins after it.

        Raises:
            CallError: there is no answer.
        """
        ...

    def close(self) -> None: ...


class _Begun(NamedTuple):
    """A call and how long its inputs wait for it."""

    reply: Future[Sequence[Outcome]]
    place: int
    deadline_s: float


class RemoteScorer(Generic[Input]):
    """A ``Scorer``."""

    def __init__(
        self,
        service: Service[Input],
        spec: RemoteSpec,
        metrics: Metrics,
        names: ModelMetrics,
    ) -> None:
        self._service = service
        self._spec = spec
        self._metrics = metrics
        self._names = names
        self._breaker = Breaker(spec.breaker_failures, spec.breaker_open_s)
        self._threads = ThreadPoolExecutor(spec.concurrency, thread_name_prefix=spec.service)
        in_flight = spec.concurrency * service.inputs_per_call
        self._room = BoundedSemaphore(in_flight * BEGUN_PER_INPUT_IN_FLIGHT)

    def score(self, inputs: Iterable[Input]) -> Iterator[Outcome]:
        begun: deque[_Begun] = deque()
        collected: dict[Hashable, _Call[Input]] = {}

        def send(kind: Hashable) -> None:
            call = collected.pop(kind)
            self._threads.submit(self._ask, call)

        for one in inputs:
            kind = self._service.kind_of(one)
            if kind is None:
                begun.append(_Begun(_UNSUPPORTED, 0, 0.0))
                continue
            if not self._room.acquire(blocking=False):
                for other in list(collected):  # or all might wait for what nobody sends
                    send(other)
                self._room.acquire()
            call = collected.get(kind)
            if call is None:
                call = collected[kind] = _Call(time.monotonic() + self._spec.time_limit_s)
            begun.append(_Begun(call.reply, len(call.inputs), call.deadline_s))
            call.inputs.append(one)
            if len(call.inputs) == self._service.inputs_per_call:
                send(kind)
            while begun and begun[0].reply.done():
                yield self._outcome(begun.popleft())
        for kind in list(collected):
            send(kind)
        while begun:
            yield self._outcome(begun.popleft())

    @property
    def is_held_back(self) -> bool:
        """Whether the service is asked no more for a while."""
        return self._breaker.is_open

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._service.close()

    def _outcome(self, begun: _Begun) -> Outcome:
        try:
            outcomes = begun.reply.result(max(0.0, begun.deadline_s - time.monotonic()))
            outcome = outcomes[begun.place]
        except NotDoneError:
            outcome = Outcome(None, "timeout", None)
        if outcome.missing is not None and outcome.has_failed:
            self._metrics.count(self._names.remote_failed[outcome.missing])
        return outcome

    def _ask(self, call: _Call[Input]) -> None:
        """In a thread of the pool: always ends the call's future."""
        try:
            call.reply.set_result(self._replied(call))
        except BaseException as error:
            call.reply.set_exception(error)
            raise
        finally:
            self._room.release(len(call.inputs))

    def _replied(self, call: _Call[Input]) -> Sequence[Outcome]:
        if time.monotonic() >= call.deadline_s:
            return _failed("timeout", len(call.inputs))
        if not self._breaker.allows():
            return _failed("breaker_open", len(call.inputs))
        begun_s = time.monotonic()
        try:
            reply = self._service.ask(call.inputs, call.deadline_s)
        except CallError as error:
            REMOTE_CALL_FAILED.log(service=self._spec.service, reason=error.reason, code=str(error))
            reply = Reply(_failed(error.reason, len(call.inputs)), error.retries)
        except Exception as error:  # a broken answer must not end the job
            REMOTE_ANSWER_BROKEN.log(service=self._spec.service, error=type(error).__name__)
            reply = Reply(_failed("bad_answer", len(call.inputs)))
        if all(outcome.has_failed for outcome in reply.outcomes):
            if self._breaker.failed():
                BREAKER_OPENED.log(service=self._spec.service)
        elif self._breaker.succeeded():
            BREAKER_CLOSED.log(service=self._spec.service)
        names = self._names
        self._metrics.count(names.remote_calls)
        self._metrics.count(names.remote_retries, reply.retries)
        self._metrics.count(names.remote_ms, round((time.monotonic() - begun_s) * 1_000))
        self._metrics.count(names.remote_cost_nano_usd, round(reply.cost_micro_usd * 1_000))
        return reply.outcomes


class _Call(Generic[Input]):
    """Inputs that go together."""

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.inputs: list[Input] = []
        self.reply: Future[Sequence[Outcome]] = Future()


_UNSUPPORTED: Future[Sequence[Outcome]] = Future()
_UNSUPPORTED.set_result([Outcome(None, "unsupported_language", None)])


def _failed(reason: ModelFailure, count: int) -> list[Outcome]:
    return [Outcome(None, reason, None)] * count
