"""Drive a keyed PyFlink function by hand: no cluster, no clock of its own.

Stream time and clock time move only when a test says so, and a timer fires only when its time is
passed. State behaves as PyFlink's does where it bites:

* what goes in as bytes comes out as bytes, and nothing else fits a state of bytes;
* a map must not be touched while it is iterated; within one bundle ``clear`` then ``put`` then
  ``remove`` fails; ``None`` is no value; ``is_empty`` lies;
* after a restart only the snapshot is there: the function is a new one, its own fields are gone,
  and the watermark is unknown until data come;
* a checkpoint may lack the timers of the bundle that its barrier closed.

    call = KeyedHarness(lambda: CallIntake(...), clock_ms=0)
    call.send("call-1", row)
    call.advance_watermark_to(3_000)
    assert call.output == [...]
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pyflink.datastream import OutputTag

from tests.captured_metrics import CapturedGroup

NO_WATERMARK_MS = -(2**63)
END_OF_STREAM_MS = 2**63 - 1

Timer = tuple[str, int]
"""Key and time."""


@dataclass
class Snapshot:
    """What a checkpoint has saved."""

    values: dict[str, dict[str, Any]]
    maps: dict[str, dict[str, dict[str, Any]]]
    event_timers: set[Timer]
    clock_timers: set[Timer]
    event_timers_of_last_bundle: set[Timer]
    clock_timers_of_last_bundle: set[Timer]

    def drop_timers_of_last_bundle(self) -> Snapshot:
        """The same, as Flink sometimes saves it: without the timers of the last bundle."""
        return Snapshot(
            self.values,
            self.maps,
            self.event_timers - self.event_timers_of_last_bundle,
            self.clock_timers - self.clock_timers_of_last_bundle,
            set(),
            set(),
        )


@dataclass
class KeyedHarness:
    """One subtask of a ``KeyedProcessFunction``, for any number of keys."""

    make_function: Callable[[], Any]
    clock_ms: int = 0
    watermark_ms: int = NO_WATERMARK_MS
    output: list[Any] = field(default_factory=list)
    side_output: dict[str, list[Any]] = field(default_factory=dict)
    timers_fired: int = 0
    num_writes: int = 0
    """Of any state."""

    def __post_init__(self) -> None:
        self._values: dict[str, dict[str, Any]] = {}
        self._maps: dict[str, dict[str, dict[str, Any]]] = {}
        self._event_timers: set[Timer] = set()
        self._clock_timers: set[Timer] = set()
        self._bundle_event_timers: set[Timer] = set()
        self._bundle_clock_timers: set[Timer] = set()
        self._open()

    def _open(self) -> None:
        self._key = ""
        self._map_states: list[_MapState] = []
        self.metrics = CapturedGroup()
        self._function = self.make_function()
        self._function.open(self)

    # --- what a test does ----------------------------------------------------------------------

    def send(self, key: str, value: Any) -> None:
        self._key = key
        self._collect(self._function.process_element(value, self))

    def end_bundle(self) -> None:
        """All that was sent so far is in the state backend, and its timers are Flink's."""
        self._bundle_event_timers.clear()
        self._bundle_clock_timers.clear()
        for state in self._map_states:
            state.commit()
        self.metrics.end_bundle()

    def advance_watermark_to(self, time_ms: int) -> None:
        """Stream time moves; timers up to it fire in order, and see the new watermark."""
        assert time_ms >= self.watermark_ms, "a watermark only moves forward"
        self.watermark_ms = time_ms
        self._fire(self._event_timers, time_ms)

    def advance_clock_to(self, time_ms: int) -> None:
        """The clock moves; timers up to it fire in order, each at its time."""
        assert time_ms >= self.clock_ms, "this clock never goes back"
        self._fire(self._clock_timers, time_ms, self._set_clock)
        self.clock_ms = time_ms

    def advance_clock(self, by_ms: int) -> None:
        self.advance_clock_to(self.clock_ms + by_ms)

    def end_of_stream(self) -> None:
        """As ``stop --drain`` does: the watermark of the end of the world."""
        self.advance_watermark_to(END_OF_STREAM_MS)

    def snapshot(self) -> Snapshot:
        for state in self._map_states:
            state.commit()
        return copy.deepcopy(
            Snapshot(
                self._values,
                self._maps,
                self._event_timers,
                self._clock_timers,
                self._bundle_event_timers,
                self._bundle_clock_timers,
            )
        )

    def restore(self, snapshot: Snapshot) -> None:
        """A restart from a checkpoint; what was put out since then is the test's business."""
        saved = copy.deepcopy(snapshot)
        self._values, self._maps = saved.values, saved.maps
        self._event_timers, self._clock_timers = saved.event_timers, saved.clock_timers
        self._bundle_event_timers, self._bundle_clock_timers = set(), set()
        self.watermark_ms = NO_WATERMARK_MS
        self._open()

    def held(self, key: str) -> dict[str, Any]:
        """What the function keeps for a key: its states that are not empty, by name."""
        values = {name: by_key[key] for name, by_key in self._values.items() if key in by_key}
        maps = {name: by_key[key] for name, by_key in self._maps.items() if by_key.get(key)}
        return {**values, **maps}

    def timers(self, key: str) -> tuple[list[int], list[int]]:
        """The key's timers in stream time and in clock time, sorted."""
        of_key = [
            sorted(at for whose, at in timers if whose == key)
            for timers in (self._event_timers, self._clock_timers)
        ]
        return of_key[0], of_key[1]

    def _set_clock(self, time_ms: int) -> None:
        self.clock_ms = max(self.clock_ms, time_ms)

    def _fire(
        self, timers: set[Timer], upto_ms: int, before: Callable[[int], None] | None = None
    ) -> None:
        while due := [(at, key) for key, at in timers if at <= upto_ms]:
            at, key = min(due)
            timers.remove((key, at))
            if before is not None:
                before(at)
            self._key = key
            self.timers_fired += 1
            self._collect(self._function.on_timer(at, self))

    def _collect(self, produced: Iterator[Any] | None) -> None:
        for value in produced or ():
            if isinstance(value, tuple) and isinstance(value[0], OutputTag):
                self.side_output.setdefault(value[0].tag_id, []).append(value[1])
            else:
                self.output.append(value)

    # --- the parts of RuntimeContext, Context and TimerService that functions use ---------------

    def get_metrics_group(self) -> CapturedGroup:
        return self.metrics

    def get_state(self, descriptor: Any) -> _ValueState:
        return _ValueState(self, self._values.setdefault(descriptor.name, {}))

    def get_map_state(self, descriptor: Any) -> _MapState:
        state = _MapState(self, self._maps.setdefault(descriptor.name, {}))
        self._map_states.append(state)
        return state

    def get_list_state(self, descriptor: Any) -> _ListState:
        return _ListState(self, self._values.setdefault(descriptor.name, {}))

    def timer_service(self) -> KeyedHarness:
        return self

    def current_watermark(self) -> int:
        return self.watermark_ms

    def current_processing_time(self) -> int:
        return self.clock_ms

    def register_event_time_timer(self, time_ms: int) -> None:
        self._register(self._event_timers, self._bundle_event_timers, time_ms)

    def register_processing_time_timer(self, time_ms: int) -> None:
        self._register(self._clock_timers, self._bundle_clock_timers, time_ms)

    def delete_processing_time_timer(self, time_ms: int) -> None:
        self._clock_timers.discard((self._key, time_ms))
        self._bundle_clock_timers.discard((self._key, time_ms))

    def _register(self, timers: set[Timer], of_bundle: set[Timer], time_ms: int) -> None:
        assert type(time_ms) is int
        assert NO_WATERMARK_MS <= time_ms <= END_OF_STREAM_MS, "a timer is a 64-bit number"
        if (self._key, time_ms) not in timers:
            timers.add((self._key, time_ms))
            of_bundle.add((self._key, time_ms))

    def get_current_key(self) -> str:
        return self._key


class _ValueState:
    def __init__(self, harness: KeyedHarness, by_key: dict[str, Any]) -> None:
        self._harness = harness
        self._by_key = by_key

    def value(self) -> Any:
        return self._by_key.get(self._harness.get_current_key())

    def update(self, value: Any) -> None:
        assert type(value) is bytes, "a state of bytes takes bytes"
        self._harness.num_writes += 1
        self._by_key[self._harness.get_current_key()] = value

    def clear(self) -> None:
        self._by_key.pop(self._harness.get_current_key(), None)


class _ListState:
    def __init__(self, harness: KeyedHarness, by_key: dict[str, Any]) -> None:
        self._harness = harness
        self._by_key = by_key

    def add(self, value: Any) -> None:
        assert type(value) is bytes, "a state of bytes takes bytes"
        self._by_key.setdefault(self._harness.get_current_key(), []).append(value)

    def get(self) -> Iterator[Any]:
        return iter(self._by_key.get(self._harness.get_current_key(), []))

    def clear(self) -> None:
        self._by_key.pop(self._harness.get_current_key(), None)


class _MapState:
    def __init__(self, harness: KeyedHarness, by_key: dict[str, dict[str, Any]]) -> None:
        self._harness = harness
        self._by_key = by_key
        self._cleared_in_bundle: set[str] = set()
        self._iterating = False

    def commit(self) -> None:
        self._cleared_in_bundle.clear()

    def get(self, key: str) -> Any:
        self._check(key)
        return self._entries().get(key)

    def put(self, key: str, value: Any) -> None:
        self._check(key)
        assert type(value) in (bytes, int), "a state of bytes or numbers takes nothing else"
        self._harness.num_writes += 1
        self._entries()[key] = value

    def remove(self, key: str) -> None:
        self._check(key)
        if self._harness.get_current_key() in self._cleared_in_bundle:
            raise KeyError(key)
        self._harness.num_writes += 1
        self._entries().pop(key, None)

    def contains(self, key: str) -> bool:
        self._check(key)
        return key in self._entries()

    def items(self) -> Iterator[tuple[str, Any]]:
        self._iterating = True
        yield from self._entries().items()
        self._iterating = False

    def clear(self) -> None:
        self._cleared_in_bundle.add(self._harness.get_current_key())
        self._entries().clear()

    def _check(self, key: str) -> None:
        assert type(key) is str
        assert not self._iterating, "a map must not be touched while it is iterated"

    def _entries(self) -> dict[str, Any]:
        return self._by_key.setdefault(self._harness.get_current_key(), {})
