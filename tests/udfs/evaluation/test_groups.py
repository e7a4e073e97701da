import numpy as np

from tests.udfs.evaluation.test_measures import sure
from udfs.evaluation.groups import by_group

TRUTH = np.tile(np.arange(3), 40)


def test_the_worst_group_and_its_gap_are_named():
    city = np.repeat(["north", "south"], 60)
    found = np.where(city == "south", (TRUTH + (np.arange(120) % 2)) % 3, TRUTH)
    groups = by_group(TRUTH, sure(found), {"city": city}, None)["city"]
    assert (groups["worst"], groups["best"]) == ("south", "north")
    south = groups["values"]["south"]["macro_f1"].value
    assert groups["gap"] == 1.0 - south
    assert 0.4 < south < 0.6


def test_small_groups_are_counted_and_rows_names_are_no_groups():
    team = np.array(["big"] * 111 + ["small"] * 9)
    columns = {"team": team, "id": np.arange(120).astype(str), "one": np.array(["x"] * 120)}
    groups = by_group(TRUTH, sure(TRUTH), columns, None)
    assert list(groups) == ["team"]
    assert groups["team"]["too_small"] == ["small"]
    assert "worst" not in groups["team"]


def test_a_group_without_a_class_is_measured_and_not_ranked():
    lacking = np.where((TRUTH == 2) | (np.arange(120) < 60), "all", "lacking")
    even = np.where((np.arange(120) // 3) % 2, "even", "odd")
    groups = by_group(TRUTH, sure(TRUTH), {"mood": lacking, "parity": even}, None)
    assert "worst" not in groups["mood"]
    assert "lacking" in groups["mood"]["values"]
    assert groups["parity"]["gap"] == 0.0


def test_nobody_is_a_group():
    half = np.where(np.arange(120) < 60, "", "known")
    assert by_group(TRUTH, sure(TRUTH), {"team": half}, None) == {}
