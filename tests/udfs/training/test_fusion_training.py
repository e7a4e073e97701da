"""What a trained fusion must show on tables whose truth is known."""

import numpy as np
import pytest

from tests.fusion_tables import fusion_frame, write_fusion_table
from udfs.fusion import LABELS, label_of
from udfs.fusion_loading import fusion_of
from udfs.training.errors import TrainingError
from udfs.training.fusion import train
from udfs.training.fusion_choice import found_label
from udfs.training.fusion_table import read_fusion_table
from udfs.training.group_bootstrap import GroupBootstrap, macro_f1

KINDS = ("late", "early")


class Tables:
    """Tables and what was trained on them, each made once."""

    def __init__(self, folder):
        self.folder = folder
        self.trained = {}

    def path(self, name, **fields):
        path = self.folder / f"{name}.parquet"
        return path if path.exists() else write_fusion_table(path, fusion_frame(**fields))

    def train(self, kind, name, **fields):
        if (kind, name) not in self.trained:
            given = {"groups": 30, "rows": 15, **fields}
            self.trained[kind, name] = train(self.path(name, **given), kind)
        return self.trained[kind, name]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return Tables(tmp_path_factory.mktemp("tables"))


@pytest.mark.parametrize("kind", KINDS)
def test_where_audio_is_noise_it_is_found_to_add_nothing_and_text_alone_is_kept(tables, kind):
    file, choice = tables.train(kind, "noise", audio=0.0)

    assert not choice.audio_adds.is_above_zero
    assert choice.text_adds.is_above_zero
    assert (file.keeps, file.alone) == ("text", ("text",))
    assert file.audio is None
    fusion = fusion_of(file)
    example = read_fusion_table(tables.path("noise"), with_embeddings=True).examples[0]
    assert fusion.fuse(example.text, example.audio) == fusion.fuse(example.text, None)
    assert fusion.fuse(example.text, example.audio)[1:3] == (1.0, 0.0)
    assert fusion.fuse(None, example.audio) is None


def test_where_text_is_noise_audio_alone_is_kept(tables):
    file, choice = tables.train("late", "noisy text", text=0.0)

    assert (file.keeps, file.alone) == ("audio", ("audio",))
    assert not choice.text_adds.is_above_zero


@pytest.mark.parametrize("kind", KINDS)
def test_where_both_help_the_fused_beats_both_sides(tables, kind):
    file, choice = tables.train(kind, "help", missing=0.1)

    assert (file.keeps, file.alone) == ("both", ("text", "audio"))
    assert choice.text_adds.low > 0
    assert choice.audio_adds.low > 0
    assert choice.fused.value > max(choice.text_alone.value, choice.audio_alone.value) + 0.04


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", ["text", "audio"])
def test_with_a_missing_side_it_is_as_good_as_the_other_alone(tables, kind, side):
    file, _ = tables.train(kind, "help", missing=0.1)
    path = tables.path("unseen", groups=200, rows=15, seed=8)
    table = read_fusion_table(path, with_embeddings=True)
    fusion = fusion_of(file)
    draws = GroupBootstrap(table.groups, table.labels)

    one_sided = [
        fusion.fuse(e.text, None) if side == "text" else fusion.fuse(None, e.audio)
        for e in table.examples
    ]
    own = [LABELS.index(label_of(getattr(e, side).triple)) for e in table.examples]
    fused = np.array([found_label(one) for one in one_sided])

    assert draws.difference(macro_f1, fused, np.array(own)).value >= -0.01
    weights = (1.0, 0.0) if side == "text" else (0.0, 1.0)
    assert {one[1:3] for one in one_sided} == {weights}


@pytest.mark.parametrize("kind", KINDS)
def test_on_unseen_calls_the_fused_beats_both_sides(tables, kind):
    file, _ = tables.train(kind, "help", missing=0.1)
    path = tables.path("unseen", groups=200, rows=15, seed=8)
    table = read_fusion_table(path, with_embeddings=True)
    fusion = fusion_of(file)
    draws = GroupBootstrap(table.groups, table.labels)
    fused = np.array([found_label(fusion.fuse(e.text, e.audio)) for e in table.examples])

    for side in ("text", "audio"):
        own = [LABELS.index(label_of(getattr(e, side).triple)) for e in table.examples]
        assert draws.difference(macro_f1, fused, np.array(own)).is_above_zero


def test_early_fusion_finds_in_the_embeddings_what_the_probabilities_do_not_tell(tables):
    # the voice model calls everything neutral; its embedding still knows
    frame = fusion_frame(groups=30, rows=15)
    frame["audio_probabilities"] = [[0.1, 0.8, 0.1]] * len(frame)
    path = write_fusion_table(tables.folder / "mute.parquet", frame)

    _, late = train(path, "late")
    _, early = train(path, "early")

    assert late.keeps == "text"
    assert early.keeps == "both"
    assert early.fused.value > late.fused.value + 0.04


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_tells_the_labels_apart_nothing_is_written(tables, kind):
    with pytest.raises(TrainingError, match="neither words nor voice tell the labels apart"):
        tables.train(kind, "nothing", text=0.0, audio=0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_table_gives_the_same_fusion(tables, kind):
    file, _ = tables.train(kind, "few", groups=6, rows=10)
    again, _ = train(tables.path("few"), kind)

    assert fusion_of(again).fusion_model_id == fusion_of(file).fusion_model_id


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_names_its_models_and_what_was_measured(tables, kind):
    file, choice = tables.train(kind, "few", groups=6, rows=10)

    assert file.trained_for.text == ("text@1",)
    assert file.trained_for.audio == ("audio@1",)
    assert file.training["groups"] == 6
    assert file.training["audio_adds"] == [round(number, 4) for number in choice.audio_adds]
