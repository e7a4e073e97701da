"""train fusion and evaluate fusion, as somebody calls them."""

import base64
import gzip
import json
import re

import plotly.graph_objects as go
import pytest
from typer.testing import CliRunner

from flink_job.cli import app
from tests.fusion_tables import fusion_frame, write_fusion_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables, and a fusion trained on each by the command."""
    folder = tmp_path_factory.mktemp("fusion")
    helps = {"groups": 30, "rows": 15, "missing": 0.1}
    write_fusion_table(folder / "helps.csv", fusion_frame(**helps))
    write_fusion_table(folder / "noise.parquet", fusion_frame(groups=30, rows=15, audio=0.0))
    unseen = fusion_frame(groups=80, rows=15, missing=0.1, seed=9)
    write_fusion_table(folder / "unseen.parquet", unseen)
    unseen_noise = fusion_frame(groups=80, rows=15, missing=0.1, audio=0.0, seed=9)
    write_fusion_table(folder / "unseen noise.parquet", unseen_noise)
    return folder


def call(*arguments) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    return result.exit_code, result.output


def trained(folder, name, *options) -> str:
    code, said = call("train", "fusion", "--table", folder / name, *options)
    assert code == 0, said
    return said


def test_noise_is_told_and_the_other_side_kept(folder):
    said = trained(folder, "noise.parquet", "--output", folder / "noise")

    assert "audio adds nothing to text: " in said
    assert "kept: text only" in said
    assert json.loads((folder / "noise" / "fusion.json").read_bytes())["keeps"] == "text"


def test_a_side_that_helps_is_told_with_its_interval(folder):
    said = trained(folder, "helps.csv", "--output", folder / "helps.json")

    assert re.search(r"audio adds to text: 0\.\d+ \(0\.\d+ to 0\.\d+\)", said)
    assert json.loads((folder / "helps.json").read_bytes())["keeps"] == "both"


@pytest.mark.parametrize("kind", ["late", "early"])
def test_an_evaluation_tells_what_fusing_is_worth(folder, kind):
    model = folder / f"{kind}.json"
    trained(folder, "helps.csv", "--output", model, "--kind", kind)

    code, said = call(
        "evaluate", "fusion", "--table", folder / "unseen.parquet", "--model", model,
        "--output", folder / kind,
    )  # fmt: skip

    assert code == 0
    assert "windows with both sides" in said
    found = json.loads((folder / kind / "evaluation.json").read_text(encoding="utf-8"))
    both = found["windows"]["both sides"]
    assert list(both["rules"]) == ["fused", "text", "audio", "prior"]
    assert both["fused_less"]["text"]["low"] > 0
    assert both["fused_less"]["audio"]["low"] > 0
    for side in ("text", "audio"):
        alone = found["windows"][f"{side} alone"]
        assert list(alone["rules"]) == ["fused", side]
        assert alone["fused_less"][side]["value"] >= -0.01
    assert sum(part["rows"] for part in found["windows"].values()) == found["rows"] == 1_200
    assert not found["trained_on_this_table"]


def test_the_page_holds_figures_that_plotly_knows_and_asks_no_server(folder):
    trained(folder, "helps.csv", "--output", folder / "page.json")
    call(
        "evaluate", "fusion", "--table", folder / "unseen.parquet",
        "--model", folder / "page.json", "--output", folder / "page",
    )  # fmt: skip

    page = (folder / "page" / "evaluation.html").read_text(encoding="utf-8")

    packed = re.findall(r'data-figure="([^"]+)"', page)
    figures = [json.loads(gzip.decompress(base64.b64decode(one))) for one in packed]
    assert len(figures) == 12  # four for each kind of windows
    for figure in figures:
        go.Figure(figure)
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="?https?:', page)


def test_a_window_that_gets_no_score_is_told_as_that(folder):
    trained(folder, "noise.parquet", "--output", folder / "one.json")

    code, said = call(
        "evaluate", "fusion", "--table", folder / "unseen noise.parquet",
        "--model", folder / "one.json", "--output", folder / "one",
    )  # fmt: skip

    assert code == 0
    assert "it uses text only" in said
    assert "no score" in said
    found = json.loads((folder / "one" / "evaluation.json").read_text(encoding="utf-8"))
    assert found["windows"]["audio alone"]["rules"]["fused"] is None
    assert abs(found["windows"]["both sides"]["fused_less"]["text"]["value"]) < 0.02


def test_the_table_it_was_trained_on_is_recognised(folder):
    trained(folder, "helps.csv", "--output", folder / "same.json")

    _, said = call(
        "evaluate", "fusion", "--table", folder / "helps.csv", "--model", folder / "same.json"
    )

    assert "it was trained on this very table" in said


def test_what_does_not_belong_together_is_one_line_and_exit_2(folder):
    trained(folder, "helps.csv", "--output", folder / "other.json")
    frame = fusion_frame(groups=5, rows=6).assign(text_model_id="text@2")
    write_fusion_table(folder / "other.csv", frame)

    for arguments, wrong in (
        (("evaluate", "fusion", "--table", folder / "other.csv", "--model", folder / "other.json"),
         "was trained for the text model text@1, not for text@2"),
        (("evaluate", "fusion", "--table", folder / "other.csv", "--model", folder / "absent"),
         "cannot be read"),
        (("train", "fusion", "--table", folder / "absent.csv", "--output", folder / "x.json"),
         "does not exist"),
    ):  # fmt: skip
        code, said = call(*arguments)
        assert code == 2
        assert wrong in said
        assert len(said.strip().splitlines()) == 1
    assert not (folder / "x.json").exists()
