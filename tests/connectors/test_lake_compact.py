"""Compaction changes how many files there are, and nothing that a reader sees."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.lake_compact import CompactionRules, compact, groups_of
from connectors.lake_files import Lake, LakeError, LakeFile
from connectors.lake_reader import read_rows, write_rows
from tests.row_builders import STARTED_AT, ledger, reject, segment, summary
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, newest, partition_date

DATE = partition_date(STARTED_AT)
AT_ONCE = CompactionRules(min_age_s=0)
HOUR_S = 3_600


def every(_dt):
    return True


def write(root, table, rows, name, at_s=1_000, dt=DATE):
    write_rows(root, table, rows, lambda _: dt, file_name=name)
    os.utime(Path(root) / table.folder / f"dt={dt}" / name, (at_s, at_s))


def files_of(root, table, dt=DATE):
    return [file for file in Lake(root).files(table.folder) if file.dt == dt]


def run(root, rules=AT_ONCE, is_wanted=every):
    return list(compact(Lake(root), is_wanted, rules))


class KilledError(Exception):
    pass


class KilledLake(Lake):
    """Does so many writes and removals, and then no more."""

    def __init__(self, root, steps):
        super().__init__(root)
        self.steps = steps

    def put(self, path, rows):
        self._step()
        super().put(path, rows)

    def remove(self, path):
        self._step()
        super().remove(path)

    def _step(self):
        if not self.steps:
            raise KilledError
        self.steps -= 1


ROWS = st.builds(
    lambda window, revision, score: segment(window, revision=revision, score=score),
    st.integers(0, 2),
    st.integers(1, 2),
    st.sampled_from([None, 0.5, -0.5]),
)
FILES = st.lists(st.tuples(st.lists(ROWS, min_size=1, max_size=3), st.integers(1, 4)), max_size=5)


@settings(max_examples=25)
@given(FILES, st.integers(0, 12), st.integers(0, 3), st.permutations(range(5)))
def test_killed_after_any_step_and_run_again_no_reader_sees_a_change(files, steps, big, names):
    with tempfile.TemporaryDirectory() as root:
        for number, (rows, at_s) in enumerate(files):
            write(root, SEGMENTS, rows, f"part-{names[number]}", at_s)
        write(root, LEDGER, [ledger(participant_id="all")], "part-0")
        # room for all, or for about so many files
        target_bytes = max((f.num_bytes for f in files_of(root, SEGMENTS)), default=1) * big
        rules = CompactionRules(target_bytes or 1_000_000, min_age_s=0)
        rows_before = read_rows(root, SEGMENTS)
        newest_before = set(newest(rows_before, SEGMENTS))

        try:
            list(compact(KilledLake(root, steps), every, rules))
        except KilledError:
            assert set(newest(read_rows(root, SEGMENTS), SEGMENTS)) == newest_before
            assert set(read_rows(root, SEGMENTS)) == set(rows_before)
        run(root, rules)

        rows_after = read_rows(root, SEGMENTS)
        assert set(newest(rows_after, SEGMENTS)) == newest_before
        assert set(rows_after) == set(rows_before)
        for file in files_of(root, SEGMENTS):
            assert file.is_compacted or len(files) == 1 or big
        if not big and len(files) > 1:
            assert len(files_of(root, SEGMENTS)) == 1
            assert len(rows_after) == len(set(rows_before))


def test_of_equal_revisions_the_one_that_won_wins(tmp_path):
    first, second, third = (segment(score=score) for score in (1.0, 2.0, 1.0))
    for number, row in enumerate([first, second, third]):
        write(tmp_path, SEGMENTS, [row], f"part-{9 - number}", at_s=number + 1)
    run(tmp_path, CompactionRules(min_age_s=0, with_open_calls=True))
    assert read_rows(tmp_path, SEGMENTS) == [second, third]


def test_a_file_written_meanwhile_stays_and_comes_after(tmp_path):
    for number in range(2):
        write(tmp_path, CALLS, [summary(score=1.0)], f"part-{number}", at_s=number + 1)

    class Meanwhile(Lake):
        def put(self, path, rows):
            super().put(path, rows)
            write(tmp_path, CALLS, [summary(score=2.0)], "part-2", at_s=3)

    list(compact(Meanwhile(tmp_path), every, AT_ONCE))

    assert [file.name == "part-2" for file in files_of(tmp_path, CALLS)] == [False, True]
    assert newest(read_rows(tmp_path, CALLS), CALLS) == [summary(score=2.0)]


def test_a_partition_with_an_open_call_is_left_alone(tmp_path):
    for number in range(2):
        write(tmp_path, SEGMENTS, [segment(number)], f"part-{number}")
        write(tmp_path, SEGMENTS, [segment(number, call_id="call-2")], f"other-{number}")
        write(tmp_path, REJECTS, [reject(sequence_number=str(number))], f"part-{number}")
    write(tmp_path, LEDGER, [ledger(participant_id="all"), ledger(call_id="call-2")], "part-0")

    told = {done.table: (done.left_alone, done.files_after) for done in run(tmp_path)}

    assert told[SEGMENTS] == ("open calls", 4)
    assert told[REJECTS] == (None, 1)  # what was refused is over


def test_files_that_the_last_checkpoint_may_name_are_left_alone(tmp_path):
    for number, at_s in enumerate([0, HOUR_S]):
        write(tmp_path, CALLS, [summary()], f"part-{number}", at_s, dt="2026-11-22")
        write(tmp_path, REJECTS, [reject()], f"part-{number}", at_s, dt="2026-11-22")
    write(tmp_path, CALLS, [summary()], "part-0", at_s=HOUR_S + 60)

    rules = CompactionRules(min_age_s=900)
    assert {done.left_alone for done in run(tmp_path, rules)} == {"among the job's last files"}

    # any newer file shows that the job has gone on
    write(tmp_path, LEDGER, [ledger()], "part-1", at_s=HOUR_S + 901)
    assert {done.table: done.files_after for done in run(tmp_path, rules)} == {
        CALLS: 1,
        REJECTS: 1,
        LEDGER: 1,
    }


def test_only_the_wanted_dates_are_merged(tmp_path):
    for dt in ("2026-11-22", "2026-11-23"):
        for number in range(2):
            write(tmp_path, CALLS, [summary()], f"part-{number}", dt=dt)
    run(tmp_path, is_wanted="2026-11-22".__eq__)
    assert len(files_of(tmp_path, CALLS, "2026-11-22")) == 1
    assert len(files_of(tmp_path, CALLS, "2026-11-23")) == 2


def test_a_second_run_has_nothing_to_do(tmp_path):
    for number in range(3):
        write(tmp_path, CALLS, [summary(score=float(number))], f"part-{number}", number + 1)
    run(tmp_path)
    before = files_of(tmp_path, CALLS)
    run(tmp_path)
    assert files_of(tmp_path, CALLS) == before


def test_a_column_of_a_newer_version_is_not_lost(tmp_path):
    for number in range(2):
        write(tmp_path, CALLS, [summary()], f"part-{number}")
    lake = Lake(tmp_path)
    path = files_of(tmp_path, CALLS)[0].path
    stored = lake.read(path)
    lake.put(path, stored.append_column("mood", stored.column("role")))
    with pytest.raises(LakeError, match="column mood is of a newer version"):
        run(tmp_path)
    assert len(files_of(tmp_path, CALLS)) == 2


def test_groups_are_bounded_and_keep_files_of_one_instant_together():
    files = [LakeFile(str(n), 40, at) for n, at in enumerate([1, 2, 3, 3, 3, 4])]
    groups = [[file.path for file in group] for group in groups_of(files, 100)]
    assert groups == [["0", "1"], ["2", "3", "4"], ["5"]]
