"""Evaluations of small models and recipes, through the same door as large ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.tiny_models import tiny_wav2vec2
from tests.training_builders import (
    small_speech_base,
    small_text_base,
    tone_manifest,
    word_manifest,
    write_table,
)
from udfs.evaluation.as_json import as_json
from udfs.evaluation.cards import add_to_card
from udfs.evaluation.leave_out import left_out_parts
from udfs.evaluation.run import Job, evaluate
from udfs.training.errors import TrainingError
from udfs.training.manifest import read_manifest
from udfs.training.recipe import read_recipe
from udfs.training.train import train

pytestmark = pytest.mark.slow


ROOT = Path(__file__).resolve().parents[3]


def silent(_what):
    pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    tone_manifest(folder)
    word_manifest(folder)
    small_speech_base(folder / "speech")
    small_text_base(folder / "text")
    (folder / "noise").mkdir()
    noise = np.random.default_rng(0).normal(size=8_000) * 0.1
    soundfile.write(folder / "noise" / "hiss.wav", noise, 16_000)
    for modality, base in (("audio", "speech"), ("text", "text")):
        (folder / f"{modality}.toml").write_text(
            f'modality = "{modality}"\n[base]\nmodel = "{folder / base}"\n[head]\n'
        )
    return folder


def left_out(folder, **changes):
    options = {
        "modality": "audio",
        "manifest": folder / "tones.csv",
        "leave_one_out": "speaker,sentence",
        "recipe": str(folder / "audio.toml"),
    }
    return evaluate(Job(**(options | changes)), silent)


def test_heads_judge_everyone_whom_they_do_not_know(folder):
    found = left_out(folder, conditions="clean,noise-10,packet-loss", noise=folder / "noise")
    assert list(found["conditions"]) == ["clean", "noise-10", "packet-loss"]
    clean = found["conditions"]["clean"]
    assert clean["all"]["rows"] == 24
    assert clean["all"]["units"] == 4
    assert clean["all"]["macro_f1"].value > 0.8
    assert {"man", "woman"} == set(clean["groups"]["gender"]["values"])
    assert found["protocol"] == "speaker and sentence unseen"
    assert json.loads(as_json(found))["conditions"]["clean"]["all"]["rows"] == 24


def test_each_row_is_judged_once_by_who_knows_neither_speaker_nor_sentence(folder):
    manifest = read_manifest(folder / "tones.csv", "audio")
    parts = left_out_parts(manifest, ("speaker", "sentence"))
    assert np.array_equal(sum(part.judged.astype(int) for part in parts), np.ones(len(manifest)))
    for part in parts:
        for column in ("speaker", "sentence"):
            values = manifest.groups[column]
            assert set(values[part.judged]).isdisjoint(values[part.learnt])


def test_an_evaluation_goes_into_the_card_of_a_trained_model(folder, tmp_path):
    found = left_out(folder, calm=folder / "tones.csv")
    with pytest.raises(TrainingError, match="a model that train wrote"):
        add_to_card(found, tmp_path)
    recipe = read_recipe(str(folder / "audio.toml"), "audio")
    manifest = read_manifest(folder / "tones.csv", "audio")
    train(manifest, recipe, tmp_path, resume=False, progress=silent)
    add_to_card(found, tmp_path)
    once = (tmp_path / "README.md").read_text()
    add_to_card(found, tmp_path)
    assert (tmp_path / "README.md").read_text() == once
    assert "**tones.csv, speaker and sentence unseen, without operating prior**" in once
    assert "| calm calls" in once
    for group in found["conditions"]["clean"]["groups"]["gender"]["values"]:
        assert f"| clean, gender {group} |" in once
    assert "## Use and limits" not in once.partition("<!-- /scores -->")[0]


def test_sounds_read_once_are_judged_alike_by_later_commands(folder, tmp_path, monkeypatch):
    fresh = as_json(left_out(folder))
    recipe = read_recipe(str(folder / "audio.toml"), "audio")
    manifest = read_manifest(folder / "tones.csv", "audio")
    kept = tmp_path / "features"
    train(manifest, recipe, tmp_path / "m", resume=False, progress=silent, features=kept)

    def read_again(*_what):
        pytest.fail("what was kept is read again")

    monkeypatch.setattr("udfs.training.head.read_copy", read_again)
    assert as_json(left_out(folder, features=kept)) == fresh
    monkeypatch.setattr("udfs.evaluation.leave_out.heard", read_again)
    assert as_json(left_out(folder, features=kept)) == fresh


def test_an_evaluation_repeats(folder):
    assert as_json(left_out(folder)) == as_json(left_out(folder))


def test_a_model_is_asked_as_the_job_asks_it(folder):
    tiny_wav2vec2(folder / "wav2vec2")
    found = evaluate(
        Job("audio", folder / "tones.csv", str(folder / "wav2vec2"), "clean,telephone"), silent
    )
    assert found["model"].startswith("wav2vec2@")
    assert found["operating_prior"] is None
    assert found["always_commonest"]["accuracy"] == pytest.approx(1 / 3)


def test_words_are_judged_as_written_and_as_recognised(folder):
    found = left_out(
        folder,
        modality="text",
        manifest=folder / "words.csv",
        recipe=str(folder / "text.toml"),
        leave_one_out="speaker",
        conditions="all",
        operating_prior="0.2,0.6,0.2",
    )
    assert list(found["conditions"]) == ["written", "recognised"]
    assert found["operating_prior"] == (0.2, 0.6, 0.2)


def test_a_neutral_prior_calls_fewer_calm_windows_negative(folder):
    shares = []
    for prior in ("0.6,0.2,0.2", "0.05,0.9,0.05"):
        found = left_out(folder, calm=folder / "tones.csv", operating_prior=prior)
        assert found["calm"]["rows"] == 24
        shares.append(found["calm"]["share"]["negative"].value)
    assert shares[1] <= shares[0]
    assert shares[0] > 0


def test_calm_call_folders_are_heard_through_the_jobs_own_steps(folder):
    found = left_out(folder, calm=ROOT / "samples")
    assert found["calm"]["rows"] > 20
    shares = [estimate.value for estimate in found["calm"]["share"].values()]
    assert sum(shares) == pytest.approx(1)


def test_a_label_that_is_learnt_from_need_not_be_judged_by(folder):
    rows = [
        {"path": f"{speaker}-{label}-0.wav", "label": name, "speaker": f"s{speaker}"}
        for speaker in range(4)
        for label, name in [
            ("negative", "anger"),
            ("neutral", "boredom"),
            ("neutral", "neutral"),
            ("positive", "happiness"),
        ]
    ]
    manifest = write_table(folder / "emotions.csv", rows)
    found = left_out(
        folder, manifest=manifest, leave_one_out="speaker", skipped_labels=("boredom",)
    )
    assert found["conditions"]["clean"]["all"]["rows"] == 12


HOSTILE = {
    "no such condition": ({"conditions": "clean,underwater"}, "no condition 'underwater'"),
    "noise from nowhere": ({"conditions": "noise-10"}, "need --noise"),
    "no such column": ({"leave_one_out": "tribe"}, "lacks the column 'tribe'"),
    "a split that is not there": ({"split": "test"}, "no row whose split is test"),
    "shares that are none": ({"operating_prior": "1,2,x"}, "three shares above 0"),
    "shares beyond 1": ({"operating_prior": "0.5,0.5,0.5"}, "three shares above 0"),
    "a map without sentiments": ({"label_map": "angry"}, "give label=negative"),
    "three columns": ({"leave_one_out": "a,b,c"}, "one column, or two"),
    "no recipe": ({"recipe": "none.toml"}, "name a TOML file"),
    "fine-tuning": ({"recipe": "finetune-speech"}, r"needs a recipe with \[head\]"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_evaluated_is_told(folder, name):
    changes, words = HOSTILE[name]
    with pytest.raises(TrainingError, match=words):
        left_out(folder, **changes)


def test_one_label_or_one_speaker_is_told(folder):
    rows = [{"path": "0-neutral-0.wav", "label": "neutral", "speaker": s} for s in ("a", "b")]
    with pytest.raises(TrainingError, match="one label only"):
        left_out(folder, manifest=write_table(folder / "one.csv", rows), leave_one_out="speaker")
    rows = [{"path": f"0-{n}-0.wav", "label": n, "speaker": "a"} for n in ("neutral", "positive")]
    with pytest.raises(TrainingError, match="has one value only in the column 'speaker'"):
        left_out(folder, manifest=write_table(folder / "alone.csv", rows), leave_one_out="speaker")
