"""The lake in an object store: compaction works there too, and objects are encrypted as told."""

import boto3
import pytest

from connectors.lake_compact import CompactionRules, compact
from connectors.lake_files import Lake, LakeError
from connectors.lake_reader import read_rows, write_rows
from connectors.object_store import flink_options
from flink_job.preflight import check_output
from flink_job.setting_types import SettingsError
from flink_job.settings import parse_settings
from tests.row_builders import STARTED_AT, summary
from udfs.rows import CALLS, newest, partition_date

DATE = partition_date(STARTED_AT)
BUCKET = "encrypted-lake"
KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
ROOT = "s3a://encrypted-lake/sentiment"


@pytest.fixture
def s3(aws_on_s3):
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield client
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    client.delete_bucket(Bucket=BUCKET)


def keys_in(s3):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_many_objects_become_one_under_the_key(s3):
    for number in range(3):
        rows = [summary(score=float(number)), summary(call_id=str(number))]
        write_rows(ROOT, CALLS, rows, lambda _: DATE, f"part-{number}")
    before = newest(read_rows(ROOT, CALLS), CALLS)

    done = list(compact(Lake(ROOT, KEY), lambda _: True, CompactionRules(min_age_s=0)))

    assert [(each.files_before, each.files_after) for each in done] == [(3, 1)]
    assert set(newest(read_rows(ROOT, CALLS), CALLS)) == set(before)
    (key,) = keys_in(s3)
    told = s3.head_object(Bucket=BUCKET, Key=key)
    assert (told["ServerSideEncryption"], told["SSEKMSKeyId"]) == ("aws:kms", KEY)


def test_rows_are_written_under_the_key(s3):
    write_rows(ROOT, CALLS, [summary()], lambda _: DATE, kms_key_arn=KEY)
    (key,) = keys_in(s3)
    assert s3.head_object(Bucket=BUCKET, Key=key)["ServerSideEncryption"] == "aws:kms"


def test_a_bucket_that_is_not_there_is_said_so(s3):
    with pytest.raises(LakeError, match=r"s: NoSuchBucket; check"):
        write_rows("s3a://nothing/s", CALLS, [summary()], lambda _: DATE, "s")


def test_flinks_plugin_is_told_the_key(s3):
    options = flink_options(KEY)
    assert options["s3.server-side-encryption-algorithm"] == "SSE-KMS"
    assert options["s3.server-side-encryption.key"] == KEY
    assert not [name for name in flink_options() if "encryption" in name]


def test_flink_with_a_key_needs_https(s3):
    streams = {"audio.stream": "a", "text.stream": "t"}
    check_output(parse_settings({"streams": streams, "lake": {"root": ROOT}}))
    with pytest.raises(SettingsError, match="must be https"):
        check_output(
            parse_settings({"streams": streams, "lake": {"root": ROOT, "kms.key.arn": KEY}})
        )
