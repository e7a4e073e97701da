"""A person is erased beside a running job, and the same streams again bring nobody back.

Among so many calls as ``OTHER_CALLS`` says: ``OTHER_CALLS=998`` makes it 1,000, in some minutes.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.erasure import Eraser, Outcome, Request, Stores
from connectors.erasure.lake_store import LakeRules
from connectors.erasure.signing import LocalSigner
from connectors.erasure.staged_objects import StagedObjects
from connectors.erasure.verifying import verify
from connectors.erasure.warehouse_store import WarehouseStore
from connectors.kinesalite import Kinesalite
from connectors.kinesis_client import connect
from connectors.lake_reader import read_rows
from connectors.replay import Heartbeats, Replayer
from connectors.warehouse.contract import WarehouseSpec
from connectors.warehouse.embedded import embedded_postgres
from connectors.warehouse.migrations import migrate
from connectors.warehouse.opening import open_session
from connectors.warehouse.reader import read_warehouse
from flink_job.local import SHARDS, STREAMS, JobProcess, local_groups, write_properties
from tests.erasure_world import KEY, SIGNING_KEY, bytes_of_files, bytes_of_warehouse
from tests.flink.conftest import SAMPLES
from tests.row_comparison import newest_rows
from udfs.call_folder import read_call_folder
from udfs.erasure import parsed_receipt
from udfs.pseudonyms import Pseudonyms
from udfs.replay_plan import PlannedRecord, plan_call
from udfs.rows import ALL_PARTICIPANTS, CALLS, LEDGER, REJECTS, SEGMENTS, WAREHOUSE_TABLES, Table

PERSON = "erin-0815"
ERASED, OPEN, WITNESS = "erased-call", "open-call", "witness-call"
NUM_OTHERS = int(os.environ.get("OTHER_CALLS", "2"))
KEPT = {f"kept-call-{number}" for number in range(NUM_OTHERS)}
OPEN_UNTIL_MS = 12_000
SETTLE_S = 15.0
"""A look at the list, a pulse of an open call, a checkpoint and a load of a local job."""
LIMIT_S = 180.0 + NUM_OTHERS


def records(folder: Path, sample: str, call_id: str, person: str) -> tuple[PlannedRecord, ...]:
    """A sample's records under another id, its customer another person."""
    shutil.copytree(SAMPLES / sample, folder / call_id)
    path = folder / call_id / "call.json"
    call = json.loads(path.read_text())
    call["call_id"] = call_id
    for participant in call["participants"]:
        if participant["role"] == "customer":
            participant["person_id"] = person
    path.write_text(json.dumps(call))
    return tuple(plan_call(read_call_folder(path.parent), 200))


def words_of(records: tuple[PlannedRecord, ...]) -> Iterator[bytes]:
    for record in records:
        fields = json.loads(record.data)
        if fields["type"] == "utterance":
            yield fields["text"].encode()


def wait_for(job: JobProcess, what: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not what():
        job.check()
        assert time.monotonic() < deadline_s
        time.sleep(0.5)


def rows_by_key(spec: WarehouseSpec, table: Table) -> dict[tuple[object, ...], object]:
    with closing(open_session(spec)) as session:
        return {table.key_of(row): row for row in read_warehouse(session, spec, table, None)}


def are_closed(root: str, spec: WarehouseSpec, call_ids: set[str]) -> bool:
    keys = {(call_id, ALL_PARTICIPANTS) for call_id in call_ids}
    return keys <= newest_rows(root, LEDGER).keys() and all(
        keys <= rows_by_key(spec, table).keys() for table in (CALLS, LEDGER)
    )


def erased_with_patience(stores: Stores, signer: LocalSigner) -> Outcome:
    """As a user does where it says so: run again, on a busy machine."""
    request = Request("person", PERSON, "on request", "test")
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        outcome = Outcome()
        steps = list(Eraser(stores, signer, SETTLE_S).erase(request, outcome))
        if steps[-1] == "done":
            return outcome
        assert time.monotonic() < deadline_s, outcome.pending
        time.sleep(2.0)


def rows_kept(root: str) -> dict[str, dict[tuple[object, ...], object]]:
    return {
        table.folder: {key: row for key, row in newest_rows(root, table).items() if key[0] in KEPT}
        for table in WAREHOUSE_TABLES
    }


@pytest.fixture
def spec(tmp_path: Path) -> Iterator[WarehouseSpec]:
    with embedded_postgres(tmp_path / "postgres") as url:
        spec = WarehouseSpec(url)
        with closing(open_session(spec)) as session:
            migrate(session, spec)
        yield spec


@pytest.mark.timeout(420 + 5 * NUM_OTHERS)
def test_erased_beside_the_job_and_not_brought_back(tmp_path: Path, spec: WarehouseSpec) -> None:
    folder, work_dir, lake = tmp_path / "calls", tmp_path / "work", tmp_path / "lake"
    work_dir.mkdir()
    key_file = tmp_path / "key"
    key_file.write_bytes(base64.b64encode(KEY))
    root = lake.as_uri()
    erased = records(folder, "sample-1-pleasant", ERASED, PERSON)
    half_open = records(folder, "sample-1-pleasant", OPEN, PERSON)
    kept = [
        record
        for call_id in sorted(KEPT)
        for record in records(folder, "sample-3-chat", call_id, "somebody-else")
    ]
    witness = records(folder, "sample-3-chat", WITNESS, "a-third")
    with Kinesalite() as kinesalite:
        kinesis = connect("us-east-1", kinesalite.endpoint)
        for kind, name in STREAMS.items():
            kinesis.create_stream(name, SHARDS[kind])
        given = {
            "pseudonyms": {"key.file": str(key_file)},
            "erasure": {"refresh.ms": "500"},
            "calls": {"text.wait.ms": "0"},
            "time": {"start.hold.ms": "1000"},
        }
        groups = local_groups(given, kinesalite.endpoint, root, spec.url)
        replayer = Replayer(kinesis, STREAMS)
        with (
            JobProcess(write_properties(groups, work_dir), work_dir) as job,
            Heartbeats(kinesis, [*STREAMS.values()]),
        ):
            replayer.send(tuple(one for one in half_open if one.at_ms < OPEN_UNTIL_MS), None)
            replayer.send((*erased, *kept), None)
            wait_for(
                job,
                lambda: (
                    are_closed(root, spec, {ERASED, *KEPT})
                    and any(row.call_id == OPEN for row in read_rows(root, SEGMENTS))
                    and any(key[0] == OPEN for key in rows_by_key(spec, SEGMENTS))
                ),
            )
            before = rows_kept(root)

            with closing(open_session(spec)) as session:
                stores = Stores(
                    CountedLake(root),
                    WarehouseStore(session, spec),
                    StagedObjects(None),
                    (KEY,),
                    LakeRules(min_age_s=0),
                )
                signer = LocalSigner(SIGNING_KEY)
                outcome = erased_with_patience(stores, signer)

                replayer.send((*erased, *half_open, *kept), None)
                replayer.send(witness, None)
                wait_for(job, lambda: are_closed(root, spec, {WITNESS}))

                receipt = parsed_receipt(Path(str(outcome.receipt_path)).read_bytes())
                assert list(verify(receipt, stores, signer)) == []
            job.stop()

    assert receipt.receipt.scope == "person"
    assert "warehouse/call_summary" in {place.name for place in receipt.receipt.before}
    person_key = Pseudonyms(KEY).person_key(PERSON) or ""
    secrets = [ERASED.encode(), OPEN.encode(), PERSON.encode(), person_key.encode()]
    for data in (*bytes_of_files(lake), *bytes_of_warehouse(spec)):
        assert not [secret for secret in (*secrets, *words_of(erased)) if secret in data]
    assert read_rows(root, REJECTS) == []
    assert rows_kept(root) == before
    for table in WAREHOUSE_TABLES:
        assert {key[0] for key in rows_by_key(spec, table)} == {*KEPT, WITNESS}
