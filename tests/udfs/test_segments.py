"""One row from a window and the five before it, worked out by hand."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tests.builders import (
    CALL,
    STARTED_AT_MS,
    participant,
    scored_audio,
    scored_text,
    window,
)
from udfs.fusion import PriorFusion
from udfs.models.contract import Triple
from udfs.records import WindowLedger
from udfs.segments import (
    Window,
    audio_evidence,
    revision,
    segment,
    text_evidence,
    windows_of,
    words_within,
)

SAD, CALM, GLAD = Triple(0.7, 0.2, 0.1), Triple(0.2, 0.6, 0.2), Triple(0.1, 0.2, 0.7)
FUSER = PriorFusion()


def row(index, windows):
    return segment(CALL, participant(), STARTED_AT_MS, index, windows, FUSER, 77)


# --- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "windows"),
    [
        (0, 1_000, [0]),
        (4_000, 5_000, [0]),
        (4_000, 5_001, [0, 1]),
        (4_999, 15_000, [0, 1, 2]),
        (5_000, 5_000, [1]),
        (4_999, 4_999, [0]),
    ],
)
def test_an_utterance_lies_in_every_window_it_overlaps(start_ms, end_ms, windows):
    assert list(windows_of(scored_text(0, start_ms, end_ms).utterance)) == windows


def test_words_are_shared_out_by_overlap():
    #  2 s of 8 s in window 0, 5 s in window 1, 1 s in window 2, of 16 words
    said = scored_text(0, 3_000, 11_000, num_words=16).utterance

    assert [words_within(said, k) for k in range(4)] == [4.0, 10.0, 2.0, 0.0]


def test_words_without_length_are_whole_in_the_window_of_their_start():
    said = scored_text(0, 5_000, 5_000, num_words=3).utterance

    assert [words_within(said, k) for k in range(3)] == [0.0, 3.0, 0.0]


# --- the row -----------------------------------------------------------------------------------


def test_a_row_tells_what_window_of_whom_it_is():
    found = row(2, {2: window(scored_audio(2))})

    assert (found.call_id, found.participant_id, found.role) == (CALL, "customer", "customer")
    assert (found.window_start_ms, found.window_end_ms) == (10_000, 15_000)
    assert found.window_start_at == STARTED_AT_MS + 10_000
    assert found.emitted_at == 77


def test_voice_and_words_are_fused_and_explained():
    found = row(
        0, {0: window(scored_audio(0, SAD), scored_text(0, 0, 1_000, GLAD, confidence=1.0))}
    )

    # five words, 4 s of speech at 20 dB: both are fully reliable
    assert (found.text_weight, found.audio_weight) == (pytest.approx(0.6), pytest.approx(0.4))
    assert found.fused_positive == pytest.approx(0.43479, abs=1e-4)
    assert found.score == pytest.approx(5 * (0.43479 - 0.29465), abs=1e-3)
    assert found.fused_label == "positive"
    # the middle is 0.4, 0.2, 0.4: the root of 0.7 log2(0.7/0.4) + 0.1 log2(0.1/0.4)
    assert found.disagreement == pytest.approx(0.36515**0.5, abs=1e-4)
    assert (found.audio_negative, found.text_positive) == (0.7, 0.7)
    assert (found.audio_model_id, found.text_model_id) == ("audio-1", "text-1")
    assert found.fusion_model_id == "prior-1"
    assert found.missing == ""


@pytest.mark.parametrize(
    ("audio", "texts", "missing"),
    [
        (scored_audio(), [], "text:no_words"),
        (scored_audio(0, None), [], "audio:no_speech,text:no_words"),
        (scored_audio(0, None, missing="model_error"), [scored_text()], "audio:model_error"),
        (scored_audio(0, None, missing="no_model"), [scored_text()], "audio:no_model"),
        (None, [scored_text()], "audio:no_audio"),
        (scored_audio(), [scored_text(0, 0, 1_000, None)], "text:no_words"),
        (
            scored_audio(),
            [scored_text(0, 0, 1_000, None, missing="unsupported_language", language="de")],
            "text:unsupported_language",
        ),
        (
            None,
            [scored_text(0, 0, 1_000, None, missing="model_error")],
            "audio:no_audio,text:model_error",
        ),
    ],
)
def test_what_has_no_score_is_missing_with_its_reason(audio, texts, missing):
    found = row(0, {0: window(audio, *texts)})

    assert found.missing == missing
    assert (found.audio_negative is None) == ("audio:" in missing)
    assert (found.text_negative is None) == ("text:" in missing)
    assert (found.score is None) == ("audio:" in missing and "text:" in missing)
    assert found.disagreement is None


def test_of_two_languages_the_one_of_most_words_is_the_windows():
    texts = [
        scored_text(0, 0, 1_000, num_words=2, language="en", model_id="english"),
        scored_text(1, 1_000, 2_000, num_words=2, language="de", model_id="deutsch"),
        scored_text(2, 2_000, 3_000, num_words=1, language="de", model_id="deutsch"),
    ]

    found = row(0, {0: window(None, *texts)})

    assert (found.language, found.text_model_id) == ("de", "deutsch")
    assert found.word_count == 5.0


def test_utterances_weigh_by_their_words_in_the_window():
    #  3 words glad in the window, and 2 of the 4 words sad
    texts = [
        scored_text(0, 0, 1_000, GLAD, num_words=3),
        scored_text(1, 4_000, 6_000, SAD, num_words=4),
    ]

    found = row(0, {0: window(None, *texts)})

    assert found.word_count == 5.0
    assert found.text_positive == pytest.approx((3 * 0.7 + 2 * 0.1) / 5)
    assert found.text_negative == pytest.approx((3 * 0.1 + 2 * 0.7) / 5)


def test_an_utterance_without_score_leaves_the_others_their_say():
    texts = [
        scored_text(0, 0, 1_000, GLAD),
        scored_text(1, 1_000, 2_000, None, missing="model_error"),
    ]

    found = row(0, {0: window(None, *texts)})

    assert found.text_positive == 0.7
    assert found.missing == "audio:no_audio"


# --- rolling score -----------------------------------------------------------------------------


def test_the_rolling_score_is_the_mean_of_six_windows_without_the_missing():
    triples = [GLAD, None, SAD, CALM, None, GLAD, GLAD, SAD]
    windows = {k: window(scored_audio(k, triple)) for k, triple in enumerate(triples)}

    # windows 2 to 7: -3, 0, missing, 3, 3, -3
    assert row(7, windows).rolling_30s_score == pytest.approx(0.0)
    # windows 0 to 5: 3, missing, -3, 0, missing, 3
    assert row(5, windows).rolling_30s_score == pytest.approx(0.75)
    assert row(0, windows).rolling_30s_score == pytest.approx(3.0)


def test_windows_that_are_not_there_are_left_out_of_the_rolling_score():
    windows = {0: window(scored_audio(0, GLAD)), 5: window(scored_audio(5, SAD))}

    assert row(5, windows).rolling_30s_score == pytest.approx(0.0)


def test_a_window_without_score_still_has_the_rolling_one():
    windows = {0: window(scored_audio(0, GLAD)), 1: window(scored_audio(1, None))}

    assert row(1, windows).score is None
    assert row(1, windows).rolling_30s_score == pytest.approx(3.0)
    assert row(1, {1: windows[1]}).rolling_30s_score is None


# --- revision ----------------------------------------------------------------------------------


def heard(index, begun, carried):
    return window(scored_audio(index, chunks=WindowLedger(begun, carried)))


def test_a_revision_counts_the_start_the_chunks_and_the_utterances():
    assert revision(0, {0: window(scored_audio(0), scored_text(0), scored_text(1))}) == 1 + 5 + 2


def test_a_chunk_in_two_windows_counts_once():
    #  chunks of 3 s: 0-3, 3-6 | 6-9, 9-12 | 12-15
    windows = {0: heard(0, 2, 0), 1: heard(1, 2, 1), 2: heard(2, 1, 1)}

    assert [revision(k, windows) for k in range(3)] == [1 + 2, 1 + 4, 1 + 5]


def test_a_chunk_carried_into_the_first_of_six_windows_counts():
    windows = {k: heard(k, 1, 1) for k in range(8)}

    assert revision(7, windows) == 1 + 6 + 1


def test_an_utterance_in_two_windows_counts_once():
    over_both = scored_text(0, 4_000, 6_000)
    windows = {0: window(None, over_both), 1: window(None, over_both)}

    assert revision(1, windows) == 2


def test_what_lies_before_the_six_windows_does_not_count():
    windows = {k: heard(k, 5, 0) for k in range(10)}

    assert revision(9, windows) == 1 + 30


# --- embeddings --------------------------------------------------------------------------------


def half(*numbers: float) -> bytes:
    return np.array(numbers, "<f2").tobytes()


def test_the_embeddings_of_utterances_are_pooled_by_their_words_as_their_triples_are():
    #  three words wholly within; half of two words
    texts = (
        scored_text(0, 0, 1_000, SAD, num_words=3, embedding=half(1, 0)),
        scored_text(1, 4_000, 6_000, GLAD, num_words=2, embedding=half(0, 1)),
    )

    found = text_evidence(window(None, *texts), 0)

    assert found.embedding.tolist() == [0.75, 0.25]
    assert found.triple == pytest.approx((0.55, 0.2, 0.25))


@pytest.mark.parametrize(
    "other", [{"embedding": None}, {"embedding": half(1, 0), "model_id": "text-2"}]
)
def test_embeddings_are_not_pooled_where_one_is_lacking_or_of_another_model(other):
    texts = (scored_text(0, 0, 1_000, embedding=half(1, 0)), scored_text(1, 1_000, 2_000, **other))

    assert text_evidence(window(None, *texts), 0).embedding is None


def test_the_embedding_of_a_voice_is_its_windows():
    found = audio_evidence(window(scored_audio(embedding=half(0.5, -2))))

    assert found.embedding.tolist() == [0.5, -2.0]


def test_windows_kept_by_an_earlier_version_are_read_without_embeddings():
    kept = {
        "audio": {
            "cut": msgspec.to_builtins(scored_audio().cut),
            "score": {
                "triple": [0.2, 0.6, 0.2],
                "missing": None,
                "model_id": "audio-1",
                "speech_ms": [[0, 4_000]],
                "speech_ratio": 0.8,
                "loudness_dbfs": -20.0,
                "snr_db": 20.0,
            },
        },
        "texts": [],
        "emitted": True,
    }

    found = msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=Window)

    assert found.audio == scored_audio()


def test_without_an_embedding_a_window_takes_no_more_room_than_before():
    assert b"embedding" not in msgspec.msgpack.encode(window(scored_audio(), scored_text()))
