"""Offline did not count the records by which participants joined: a lower revision."""

from tests.call_folder_builders import write_transfer
from tests.udfs.test_offline import rows_offline
from udfs.call_folder import read_call_folder
from udfs.replay_plan import ReplayOptions, plan_replay


def test_the_revision_counts_every_distinct_record(tmp_path):
    folder = read_call_folder(write_transfer(tmp_path / "call"))
    # the start and the join are repeated on the text stream; partial utterances do not count
    sent = {planned.data for planned in plan_replay([folder], ReplayOptions()).records}
    num_partial = sum(u.is_partial for u in folder.utterances)

    assert rows_offline(folder)["calls"]["call", "all"]["revision"] == len(sent) - num_partial
