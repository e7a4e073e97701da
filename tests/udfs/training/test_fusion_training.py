"""What a trained fusion must show on tables whose truth is known."""

import numpy as np
import pytest

from tests.fusion_tables import fusion_frame, write_fusion_table
from udfs.evaluation.measures import Bootstrap, macro_f1
from udfs.evaluation.paired import difference, is_above_zero
from udfs.fusion_loading import fusion_of
from udfs.training.errors import TrainingError
from udfs.training.fusion import train
from udfs.training.fusion_early import fit_early
from udfs.training.fusion_late import fit_late
from udfs.training.fusion_table import read_fusion_table

pytestmark = pytest.mark.slow


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

    def unseen(self):
        path = self.path("unseen", groups=200, rows=15, seed=8)
        return read_fusion_table(path, with_embeddings=True)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return Tables(tmp_path_factory.mktemp("tables"))


def above(table, triples, others):
    """By how much one rule's macro-F1 is above another's."""
    groups = np.array([example.group for example in table.examples])
    draws = [
        Bootstrap(table.labels, np.array([tuple(triple) for triple in of_rule]), groups)
        for of_rule in (triples, others)
    ]
    return difference(macro_f1, *draws)


@pytest.mark.parametrize("kind", KINDS)
def test_where_audio_is_noise_it_is_found_to_add_nothing_and_text_alone_is_kept(tables, kind):
    file, choice = tables.train(kind, "noise", audio=0.0)

    assert not is_above_zero(choice.audio_adds)
    assert is_above_zero(choice.text_adds)
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
    assert not is_above_zero(choice.text_adds)


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
    table = tables.unseen()
    fusion = fusion_of(file)

    one_sided = [
        fusion.fuse(e.text, None) if side == "text" else fusion.fuse(None, e.audio)
        for e in table.examples
    ]

    own = [getattr(e, side).triple for e in table.examples]
    assert above(table, [one.triple for one in one_sided], own).value >= -0.01
    weights = (1.0, 0.0) if side == "text" else (0.0, 1.0)
    assert {one[1:3] for one in one_sided} == {weights}


@pytest.mark.parametrize("kind", KINDS)
def test_on_unseen_calls_the_fused_beats_both_sides(tables, kind):
    file, _ = tables.train(kind, "help", missing=0.1)
    table = tables.unseen()
    fusion = fusion_of(file)
    fused = [fusion.fuse(e.text, e.audio).triple for e in table.examples]

    for side in ("text", "audio"):
        own = [getattr(e, side).triple for e in table.examples]
        assert is_above_zero(above(table, fused, own))


def test_early_fusion_finds_in_the_embeddings_what_the_probabilities_do_not_tell(tables):
    # the voice model calls everything neutral; its embedding still knows
    frame = fusion_frame(groups=20, rows=15)
    frame["audio_probabilities"] = [[0.1, 0.8, 0.1]] * len(frame)
    path = write_fusion_table(tables.folder / "mute.parquet", frame)

    _, late = train(path, "late")
    file, early = train(path, "early")

    assert late.keeps == "text"
    assert early.keeps == "both"
    assert {"both", "audio"} <= set(file.embeddings_for)
    assert early.fused.value > late.fused.value + 0.04


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_tells_the_labels_apart_nothing_is_written(tables, kind):
    with pytest.raises(TrainingError, match="neither words nor voice tell the labels apart"):
        tables.train(kind, "nothing", text=0.0, audio=0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_table_gives_the_same_fusion(tables, kind):
    path = tables.path("few", groups=6, rows=10)
    examples = read_fusion_table(path, with_embeddings=True).examples
    fit = {"late": fit_late, "early": fit_early}[kind]

    assert fusion_of(fit(examples)).fusion_model_id == fusion_of(fit(examples)).fusion_model_id


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_names_its_models_and_what_was_measured(tables, kind):
    file, choice = tables.train(kind, "few", groups=6, rows=10)

    assert file.trained_for.text == ("text@1",)
    assert file.trained_for.audio == ("audio@1",)
    assert file.training["groups"] == 6
    assert file.training["audio_adds"] == [round(number, 4) for number in choice.audio_adds]
