"""A person is erased from every store, others stay as they were, and a crash does no harm."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.erasure.erasure import Eraser, Outcome, Request
from connectors.erasure.lake_store import LakeRules
from connectors.erasure.signing import LocalSigner
from connectors.erasure.verifying import verify
from connectors.lake_files import Lake
from connectors.lake_reader import read_rows, write_rows
from connectors.replay_ledger import ReplayLedger
from connectors.suppression import SuppressionFiles, new_digester
from connectors.warehouse.contract import Batch, WarehouseSpec
from connectors.warehouse.opening import open_session, open_warehouse
from connectors.warehouse.reader import read_warehouse
from tests.connectors.warehouse.loads import load
from tests.erasure_world import (
    KEY,
    REQUEST,
    SIGNING_KEY,
    World,
    bytes_of_files,
    bytes_of_warehouse,
)
from udfs.erasure import parsed_receipt
from udfs.rows import LEDGER, REJECTS, SEGMENTS, TABLES, WAREHOUSE_TABLES, Table

pytestmark = pytest.mark.slow

SIGNER = LocalSigner(SIGNING_KEY)


def erase(world: World, request: Request = REQUEST, **rules: Any) -> Outcome:
    outcome = Outcome()
    stores = world.stores(LakeRules(**{"min_age_s": 0, **rules}))
    for _ in Eraser(stores, SIGNER, settle_s=0).erase(request, outcome):
        pass
    return outcome


def found_by_verify(world: World, outcome: Outcome) -> list[str]:
    assert outcome.receipt_path is not None
    signed = parsed_receipt(Path(outcome.receipt_path).read_bytes())
    return list(verify(signed, world.stores(), SIGNER))


def in_lake(world: World) -> dict[Table, list[Any]]:
    return {table: ordered(table, read_rows(world.root, table)) for table in TABLES}


def ordered(table: Table, rows: list[Any]) -> list[Any]:
    return sorted(rows, key=table.key_of)


def assert_erased(world: World) -> None:
    for data in bytes_of_files(world.root):
        for secret in world.secrets():
            assert secret not in data
    assert in_lake(world) == {table: ordered(table, world.others(table)) for table in TABLES}
    if world.spec is None:
        return
    for data in bytes_of_warehouse(world.spec):
        for secret in world.secrets():
            assert secret not in data
    session = open_session(world.spec)
    for table in WAREHOUSE_TABLES:
        rows = read_warehouse(session, world.spec, table, None)
        assert ordered(table, rows) == ordered(table, world.others(table))
    session.close()


def test_one_person_among_a_thousand_calls(tmp_path: Path, spec: WarehouseSpec) -> None:
    world = World(tmp_path, spec, num_days=10, calls_a_day=100, of_person=(2, 7), windows=2).fill()

    outcome = erase(world)

    assert_erased(world)
    assert found_by_verify(world, outcome) == []
    assert outcome.receipt is not None
    before = {place.name: place.rows for place in outcome.receipt.before}
    assert before["warehouse/call_segment"] == 8
    assert before[f"lake/segments/dt={world.dt(2)}"] == 4
    assert before[f"lake/rejects/dt={world.dt(7)}"] == 2
    assert before["lake/replays"] == 8
    assert {place.rows for place in outcome.receipt.after} == {0}
    kept = [(one.kept_rows, one.kept_digest) for one in outcome.receipt.before]
    assert kept == [(one.kept_rows, one.kept_digest) for one in outcome.receipt.after]


def test_a_lake_without_a_warehouse(tmp_path: Path) -> None:
    world = World(tmp_path).fill()

    outcome = erase(world)

    assert_erased(world)
    assert found_by_verify(world, outcome) == []


def test_one_call(tmp_path: Path, spec: WarehouseSpec) -> None:
    world = World(tmp_path, spec).fill()
    [call_id] = world.erased_ids

    outcome = erase(world, Request("call", call_id, "why", "who"))

    assert found_by_verify(world, outcome) == []
    assert call_id not in {row.call_id for table in TABLES for row in read_rows(tmp_path, table)}


def test_a_person_under_a_former_key(tmp_path: Path) -> None:
    world = World(tmp_path).fill()
    outcome = Outcome()
    stores = world.stores(keys=(b"n" * 32, KEY))

    for _ in Eraser(stores, SIGNER, settle_s=0).erase(REQUEST, outcome):
        pass

    assert_erased(world)


def test_a_call_that_the_job_found_open_goes_too(tmp_path: Path, spec: WarehouseSpec) -> None:
    """It has no summary, so only the job can tell that it was the person's."""
    world = World(tmp_path, spec).fill()
    orphan = replace(world.others(SEGMENTS)[0], call_id="orphan-call")
    write_rows(tmp_path, SEGMENTS, [orphan], lambda _: world.dt(0), "orphan.parquet")
    with closing(open_warehouse(spec)) as warehouse:
        load(warehouse, Batch(SEGMENTS, (orphan,)))
    made_with = new_digester([], (KEY,))
    SuppressionFiles(Lake(tmp_path)).note(made_with.call("orphan-call", world.dt(0)))

    outcome = erase(world)

    assert_erased(world)
    assert found_by_verify(world, outcome) == []


CRASHING = """
import os, signal, sys
from pathlib import Path
from connectors.erasure.erasure import Eraser, Outcome
from connectors.erasure.signing import LocalSigner
from connectors.warehouse.contract import WarehouseSpec
from tests.connectors.warehouse.loads import load
from tests.erasure_world import REQUEST, SIGNING_KEY, World

root, url, schema = sys.argv[1:]
world = World(Path(root), WarehouseSpec(url, schema=schema))

died_after = Path(root).with_name("died_after")
died_after.touch()

def erase_and_die():
    eraser = Eraser(world.stores(), LocalSigner(SIGNING_KEY), settle_s=0)
    for step in eraser.erase(REQUEST, Outcome()):
        if step not in [*died_after.read_text().splitlines(), "done"]:
            with died_after.open("a") as steps:
                steps.write(step + "\\n")
            os.kill(os.getpid(), signal.SIGKILL)
    os._exit(0)

status = signal.SIGKILL
while os.WIFSIGNALED(status):
    child = os.fork() or erase_and_die()
    _, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Each kill breaks off the same erasure one step later than the one before, until none is left."""


def test_killed_after_each_step_and_run_again(tmp_path: Path, spec: WarehouseSpec) -> None:
    world = World(tmp_path / "lake", spec, num_days=1).fill()

    command = [sys.executable, "-c", CRASHING, str(world.root), spec.url, spec.schema]
    subprocess.run(command, check=True)

    died_after = (tmp_path / "died_after").read_text().splitlines()
    assert died_after[0] == "journal"
    assert died_after[-2:] == ["receipt", "audit log"]
    assert {f"lake/{table.folder}/dt={world.dt(0)}" for table in TABLES} < set(died_after)
    assert_erased(world)
    [receipt] = (world.root / "erasures").glob("*/receipt.json")
    assert found_by_verify(world, Outcome(receipt_path=str(receipt))) == []
    assert [path.name for path in receipt.parent.iterdir()] == ["receipt.json"]


@pytest.mark.parametrize("step", range(1, 15))
def test_killed_once_and_run_again(tmp_path: Path, step: int) -> None:
    whole, broken = (World(tmp_path / name).fill() for name in ("whole", "broken"))
    erase(whole)
    steps = Eraser(broken.stores(), SIGNER, settle_s=0).erase(REQUEST, Outcome())
    for _ in range(step):
        next(steps)
    steps.close()

    outcome = erase(broken)

    assert_erased(broken)
    assert found_by_verify(broken, outcome) == []
    names = [
        sorted(
            path.name for table in TABLES for path in (world.root / table.folder).rglob("*.parquet")
        )
        for world in (whole, broken)
    ]
    assert len(names[0]) == len(names[1])


def test_killed_between_the_new_file_and_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path).fill()
    monkeypatch.setattr("connectors.erasure.counted_lake.CountedLake.remove_for_good", _crash)
    with pytest.raises(ConnectionAbortedError):
        erase(world)
    monkeypatch.undo()

    erase(world)

    assert_erased(world)


def _crash(*_: object) -> None:
    raise ConnectionAbortedError


def test_a_partition_with_an_open_call_waits(tmp_path: Path) -> None:
    world = World(tmp_path).fill()
    open_rows = [replace(world.others(SEGMENTS)[0], call_id="open-call")]
    write_rows(tmp_path, SEGMENTS, open_rows, lambda _: world.dt(0), "open.parquet")

    outcome = erase(world)

    assert set(outcome.pending.values()) == {"open calls"}
    assert outcome.receipt is None
    assert not [row for row in read_rows(tmp_path, REJECTS) if row.call_id in world.erased_ids]
    closed = [replace(world.rows[LEDGER][2], call_id="open-call")]
    write_rows(tmp_path, LEDGER, closed, lambda _: world.dt(0), "closed.parquet")
    outcomes: list[Outcome] = []

    def outcome_of(_: object) -> Outcome:
        outcomes.append(Outcome())
        return outcomes[-1]

    eraser = Eraser(world.stores(), SIGNER, settle_s=0)
    assert list(eraser.go_on(outcome_of))
    assert found_by_verify(world, outcomes[0]) == []


def test_the_jobs_last_files_wait(tmp_path: Path) -> None:
    world = World(tmp_path).fill()
    before = in_lake(world)

    outcome = erase(world, min_age_s=900)

    assert set(outcome.pending.values()) == {"among the job's last files"}
    assert in_lake(world) == before


def test_the_replay_ledger_forgets_only_the_rejects_that_went(tmp_path: Path) -> None:
    world = World(tmp_path).fill()

    erase(world)

    attempts = ReplayLedger(Lake(tmp_path), 0).attempts()
    assert set(attempts) == {REJECTS.key_of(row) for row in world.others(REJECTS)}


def test_work_grows_with_the_partitions_touched_not_with_the_lake(
    tmp_path: Path, spec: WarehouseSpec, other_spec: WarehouseSpec
) -> None:
    """A person's rejects are looked for on every day of which they are kept."""
    once = World(tmp_path / "1", spec, num_days=2, of_person=(1,)).fill()
    tenfold = World(
        tmp_path / "10", other_spec, num_days=20, of_person=(19,), days_of_rejects=2
    ).fill()

    work = [erase(world).receipt for world in (once, tenfold)]

    assert work[0] is not None
    assert work[1] is not None
    assert work[0].work == work[1].work
    assert 0 < work[0].work["objects_written"] < 20
    assert_erased(tenfold)
