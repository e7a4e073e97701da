"""SageMaker's entry points: trained and served as its containers do, asked as the job does."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from connectors.remote_models.opening import open_audio_scorer, open_text_scorers
from connectors.remote_models.spec import BackendSpec, RemoteSpec
from tests.bench.workload import read_bank
from tests.training_builders import small_text_base, word_manifest
from udfs.metrics import NoMetrics
from udfs.models.contract import ModelSpec
from udfs.models.scorer import Text
from udfs.models.source import PRETRAINED
from udfs.score_window import waveform_of
from udfs.speech import SpeechDetector

ROOT = Path(__file__).resolve().parents[2]
SAGEMAKER = ROOT / "deploy" / "sagemaker"
TEXTS = ["this is awful", "the card number", "good happy great", "so \ud800 what?"]
RECIPE = """
modality = "text"
[base]
model = "{base}"
[finetune]
epochs = 1
batch_size = 16
"""

pytestmark = [pytest.mark.models, pytest.mark.slow]


@contextmanager
def container(model_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """The URL of a container that serves a model folder; the job's clients find it."""
    command = [sys.executable, "-m", "tests.aws_servers.container", str(model_dir)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("http"), "the container did not start"
            monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            yield url
        finally:
            process.kill()


def remote(**more) -> BackendSpec:
    values = {"name": "calls", "time_limit_s": 60.0, "concurrency": 8}
    return BackendSpec(RemoteSpec("sagemaker", "eu-west-1", **{**values, **more}))


def spoken_windows(count: int):
    """Windows of the samples that a model is asked about: somebody speaks in them."""
    detector = SpeechDetector()
    waveforms = map(waveform_of, read_bank().signals())
    return list(islice((one for one in waveforms if detector.speech_spans_ms(one)), count))


def triples(scorer, inputs):
    outcomes = list(scorer.score(inputs))
    scorer.close()
    assert {outcome.missing for outcome in outcomes} == {None}
    return np.array([outcome.triple for outcome in outcomes])


def test_a_served_voice_model_gives_the_triples_of_the_worker(tmp_path, monkeypatch):
    model_dir = tmp_path / "model"
    shutil.copytree(PRETRAINED / "call-sentiment-speech", model_dir)
    entry_point().add_code(model_dir)
    waveforms = spoken_windows(12)
    local = triples(open_audio_scorer(BackendSpec(local=ModelSpec()), NoMetrics()), waveforms)

    with container(model_dir, monkeypatch):
        exact = remote(content_type="application/octet-stream")
        raw = triples(open_audio_scorer(exact, NoMetrics()), waveforms)
        wav = triples(open_audio_scorer(remote(), NoMetrics()), waveforms)
        three = remote(content_type="application/octet-stream", inputs_per_call=3)
        together = triples(open_audio_scorer(three, NoMetrics()), waveforms)

    assert np.abs(raw - local).max() < 1e-6
    assert np.abs(wav - local).max() < 0.05
    assert np.abs(together - local).max() < 1e-6


def test_what_the_training_job_leaves_can_be_served_and_gives_the_triples_of_the_worker(
    tmp_path, monkeypatch
):
    channel, model_dir = tmp_path / "channel", tmp_path / "model"
    channel.mkdir()
    shutil.move(word_manifest(tmp_path, speakers=3, takes=2), channel / "manifest.csv")
    base = small_text_base(tmp_path / "base")
    (channel / "recipe.toml").write_text(RECIPE.format(base=base))
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()

    assert run_training(channel, model_dir, monkeypatch, "--checkpoints", checkpoints) == 0

    local_spec = BackendSpec(local=ModelSpec(path=str(model_dir)))
    texts = [Text(text, "en") for text in TEXTS]
    local = triples(open_text_scorers({"en": local_spec}, NoMetrics())["en"], texts)
    with container(model_dir, monkeypatch):
        served = triples(open_text_scorers({"en": remote()}, NoMetrics())["en"], texts)
    assert np.abs(served - local).max() < 1e-6


def test_a_training_job_that_cannot_run_says_why_in_one_line(tmp_path, monkeypatch, capsys):
    assert run_training(tmp_path, tmp_path / "model", monkeypatch) == 1

    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "recipe.toml" in told


def run_training(channel: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch, *options) -> int:
    """The entry point's exit code; called in this process, where torch is loaded already."""
    monkeypatch.setenv("SM_CHANNEL_TRAINING", str(channel))
    monkeypatch.setenv("SM_MODEL_DIR", str(model_dir))
    recipe = channel / "recipe.toml"
    told = ["--modality", "text", "--recipe", recipe, *options, "--sagemaker_region", "eu-west-1"]
    monkeypatch.setattr(sys, "argv", ["train.py", *map(str, told)])
    monkeypatch.setattr(sys, "path", list(sys.path))
    torch.set_num_threads(1)  # threads of tiny models wait for each other on a busy machine
    return entry_point().main()


def entry_point():
    spec = importlib.util.spec_from_file_location("train_entry_point", SAGEMAKER / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
