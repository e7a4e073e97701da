"""The list's files: read when they are new, obeyed at once by who writes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from connectors.lake_files import Lake, LakeError
from connectors.suppression import SuppressionFiles, SuppressionWatch, new_digester
from flink_job.preflight import check_suppression
from flink_job.setting_types import SettingsError
from flink_job.settings import parse_settings
from udfs.suppression import Entry

KEY = b"k" * 32


def files(root: Path) -> SuppressionFiles:
    return SuppressionFiles(Lake(root))


def watch(root: Path, *keys: bytes) -> SuppressionWatch:
    return SuppressionWatch(files(root), lambda: keys)


def entry(call_id: str, *keys: bytes) -> Entry:
    return new_digester([], keys).call(call_id, None)


def test_what_is_written_is_obeyed_after_the_next_look(tmp_path: Path) -> None:
    watched = watch(tmp_path, KEY)
    files(tmp_path).write("one", [entry("call-1", KEY)])
    assert not watched.has_call("call-1")

    watched.refresh()

    assert watched.has_call("call-1")


def test_a_file_that_grew_is_read_again(tmp_path: Path) -> None:
    watched = watch(tmp_path, KEY)
    for calls in (["call-1"], ["call-1", "call-2"]):
        files(tmp_path).write("one", [entry(call_id, KEY) for call_id in calls])
        watched.refresh()

    assert watched.has_call("call-2")


def test_what_the_job_finds_is_obeyed_at_once_and_read_by_others(tmp_path: Path) -> None:
    here, there = watch(tmp_path, KEY), watch(tmp_path, KEY)
    here.add_call("call-1", "2026-11-23")

    assert here.has_call("call-1")
    there.refresh()
    assert there.has_call("call-1")
    assert [one.dt for one in files(tmp_path).noted_by_job()] == ["2026-11-23"]


def test_without_a_key_entries_are_salted_and_share_their_salt(tmp_path: Path) -> None:
    first = new_digester([], ()).call("call-1", None)
    second = new_digester([first], ()).call("call-2", None)
    files(tmp_path).write("one", [first, second])

    assert first.under == second.under
    assert first.under != new_digester([], ()).under
    assert watch(tmp_path).has_call("call-2")


def test_keys_are_not_asked_for_while_nobody_is_listed(tmp_path: Path) -> None:
    def read_keys() -> tuple[bytes, ...]:
        raise AssertionError

    assert not SuppressionWatch(files(tmp_path), read_keys).has_call("call-1")


def test_entries_under_a_key_that_is_not_given_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files(tmp_path).write("one", [entry("call-1", KEY)])

    with caplog.at_level(logging.WARNING):
        watch(tmp_path, b"n" * 32)

    assert "suppression_key_lacking" in caplog.text


def test_what_is_no_list_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "suppression").mkdir()
    (tmp_path / "suppression" / "one.jsonl").write_text("{}\n")

    with pytest.raises(LakeError, match="no file of the suppression list"):
        watch(tmp_path)


def test_before_a_start_lacking_keys_are_told(tmp_path: Path) -> None:
    files(tmp_path).write("one", [entry("call-1", KEY)])
    groups = {
        "streams": {"audio.stream": "a", "text.stream": "t"},
        "lake": {"root": str(tmp_path)},
    }

    with pytest.raises(SettingsError, match="1 keys are lacking"):
        check_suppression(parse_settings(groups))
