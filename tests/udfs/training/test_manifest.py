import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training_builders import tone_manifest, word_manifest, write_table
from udfs.training.errors import TrainingError
from udfs.training.manifest import joined, read_manifest


def test_a_table_of_sounds_is_read_with_its_groups(tmp_path):
    manifest = read_manifest(tone_manifest(tmp_path, speakers=2, takes=1), "audio")
    assert len(manifest) == 6
    assert set(manifest.groups) == {"speaker", "sentence", "gender"}
    assert manifest.sound(0).shape == (6_400,)
    women = manifest.where(manifest.groups["gender"] == "woman")
    assert set(women.speakers) == {"s1"}


def test_csv_and_parquet_are_the_same(tmp_path):
    csv = word_manifest(tmp_path)
    table = pd.read_csv(csv)
    table["age"] = [30] * (len(table) - 1) + [None]
    table.to_parquet(tmp_path / "words.parquet")
    from_csv, from_parquet = (
        read_manifest(csv, "text"),
        read_manifest(tmp_path / "words.parquet", "text"),
    )
    assert np.array_equal(from_csv.contents, from_parquet.contents)
    assert np.array_equal(from_csv.labels, from_parquet.labels)
    assert set(from_parquet.groups["age"]) == {"30", ""}


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5))
def test_a_text_comes_back_as_it_was(tmp_path_factory, texts):
    file = tmp_path_factory.mktemp("texts") / "texts.parquet"
    pd.DataFrame({"text": [t.encode("utf-8", "replace").decode() for t in texts]}).to_parquet(file)
    manifest = read_manifest(file, "text", labelled=False)
    assert [t.rstrip("\0") for t in manifest.contents] == [
        t.encode("utf-8", "replace").decode().rstrip("\0") for t in texts
    ]


def test_words_that_look_like_numbers_or_nothing_stay_words(tmp_path):
    file = write_table(
        tmp_path / "t.csv",
        [{"text": "NA", "label": "neutral", "speaker": "007"}, {"text": "1e3", "label": "null"}],
    )
    manifest = read_manifest(file, "text")
    assert manifest.contents.tolist() == ["NA", "1e3"]
    assert manifest.labels.tolist() == ["neutral", "null"]
    assert manifest.speakers.tolist() == ["007", ""]


HOSTILE = {
    "no such column": ("words,label\na,b\n", "lacks the column 'text'.*it has words, label"),
    "no label": ("text\na\n", "lacks the column 'label'"),
    "no rows": ("text,label\n", "has no rows"),
    "nothing": ("", "is no CSV or Parquet table"),
    "an empty text": ("text,label\nx,neutral\n  ,neutral\n", "text is empty in row 2"),
    "an empty label": ("text,label\nx,\n", "label is empty in row 1"),
    "a torn quote": (
        'text,label\n"x,neutral\n"y"z","w,\n',
        "is no CSV or Parquet table|lacks|empty",
    ),
    "bytes": (b"\xff\xfe\x00\x81", "is no CSV or Parquet table"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_table_is_refused_in_one_line(tmp_path, name):
    content, words = HOSTILE[name]
    file = tmp_path / "hostile.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TrainingError, match=words) as refused:
        read_manifest(file, "text")
    assert "\n" not in str(refused.value)


def test_a_table_that_is_not_there_or_no_parquet_is_told(tmp_path):
    with pytest.raises(TrainingError, match="does not exist"):
        read_manifest(tmp_path / "none.csv", "text")
    (tmp_path / "x.parquet").write_text("no parquet")
    with pytest.raises(TrainingError, match="no CSV or Parquet"):
        read_manifest(tmp_path / "x.parquet", "text")


def test_sounds_that_are_not_there_are_counted(tmp_path):
    (tmp_path / "bad.wav").write_text("no sound")
    rows = [{"path": name, "label": "neutral"} for name in ("gone.wav", "bad.wav")]
    with pytest.raises(TrainingError, match=r"gone.wav and 1 more.*relative to the manifest"):
        read_manifest(write_table(tmp_path / "m.csv", rows), "audio")


@pytest.mark.parametrize(("start", "end"), [("x", "5"), ("5", "5"), ("-1", ""), ("9", "3")])
def test_a_span_that_is_none_is_told(tmp_path, start, end):
    rows = [{"path": "a.wav", "label": "neutral", "start_ms": start, "end_ms": end}]
    with pytest.raises(TrainingError, match="row 1 are no span"):
        read_manifest(write_table(tmp_path / "m.csv", rows), "audio")


def test_joined_tables_keep_order_and_fill_groups(tmp_path):
    first = read_manifest(word_manifest(tmp_path), "text")
    rows = [{"text": "hello", "label": "neutral", "region": "north"}]
    both = joined(first, read_manifest(write_table(tmp_path / "m.csv", rows), "text"))
    assert both.contents[-1] == "hello"
    assert both.groups["speaker"][-1] == ""
    assert both.groups["region"].tolist() == [""] * len(first) + ["north"]
