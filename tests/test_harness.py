"""The harness itself: a timer fires when the test says so, and state bites as PyFlink's does."""

from __future__ import annotations

import pytest
from pyflink.common import Types
from pyflink.datastream import KeyedProcessFunction, OutputTag
from pyflink.datastream.state import MapStateDescriptor, ValueStateDescriptor

from tests.harness import NO_WATERMARK_MS, KeyedHarness


class Probe(KeyedProcessFunction):
    """Does what the element says."""

    def open(self, runtime_context):
        data = Types.PRIMITIVE_ARRAY(Types.BYTE())
        self.value = runtime_context.get_state(ValueStateDescriptor("value", data))
        self.map = runtime_context.get_map_state(MapStateDescriptor("map", Types.STRING(), data))
        self.seen = 0

    def process_element(self, value, ctx):
        self.seen += 1
        yield value(self, ctx)

    def on_timer(self, timestamp, ctx):
        service = ctx.timer_service()
        now = (timestamp, service.current_watermark(), service.current_processing_time())
        yield OutputTag("timers"), (ctx.get_current_key(), *now)


@pytest.fixture
def harness():
    return KeyedHarness(Probe)


def at_stream_time(ms):
    return lambda probe, ctx: ctx.timer_service().register_event_time_timer(ms)


def at_clock(ms):
    return lambda probe, ctx: ctx.timer_service().register_processing_time_timer(ms)


def test_timers_fire_in_order_and_see_flinks_watermark(harness):
    harness.send("a", at_stream_time(200))
    harness.send("b", at_stream_time(100))
    harness.send("a", at_stream_time(200))
    harness.send("a", at_clock(50))

    harness.advance_watermark_to(250)
    harness.advance_clock_to(60)

    assert harness.side_output["timers"] == [
        ("b", 100, 250, 0),
        ("a", 200, 250, 0),
        ("a", 50, 250, 50),
    ]


def test_after_a_restart_only_the_snapshot_is_there(harness):
    harness.send("a", lambda probe, ctx: probe.value.update(b"1"))
    harness.advance_watermark_to(5)
    saved = harness.snapshot()
    harness.send("a", lambda probe, ctx: probe.value.update(b"2"))

    harness.restore(saved)
    harness.send("a", lambda probe, ctx: (probe.value.value(), probe.seen))

    assert harness.output[-1] == (b"1", 1)
    assert harness.watermark_ms == NO_WATERMARK_MS


def test_the_last_bundles_timers_may_be_missing_from_a_checkpoint(harness):
    harness.send("a", at_stream_time(100))
    harness.end_bundle()
    harness.send("a", at_stream_time(100))
    harness.send("a", at_stream_time(200))

    harness.restore(harness.snapshot().drop_timers_of_last_bundle())

    assert harness.timers("a") == ([100], [])


@pytest.mark.parametrize(
    "misuse",
    [
        lambda probe, ctx: probe.value.update("text"),
        lambda probe, ctx: probe.map.put("key", None),
        lambda probe, ctx: probe.map.put(7, b""),
        at_stream_time(2**63),
        at_clock(1.5),
    ],
)
def test_what_flink_cannot_encode_fails(harness, misuse):
    with pytest.raises(AssertionError):
        harness.send("a", misuse)


def test_a_map_must_not_be_touched_while_it_is_iterated(harness):
    harness.send("a", lambda probe, ctx: probe.map.put("x", b"1"))

    with pytest.raises(AssertionError, match="iterated"):
        harness.send("a", lambda probe, ctx: [probe.map.get(key) for key, _ in probe.map.items()])


def test_clear_then_put_then_remove_fails_within_one_bundle(harness):
    def misuse(probe, ctx):
        probe.map.clear()
        probe.map.put("x", b"1")
        probe.map.remove("x")

    with pytest.raises(KeyError):
        harness.send("a", misuse)
    harness.end_bundle()
    harness.send("a", lambda probe, ctx: probe.map.remove("x"))

    assert harness.held("a") == {}
