import pytest

from udfs.training.examples import plain
from udfs.training.goemotions import rows, sentiment_of, split_of


@pytest.mark.parametrize(
    ("emotions", "label"),
    [
        ({"anger"}, 0),
        ({"neutral"}, 1),
        ({"joy"}, 2),
        ({"neutral", "joy"}, 2),
        ({"neutral", "anger"}, 0),
        ({"joy", "anger"}, None),
        ({"surprise"}, None),
        ({"joy", "curiosity"}, None),
    ],
)
def test_emotions_become_one_sentiment_or_none(emotions, label):
    assert sentiment_of(emotions) == label


def test_plain_text_is_what_a_recogniser_writes():
    assert plain("No, that’s NOT [NAME]'s -- really?!") == "no that's not [name]'s really"


def test_a_training_text_that_is_also_held_out_is_dropped(tmp_path):
    (tmp_path / "labels.txt").write_text("joy\nneutral\n")
    ids = [f"id{number}" for number in range(200)]
    lines = [f"Text number {i}!\t0\t{i}" for i in ids]
    test_id = next(i for i in ids if split_of(i) == "test")
    train_id = next(i for i in ids if split_of(i) == "train")
    lines.append(f"text NUMBER {test_id}\t0\t{train_id}")
    (tmp_path / "train.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "dev.tsv").write_text(f"Hm\t1\t{train_id}\n")
    (tmp_path / "test.tsv").write_text(f"Oh\t1\t{train_id}\n")
    found = list(rows(tmp_path))
    held_out = {plain(row["text"]) for row in found if row["split"] != "train"}
    assert held_out.isdisjoint(plain(row["text"]) for row in found if row["split"] == "train")
    assert len(found) == len(lines) - 1 + 2
