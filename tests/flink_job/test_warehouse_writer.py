"""The warehouse's writers, driven by hand: nothing lost, nothing lowered, nobody waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.loading import LoadRules, pack_row
from flink_job import warehouse_writer
from flink_job.warehouse_writer import WarehouseWriter
from tests.fake_warehouse import FakeWarehouse
from tests.harness import KeyedHarness
from tests.row_builders import WINDOW_MS, segment
from udfs.metrics import (
    WAREHOUSE_LOADS,
    WAREHOUSE_OLDEST_MS,
    WAREHOUSE_RETRIES,
    WAREHOUSE_ROWS_LOADED,
    WAREHOUSE_ROWS_WAITING,
)

SPEC = WarehouseSpec("postgresql://nowhere/none")
RULES = LoadRules(batch_rows=3, batch_wait_ms=1_000, poll_ms=100, max_waiting_rows=5)
KEY = "segments"


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> FakeWarehouse:
    fake = FakeWarehouse()
    monkeypatch.setattr(warehouse_writer, "open_warehouse", lambda _: fake)
    monkeypatch.setattr(warehouse_writer, "HOLD_BACK_S", 0.0)
    return fake


@pytest.fixture
def writer(warehouse: FakeWarehouse) -> KeyedHarness:
    return KeyedHarness(lambda: WarehouseWriter(SPEC, RULES))


def send(writer: KeyedHarness, *rows: Any) -> None:
    for row in rows:
        writer.send(KEY, pack_row(row))


def tick(writer: KeyedHarness) -> None:
    writer.send(KEY, None)


def held(warehouse: FakeWarehouse) -> dict[int, Any]:
    return {key[-1] // WINDOW_MS: row for key, row in warehouse.rows.items()}


def test_a_full_batch_goes_at_once(writer: KeyedHarness, warehouse: FakeWarehouse) -> None:
    send(writer, segment(0), segment(1))
    assert not warehouse.submitted

    send(writer, segment(2))

    assert len(warehouse.submitted) == 1


def test_a_row_waits_no_longer_than_it_may(writer: KeyedHarness, warehouse: FakeWarehouse) -> None:
    send(writer, segment(0))
    writer.advance_clock(999)
    assert not warehouse.submitted

    writer.advance_clock(1)
    warehouse.finish()

    assert held(warehouse) == {0: segment(0)}


def test_a_loaded_batch_leaves_nothing_but_a_small_note(
    writer: KeyedHarness, warehouse: FakeWarehouse
) -> None:
    send(writer, segment(0), segment(1), segment(2))
    warehouse.finish()
    writer.advance_clock(100)

    assert set(writer.held(KEY)) == {"load"}
    assert writer.timers(KEY) == ([], [1_000])  # the old batch's, which finds nothing to do


def test_the_newest_revision_of_a_batch_is_sent_and_of_equals_the_later(
    writer: KeyedHarness, warehouse: FakeWarehouse
) -> None:
    send(
        writer,
        segment(0, revision=9, missing="audio:model_error"),
        segment(0, revision=8),
        segment(0, revision=9, missing=""),
    )
    warehouse.finish()

    assert held(warehouse) == {0: segment(0, revision=9, missing="")}


def test_while_a_batch_is_on_its_way_the_next_gathers(
    writer: KeyedHarness, warehouse: FakeWarehouse
) -> None:
    send(writer, *map(segment, range(3)))
    send(writer, *map(segment, range(3, 7)))
    assert len(warehouse.submitted) == 1

    warehouse.finish()
    writer.advance_clock(100)
    warehouse.finish()

    assert len(warehouse.submitted) == 2
    assert set(held(warehouse)) == set(range(7))


def test_it_asks_no_more_often_than_it_may(writer: KeyedHarness, warehouse: FakeWarehouse) -> None:
    send(writer, *map(segment, range(3)))
    for _ in range(50):
        tick(writer)
    assert warehouse.looks == 0

    writer.advance_clock(100)

    assert warehouse.looks == 1


def test_while_the_warehouse_is_away_attempts_grow_rare_and_none_is_the_last(
    writer: KeyedHarness, warehouse: FakeWarehouse
) -> None:
    warehouse.is_away = True
    send(writer, *map(segment, range(3)))
    writer.advance_clock(3_600_000)
    in_an_hour = len(warehouse.submitted)
    assert 60 <= in_an_hour <= 70
    assert [attempt for _, attempt in warehouse.submitted] == list(range(in_an_hour))

    warehouse.is_away = False
    writer.advance_clock(60_000)
    warehouse.finish()
    writer.advance_clock(100)

    assert set(held(warehouse)) == {0, 1, 2}
    assert set(writer.held(KEY)) == {"load"}


def test_a_lost_timer_is_made_good_by_the_next_tick(
    writer: KeyedHarness, warehouse: FakeWarehouse
) -> None:
    send(writer, segment(0))
    writer.restore(writer.snapshot().drop_timers_of_last_bundle())
    writer.advance_clock(5_000)
    assert not warehouse.submitted

    tick(writer)

    assert len(warehouse.submitted) == 1


def test_it_tells_how_many_rows_wait_and_since_when(
    writer: KeyedHarness, warehouse: FakeWarehouse
) -> None:
    def told() -> tuple[int, int]:
        writer.metrics.end_bundle()
        return tuple(map(writer.metrics.gauge_of, (WAREHOUSE_ROWS_WAITING, WAREHOUSE_OLDEST_MS)))

    send(writer, *map(segment, range(3)))
    writer.advance_clock(50)
    send(writer, segment(3))
    assert told() == (4, 50)

    writer.restore(writer.snapshot())
    writer.advance_clock(50)
    assert told() == (4, 50), "of what was on its way the age is not known"

    warehouse.finish()
    writer.advance_clock(5_000)
    warehouse.finish()
    writer.advance_clock(5_000)
    assert told() == (0, 0)
    assert writer.metrics.count(WAREHOUSE_LOADS) == 2
    assert writer.metrics.count(WAREHOUSE_ROWS_LOADED) == 4


def test_failed_attempts_are_counted(writer: KeyedHarness, warehouse: FakeWarehouse) -> None:
    warehouse.is_away = True
    send(writer, *map(segment, range(3)))
    writer.advance_clock(10_000)
    writer.end_bundle()

    assert writer.metrics.count(WAREHOUSE_RETRIES) == len(warehouse.submitted)


def test_a_restart_asks_after_the_statement_that_was_on_its_way(
    writer: KeyedHarness, warehouse: FakeWarehouse
) -> None:
    send(writer, *map(segment, range(3)))
    writer.restore(writer.snapshot())
    warehouse.finish()

    writer.advance_clock(100)

    assert len(warehouse.submitted) == 1
    assert set(writer.held(KEY)) == {"load"}


def test_a_statement_that_nobody_knows_any_more_is_submitted_again(
    writer: KeyedHarness, warehouse: FakeWarehouse
) -> None:
    send(writer, *map(segment, range(3)))
    warehouse.forget()

    writer.advance_clock(100)
    assert len(warehouse.submitted) == 1
    writer.advance_clock(RULES.first_retry_ms)
    warehouse.finish()

    assert set(held(warehouse)) == {0, 1, 2}


def test_a_restart_lowers_no_row(writer: KeyedHarness, warehouse: FakeWarehouse) -> None:
    """Loaded before the crash, met by the same revision after it."""
    before = writer.snapshot()
    send(writer, segment(0, revision=7), segment(0, revision=8), segment(1))
    warehouse.finish()
    writer.restore(before)

    send(writer, segment(0, revision=7))
    writer.advance_clock(RULES.batch_wait_ms)
    warehouse.finish()
    assert held(warehouse)[0].revision == 8

    writer.advance_clock(RULES.poll_ms)
    again = segment(0, revision=8, missing="text:model_error")
    send(writer, again)
    writer.advance_clock(RULES.batch_wait_ms)
    warehouse.finish()
    assert held(warehouse)[0] == again


def test_too_many_waiting_rows_hold_the_sender_back_and_are_all_kept(
    warehouse: FakeWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(warehouse_writer, "HOLD_BACK_S", 0.01)
    monkeypatch.setattr(warehouse_writer.time, "sleep", slept.append)
    writer = KeyedHarness(lambda: WarehouseWriter(SPEC, RULES))
    warehouse.is_away = True
    send(writer, *map(segment, range(8)))
    assert not slept

    send(writer, segment(8))
    assert slept

    warehouse.is_away = False
    for _ in range(4):
        writer.advance_clock(60_000)
        warehouse.finish()
    assert set(held(warehouse)) == set(range(9))


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("row"), st.integers(0, 4), st.integers(1, 5)),
            st.tuples(st.just("clock"), st.integers(1, 3_000), st.none()),
            st.tuples(
                st.sampled_from(["finish", "forget", "away", "back", "tick", "restart", "lossy"]),
                st.none(),
                st.none(),
            ),
        ),
        max_size=60,
    )
)
@settings(deadline=None)
def test_whatever_happens_each_key_ends_with_its_newest_row(steps: list[Any]) -> None:
    warehouse = FakeWarehouse()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warehouse_writer, "open_warehouse", lambda _: warehouse)
        patch.setattr(warehouse_writer, "HOLD_BACK_S", 0.0)
        writer = KeyedHarness(lambda: WarehouseWriter(SPEC, RULES))
        newest: dict[int, Any] = {}
        for number, (what, first, second) in enumerate(steps):
            match what:
                case "row":
                    row = replace(segment(first, revision=second), word_count=float(number))
                    send(writer, row)
                    key = first
                    if key not in newest or row.revision >= newest[key].revision:
                        newest[key] = row
                case "clock":
                    writer.advance_clock(first)
                case "finish":
                    warehouse.finish()
                case "forget":
                    warehouse.forget()
                case "away" | "back":
                    warehouse.is_away = what == "away"
                case "tick":
                    tick(writer)
                case "restart" | "lossy":
                    snapshot = writer.snapshot()
                    if what == "lossy":
                        snapshot = snapshot.drop_timers_of_last_bundle()
                    writer.restore(snapshot)
        warehouse.is_away = False
        for _ in range(4):
            writer.advance_clock(60_000)
            tick(writer)
            warehouse.finish()
    assert held(warehouse) == newest
