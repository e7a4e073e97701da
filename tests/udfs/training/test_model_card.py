from udfs.training.model_card import calm_table, score_table

ROW = {"macro_f1": 0.7, "recall": {"negative": 0.5, "neutral": 0.9, "positive": 0.7}}


def test_scores_become_rows_grouped_by_protocol():
    table = score_table({"speaker unseen": {"clean": {**ROW, "examples": 10}}}).splitlines()
    assert table[2:] == [
        "| **speaker unseen** | | | |",
        "| clean | 0.700 | 0.50 / 0.90 / 0.70 | 10 |",
    ]


def test_calm_calls_that_were_not_measured_leave_no_table():
    assert calm_table({}) == ""
