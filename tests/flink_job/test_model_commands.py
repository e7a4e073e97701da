"""train and evaluate as a user calls them."""

import json
import re

import plotly.graph_objects as go
import pytest
from typer.testing import CliRunner

from flink_job.cli import app
from flink_job.evaluation.figures import (
    confusion_figure,
    group_figure,
    recall_figure,
    reliability_figure,
)
from flink_job.evaluation.page import render
from tests.tiny_models import tiny_roberta
from tests.training_builders import small_speech_base, tone_manifest, write_table
from udfs.evaluation.run import Job, evaluate
from udfs.models.onnx_session import GRAPH_FILE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    tone_manifest(folder)
    small_speech_base(folder / "base")
    (folder / "small.toml").write_text(
        f'modality = "audio"\n[base]\nmodel = "{folder / "base"}"\n[head]\n'
    )
    return folder


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_model_is_trained_and_evaluated(folder):
    trained = call(
        *("train", "audio", "--manifest", folder / "tones.csv", "--threads", 1),
        *("--recipe", folder / "small.toml", "--output", folder / "model"),
    )
    assert trained.exit_code == 0, trained.output
    assert (folder / "model" / GRAPH_FILE).exists()
    found = call(
        *("evaluate", "audio", "--manifest", folder / "tones.csv", "--model", folder / "model"),
        *("--conditions", "clean,telephone", "--output", folder / "out", "--card"),
        folder / "model",
    )
    assert found.exit_code == 0, found.output
    assert "by gender, clean" in found.output
    assert "telephone " in found.output  # 80 characters are enough for the conditions' names
    written = json.loads((folder / "out" / "evaluation.json").read_text())
    assert written["conditions"]["telephone"]["all"]["rows"] == 24
    page = (folder / "out" / "evaluation.html").read_text()
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page)
    assert "| telephone |" in (folder / "model" / "README.md").read_text()


def test_a_graph_is_written_for_our_own_classes_only(tmp_path):
    written = call("export", small_speech_base(tmp_path / "ours"))
    assert written.exit_code == 0, written.output
    assert (tmp_path / "ours" / GRAPH_FILE).exists()
    refused = call("export", tiny_roberta(tmp_path / "theirs"))
    assert refused.exit_code == 2
    assert "which torch runs" in refused.output
    assert refused.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "audio", "--recipe", "small.toml"), "lacks the column 'path'"),
        (("train", "text", "--recipe", "small.toml"), "is for audio: use train audio"),
        (("evaluate", "audio", "--conditions", "underwater"), "no condition 'underwater'"),
        (("evaluate", "audio", "--model", "no/such/model/here"), "lacks the column 'path'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(folder, arguments, words, monkeypatch):
    monkeypatch.chdir(folder)
    write_table(folder / "bad.csv", [{"file": "a.wav", "label": "neutral"}])
    output = ("--output", folder / "none") if arguments[0] == "train" else ()
    refused = call(*arguments, "--manifest", folder / "bad.csv", *output)
    assert refused.exit_code == 2
    assert words in refused.output
    assert len(refused.output.strip().splitlines()) == 1


def test_a_model_that_is_not_there_is_told(folder):
    refused = call(
        *("evaluate", "audio", "--manifest", folder / "tones.csv", "--model", "/no/such"),
    )
    assert refused.exit_code == 2
    assert "does not exist" in refused.output


@pytest.fixture(scope="module")
def evaluation(folder):
    job = Job(
        "audio",
        folder / "tones.csv",
        conditions="clean,telephone",
        leave_one_out="speaker",
        recipe=str(folder / "small.toml"),
        calm=folder / "tones.csv",
    )
    return evaluate(job, lambda _what: None)


def test_every_figure_is_one_that_plotly_knows(evaluation):
    clean = evaluation["conditions"]["clean"]
    figures = [
        recall_figure(evaluation["conditions"]),
        confusion_figure(clean["all"]),
        reliability_figure(clean["all"]),
        *(group_figure(c, g, clean["all"]["macro_f1"]) for c, g in clean["groups"].items()),
    ]
    for figure in figures:
        go.Figure(figure)


def test_a_hostile_group_name_stays_words(evaluation):
    hostile = "<script>alert(1)</script>"
    groups = evaluation["conditions"]["clean"]["groups"]["gender"]
    changed = {**groups, "values": {hostile: groups["values"]["man"]}, "worst": hostile}
    clean = {**evaluation["conditions"]["clean"], "groups": {hostile: changed}}
    page = render({**evaluation, "model": hostile, "conditions": {"clean": clean}})
    assert hostile not in page
    assert "&lt;script&gt;alert" in page
    figure = group_figure(hostile, changed, clean["all"]["macro_f1"])
    assert "<" not in json.dumps(figure["layout"]["yaxis"])
