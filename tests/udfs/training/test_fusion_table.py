"""A table from anybody: what is wrong with it is one line with column, row and remedy."""

import numpy as np
import pandas as pd
import pytest

from tests.fusion_tables import AUDIO_SIZE, TEXT_SIZE, fusion_frame, write_fusion_table
from udfs.training.errors import TrainingError
from udfs.training.fusion import train
from udfs.training.fusion_table import check_spread, read_fusion_table


def small(**changes) -> pd.DataFrame:
    return fusion_frame(groups=6, rows=5, missing=0.2, **changes)


def read(tmp_path, frame, name="t.parquet", *, with_embeddings=True):
    return read_fusion_table(
        write_fusion_table(tmp_path / name, frame), with_embeddings=with_embeddings
    )


def test_csv_and_parquet_say_the_same(tmp_path):
    tables = [read(tmp_path, small(), name) for name in ("t.csv", "t.parquet")]

    for one, other in zip(*(table.examples for table in tables), strict=True):
        assert (one.group, one.label) == (other.group, other.label)
        for side in ("text", "audio"):
            left, right = getattr(one, side), getattr(other, side)
            assert (left is None) == (right is None)
            if left is not None:
                assert left.triple == pytest.approx(right.triple)
                assert left[1:3] == pytest.approx(right[1:3])
                assert np.allclose(left.embedding, right.embedding)
    assert tables[0].trained_for.text == ("text@1",)


def test_a_side_without_probabilities_is_missing(tmp_path):
    table = read(tmp_path, small())

    assert {len(e.text.embedding) for e in table.examples if e.text} == {TEXT_SIZE}
    assert {len(e.audio.embedding) for e in table.examples if e.audio} == {AUDIO_SIZE}
    assert any(e.text is None for e in table.examples)
    assert any(e.audio is None for e in table.examples)


def test_lists_may_be_written_in_several_ways(tmp_path):
    (tmp_path / "t.csv").write_text(
        "group,label,text_probabilities,audio_probabilities\n"
        'a,Negative ,"[0.2, 0.3, 0.5]",\n'
        "b,neutral,0.2 0.3 0.5,\n"
        "c,positive,0.2;0.3;0.5,\n"
        'd,,"0.2,0.3,0.5",\n',
        encoding="utf-8",
    )

    table = read_fusion_table(tmp_path / "t.csv", with_embeddings=False)

    assert [e.text.triple for e in table.examples] == [pytest.approx((0.2, 0.3, 0.5))] * 3
    assert [e.label for e in table.examples] == [0, 1, 2]
    assert table.unlabelled == 1


@pytest.mark.parametrize("column", ["group", "label", "text_probabilities", "audio_embedding"])
def test_a_missing_column_is_named_with_those_there_are(tmp_path, column):
    with pytest.raises(TrainingError, match=rf"lacks the column '{column}' \(it has .*snr_db.*add"):
        read(tmp_path, small().drop(columns=column))


def test_embeddings_are_asked_for_only_where_they_are_needed(tmp_path):
    frame = small().drop(columns=["text_embedding", "audio_embedding"])

    table = read(tmp_path, frame, with_embeddings=False)

    assert all(e.text is None or e.text.embedding is None for e in table.examples)


CELLS = [
    ("text_probabilities", "0.5 0.5", "is no distribution"),
    ("text_probabilities", "0.5 0.5 0.5", "is no distribution"),
    ("audio_probabilities", "-0.5 1 0.5", "is no distribution"),
    ("audio_probabilities", "nan 0.5 0.5", "is no distribution"),
    ("audio_probabilities", "sad", "is no list of numbers"),
    ("text_embedding", "", "is empty beside probabilities"),
    ("text_embedding", " ".join(["inf"] * TEXT_SIZE), "not finite"),
    ("snr_db", "loud", "is no number"),
    ("snr_db", "inf", "is no number"),
    ("label", "happy", "is none of negative, neutral, positive"),
    ("group", " ", "is empty"),
]


@pytest.mark.parametrize(("column", "cell", "wrong"), CELLS)
def test_a_wrong_cell_is_told_by_column_and_row_and_not_quoted(tmp_path, column, cell, wrong):
    frame = fusion_frame(groups=6, rows=5).astype(object)
    path = write_fusion_table(tmp_path / "t.csv", frame)
    written = pd.read_csv(path, dtype=str, keep_default_na=False)
    written.loc[16, column] = cell
    written.to_csv(path, index=False)

    with pytest.raises(TrainingError, match=rf"{column} of row 17 .*{wrong}.*: ") as caught:
        read_fusion_table(path, with_embeddings=True)

    assert "\n" not in str(caught.value)
    assert cell.strip() == "" or cell not in str(caught.value)


def test_embeddings_of_unequal_length_are_refused(tmp_path):
    frame = fusion_frame(groups=6, rows=5)
    frame.at[3, "audio_embedding"] = [0.5]

    with pytest.raises(TrainingError, match=r"audio_embedding has lists of unequal length \(1 and"):
        read(tmp_path, frame)


def test_embeddings_of_two_models_are_refused(tmp_path):
    frame = small()
    frame.loc[3:9, "audio_model_id"] = "audio@2"

    with pytest.raises(TrainingError, match=r"audio embeddings of several models \(audio@1, audio"):
        train(write_fusion_table(tmp_path / "t.csv", frame), "early")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"label": "neutral"}, r"one label only \(neutral\): add rows"),
        ({"group": "call-1"}, "one group only, so none can be held out: add rows"),
        ({"label": ["negative", "neutral"] * 15}, "no row labelled positive"),
        ({"label": ""}, "no row with a label"),
        (
            {"label": ["positive", *["negative", "neutral"] * 14, "neutral"]},
            "label positive has rows with both sides in 1 groups",
        ),
        ({"audio_probabilities": None}, "label negative has rows with both sides in 0 groups"),
    ],
)
@pytest.mark.parametrize("kind", ["late", "early"])
def test_too_little_to_tell_apart_is_one_line(tmp_path, change, wrong, kind):
    frame = fusion_frame(groups=6, rows=5).assign(**change)

    with pytest.raises(TrainingError, match=wrong) as caught:
        train(write_fusion_table(tmp_path / "t.csv", frame), kind)

    assert "\n" not in str(caught.value)


def test_two_labels_are_enough_to_be_measured_on(tmp_path):
    table = read(tmp_path, small().assign(label=["negative", "neutral"] * 15))

    check_spread(table, all_labels=False)


def test_absent_and_unreadable_files_are_one_line(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"no parquet")
    (tmp_path / "empty.csv").write_bytes(b"")
    for name, wrong in (
        ("absent.csv", "does not exist"),
        ("t.parquet", "no CSV or Parquet table"),
        ("empty.csv", "no CSV or Parquet table"),
    ):
        with pytest.raises(TrainingError, match=wrong):
            read_fusion_table(tmp_path / name, with_embeddings=False)
