"""Two triples to one, worked out by hand, and the properties of the pool."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from udfs.fusion import (
    AudioEvidence,
    PriorFusion,
    TextEvidence,
    disagreement,
    label_of,
    log_linear_pool,
    score_of,
)
from udfs.models.contract import Triple

SAD, CALM, GLAD = Triple(0.7, 0.2, 0.1), Triple(0.2, 0.6, 0.2), Triple(0.1, 0.2, 0.7)
FUSER = PriorFusion()

SHARES = st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda s: sum(s) > 0.01)
TRIPLES = SHARES.map(lambda shares: Triple(*(share / sum(shares) for share in shares)))


def text(triple=GLAD, word_count=5.0, confidence=1.0) -> TextEvidence:
    return TextEvidence(triple, word_count, confidence)


def audio(triple=SAD, speech_ratio=0.3, snr_db=20.0) -> AudioEvidence:
    return AudioEvidence(triple, speech_ratio, snr_db)


def test_the_score_goes_from_minus_five_to_plus_five():
    assert score_of(Triple(1, 0, 0)) == -5
    assert score_of(Triple(0, 1, 0)) == 0
    assert score_of(Triple(0, 0, 1)) == 5
    assert score_of(GLAD) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("triple", "label"),
    [
        (SAD, "negative"),
        (CALM, "neutral"),
        (GLAD, "positive"),
        (Triple(0.4, 0.4, 0.2), "neutral"),
        (Triple(0.4, 0.2, 0.4), "negative"),
        (Triple(1 / 3, 1 / 3, 1 / 3), "neutral"),
    ],
)
def test_the_label_is_the_likeliest_and_of_equals_the_more_neutral(triple, label):
    assert label_of(triple) == label


def test_the_weights_are_the_trust_times_the_reliability():
    fused = FUSER.fuse(text(), audio())

    assert fused.text_weight == pytest.approx(0.6)
    assert fused.audio_weight == pytest.approx(0.4)


def test_the_pool_is_the_weighted_geometric_mean():
    pooled = log_linear_pool(GLAD, 0.6, SAD)

    # 0.1^.6 0.7^.4 = 0.2178, 0.2, 0.7^.6 0.1^.4 = 0.3214: by their sum 0.7392
    assert pooled == pytest.approx((0.29465, 0.27056, 0.43479), abs=1e-4)


@pytest.mark.parametrize(
    ("weak_text", "weak_audio", "text_weight"),
    [
        # 0.6 x 1/5 against 0.4
        (text(word_count=1.0), audio(), 0.12 / 0.52),
        # 0.6 x 0.5 against 0.4
        (text(confidence=0.5), audio(), 0.3 / 0.7),
        # a recogniser that does not tell: 0.8
        (text(confidence=None), audio(), 0.48 / 0.88),
        # 0.6 against 0.4 x 0.15 / 0.3
        (text(), audio(speech_ratio=0.15), 0.6 / 0.8),
        # 0.6 against 0.4 x (0.25 + 0.75 x 10 / 20)
        (text(), audio(snr_db=10.0), 0.6 / 0.85),
        # never under a quarter
        (text(), audio(snr_db=-30.0), 0.6 / 0.7),
        (text(), audio(snr_db=None), 0.6),
    ],
)
def test_what_is_less_reliable_weighs_less(weak_text, weak_audio, text_weight):
    assert FUSER.fuse(weak_text, weak_audio).text_weight == pytest.approx(text_weight)


def test_one_modality_alone_has_all_the_weight():
    assert FUSER.fuse(text(), None) == (GLAD, 1.0, 0.0, "prior-1")
    assert FUSER.fuse(None, audio()) == (SAD, 0.0, 1.0, "prior-1")
    assert FUSER.fuse(None, None) is None


@given(TRIPLES, TRIPLES, st.floats(0, 50), st.floats(0, 1), st.floats(-40, 80), st.floats(0, 1))
def test_a_fused_triple_sums_to_one_and_lies_between(
    words, voice, word_count, ratio, snr_db, trust
):
    fused = FUSER.fuse(text(words, word_count, trust), audio(voice, ratio, snr_db))

    assert sum(fused.triple) == pytest.approx(1.0)
    assert fused.text_weight + fused.audio_weight == pytest.approx(1.0)
    assert all(0 <= share <= 1 for share in fused.triple)
    if label_of(words) == label_of(voice) and min(*words, *voice) > 0.01:
        assert label_of(fused.triple) == label_of(words)


@given(TRIPLES, st.floats(0, 1))
def test_two_that_agree_stay_as_they_are(triple, weight):
    assert log_linear_pool(triple, weight, triple) == pytest.approx(triple, abs=1e-6)


@given(TRIPLES, TRIPLES)
def test_disagreement_is_scipys_jensen_shannon_distance(words, voice):
    expected = jensenshannon(words, voice, base=2)

    found = disagreement(words, voice)

    # scipy takes the root of what rounding leaves below zero
    assert found == pytest.approx(0.0 if math.isnan(expected) else expected, abs=1e-6)
    assert 0.0 <= found <= 1.0


def test_disagreement_of_the_same_is_nothing_and_of_opposites_all():
    assert disagreement(GLAD, GLAD) == 0.0
    assert disagreement(Triple(1, 0, 0), Triple(0, 0, 1)) == 1.0
