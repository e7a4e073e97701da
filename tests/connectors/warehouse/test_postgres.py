"""Loads into a real PostgreSQL: the newest row of each key stays, whatever comes and goes."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.warehouse.contract import Batch, LoadError, WarehouseError, WarehouseSpec
from connectors.warehouse.postgres import PostgresSession, PostgresWarehouse
from connectors.warehouse.reader import read_warehouse
from tests.connectors.warehouse.loads import load, wait
from tests.row_builders import ledger, segment, summary, unheard
from udfs.rows import CALLS, SEGMENTS, WAREHOUSE_TABLES, Segment, Summary, Table

BUILDERS = {"call_segment": segment, "call_summary": summary, "call_ledger": ledger}


def summaries(session, spec) -> dict[tuple[str, str], Summary]:
    return {
        (row.call_id, row.participant_id): row for row in read_warehouse(session, spec, CALLS, None)
    }


def lines_of_ledger(session, spec) -> list[tuple[Any, ...]]:
    return session.query(
        "SELECT batch_id, table_name, num_rows, num_merged, max_revision "
        f"FROM {spec.schema}.load_ledger ORDER BY loaded_at"
    )


FEW = {
    "call_id": st.sampled_from(["call-1", "call-2", "call-3"]),
    "participant_id": st.sampled_from(["c1", "all"]),
    "revision": st.integers(1, 3),
    "score": st.sampled_from([None, -1.0, 0.5]),
}
"""Few calls and revisions, so that known keys come among new ones."""

ROWS = {
    CALLS: st.builds(summary, **FEW),
    SEGMENTS: st.builds(segment, st.integers(0, 3), **FEW, emitted_at=st.integers(0, 9_000)),
}


def sequences(table: Table) -> st.SearchStrategy[list[Batch]]:
    rows = st.lists(ROWS[table], min_size=1, unique_by=table.key_of)
    fresh = st.lists(rows.map(lambda rows: Batch(table, tuple(rows))), min_size=1, max_size=5)
    # the same again, some of it, in another order: what a restart does
    return fresh.flatmap(
        lambda known: st.lists(st.sampled_from(known), max_size=4).map(lambda again: known + again)
    )


def what_they_leave(loaded: list[Batch]) -> tuple[dict[Any, Any], list[tuple[int, int]]]:
    """The rows that stay, and of each load how many came and how many of them were news."""
    kept: dict[Any, Any] = {}
    counts = []
    for batch in loaded:
        news = 0
        for row in batch.rows:
            there = kept.get(batch.table.key_of(row))
            if there is None or (row.revision >= there.revision and told(row) != told(there)):
                kept[batch.table.key_of(row)] = row
                news += 1
        counts.append((len(batch.rows), news))
    return kept, counts


def told(row: Any) -> Any:
    return replace(row, emitted_at=0) if isinstance(row, Segment) else row


@pytest.mark.parametrize("table", ROWS, ids=lambda table: table.warehouse_table)
@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_key_has_its_highest_revision_the_later_of_equals(
    table, data, session, spec, warehouse
) -> None:
    sequence = data.draw(sequences(table))
    session.execute([f"TRUNCATE {spec.schema}.{table.warehouse_table}, {spec.schema}.load_ledger"])
    for attempt, batch in enumerate(sequence):
        load(warehouse, batch, attempt)

    rows, counts = what_they_leave(sequence)
    found = read_warehouse(session, spec, table, None)
    assert {table.key_of(row): row for row in found} == rows
    assert [line[2:4] for line in lines_of_ledger(session, spec)] == counts


@pytest.mark.parametrize("table", WAREHOUSE_TABLES, ids=lambda table: table.warehouse_table)
def test_a_row_comes_back_as_it_went_in(table, session, spec, warehouse) -> None:
    row = BUILDERS[table.warehouse_table]()
    load(warehouse, Batch(table, (row,)))

    assert read_warehouse(session, spec, table, None) == [row]


def test_nulls_and_any_letter_come_back(session, spec, warehouse) -> None:
    row = unheard(call_id="ü☎'\"\\\t\n" + "𝄞" * 249, language=None)
    load(warehouse, Batch(SEGMENTS, (row,)))

    assert read_warehouse(session, spec, SEGMENTS, None) == [row]


def test_a_late_revision_replaces_and_an_early_one_does_not(session, spec, warehouse) -> None:
    late = summary(revision=9, score=1.0)
    load(warehouse, Batch(CALLS, (late,)))
    load(warehouse, Batch(CALLS, (summary(revision=8, score=-1.0), summary(participant_id="all"))))

    assert summaries(session, spec)["call-1", "c1"] == late


def test_after_a_restart_an_equal_revision_replaces(session, spec, warehouse) -> None:
    load(warehouse, Batch(CALLS, (summary(score=None),)))  # the model had failed
    load(warehouse, Batch(CALLS, (summary(score=0.5),)))

    assert summaries(session, spec)["call-1", "c1"].score == 0.5


def test_the_same_batch_again_changes_no_row(session, spec, warehouse) -> None:
    batch = Batch(CALLS, (summary(), summary(participant_id="all")))
    load(warehouse, batch)
    before = summaries(session, spec)
    load(warehouse, Batch(CALLS, batch.rows[::-1]), attempt=1)

    assert summaries(session, spec) == before


def test_the_load_ledger_tells_what_came_and_what_was_newer(session, spec, warehouse) -> None:
    first = Batch(CALLS, (summary(revision=9),))
    second = Batch(CALLS, (summary(revision=8), summary(participant_id="all", revision=4)))
    load(warehouse, first)
    load(warehouse, second)

    assert lines_of_ledger(session, spec) == [
        (first.batch_id, "call_summary", 1, 1, 9),
        (second.batch_id, "call_summary", 2, 1, 8),
    ]


def test_a_load_works_on_when_a_migration_has_added_a_column(session, spec, warehouse) -> None:
    session.execute([f"ALTER TABLE {spec.schema}.call_summary ADD COLUMN mood varchar(16)"])
    load(warehouse, Batch(CALLS, (summary(revision=1),)))
    load(warehouse, Batch(CALLS, (summary(revision=2), summary(participant_id="all"))))

    assert summaries(session, spec) == {
        ("call-1", "c1"): summary(revision=2),
        ("call-1", "all"): summary(participant_id="all"),
    }


def test_submit_twice_with_one_attempt_loads_once(session, spec, warehouse) -> None:
    batch = Batch(CALLS, (summary(),))
    first, second = warehouse.submit(batch, 0), warehouse.submit(batch, 0)
    load(warehouse, batch)

    assert first == second
    assert len(lines_of_ledger(session, spec)) == 1


def test_a_restarted_process_does_not_know_the_load_and_loads_again(session, spec) -> None:
    batch = Batch(CALLS, (summary(),))
    before, after = PostgresWarehouse(spec), PostgresWarehouse(spec)
    statement_id = before.submit(batch, 0)
    before.close()
    with pytest.raises(LoadError, match="another process"):
        after.is_loaded(batch, statement_id)
    load(after, batch, attempt=1)
    after.close()

    assert summaries(session, spec)["call-1", "c1"] == summary()


class Held:
    """A table that others may read and not write: a load looks for its keys, and then waits."""

    def __init__(self, session, spec, url: str) -> None:
        self._session = session
        self._schema = spec.schema
        self._holder = psycopg.connect(url)
        self._holder.execute(f"LOCK TABLE {spec.schema}.call_summary IN SHARE MODE")

    def wait_for(self, num_loads: int) -> list[int]:
        """The server's processes of so many loads that wait."""
        waiting = (
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            f'AND query LIKE \'%"{self._schema}"."call_summary"%\''
        )
        while len(found := self._session.query(waiting)) < num_loads:
            time.sleep(0.01)
        return [pid for (pid,) in found]

    def release(self) -> None:
        self._holder.close()


def wait_for_failure(warehouse, batch: Batch, statement_id: str) -> LoadError:
    with pytest.raises(LoadError) as caught:
        wait(warehouse, batch, statement_id)
    return caught.value


@pytest.mark.parametrize(
    "before", [(), (summary(revision=1),)], ids=["while it copies", "while it merges"]
)
def test_a_load_that_dies_on_its_way_leaves_what_was_there(
    before, session, spec, warehouse, postgres_url
) -> None:
    load(warehouse, Batch(CALLS, before))
    was_there = summaries(session, spec)
    batch = Batch(CALLS, (summary(revision=2), summary(call_id="secret-call")))
    held = Held(session, spec, postgres_url)
    statement_id = warehouse.submit(batch, 0)
    [pid] = held.wait_for(1)
    assert not warehouse.is_loaded(batch, statement_id)
    session.query(f"SELECT pg_terminate_backend({pid})")
    error = wait_for_failure(warehouse, batch, statement_id)
    held.release()

    assert summaries(session, spec) == was_there
    assert len(lines_of_ledger(session, spec)) == 1
    assert "secret-call" not in str(error)

    load(warehouse, batch, attempt=1)  # it reconnects by itself

    assert len(summaries(session, spec)) == 2


def test_closing_cancels_the_load_on_its_way(session, spec, postgres_url) -> None:
    warehouse = PostgresWarehouse(spec)
    held = Held(session, spec, postgres_url)
    warehouse.submit(Batch(CALLS, (summary(),)), 0)
    held.wait_for(1)
    closing = threading.Thread(target=warehouse.close)
    closing.start()
    closing.join(30)
    held.release()

    assert not closing.is_alive()
    assert summaries(session, spec) == {}


def test_of_two_loads_at_once_none_lowers_a_row(session, spec, warehouse, postgres_url) -> None:
    # what a process left behind loads a newer row between our look and our MERGE
    load(warehouse, Batch(CALLS, (summary(revision=1),)))
    older = Batch(CALLS, (summary(revision=2),))
    with psycopg.connect(postgres_url) as other:
        other.execute(f"UPDATE {spec.schema}.call_summary SET revision = 3")
        statement_id = warehouse.submit(older, 0)
        while not session.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            time.sleep(0.01)
        other.commit()
    error = wait_for_failure(warehouse, older, statement_id)
    load(warehouse, older, attempt=1)

    assert str(error) == ("PostgreSQL: another load changed the same rows (SQLSTATE 40001)")
    assert summaries(session, spec)["call-1", "c1"].revision == 3


@pytest.mark.parametrize("revisions", [(2, 3), (3, 2)])
def test_of_two_loads_of_a_new_key_at_once_the_refused_one_then_merges(
    revisions, session, spec, warehouse, postgres_url
) -> None:
    other = PostgresWarehouse(spec)
    batches_of = {
        of: Batch(CALLS, (summary(revision=revision), summary(participant_id=f"only-{revision}")))
        for of, revision in zip((warehouse, other), revisions, strict=True)
    }
    held = Held(session, spec, postgres_url)
    ids = {of: of.submit(batch, 0) for of, batch in batches_of.items()}
    held.wait_for(2)  # neither has seen the key
    held.release()
    refused = []
    for of, batch in batches_of.items():
        try:
            wait(of, batch, ids[of])
        except LoadError as error:
            refused.append((of, str(error)))
    [(loser, reason)] = refused
    load(loser, batches_of[loser], attempt=1)
    other.close()

    assert reason == "PostgreSQL: another load put in the same row (SQLSTATE 23505)"
    rows = summaries(session, spec)
    assert rows["call-1", "c1"].revision == 3
    assert {person for _, person in rows} == {"c1", "only-2", "only-3"}
    assert [batch_id for batch_id, *_ in lines_of_ledger(session, spec)] == [
        batch.batch_id for _, batch in sorted(batches_of.items(), key=lambda item: item[0] is loser)
    ]


def test_a_server_that_is_away_is_a_load_error(spec) -> None:
    warehouse = PostgresWarehouse(replace(spec, url="postgresql://127.0.0.1:1/calls"))
    batch = Batch(CALLS, (summary(),))
    error = wait_for_failure(warehouse, batch, warehouse.submit(batch, 0))
    warehouse.close()

    assert str(error) == "no warehouse answers at 127.0.0.1, port 1; is it running?"


def test_a_missing_table_is_a_load_error_that_says_what_to_do(session, empty_spec) -> None:
    session.execute([f"CREATE SCHEMA {empty_spec.schema}"])
    warehouse = PostgresWarehouse(empty_spec)
    batch = Batch(CALLS, (summary(),))
    error = wait_for_failure(warehouse, batch, warehouse.submit(batch, 0))
    warehouse.close()

    assert "warehouse migrate" in str(error)


def test_an_error_quotes_no_row(session, spec, warehouse) -> None:
    session.execute(
        [f"ALTER TABLE {spec.schema}.call_summary ADD CHECK (call_id <> 'secret-call')"]
    )
    batch = Batch(CALLS, (summary(call_id="secret-call"),))
    error = wait_for_failure(warehouse, batch, warehouse.submit(batch, 0))

    assert str(error) == "PostgreSQL: constraint violated (SQLSTATE 23514)"


def test_a_session_runs_statements_as_one_transaction(session, spec) -> None:
    insert = f"INSERT INTO {spec.schema}.call_ledger (call_id, participant_id, revision) VALUES "
    with pytest.raises(WarehouseError) as caught:
        session.execute([insert + "('secret-call', 'c1', 1)"] * 2)

    assert session.query(f"SELECT * FROM {spec.schema}.call_ledger") == []
    assert "secret-call" not in str(caught.value)


def test_a_session_connects_again_after_a_loss(session) -> None:
    [(pid,)] = session.query("SELECT pg_backend_pid()")
    with pytest.raises(WarehouseError, match="shut down"):
        session.query(f"SELECT pg_terminate_backend({pid})")

    assert session.query("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://user:secret@host/db", "PGPASSWORD"),
        ("postgres//host", "is not a PostgreSQL url"),
    ],
)
def test_a_url_that_cannot_be_right_is_refused_at_once(url: str, says: str) -> None:
    for opened in (PostgresSession, PostgresWarehouse):
        with pytest.raises(WarehouseError, match=says) as caught:
            opened(WarehouseSpec(url))
        assert "secret" not in str(caught.value)
