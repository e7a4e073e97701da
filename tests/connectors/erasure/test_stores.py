"""What is special about a store: versions in S3, Redshift and its staged objects, signatures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from connectors.erasure.counted_lake import CountedLake
from connectors.erasure.erasure import Eraser, Outcome, Request, Stores
from connectors.erasure.lake_store import LakeRules
from connectors.erasure.signing import KmsSigner, LocalSigner, Signer, SigningError
from connectors.erasure.staged_objects import StagedObjects
from connectors.erasure.verifying import verify
from connectors.erasure.warehouse_store import WarehouseStore
from connectors.lake_reader import read_rows, write_rows
from connectors.warehouse.contract import Batch
from connectors.warehouse.migrations import migrate
from connectors.warehouse.opening import open_session
from connectors.warehouse.redshift import RedshiftWarehouse
from connectors.warehouse.staging import parquet_bytes
from tests.aws_servers.fixtures import STAGING_BUCKET, RedshiftPlace
from tests.connectors.warehouse.loads import load
from tests.erasure_world import SIGNING_KEY
from tests.row_builders import STARTED_AT, ledger, segment, summary
from udfs.erasure import Receipt, SignedReceipt, parsed_receipt, receipt_file
from udfs.rows import CALLS, LEDGER, SEGMENTS, partition_date
from udfs.suppression import Entry

pytestmark = pytest.mark.slow

DATE = partition_date(STARTED_AT)
BUCKET = "versioned-lake"
ROOT = f"s3a://{BUCKET}/sentiment"
REQUEST = Request("call", "call-1", "why", "who")
SIGNER = LocalSigner(SIGNING_KEY)


def stores(**fields: Any) -> Stores:
    told = {
        "lake": CountedLake(ROOT),
        "warehouse": None,
        "staged": StagedObjects(None),
        "keys": (),
        "rules": LakeRules(min_age_s=0, with_open_calls=True),
    }
    return Stores(**{**told, **fields})


def erase(where: Stores, request: Request = REQUEST) -> Outcome:
    outcome = Outcome()
    steps = list(Eraser(where, SIGNER, settle_s=0).erase(request, outcome))
    assert steps[-1] == "done", outcome.pending
    return outcome


@pytest.fixture
def s3(aws_on_s3: str) -> Iterator[Any]:
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield client
    for version in versions_of(client):
        client.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    client.delete_bucket(Bucket=BUCKET)


def versions_of(client: Any, bucket: str = BUCKET) -> list[dict[str, Any]]:
    listed = client.list_object_versions(Bucket=bucket)
    return [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]


def bodies_of(client: Any, bucket: str = BUCKET) -> Iterator[bytes]:
    for version in client.list_object_versions(Bucket=bucket).get("Versions", []):
        answer = client.get_object(
            Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"]
        )
        yield answer["Body"].read()


def test_every_version_of_a_versioned_bucket_is_erased(s3: Any) -> None:
    both = [segment(), segment(call_id="call-2")]
    write_rows(ROOT, SEGMENTS, both, lambda _: DATE, "part-0.parquet")
    write_rows(ROOT, SEGMENTS, both, lambda _: DATE, "compacted-away.parquet")
    s3.delete_object(Bucket=BUCKET, Key=f"sentiment/segments/dt={DATE}/compacted-away.parquet")
    write_rows(ROOT, SEGMENTS, both[1:], lambda _: DATE, "other.parquet")
    s3.delete_object(Bucket=BUCKET, Key=f"sentiment/segments/dt={DATE}/other.parquet")

    outcome = erase(stores())

    assert read_rows(ROOT, SEGMENTS) == both[1:]
    assert not [body for body in bodies_of(s3) if b"call-1" in body]
    assert [one for one in versions_of(s3) if one["Key"].endswith("other.parquet")]
    assert outcome.receipt is not None
    before = {place.name: place.rows for place in outcome.receipt.before}
    place = f"lake/segments/dt={DATE}"
    assert before == {place: 1, f"{place}, hidden versions": 1}
    kept = s3.get_object(Bucket=BUCKET, Key=(outcome.receipt_path or "").removeprefix(f"{BUCKET}/"))
    assert list(verify(parsed_receipt(kept["Body"].read()), stores(), SIGNER)) == []


def test_hidden_versions_of_a_partition_without_files_are_found(s3: Any) -> None:
    write_rows(ROOT, CALLS, [summary()], lambda _: DATE)
    write_rows(ROOT, SEGMENTS, [segment()], lambda _: DATE)
    s3.delete_object(Bucket=BUCKET, Key=f"sentiment/segments/dt={DATE}/part-0.parquet")

    erase(stores())

    assert not [body for body in bodies_of(s3) if b"call-1" in body]


@pytest.mark.parametrize("call_id", ["call-1", r"it's a \ call"])
def test_redshift_and_its_staged_objects(redshift: RedshiftPlace, call_id: str, s3: Any) -> None:
    spec = redshift.spec
    rows = {
        SEGMENTS: [segment(call_id=call_id), segment(call_id="call-2")],
        CALLS: [summary(call_id=call_id, person_key="p" * 64), summary(call_id="call-2")],
        LEDGER: [ledger(call_id=call_id), ledger(call_id="call-2")],
    }
    with closing(open_session(spec)) as session, closing(RedshiftWarehouse(spec)) as warehouse:
        migrate(session, spec)
        for table, of_table in rows.items():
            load(warehouse, Batch(table, tuple(of_table)))
        prefix = f"{spec.schema}/call_segment"
        for name, of_object in (("left", rows[SEGMENTS]), ("other", rows[SEGMENTS][1:])):
            s3.put_object(
                Bucket=STAGING_BUCKET,
                Key=f"{prefix}/{name}.parquet",
                Body=parquet_bytes(Batch(SEGMENTS, tuple(of_object))),
            )
        where = stores(
            warehouse=WarehouseStore(session, spec), staged=StagedObjects(spec.staging_root)
        )

        outcome = erase(where, replace(REQUEST, subject_id=call_id))

        left = {
            table: session.query(f'SELECT "call_id" FROM "{spec.schema}"."{table.warehouse_table}"')
            for table in rows
        }
    assert left == {table: [("call-2",)] for table in rows}
    assert redshift.staged_keys() == [f"{prefix}/other.parquet"]
    assert outcome.receipt is not None
    assert {place.name: place.rows for place in outcome.receipt.before} == {
        "warehouse/call_segment": 1,
        "warehouse/call_ledger": 1,
        "warehouse/call_summary": 1,
        "staging": 1,
    }


def receipt(**fields: Any) -> Receipt:
    told = {
        "receipt_id": "r",
        "scope": "call",
        "subject": Entry("call", "salt:00", "d"),
        "reason": "why",
        "erased_by": "who",
        "began_ms": 1,
        "suppressed_ms": 2,
        "erased_ms": 3,
        "suppressed": (),
        "before": (),
        "after": (),
        "work": {},
        "expires": (),
    }
    return Receipt(**{**told, **fields})


@pytest.fixture
def kms_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    with mock_aws():
        kms = boto3.client("kms", region_name="us-east-1")
        made = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")
        yield made["KeyMetadata"]["Arn"]


def assert_signs(signer: Signer) -> None:
    signed = parsed_receipt(receipt_file(signer.sign(receipt())))
    assert signer.is_own(signed)
    changed = SignedReceipt(receipt(reason="another"), signed.signature)
    assert not signer.is_own(parsed_receipt(receipt_file(changed)))


def test_a_local_key_signs() -> None:
    assert_signs(SIGNER)
    assert not LocalSigner(b"o" * 32).is_own(SIGNER.sign(receipt()))
    with pytest.raises(SigningError, match="has 3 bytes"):
        LocalSigner(b"key")


def test_kms_signs(kms_key: str) -> None:
    assert_signs(KmsSigner(kms_key, "us-east-1"))
    signed = KmsSigner(kms_key, "us-east-1").sign(receipt())
    with pytest.raises(SigningError, match="another key signed"):
        KmsSigner("arn:aws:kms:us-east-1:1:key/other", "us-east-1").is_own(signed)
    with pytest.raises(SigningError, match="KMS signed this receipt"):
        SIGNER.is_own(signed)


def test_a_key_of_kms_that_does_not_sign_is_said_to_be_none(kms_key: str) -> None:
    kms = boto3.client("kms", region_name="us-east-1")
    encrypts = kms.create_key()["KeyMetadata"]["Arn"]

    with pytest.raises(SigningError, match="use a key of another kind"):
        KmsSigner(encrypts, "us-east-1").sign(receipt())


def test_receipts_say_nothing_of_ids(s3: Any) -> None:
    write_rows(ROOT, CALLS, [summary()], lambda _: DATE)
    outcome = erase(stores())

    assert outcome.receipt is not None
    told = json.loads(receipt_file(SIGNER.sign(outcome.receipt)))
    assert "call-1" not in json.dumps(told)
