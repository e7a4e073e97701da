"""Small models trained on small tables, through the same door as large ones."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.tiny_models import tiny_wav2vec2
from tests.training_builders import (
    small_speech_base,
    small_text_base,
    tone_manifest,
    word_manifest,
    write_table,
)
from udfs.models.audio import load_audio_model
from udfs.models.contract import ModelSpec
from udfs.models.onnx_session import GRAPH_FILE
from udfs.models.text import load_text_model
from udfs.training.checkpoint import CHECKPOINT, Checkpoint
from udfs.training.errors import TrainingError
from udfs.training.finetune import divergence
from udfs.training.manifest import read_manifest
from udfs.training.recipe import Recipe
from udfs.training.train import FEATURES, train

pytestmark = pytest.mark.slow


def silent(_what):
    pass


def recipe(modality, base, **parts):
    return Recipe.model_validate({"modality": modality, "base": {"model": str(base)}, **parts})


QUIET = {"noise": 0.0, "noise_and_telephone": 0.0, "clean": 0.5, "telephone": 0.5}
AUDIO = {"copies": 1, "lines": QUIET, "piece_share": 0.0, "packet_loss_share": 0.2}
FINETUNE = {"epochs": 3, "patience": 3, "batch_size": 8, "learning_rate": 3e-3, "warmup_steps": 2}
ENOUGH = {"epochs": 12, "patience": 12, "batch_size": 8, "learning_rate": 1e-2, "warmup_steps": 5}


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return read_manifest(tone_manifest(tmp_path_factory.mktemp("tones")), "audio")


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return read_manifest(word_manifest(tmp_path_factory.mktemp("words")), "text")


@pytest.fixture(scope="module")
def speech_base(tmp_path_factory):
    return small_speech_base(tmp_path_factory.mktemp("base") / "speech")


@pytest.fixture(scope="module")
def text_base(tmp_path_factory):
    return small_text_base(tmp_path_factory.mktemp("base") / "text")


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(first, second):
    return first.keys() == second.keys() and all((first[n] == second[n]).all() for n in first)


@pytest.mark.parametrize("method", ["regression", "discriminant"])
def test_a_head_learns_tones_and_the_job_can_load_it(tones, speech_base, tmp_path, method):
    prior, head = [0.2, 0.6, 0.2], {"method": method}
    how = recipe("audio", speech_base, head=head, audio=AUDIO, operating_prior=prior)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / GRAPH_FILE).write_bytes(b"of the weights that were here before")
    scores = train(tones, how, tmp_path / "m", resume=False, progress=silent)
    assert scores["held out in training"]["macro_f1"] > 0.8
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert config["label_map"]["negative"] == "negative"
    assert config["operating_prior"] == [0.2, 0.6, 0.2]
    assert 0.2 <= config["calibration_temperature"] <= 5
    model = load_audio_model(ModelSpec(str(tmp_path / "m")))
    triple = model.probabilities(tones.sound(0))
    assert np.argmax(triple) == 0
    card = (tmp_path / "m" / "README.md").read_text()
    assert "24 examples of 4 speakers" in card
    assert {CHECKPOINT, FEATURES}.isdisjoint(file.name for file in (tmp_path / "m").iterdir())


def test_speakers_that_are_to_count_alike_must_be_named(words, text_base, tmp_path):
    how = recipe("text", text_base, head={"even_speakers": True})
    assert train(words, how, tmp_path / "m", resume=False, progress=silent)
    nameless = replace(words, groups={})
    with pytest.raises(TrainingError, match="add the column 'speaker'"):
        train(nameless, how, tmp_path / "n", resume=False, progress=silent)


def test_a_head_on_another_class_of_model_is_loadable(tones, tmp_path):
    base = tiny_wav2vec2(tmp_path / "base")
    how = recipe("audio", base, head={"class_weights": "none"})
    train(tones, how, tmp_path / "m", resume=False, progress=silent)
    triple = load_audio_model(ModelSpec(str(tmp_path / "m"))).probabilities(tones.sound(0))
    assert sum(triple) == pytest.approx(1)


def test_finetuning_learns_words_and_the_job_can_load_it(words, text_base, tmp_path):
    how = recipe("text", text_base, finetune=ENOUGH, text={"plain_share": 0.5})
    scores = train(words, how, tmp_path / "m", resume=False, progress=silent)
    assert scores["held out in training"]["macro_f1"] > 0.8
    model = load_text_model(ModelSpec(str(tmp_path / "m")))
    assert model.probabilities("good happy great").positive > 0.5
    assert model.probabilities("angry bad awful").negative > 0.5


def test_passes_differ_by_the_mean_of_both_divergences_of_a_row():
    first = torch.log(torch.tensor([[0.5, 0.5], [0.2, 0.8]]))
    second = torch.log(torch.tensor([[0.9, 0.1], [0.2, 0.8]])) + 3.0
    there = 0.9 * np.log(0.9 / 0.5) + 0.1 * np.log(0.1 / 0.5)
    back = 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1)
    assert float(divergence(first, second)) == pytest.approx((there + back) / 2 / 2)
    assert float(divergence(first, first)) == 0


def test_words_are_learnt_from_two_passes_that_are_to_say_the_same(words, text_base, tmp_path):
    how = recipe("text", text_base, finetune={**ENOUGH, "consistency": 0.3})
    scores = train(words, how, tmp_path, resume=False, progress=silent)
    assert scores["held out in training"]["macro_f1"] > 0.5, "0.17 by chance"


@pytest.mark.parametrize("kind", ["head", "finetune"])
def test_an_interrupted_training_ends_in_the_same_weights(kind, tones, speech_base, tmp_path):
    part = {"folds": 2} if kind == "head" else {**FINETUNE, "frozen": ["conv", "positions"]}
    how = recipe("audio", speech_base, **{kind: part}, audio={**AUDIO, "copies": 2})
    train(tones, how, tmp_path / "whole", resume=False, progress=silent)

    class Killed(BaseException):
        pass

    lines = []

    def killed_at_the_second(what):
        lines.append(what)
        if len(lines) == 2:
            raise Killed

    with pytest.raises(Killed):
        train(tones, how, tmp_path / "torn", resume=False, progress=killed_at_the_second)
    assert not (tmp_path / "torn" / "model.safetensors").exists()
    told = []
    train(tones, how, tmp_path / "torn", resume=True, progress=told.append)
    assert told[0].startswith("copy 1 of 3 was read" if kind == "head" else "resumed after")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "torn"))
    configs = [json.loads((tmp_path / n / "config.json").read_text()) for n in ("whole", "torn")]
    assert configs[0] == configs[1]


def test_finetuning_goes_on_in_the_midst_of_an_epoch(words, text_base, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def killed_after_saving(checkpoint, state):
        save(checkpoint, state)
        if len(state["scores"]) == 1 and len(state["losses"]) == 2:
            raise Killed

    how = recipe("text", text_base, finetune=FINETUNE)
    train(words, how, tmp_path / "whole", resume=False, progress=silent)
    save = Checkpoint.save
    monkeypatch.setattr("udfs.training.finetune.CHECKPOINT_BATCHES", 2)
    monkeypatch.setattr(Checkpoint, "save", killed_after_saving)
    with pytest.raises(Killed):
        train(words, how, tmp_path / "torn", resume=False, progress=silent)
    monkeypatch.setattr(Checkpoint, "save", save)
    told = []
    train(words, how, tmp_path / "torn", resume=True, progress=told.append)
    assert told[0] == "resumed after epoch 1, batch 2"
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "torn"))


def test_a_checkpoint_of_another_recipe_is_refused(words, text_base, tmp_path):
    def stop(_what):
        raise KeyboardInterrupt

    how = recipe("text", text_base, finetune={**FINETUNE, "epochs": 2})
    with pytest.raises(KeyboardInterrupt):
        train(words, how, tmp_path, resume=False, progress=stop)
    other = how.model_copy(update={"seed": 1})
    with pytest.raises(TrainingError, match="another recipe, manifest or seed"):
        train(words, other, tmp_path, resume=True, progress=silent)
    (tmp_path / CHECKPOINT).write_bytes(b"torn")
    with pytest.raises(TrainingError, match="damaged"):
        train(words, how, tmp_path, resume=True, progress=silent)


def test_training_stops_when_held_out_speakers_gain_no_more(words, text_base, tmp_path):
    still = {"epochs": 9, "patience": 1, "learning_rate": 1e-12, "head_learning_rate": 1e-12}
    told = []
    how = recipe("text", text_base, finetune=still)
    train(words, how, tmp_path / "m", resume=False, progress=told.append)
    assert [line for line in told if line.startswith("epoch")][-1].startswith("epoch 2 of 9")


def test_frozen_weights_stay_as_they_are(tones, speech_base, tmp_path):
    how = recipe("audio", speech_base, finetune={**FINETUNE, "epochs": 1, "frozen": ["layers"]})
    train(tones, how, tmp_path / "m", resume=False, progress=silent)
    before, after = weights(speech_base), weights(tmp_path / "m")
    moved = {name for name in before if name in after and before[name].shape == after[name].shape}
    assert all((before[n].half() == after[n]).all() for n in moved if n.startswith("layers"))
    assert not (before["conv1.weight"].half() == after["conv1.weight"]).all()


def test_finer_labels_are_summed_and_the_map_travels_with_the_model(text_base, tmp_path):
    rows = [
        {"text": f"{word} {number}", "label": label, "speaker": f"s{number % 3}"}
        for number in range(6)
        for word, label in [
            ("bad", "furious"),
            ("sad", "gloomy"),
            ("card", "flat"),
            ("yes", "glad"),
        ]
    ]
    manifest = read_manifest(write_table(tmp_path / "m.csv", rows), "text")
    how = recipe("text", text_base, head={"folds": 3})
    with pytest.raises(TrainingError, match=r"m.csv has the label 'flat'.*set a label map"):
        train(manifest, how, tmp_path / "m", resume=False, progress=silent)
    known = {"furious": "negative", "gloomy": "negative", "flat": "neutral", "glad": "positive"}
    how = how.model_copy(update={"labels": known})
    train(manifest, how, tmp_path / "m", resume=False, progress=silent)
    assert sum(load_text_model(ModelSpec(str(tmp_path / "m"))).probabilities("bad")) > 0.99
    prior = json.loads((tmp_path / "m" / "config.json").read_text())["training_prior"]
    assert prior == pytest.approx([0.5, 0.25, 0.25], abs=1e-3)


def test_extra_examples_are_learnt_from_and_never_held_out(words, text_base, tmp_path):
    extra = [{"text": "one of its kind", "label": "neutral"}]
    write_table(words.file.parent / "extra.csv", extra)
    how = recipe("text", text_base, head={}, extra_examples=["extra.csv"])
    scores = train(words, how, tmp_path / "m", resume=False, progress=silent)
    assert scores["held out in training"]["examples"] == len(words)
    assert "and 1 extra ones" in (tmp_path / "m" / "README.md").read_text()


def table(tmp_path, column, values, labels):
    rows = [
        {"text": f"word {number}", "label": label, column: value}
        for number, (label, value) in enumerate(zip(labels, values, strict=True))
    ]
    return read_manifest(write_table(tmp_path / "m.csv", rows), "text")


@pytest.mark.parametrize("kind", [{"head": {}}, {"finetune": {"epochs": 1}}])
@pytest.mark.parametrize(
    ("column", "values", "labels", "words"),
    [
        ("speaker", ["a"] * 4, ["negative", "neutral"] * 2, "one speaker only.*add"),
        ("speaker", ["a", "b"] * 2, ["neutral"] * 4, "one label only"),
        ("region", ["x"] * 3, ["negative", "neutral", "neutral"], "one example only"),
        ("split", ["test"] * 4, ["negative", "neutral"] * 2, "no row whose split is train"),
        ("speaker", ["a", "b"] * 2, ["gut", "schlecht"] * 2, "stands for no sentiment"),
    ],
)
def test_what_cannot_be_learnt_from_is_told(
    tmp_path, text_base, kind, column, values, labels, words
):
    manifest = table(tmp_path, column, values, labels)
    with pytest.raises(TrainingError, match=words):
        train(
            manifest,
            recipe("text", text_base, **kind),
            tmp_path / "m",
            resume=False,
            progress=silent,
        )


@pytest.mark.parametrize(
    ("modality", "base", "reason"),
    [
        ("text", {"model": "whisper-tiny"}, "is for audio"),
        ("text", {"model": "minilm", "layers": 7}, "has 6"),
        ("text", {"model": "some/model", "layers": 2}, "base.layers is for"),
    ],
)
def test_a_base_that_does_not_fit_is_told(words, tmp_path, modality, base, reason):
    how = Recipe.model_validate({"modality": modality, "base": base, "head": {}})
    with pytest.raises(TrainingError, match=reason):
        train(words, how, tmp_path / "m", resume=False, progress=silent)
