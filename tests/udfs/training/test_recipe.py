import pytest

from udfs.training.errors import TrainingError
from udfs.training.recipe import RECIPES, read_recipe

SMALL = 'modality = "text"\n[base]\nmodel = "minilm"\n[head]\n'


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_can_be_read(path):
    modality = "audio" if "speech" in path.stem else "text"
    assert read_recipe(path.stem, modality).modality == modality
    assert read_recipe(str(path), modality) == read_recipe(path.stem, modality)


HOSTILE = {
    "no TOML": ("modality = ", "is no TOML"),
    "a word too many": (SMALL + "sharpness = 3\n", "head.sharpness: Extra inputs"),
    "both kinds": (SMALL + "[finetune]\nepochs = 1\n", r"either \[head\] or \[finetune\]"),
    "no kind": ('modality = "text"\n[base]\nmodel = "x"\n', r"either \[head\] or \[finetune\]"),
    "another modality's part": (SMALL + "[audio]\nnoise = 'n'\n", "does not fit the modality"),
    "shares beyond 1": (
        SMALL.replace("text", "audio") + "[audio]\nnoise = 'n'\n[audio.lines]\nclean = 0.9\n",
        "must sum to 1",
    ),
    "noise from nowhere": (SMALL.replace("text", "audio") + "[audio]\n", "folder of noises"),
    "a negative number": (SMALL + "inverse_regularization = -1\n", "greater than 0"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_recipe_is_refused_in_one_line(tmp_path, name):
    content, words = HOSTILE[name]
    file = tmp_path / "r.toml"
    file.write_text(content)
    modality = "audio" if '"audio"' in content else "text"
    with pytest.raises(TrainingError, match=words) as refused:
        read_recipe(str(file), modality)
    assert "\n" not in str(refused.value)


def test_a_recipe_of_the_other_modality_or_none_at_all_is_told(tmp_path):
    with pytest.raises(TrainingError, match="is for audio: use train audio"):
        read_recipe("speech", "text")
    with pytest.raises(TrainingError, match=r"one of .*speech.*text"):
        read_recipe(str(tmp_path / "none.toml"), "text")
