"""What policy withholds stays out of a real run, wherever one looks; what it allows is used.

One run plays eight real calls in two places, under the default policy, and with them two calls
whose voices sound of marks. Everything that the run writes is searched for the marks of what is
withheld: checkpoints, temporary files, rows, rejects, logs and metrics. The streams, which hold the
input, are in kinesalite's memory.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flink_job.local_job import JAR
from tests.flink.conftest import call_sentiment
from tests.flink.disk_watch import DiskWatch
from tests.flink.marked_calls import SOUND_MS, Mark, write_marked_calls
from tests.row_comparison import differences, newest_rows
from udfs.call_folder import read_call_folder
from udfs.replay_plan import plan_call
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS

MARKED_UNTIL_MS = 60_000
IN_DE = "de-"
NEVER_ALLOWED = ("agent", "customer-unasked")
AUDIO = ("audio_negative", "audio_neutral", "audio_positive", "audio_model_id", "loudness_dbfs")
TEXT = ("text_negative", "text_neutral", "text_positive", "text_model_id", "word_count")
SETTINGS = [{"PropertyGroupId": "flink", "PropertyMap": {"checkpoint.interval.ms": "500"}}]


@dataclass(frozen=True)
class Played:
    """A run that is over."""

    output: Path
    disk: DiskWatch
    folders: Path
    marks: list[Mark]
    num_damaged: int
    report: dict[str, Any]


def in_both_places(calls: Path, folders: Path) -> None:
    """Every call twice: as if held in California, and in Germany; consent is recorded in both."""
    for path in sorted(calls.glob("*/call.json")):
        call = json.loads(path.read_text())
        for prefix, jurisdiction in (("", "US-CA"), (IN_DE, "DE")):
            call_id = prefix + call["call_id"]
            people = [{**one, "consent": True} for one in call["participants"]]
            placed = {"call_id": call_id, "jurisdiction": jurisdiction, "participants": people}
            shutil.copytree(path.parent, folders / call_id)
            (folders / call_id / "call.json").write_text(json.dumps({**call, **placed}))


def damaged_records(marks: Iterable[Mark]) -> Iterator[dict[str, str]]:
    """As ``--inject`` takes them: all of those who are never allowed, one of who has agreed."""
    for mark in marks:
        records = list(mark.damaged_records())
        if mark.participant_id == "customer-agreed":
            records = records[:1]
        elif mark.participant_id not in NEVER_ALLOWED:
            continue
        for number, record in enumerate(records):
            stream = "text" if number % 2 else "audio"
            data = base64.b64encode(record).decode()
            yield {"stream": stream, "partition_key": mark.call_id, "data": data}


@pytest.fixture
def played(calls: Path, tmp_path: Path) -> Played:
    root = tmp_path
    folders, watched = root / "folders", root / "watched"
    folders.mkdir()
    (watched / "tmp").mkdir(parents=True)
    in_both_places(calls, folders)
    marks = write_marked_calls(folders, MARKED_UNTIL_MS)
    damaged = list(damaged_records(marks))
    (root / "damaged.jsonl").write_text("".join(json.dumps(one) + "\n" for one in damaged))
    (root / "settings.json").write_text(json.dumps(SETTINGS))
    with pytest.MonkeyPatch.context() as environment, DiskWatch(watched, root / "links") as disk:
        environment.setenv("TMPDIR", str(watched / "tmp"))
        done = call_sentiment(
            "local", "--calls", folders, "--output", watched / "output", "--warehouse", "none",
            "--speed", "max", "--properties", root / "settings.json", "--keep", watched / "kept",
            "--inject", root / "damaged.jsonl", "--report", root / "report.json",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads((root / "report.json").read_text())
    return Played(watched / "output", disk, folders, marks, len(damaged), report)


def test_what_is_withheld_stays_out_and_what_is_allowed_is_used(
    played: Played, reference: Path
) -> None:
    assert_marks_are_sent(played)
    assert_no_byte_of_the_withheld_is_written_anywhere(played)
    assert_rejects_of_the_withheld_have_no_content(played)
    assert_a_withdrawal_counts_from_its_call_time_on(played)
    assert_every_ledger_is_complete(played)
    assert_in_de_agents_have_scores_of_their_words_alone(played)
    assert_in_california_both_voices_are_scored(played, reference)


def contents(disk: DiskWatch) -> Iterator[tuple[Path, bytes]]:
    """Every file, and of Parquet, which is compressed, what a reader gets too."""
    for path, data in disk.files():
        if len(data) == JAR.stat().st_size:
            continue  # Flink's copy of our one jar
        yield path, data
        if data.startswith(b"PAR1") and data.endswith(b"PAR1"):
            yield path, b"\n".join(values(pq.read_table(io.BytesIO(data))))


def values(rows: pa.Table) -> Iterator[bytes]:
    for column in rows.columns:
        for value in column.to_pylist():
            yield value if isinstance(value, bytes) else str(value).encode()


def found(marks: Iterable[Mark], disk: DiskWatch) -> dict[Mark, set[tuple[str, str]]]:
    """Where each mark is: its form, and the path."""
    looked_for = [(mark, form, needle) for mark in marks for form, needle in mark.forms().items()]
    places = defaultdict(set)
    for path, data in contents(disk):
        for mark, form, needle in looked_for:
            if needle in data:
                places[mark].add((form, str(path)))
    return places


def assert_marks_are_sent(played: Played) -> None:
    """What is looked for is what came in, in every form of its base64."""
    sent = defaultdict(bytes)
    for folder in played.folders.glob("marked-*"):
        for record in plan_call(read_call_folder(folder), 200):
            sent[record.partition_key, record.participant_id] += record.data
    for mark in played.marks:
        data = sent[mark.call_id, mark.participant_id]
        for form, needle in mark.forms().items():
            assert (needle in data) == form.startswith("base64")


def assert_no_byte_of_the_withheld_is_written_anywhere(played: Played) -> None:
    places = found(played.marks, played.disk)

    assert {mark: places[mark] for mark in played.marks if mark.is_withheld and places[mark]} == {}
    for mark in played.marks:
        if not mark.is_withheld:
            assert [path for form, path in places[mark] if form == "payload" and "/chk-" in path]
        if mark.participant_id == "customer-agreed":
            assert [path for form, path in places[mark] if "base64" in form and "rejects" in path]


def assert_rejects_of_the_withheld_have_no_content(played: Played) -> None:
    rejects = newest_rows(played.output, REJECTS).values()

    assert len(rejects) == played.report["rejects"] == played.num_damaged
    with_content = [row for row in rejects if row.payload]
    assert {row.reason for row in with_content} == {"unknown_encoding"}
    assert len(with_content) == 2


def assert_a_withdrawal_counts_from_its_call_time_on(played: Played) -> None:
    ledgers = newest_rows(played.output, LEDGER)
    chunks = SOUND_MS // 200
    for call_id in {mark.call_id for mark in played.marks}:
        assert {
            who: row.chunks_withheld for (call, who), row in ledgers.items() if call == call_id
        } == {
            "agent": chunks,
            "customer-withdraws": chunks // 2,
            "customer-unasked": chunks,
            "customer-agreed": 0,
            "all": chunks * 5 // 2,
        }


def assert_every_ledger_is_complete(played: Played) -> None:
    num_calls = len(list(played.folders.iterdir()))

    assert all(row.complete for row in newest_rows(played.output, LEDGER).values())
    assert (played.report["calls"], played.report["complete"]) == (num_calls, num_calls)
    assert played.report["restarts"] == 0


def real_segments(played: Played) -> dict[bool, dict[tuple[Any, ...], Any]]:
    """The real calls' segments by whether they are of DE, under the calls' ids in California."""
    placed: dict[bool, dict[tuple[Any, ...], Any]] = {True: {}, False: {}}
    for (call_id, *rest), row in newest_rows(played.output, SEGMENTS).items():
        if not call_id.startswith("marked-"):
            key = (call_id.removeprefix(IN_DE), *rest)
            placed[call_id.startswith(IN_DE)][key] = row
    return placed


def assert_in_de_agents_have_scores_of_their_words_alone(played: Played) -> None:
    placed = real_segments(played)
    assert placed[True].keys() == placed[False].keys()
    num_words = 0
    for key, row in placed[True].items():
        elsewhere = placed[False][key]
        assert [getattr(row, name) for name in TEXT] == [getattr(elsewhere, name) for name in TEXT]
        if row.role == "customer":
            assert not set(AUDIO) & {name for name, *_ in differences(row, elsewhere)}
            assert "audio:withheld" not in row.missing
            continue
        assert {getattr(row, name) for name in AUDIO} == {None}
        was_heard = "audio:no_audio" not in elsewhere.missing.split(",")
        assert ("audio:withheld" in row.missing.split(",")) == was_heard
        assert (row.score is None) == (row.text_negative is None)
        num_words += row.text_negative is not None
    assert num_words
    ledgers = newest_rows(played.output, LEDGER)
    for (call_id, who), row in ledgers.items():
        if call_id.startswith(IN_DE):
            withheld = ledgers[call_id, "agent"].chunks_seen if who != "customer" else 0
            assert row.chunks_withheld == withheld


def assert_in_california_both_voices_are_scored(played: Played, reference: Path) -> None:
    rows = real_segments(played)[False]

    assert not [row for row in rows.values() if "audio:withheld" in row.missing]
    scored = {key[:2] for key, row in rows.items() if row.audio_negative is not None}
    with_sound = {
        (call.name, one.participant.participant_id)
        for call in played.folders.iterdir()
        for one in read_call_folder(call).participants
        if one.audio is not None and not call.name.startswith(("marked-", IN_DE))
    }
    assert scored == with_sound
    for table in (SEGMENTS, CALLS):
        expected = newest_rows(reference, table)
        actual = newest_rows(played.output, table)
        for key, row in expected.items():
            assert not list(differences(actual[key], row)), (table.folder, key)
