"""How a trained fusion answers and explains itself, and what of its file is refused."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fusion_files import early_file, late_file
from udfs.fusion import AudioEvidence, PriorFusion, TextEvidence
from udfs.fusion_early import Array, EarlyFusion
from udfs.fusion_features import AUDIO_FEATURES, TEXT_FEATURES, audio_features, text_features
from udfs.fusion_file import FusionFileError, TrainedFor, shares_of, written
from udfs.fusion_late import LateFusion, Weights
from udfs.fusion_loading import check_models, fusion_of, load_fusion
from udfs.models.contract import Triple

SAD, GLAD = Triple(0.7, 0.2, 0.1), Triple(0.1, 0.2, 0.7)
TEXT = TextEvidence(SAD, 5.0, 0.9, np.array([0.5, -1.0, 2.0], np.float32))
AUDIO = AudioEvidence(GLAD, 0.4, 12.0, np.array([1.0, -1.0], np.float32))
FILES = {"late": late_file, "early": early_file}
KINDS = pytest.mark.parametrize("kind", FILES)

SHARES = st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda s: sum(s) > 0.01)
TRIPLES = SHARES.map(lambda shares: Triple(*(share / sum(shares) for share in shares)))
NUMBERS = st.floats(-1e4, 1e4, width=16)
TEXTS = st.builds(
    TextEvidence,
    TRIPLES,
    st.floats(0, 100),
    st.none() | st.floats(0, 1),
    st.lists(NUMBERS, min_size=3, max_size=3).map(np.array),
)
AUDIOS = st.builds(
    AudioEvidence,
    TRIPLES,
    st.floats(0, 1),
    st.none() | st.floats(-40, 90),
    st.lists(NUMBERS, min_size=2, max_size=2).map(np.array),
)


# --- answers -----------------------------------------------------------------------------------


@KINDS
@given(text=st.none() | TEXTS, audio=st.none() | AUDIOS)
def test_any_window_gets_a_distribution_and_weights_that_sum_to_one(kind, text, audio):
    fused = fusion_of(FILES[kind]()).fuse(text, audio)

    if text is None and audio is None:
        assert fused is None
        return
    assert sum(fused.triple) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in fused.triple)
    assert fused.text_weight + fused.audio_weight == pytest.approx(1)
    assert 0 <= fused.text_weight <= 1
    if text is None or audio is None:
        assert fused.text_weight == float(audio is None)
    assert fused.fusion_model_id.startswith(f"{kind}@")


def test_late_fusion_is_the_regression_of_its_file():
    file = late_file()
    of_text = np.array(file.both.text) @ text_features(TEXT)
    of_audio = np.array(file.both.audio) @ audio_features(AUDIO)
    logits = np.array(file.both.bias) + of_text + of_audio

    fused = LateFusion(file).fuse(TEXT, AUDIO)

    assert fused.triple == pytest.approx(np.exp(logits) / np.exp(logits).sum())
    moved = [np.linalg.norm(part - part.mean()) for part in (of_text, of_audio)]
    assert fused.text_weight == pytest.approx(moved[0] / sum(moved))


def test_early_fusion_is_the_head_of_its_file_with_its_sides_shapley_values_as_weights():
    file = early_file()

    def logits(text, audio):
        hidden, given = file.hidden_bias.values(), file.output_bias.values()
        for side, evidence, features in (
            (file.text, TEXT, text_features(TEXT)),
            (file.audio, AUDIO, audio_features(AUDIO)),
        ):
            if (side is file.text and text) or (side is file.audio and audio):
                hidden = hidden + side.hidden.values() @ evidence.embedding
                hidden = hidden + side.hidden_bias.values()
                given = given + side.linear.values() @ features
        return given + file.output.values() @ np.maximum(hidden, 0)

    whole, text, audio = logits(1, 1), logits(1, 0), logits(0, 1)
    nothing = file.output_bias.values()
    fused = EarlyFusion(file, PriorFusion()).fuse(TEXT, AUDIO)

    assert fused.triple == pytest.approx(np.exp(whole) / np.exp(whole).sum())
    adds = [(whole - audio + text - nothing) / 2, (whole - text + audio - nothing) / 2]
    assert sum(adds) == pytest.approx(whole - nothing)
    moved = [np.linalg.norm(part - part.mean()) for part in adds]
    assert fused.text_weight == pytest.approx(moved[0] / sum(moved))


def test_where_the_embeddings_add_nothing_they_do_not_count():
    file = early_file(embeddings_for=("both",))
    other = TEXT._replace(embedding=TEXT.embedding + 1)
    fusion = fusion_of(file)

    assert fusion.fuse(TEXT, None) == fusion.fuse(other, None)
    assert fusion.fuse(TEXT, AUDIO) != fusion.fuse(other, AUDIO)


def test_a_side_that_moves_nothing_weighs_nothing():
    assert shares_of(np.array([1.0, 2.0, 4.0]), np.array([7.0, 7.0, 7.0])) == (1.0, 0.0)
    assert shares_of(np.zeros(3), np.ones(3)) == (0.5, 0.5)


@pytest.mark.parametrize("make", [late_file, early_file])
def test_a_side_that_is_not_kept_does_not_count_and_gives_nothing_alone(make):
    fusion = fusion_of(make(keeps="text", alone=("text",), audio=None))

    assert fusion.fuse(TEXT, AUDIO) == fusion.fuse(TEXT, None)
    assert fusion.fuse(TEXT, AUDIO)[1:3] == (1.0, 0.0)
    assert fusion.fuse(None, AUDIO) is None


def test_windows_scored_before_embeddings_were_kept_are_left_to_the_prior():
    fusion = EarlyFusion(early_file(), PriorFusion())
    bare = TEXT._replace(embedding=None)

    assert fusion.fuse(bare, AUDIO) == PriorFusion().fuse(bare, AUDIO)
    assert fusion.fuse(bare, None).fusion_model_id == "prior-1"
    of_another_model = TEXT._replace(embedding=np.zeros(7, np.float32))
    assert fusion.fuse(of_another_model, AUDIO).fusion_model_id == "prior-1"


@KINDS
def test_it_travels_to_the_workers(kind):
    fusion = fusion_of(FILES[kind]())

    assert pickle.loads(pickle.dumps(fusion)).fuse(TEXT, AUDIO) == fusion.fuse(TEXT, AUDIO)  # noqa: S301


# --- features ----------------------------------------------------------------------------------


def test_uniform_probabilities_say_nothing():
    uniform = Triple(1 / 3, 1 / 3, 1 / 3)

    found = dict(zip(TEXT_FEATURES, text_features(TEXT._replace(triple=uniform)), strict=True))

    assert found.pop("words") == 0.5
    assert found.pop("confidence") == 0.9
    assert np.allclose(list(found.values()), 0)


def test_features_are_finite_and_bounded_at_the_edges():
    edge = Triple(1.0, 0.0, 0.0)
    text = text_features(TextEvidence(edge, 1e9, None))
    audio = audio_features(AudioEvidence(edge, 0.0, -200.0))

    assert np.abs(text).max() < 10
    assert dict(zip(TEXT_FEATURES, text, strict=True))["words"] == 1.0
    assert dict(zip(AUDIO_FEATURES, audio, strict=True))["clarity"] == 0.0


# --- the file ----------------------------------------------------------------------------------


@KINDS
def test_a_file_says_the_same_when_read_again(tmp_path, kind):
    path = tmp_path / "fusion.json"
    path.write_bytes(written(FILES[kind]()))

    fusion = load_fusion(path)

    assert fusion.fuse(TEXT, AUDIO) == fusion_of(FILES[kind]()).fuse(TEXT, AUDIO)
    assert fusion.kind == kind


def test_other_weights_are_another_fusion():
    ids = {
        fusion_of(file).fusion_model_id
        for file in (late_file(), late_file(alone=("text",)), early_file())
    }

    assert len(ids) == 3


def changed(file, changes):
    return json.dumps({**json.loads(written(file)), **changes}).encode()


@KINDS
@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"version": 2}, "has version 2, this program reads 1: train it again"),
        ({"format": "other"}, "is no fusion file"),
        ({"kind": "later"}, "does not hold what a fusion file must"),
        ({"keeps": "all"}, "does not hold what a fusion file must"),
        ({"text": None}, "missing|do not fit"),
        ({"text_features": ["mood"]}, "features"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(tmp_path, kind, changes, wrong):
    path = tmp_path / "fusion.json"
    path.write_bytes(changed(FILES[kind](), changes))

    with pytest.raises(FusionFileError, match=wrong) as caught:
        load_fusion(path)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\x00", b'{"version": 1}'])
def test_what_is_no_fusion_file_is_refused(tmp_path, data):
    path = tmp_path / "fusion.json"
    path.write_bytes(data)

    with pytest.raises(FusionFileError, match="is no fusion file: give one that train fusion"):
        load_fusion(path)


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(FusionFileError, match="cannot be read"):
        load_fusion(tmp_path / "absent.json")
    with pytest.raises(FusionFileError, match="cannot be read"):
        load_fusion(tmp_path)


def test_weights_of_another_shape_are_refused():
    with pytest.raises(FusionFileError, match="another shape"):
        LateFusion(late_file(text=Weights((0.0, 0.0, 0.0), text=((1.0,),) * 3)))
    with pytest.raises(FusionFileError, match="do not fit"):
        fusion_of(early_file(output=Array.of(np.zeros((3, 9)))))
    with pytest.raises(FusionFileError, match="cut off or not finite"):
        fusion_of(early_file(output=Array((3, 4), b"\0" * 47)))
    with pytest.raises(FusionFileError, match="cut off or not finite"):
        fusion_of(early_file(output=Array.of(np.full((3, 4), np.nan))))


# --- its models --------------------------------------------------------------------------------


class Model:
    def __init__(self, model_id, embedding_size=None):
        self.model_id = model_id
        self.embedding_size = embedding_size

    def answer(self, given):
        raise NotImplementedError

    probabilities = answer


@KINDS
def test_a_fusion_is_for_the_models_it_was_trained_for(kind):
    fusion = fusion_of(FILES[kind](trained_for=TrainedFor(("text@1",), ("audio@1",))))

    check_models(fusion, [Model("text@1", 3)], [Model("audio@1", 2)])
    check_models(fusion, [], [])
    with pytest.raises(FusionFileError, match=r"text model text@1, not for text@2: train it on"):
        check_models(fusion, [Model("text@2", 3)], [Model("audio@1", 2)])
    with pytest.raises(FusionFileError, match="audio model audio@1, not for audio@2"):
        check_models(fusion, [Model("text@1", 3)], [Model("audio@2", 2)])


def test_early_fusion_needs_embeddings_of_its_size():
    fusion = fusion_of(early_file())

    with pytest.raises(FusionFileError, match="the audio model ear gives none: use a local model"):
        check_models(fusion, [Model("eye", 3)], [Model("ear")])
    with pytest.raises(FusionFileError, match="text embeddings of 3 numbers, eye gives 5"):
        check_models(fusion, [Model("eye", 5)], [Model("ear", 2)])


def test_late_fusion_needs_no_embeddings():
    check_models(fusion_of(late_file()), [Model("eye")], [Model("ear")])
