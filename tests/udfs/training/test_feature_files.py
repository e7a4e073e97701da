"""What is kept of sounds and texts, and when it is another's."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from tests.training_builders import tone_manifest, word_manifest
from udfs.training.bases import BaseModel
from udfs.training.feature_files import FeatureFiles, digest_of, features_about
from udfs.training.manifest import read_manifest
from udfs.training.recipe import Recipe


def counted(values):
    calls = []

    def read():
        calls.append(1)
        return np.array(values, dtype=np.float32)

    return read, calls


def test_an_array_is_read_once_and_comes_back_the_same(tmp_path):
    read, calls = counted([[1.5, -2.0]])
    files = FeatureFiles(tmp_path / "new", "these sounds")
    first, was_kept = files.kept("copy 0", read)
    assert not was_kept
    again, was_kept = FeatureFiles(tmp_path / "new", "these sounds").kept("copy 0", read)
    assert was_kept
    assert np.array_equal(first, again)
    assert len(calls) == 1
    FeatureFiles(tmp_path / "new", "other sounds").kept("copy 0", read)
    files.kept("copy 1", read)
    assert len(calls) == 3


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read, calls = counted([1.0])
    for _ in range(2):
        FeatureFiles(None).kept("copy 0", read)
    assert len(calls) == 2
    assert not list(tmp_path.iterdir())


def test_parts_do_not_run_into_one_another():
    assert digest_of([b"ab", b"c"]) != digest_of([b"a", b"bc"])


@pytest.fixture
def base():
    layer = torch.nn.Linear(2, 3)
    return BaseModel(torch.nn.Sequential(layer), None)


def recipe(modality, **parts):
    return Recipe.model_validate(
        {"modality": modality, "base": {"model": "x"}, "head": {}, **parts}
    )


def test_features_hang_on_sounds_noise_base_and_reading_and_on_nothing_else(tmp_path, base):
    manifest = read_manifest(tone_manifest(tmp_path), "audio")
    (tmp_path / "noise").mkdir()
    noise = np.random.default_rng(0).normal(size=800)
    soundfile.write(tmp_path / "noise" / "a.wav", noise, 16_000)
    noisy = recipe("audio", audio={"copies": 1, "noise": "noise"})
    about = features_about(manifest, noisy, base)
    folds = noisy.head.model_copy(update={"folds": 3})
    otherwise = {"operating_prior": (0.2, 0.6, 0.2), "head": folds}
    fitted_otherwise = noisy.model_copy(update=otherwise)
    assert features_about(manifest, fitted_otherwise, base) == about
    others = {
        features_about(manifest, noisy.model_copy(update={"seed": 1}), base),
        features_about(manifest.where(np.arange(len(manifest)) > 0), noisy, base),
        features_about(replace(manifest, spans=((0, 90),) * len(manifest)), noisy, base),
    }
    soundfile.write(tmp_path / "noise" / "a.wav", noise / 2, 16_000)
    others.add(features_about(manifest, noisy, base))
    with torch.no_grad():
        base.model[0].weight += 1
    others.add(features_about(manifest, noisy, base))
    soundfile.write(manifest.contents[0], manifest.sound(0) / 2, 16_000)
    others.add(features_about(manifest, noisy, base))
    assert len(others | {about}) == 7


def test_features_hang_on_texts(tmp_path, base):
    words = read_manifest(word_manifest(tmp_path), "text")
    changed = replace(words, contents=np.array(["other", *words.contents[1:]]))
    plain = recipe("text")
    assert features_about(words, plain, base) != features_about(changed, plain, base)
