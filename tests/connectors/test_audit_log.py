"""The audit log in a folder and in an object store: append-only, and one number for one writer."""

from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from connectors.audit_log import FOLDER, AuditLog
from connectors.lake_files import Lake, LakeError
from udfs.audit_chain import Head, PolicyInForce, Replay

pytestmark = pytest.mark.slow

BUCKET = "audited-lake"
FIRST = PolicyInForce(version="one", sha256="ab" * 32)


def replay(number):
    return Replay(rejects=number, sent=number, left=0)


@pytest.fixture(params=["folder", "object store"])
def root(request, tmp_path):
    if request.param == "folder":
        yield str(tmp_path)
        return
    request.getfixturevalue("aws_on_s3")
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield f"s3a://{BUCKET}/sentiment"
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    client.delete_bucket(Bucket=BUCKET)


def path(lake, name):
    return f"{lake.base}/{FOLDER}/{name}"


def test_an_empty_log_is_whole(root):
    log = AuditLog(Lake(root))
    assert log.lines() == []
    assert log.last(Replay) is None
    assert log.verify() == (None, ())


def test_what_was_appended_is_read_back_in_order(root):
    log = AuditLog(Lake(root))
    heads = [log.append(entry, at_ms) for at_ms, entry in enumerate([FIRST, replay(1), replay(2)])]

    assert [(line.number, line.at_ms, line.entry) for line in log.lines()] == [
        (1, 0, FIRST),
        (2, 1, replay(1)),
        (3, 2, replay(2)),
    ]
    assert log.last(Replay) == replay(2)
    assert log.last(PolicyInForce) == FIRST
    assert log.verify() == (heads[-1], ())
    assert log.verify(heads[0]) == (heads[-1], ())


def test_two_writers_at_once_both_get_in(root):
    def write(number):
        return AuditLog(Lake(root)).append(replay(number), number)

    with ThreadPoolExecutor(4) as pool:
        heads = list(pool.map(write, range(12)))

    log = AuditLog(Lake(root))
    assert {head.number for head in heads} == set(range(1, 13))
    assert {line.entry.rejects for line in log.lines()} == set(range(12))
    assert log.verify().flaws == ()


def test_a_line_is_never_written_over(root):
    lake = Lake(root)
    assert lake.create_bytes(path(lake, "x"), b"first")
    assert not lake.create_bytes(path(lake, "x"), b"second")
    assert lake.read_bytes(path(lake, "x")) == b"first"


def test_an_append_whose_answer_was_lost_is_one_line(root, monkeypatch):
    write = Lake.create_bytes

    def lose(lake, where, data):
        return write(lake, where, data) and write(lake, where, data)

    monkeypatch.setattr(Lake, "create_bytes", lose)
    log = AuditLog(Lake(root))
    assert log.append(FIRST, 0).number == 1
    assert len(log.lines()) == 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_removed_line_shows(root, number):
    lake = Lake(root)
    log = AuditLog(lake)
    for at_ms in range(3):
        log.append(replay(at_ms), at_ms)
    lake.remove(path(lake, f"{number:012d}.json"))
    gone = "its end is gone" if number == 3 else f"line {number} is gone"
    assert any(gone in flaw for flaw in log.verify().flaws)


def test_an_end_that_is_cut_off_with_its_head_shows_against_a_head_kept_elsewhere(root):
    lake = Lake(root)
    log = AuditLog(lake)
    before = log.append(FIRST, 0)
    kept = log.append(replay(1), 1)
    lake.remove(path(lake, f"{2:012d}.json"))
    lake.put_bytes(path(lake, "head"), f"{before}\n".encode())
    assert log.verify().flaws == ()
    assert log.verify(kept).flaws == ("the log ends with line 1, and had 2: its end is gone",)


def test_a_lost_or_foreign_file_shows(root):
    lake = Lake(root)
    log = AuditLog(lake)
    for at_ms in range(2):
        log.append(replay(at_ms), at_ms)
    lake.remove(path(lake, "head"))
    lake.put_bytes(path(lake, "3.json"), b"{}")
    assert log.verify().flaws == (
        "3.json is no file of this log",
        "head, which names the last line, is gone or was changed",
    )


def test_a_writer_that_died_before_the_head_leaves_a_whole_log(root, monkeypatch):
    log = AuditLog(Lake(root))
    log.append(FIRST, 0)
    with monkeypatch.context() as dying:
        dying.setattr(AuditLog, "_note", lambda *_: None)
        log.append(replay(1), 1)
    assert log.verify().flaws == ()
    log.append(replay(2), 2)
    assert log.verify().flaws == ()


def test_a_line_that_is_none_is_told(root):
    lake = Lake(root)
    log = AuditLog(lake)
    log.append(FIRST, 0)
    lake.put_bytes(path(lake, f"{1:012d}.json"), b"{}\n")
    with pytest.raises(LakeError, match="no line of the audit log"):
        log.lines()
    assert isinstance(log.verify().head, Head)
