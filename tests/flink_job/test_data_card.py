"""The data card's tables are those of the settings and of the models."""

from __future__ import annotations

import re
from pathlib import Path

from flink_job.data_card import rewritten
from flink_job.retention_settings import CLASSES, RetentionSettings

CARD = (Path(__file__).resolve().parents[2] / "deploy" / "DATA_CARD.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_settings_and_models():
    assert rewritten(CARD) == CARD, "run `python -m flink_job.data_card deploy/DATA_CARD.md`"


def test_every_class_of_data_is_in_it_with_the_settings_days():
    found = re.findall(r"\| (\d+) (?:days|hours) \| `retention\.([a-z.]+)` \|", CARD)
    told = {key: int(value) for value, key in found}

    settings = RetentionSettings()
    assert told == {one.key: getattr(settings, one.setting) for one in CLASSES}


def test_it_says_what_it_must_not_be_used_for():
    for words in ("decisions about employment", "legal or similarly significant effect", "5(1)(f)"):
        assert words in CARD
