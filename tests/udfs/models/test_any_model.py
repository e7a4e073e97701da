"""Models of well-known classes from a folder, as a user would bring them."""

import dataclasses
import json

import numpy as np
import pytest

from tests import tiny_models
from udfs.models.audio import load_audio_model
from udfs.models.contract import WINDOW_SAMPLES, ModelError, ModelSpec
from udfs.models.text import load_text_model

WINDOW = (np.random.default_rng(0).normal(size=WINDOW_SAMPLES) * 0.05).astype(np.float32)


@pytest.fixture(scope="module")
def hubert(tmp_path_factory):
    return tiny_models.tiny_hubert(tmp_path_factory.mktemp("models") / "hubert")


@pytest.fixture(scope="module")
def roberta(tmp_path_factory):
    return tiny_models.tiny_roberta(tmp_path_factory.mktemp("models") / "roberta")


def is_distribution(triple):
    return all(0 <= p <= 1 for p in triple) and sum(triple) == pytest.approx(1)


@pytest.mark.parametrize("build", [tiny_models.tiny_hubert, tiny_models.tiny_wav2vec2])
def test_a_speech_classifier_scores_a_window(build, tmp_path):
    model = load_audio_model(ModelSpec(str(build(tmp_path / "model"))))
    assert is_distribution(model.probabilities(WINDOW))
    assert model.model_id.startswith("model@")


@pytest.mark.parametrize("text", ["i am not happy", "", " ", "\ud800", "ß漢字🙂", "a" * 10_000])
def test_a_text_classifier_scores_any_text(roberta, text):
    assert is_distribution(load_text_model(ModelSpec(str(roberta))).probabilities(text))


def test_what_follows_the_longest_input_does_not_count(roberta):
    model = load_text_model(ModelSpec(str(roberta)))
    assert model.probabilities("a" * 600) == model.probabilities("a" * 600 + "b" * 600)


def test_a_window_scores_the_same_after_others(hubert):
    model = load_audio_model(ModelSpec(str(hubert)))
    first = model.probabilities(WINDOW)
    model.probabilities(-WINDOW[::-1].copy())
    assert model.probabilities(WINDOW) == first


def test_an_operating_prior_moves_the_odds(roberta):
    spec = ModelSpec(str(roberta))
    plain = load_text_model(spec).probabilities("well")
    calm = load_text_model(dataclasses.replace(spec, operating_prior=(0.1, 0.8, 0.1)))
    odds = plain.neutral / plain.negative
    moved = calm.probabilities("well")
    assert moved.neutral / moved.negative == pytest.approx(8 * odds)


def test_bfloat16_comes_close_to_float32(roberta, hubert):
    for load, path, item in (
        (load_text_model, roberta, "well"),
        (load_audio_model, hubert, WINDOW),
    ):
        exact = load(ModelSpec(str(path), precision="float32")).probabilities(item)
        near = load(ModelSpec(str(path), precision="bfloat16")).probabilities(item)
        assert near == pytest.approx(exact, abs=0.05)


def test_other_weights_are_another_model(hubert, tmp_path):
    other = tiny_models.tiny_wav2vec2(tmp_path / "hubert")
    ids = {load_audio_model(ModelSpec(str(path))).model_id for path in (hubert, other)}
    assert len(ids) == 2


def test_a_random_head_stops_the_start(tmp_path):
    path = str(tiny_models.tiny_hubert_without_head(tmp_path / "bare"))
    with pytest.raises(ModelError, match=r"bare lacks the weights .*classifier.*fine-tuned"):
        load_audio_model(ModelSpec(path))


def test_an_unknown_label_stops_the_start(tmp_path):
    path = str(tiny_models.tiny_roberta(tmp_path / "model", ("LABEL_0", "LABEL_1", "LABEL_2")))
    with pytest.raises(ModelError, match=r"'LABEL_0'.*set a label map"):
        load_text_model(ModelSpec(path))
    label_map = {"LABEL_0": "negative", "LABEL_1": "neutral", "LABEL_2": "positive"}
    model = load_text_model(ModelSpec(path, label_map=label_map))
    assert is_distribution(model.probabilities("well"))


def test_a_model_of_many_labels_at_once_is_refused(tmp_path):
    folder = tmp_path / "model"
    path = tiny_models.tiny_roberta(folder, problem_type="multi_label_classification")
    with pytest.raises(ModelError, match="multi_label_classification"):
        load_text_model(ModelSpec(str(path)))


@pytest.mark.parametrize("load", [load_audio_model, load_text_model])
@pytest.mark.parametrize("path", ["./absent", "/no/such/folder", "a/b/c", ""])
def test_an_absent_folder_is_named(load, path):
    with pytest.raises(ModelError, match="does not exist: give an existing folder"):
        load(ModelSpec(path))


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=f"model {tmp_path} cannot be read.*give a folder"):
        load_audio_model(ModelSpec(str(tmp_path)))


def test_cut_off_weights_are_an_error_with_a_remedy(tmp_path):
    path = tiny_models.tiny_roberta(tmp_path / "model")
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000])
    with pytest.raises(ModelError, match="cannot be read"):
        load_text_model(ModelSpec(str(path)))


def test_a_model_for_another_rate_is_refused(tmp_path):
    path = tiny_models.tiny_hubert(tmp_path / "model")
    settings = path / "preprocessor_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"sampling_rate": 8_000}))
    with pytest.raises(ModelError, match="8000 Hz"):
        load_audio_model(ModelSpec(str(path)))


def test_a_model_that_brings_code_is_refused(tmp_path):
    path = tiny_models.tiny_roberta(tmp_path / "model")
    config = json.loads((path / "config.json").read_text())
    config["model_type"] = "unheard_of"
    config["auto_map"] = {"AutoConfig": "code.Config"}
    (path / "config.json").write_text(json.dumps(config))
    (path / "code.py").write_text("raise SystemExit('code of a stranger ran')\n")
    with pytest.raises(ModelError, match="cannot be read"):
        load_text_model(ModelSpec(str(path)))


def test_a_hub_id_that_is_not_cached_is_an_error_with_a_remedy_when_offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"superb-er cannot be read from the hub"):
        load_audio_model(ModelSpec("superb/hubert-base-superb-er"))
