"""Offline is the reference: the same rows as the stream gives, for any way of sending the call."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from flink_job import call_intake
from flink_job.features import labelled, read_labels, write_features
from tests.call_folder_builders import (
    participant,
    tone,
    utterance,
    write_call,
    write_chat,
    write_sound,
    write_transfer,
)
from tests.fusion_files import early_file, late_file
from tests.job_run import DEFAULT_POLICY, FUSER, JobRun, newest, triple_of
from tests.policies import policy, rule
from udfs import offline
from udfs.call_folder import read_call_folder
from udfs.envelope import Door, Limits
from udfs.features import feature_rows
from udfs.fusion import LABELS
from udfs.fusion_file import TrainedFor
from udfs.fusion_loading import fusion_of
from udfs.models.contract import Answer
from udfs.models.scorer import LocalAudio, LocalText
from udfs.offline import Scorers, score_call, score_windows
from udfs.pseudonyms import Pseudonyms
from udfs.records import Arrival
from udfs.replay_plan import ReplayOptions, plan_replay
from udfs.rows import CALLS, LEDGER, SEGMENTS, Ledger, Segment, Summary
from udfs.score_text import score_text
from udfs.score_window import score_window
from udfs.training.errors import TrainingError
from udfs.training.fusion_table import read_fusion_table

NOW_MS = 1_800_000_000_000


class Hears:
    """Speech wherever the sound is not silent, second by second."""

    def speech_spans_ms(self, waveform):
        loud = [abs(waveform[k * 16_000 : (k + 1) * 16_000]).max() > 0.01 for k in range(5)]
        return tuple((k * 1_000, (k + 1) * 1_000) for k in range(5) if loud[k])


class Feels:
    model_id = "ear"

    embedding_size = 2

    def probabilities(self, waveform):
        return triple_of(waveform.tobytes())

    def answer(self, waveform):
        return Answer(self.probabilities(waveform), embedding_of(waveform.tobytes(), 2))


class Reads:
    model_id = "eye"

    embedding_size = 3

    def probabilities(self, text):
        return triple_of(text.encode())

    def answer(self, text):
        return Answer(self.probabilities(text), embedding_of(text.encode(), 3))


def embedding_of(content: bytes, size: int) -> bytes:
    """Numbers that depend on every byte, as float16."""
    numbers = np.frombuffer(hashlib.sha256(content).digest()[:size], np.int8)
    return (numbers / 64).astype("<f2").tobytes()


FUSERS = {"prior": FUSER, "late": fusion_of(late_file()), "early": fusion_of(early_file())}


def scorers_with(kind="prior", *, with_embedding=True):
    audio = LocalAudio(Feels(), with_embedding=with_embedding)
    text = {"en": LocalText(Reads(), with_embedding=with_embedding)}
    return Scorers(Hears(), audio, text, FUSERS[kind])


SCORERS = scorers_with()


@pytest.fixture(autouse=True)
def same_models_in_the_stream(monkeypatch):
    monkeypatch.setattr(call_intake, "_monotonic_ms", lambda: 0)
    monkeypatch.setattr(
        "tests.job_run.hear",
        lambda signal: score_window(signal, SCORERS.detector, SCORERS.audio),
    )
    monkeypatch.setattr(
        "tests.job_run.read",
        lambda text, language: score_text(text, language, SCORERS.text),
    )


def write_one_sided(folder, sample_rate_hz=11_025):
    """Sound at a rate without whole samples a millisecond, from 1.5 s on; no transcript."""
    write_sound(folder / "customer.wav", tone(12_345, sample_rate_hz), sample_rate_hz)
    return write_call(
        folder,
        [participant("customer", audio="customer.wav", offset_ms=1_503), participant("agent")],
    )


def write_words_beyond_the_sound(folder):
    write_sound(folder / "customer.wav", tone(7_000))
    return write_call(
        folder,
        [participant("customer", audio="customer.wav"), participant("agent")],
        [
            utterance("customer", 0, 6_000, 13_000, text="one two three"),
            utterance("agent", 0, 30_000, 31_000, language="de"),
            utterance("agent", 1, 31_000, 32_000, text="?!"),
        ],
    )


FOLDERS = [write_transfer, write_chat, write_one_sided, write_words_beyond_the_sound]
DISTURBANCES = [
    ReplayOptions(),
    ReplayOptions(chunk_ms=130, shuffle_ms=1_500, duplicate=0.05, seed=1),
    ReplayOptions(chunk_ms=1_000, shuffle_ms=1_500, duplicate=0.2, seed=2),
    ReplayOptions(chunk_ms=37, shuffle_ms=5_000, seed=3),
]


def rows_offline(folder, kind="prior", rules=DEFAULT_POLICY):
    scorers = scorers_with(kind, with_embedding=kind == "early")
    rows = list(score_call(folder, replace(scorers, policy=rules), NOW_MS))
    of_kind = {
        table.folder: [dataclasses.asdict(row) for row in rows if isinstance(row, kind)]
        for table, kind in ((SEGMENTS, Segment), (CALLS, Summary), (LEDGER, Ledger))
    }
    return {t.folder: newest(t, of_kind[t.folder]) for t in (SEGMENTS, CALLS, LEDGER)}


def send_through(job: JobRun, folder, options: ReplayOptions) -> None:
    """As Kinesis would: bytes through the door."""
    door = Door(Limits(started_at_past_days=36_500))
    for number, planned in enumerate(plan_replay([folder], options).records):
        came = Arrival(planned.stream, "shard", str(number), NOW_MS + planned.at_ms)
        job.send(door.open(planned.data, came), arrival_ms=came.arrival_ms)
        if number % 5 == 0:
            job.advance_clock(700)


@pytest.mark.parametrize("options", DISTURBANCES, ids=["plain", "130 ms", "1 s", "37 ms"])
@pytest.mark.parametrize("write", FOLDERS)
@pytest.mark.parametrize("kind", FUSERS)
def test_the_stream_gives_the_rows_of_offline(tmp_path, write, options, kind):
    folder = read_call_folder(write(tmp_path / "call"))
    expected = rows_offline(folder, kind)
    job = JobRun(fuser=FUSERS[kind])

    send_through(job, folder, options)

    assert_same_rows(job, expected, options)


def assert_same_rows(job, expected, options):
    assert job.rejects == []
    found = {
        "segments": newest(SEGMENTS, job.segments),
        "calls": newest(CALLS, job.summaries),
        "ledger": newest(LEDGER, job.ledgers),
    }
    # by the way of chunking
    vary = {
        "emitted_at", "revision", "chunks_expected", "chunks_seen", "chunks_duplicate",
        "chunks_withheld",
    }  # fmt: skip
    for table, rows in expected.items():
        assert sorted(found[table]) == sorted(rows)
        for key, row in rows.items():
            for name, value in row.items():
                if (name in vary and options != ReplayOptions()) or name == "emitted_at":
                    continue
                told = pytest.approx(value, abs=1e-9) if isinstance(value, float) else value
                assert found[table][key][name] == told, (table, key, name)


def write_many_consents(folder):
    """20 s of two voices; one withdraws and gives again, one withdraws all in the end."""
    for name in ("customer", "agent"):
        write_sound(folder / f"{name}.wav", tone(20_000))
    changes = [{"at_ms": 6_100, "consent": False}, {"at_ms": 13_000, "consent": True}]
    withdrawal = {"at_ms": 18_500, "consent": False, "retroactive": True}
    return write_call(
        folder,
        [
            participant("customer", audio="customer.wav", consent_changes=changes),
            participant("agent", audio="agent.wav", consent_changes=[withdrawal]),
        ],
        [
            utterance("customer", 0, 100, 900),
            utterance("agent", 0, 4_000, 7_000, text="how are you"),
            utterance("customer", 1, 7_000, 11_000, text="well so far"),
            utterance("customer", 2, 16_000, 17_000),
        ],
    )


def write_european(folder):
    return write_transfer_in(folder, "DE")


def write_transfer_in(folder, jurisdiction):
    write_transfer(folder)
    call = json.loads((folder / "call.json").read_text())
    (folder / "call.json").write_text(json.dumps({**call, "jurisdiction": jurisdiction}))
    return folder


WORDS_NEED_CONSENT = policy(
    rule("r1", when={"consent": ["refused"]}, text="withhold", audio="withhold"),
    rule("r2", text="score", audio="score"),
)


@pytest.mark.parametrize("options", DISTURBANCES, ids=["plain", "130 ms", "1 s", "37 ms"])
@pytest.mark.parametrize("write", [write_many_consents, write_european])
@pytest.mark.parametrize(
    "rules", [DEFAULT_POLICY, WORDS_NEED_CONSENT], ids=["default", "words need consent"]
)
def test_the_stream_withholds_what_offline_does(tmp_path, write, options, rules):
    folder = read_call_folder(write(tmp_path / "call"))
    job = JobRun(policy=rules)

    send_through(job, folder, options)

    assert_same_rows(job, rows_offline(folder, rules=rules), options)


def test_by_default_a_european_agent_has_words_only(tmp_path):
    rows = rows_offline(read_call_folder(write_european(tmp_path / "call")))

    for row in rows["segments"].values():
        is_agent = row["role"] == "agent"
        assert ("audio:withheld" in row["missing"]) == is_agent
        assert (row["audio_neutral"] is None) == is_agent
        assert (row["speech_ratio"], row["loudness_dbfs"], row["gap_ms"]) == (None,) * 3 or (
            not is_agent
        )
        assert row["text_neutral"] is not None or "text:no_words" in row["missing"]
    assert all(row["complete"] for row in rows["ledger"].values())
    agent, customer, everybody = (
        rows["ledger"]["call", who] for who in ("agent", "customer", "all")
    )
    assert agent["chunks_withheld"] == agent["chunks_seen"] == 15
    assert customer["chunks_withheld"] == 0
    assert everybody["chunks_withheld"] == 15 + 13
    for who in ("agent", "all"):
        summary = rows["calls"]["call", who]
        assert (summary["talk_ms"], summary["non_talk_ms"], summary["interruptions"]) == (None,) * 3
    assert rows["calls"]["call", "customer"]["interruptions"] is None
    assert rows["calls"]["call", "customer"]["talk_ms"] is not None


def test_summaries_carry_the_pseudonyms_of_persons(tmp_path):
    pseudonyms = Pseudonyms(b"k" * 32)
    folder = read_call_folder(write_chat(tmp_path / "call"))
    rows = score_call(folder, replace(SCORERS, pseudonyms=pseudonyms), NOW_MS)

    keys = {row.participant_id: row.person_key for row in rows if isinstance(row, Summary)}

    assert keys == {
        "customer": pseudonyms.person_key("person-customer"),
        "agent": pseudonyms.person_key("person-agent"),
        "all": None,
    }


@pytest.mark.parametrize("write", FOLDERS)
def test_a_whole_folder_is_complete(tmp_path, write):
    rows = rows_offline(read_call_folder(write(tmp_path / "call")))

    assert all(row["complete"] for row in rows["ledger"].values())


def test_every_window_that_the_sound_touches_has_a_row(tmp_path):
    rows = rows_offline(read_call_folder(write_one_sided(tmp_path / "call")))

    # 1.503 to 13.848 s
    assert [key[2] for key in rows["segments"]] == [0, 5_000, 10_000]


def test_a_partial_utterance_is_not_scored(tmp_path):
    rows = rows_offline(read_call_folder(write_transfer(tmp_path / "call")))

    assert rows["ledger"]["call", "agent-2"]["utterances_seen"] == 1
    assert rows["ledger"]["call", "all"]["utterances_expected"] == 3


def test_the_reference_cuts_as_the_replay_does_by_default():
    assert ReplayOptions().chunk_ms == offline.CHUNK_MS


@pytest.mark.parametrize("kind", FUSERS)
def test_every_fused_row_names_the_rule_that_fused_it(tmp_path, kind):
    rows = rows_offline(read_call_folder(write_words_beyond_the_sound(tmp_path / "call")), kind)

    fused = [row for row in rows["segments"].values() if row["score"] is not None]
    named = {row["fusion_model_id"].partition("@")[0].partition("-")[0] for row in fused}
    assert named == {kind}
    assert all(row["text_weight"] + row["audio_weight"] == pytest.approx(1) for row in fused)


# --- features ----------------------------------------------------------------------------------


def features_of(folder):
    return list(feature_rows(score_windows(folder, SCORERS, NOW_MS)))


def test_the_features_of_a_call_fuse_to_its_rows(tmp_path):
    folder = read_call_folder(write_words_beyond_the_sound(tmp_path / "call"))
    path = tmp_path / "features.parquet"

    write_features(path, [replace(row, label="neutral") for row in features_of(folder)])

    rows = rows_offline(folder, "early")["segments"]
    scored = [row for row in rows.values() if row["missing"].count(":") < 2]
    table = read_fusion_table(path, with_embeddings=True)
    fused = [FUSERS["early"].fuse(e.text, e.audio).triple for e in table.examples]
    expected = [tuple(r[f"fused_{label}"] for label in LABELS) for r in scored]
    assert sorted(fused) == [pytest.approx(triple, abs=1e-9) for triple in sorted(expected)]
    assert table.trained_for == TrainedFor(("eye",), ("ear",))


@pytest.mark.parametrize("name", ["features.csv", "features.parquet"])
def test_labels_are_joined_to_the_features_by_window(tmp_path, name):
    folder = read_call_folder(write_words_beyond_the_sound(tmp_path / "call"))
    (tmp_path / "labels.csv").write_text(
        "call_id,participant_id,window_start_ms,label\n"
        f"{folder.call_id},customer,5000,Negative\n"
        f"{folder.call_id},nobody,0,positive\n"
    )

    rows = labelled(features_of(folder), read_labels(tmp_path / "labels.csv"))
    write_features(tmp_path / name, rows)

    table = read_fusion_table(tmp_path / name, with_embeddings=True)
    assert [(e.group, e.label) for e in table.examples] == [(folder.call_id, 0)]
    assert table.unlabelled == len(rows) - 1


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("call_id,participant_id,label\n", "lack the column 'window_start_ms'"),
        ("call_id,participant_id,window_start_ms,label\nc,p,0,glad\n", "row 1 needs"),
        ("call_id,participant_id,window_start_ms,label\nc,p,0.5,neutral\n", "row 1 needs"),
        (
            "call_id,participant_id,window_start_ms,label\nc,p,0,neutral\nc,p,0,positive\n",
            "row 2 labels a window again, otherwise",
        ),
        ("", "no CSV table"),
    ],
)
def test_labels_that_cannot_be_used_are_one_line(tmp_path, content, wrong):
    path = tmp_path / "labels.csv"
    path.write_text(content)

    with pytest.raises(TrainingError, match=wrong):
        read_labels(path)
    with pytest.raises(TrainingError, match="do not exist"):
        read_labels(tmp_path / "absent.csv")
