"""Which savepoints a version reads, and that the file says what the code does."""

from __future__ import annotations

import zipfile
from pathlib import Path

import msgspec
import pytest

from connectors.warehouse.loading import LoadState
from flink_job.savepoint import (
    HERE,
    Manifest,
    ManifestError,
    own_manifest,
    parse_manifest,
    read_manifest,
    uids_with,
    what_is_lost,
)
from udfs.assembly import VERSION as ASSEMBLY_VERSION
from udfs.call_state import VERSION as INTAKE_VERSION

REDSHIFT = {"warehouse": {"url": "redshift://workgroup/a/b"}}


def test_the_versions_of_state_are_those_of_the_code() -> None:
    written = {kind: versions[-1] for kind, versions in own_manifest().state_versions.items()}

    assert written == {
        "intake": INTAKE_VERSION,
        "assembly": ASSEMBLY_VERSION,
        "warehouse": LoadState().version,
    }


def test_the_same_version_reads_its_own() -> None:
    own = own_manifest()

    assert what_is_lost(own, REDSHIFT, own, REDSHIFT) == []


def test_a_step_more_is_no_loss() -> None:
    own = own_manifest()
    more = msgspec.structs.replace(own, uids={**own.uids, "erase": "always"})

    assert what_is_lost(own, {}, more, REDSHIFT) == []


def test_a_step_less_is() -> None:
    own = own_manifest()
    less = msgspec.structs.replace(
        own, uids={uid: when for uid, when in own.uids.items() if uid != "intake"}
    )

    assert what_is_lost(own, {}, less, {}) == ["nobody takes the state of intake"]


def test_leaving_the_warehouse_loses_the_rows_that_wait() -> None:
    own = own_manifest()

    assert what_is_lost(own, REDSHIFT, own, {}) == ["nobody takes the state of warehouse"]


def test_compaction_switched_off_loses_files_that_wait() -> None:
    own = own_manifest()
    [reason] = what_is_lost(own, {}, own, {"lake": {"auto.compaction": "false"}})

    assert "calls-compact-coordinator" in reason
    assert "calls-end" not in reason


@pytest.mark.parametrize(
    ("read", "lost"),
    [([1, 2], []), ([2], ["state of intake has version 1; read are: 2"])],
)
def test_state_of_an_older_version(read: list[int], lost: list[str]) -> None:
    own = own_manifest()
    old = msgspec.structs.replace(own, state_versions={**own.state_versions, "intake": [1]})
    new = msgspec.structs.replace(own, state_versions={**own.state_versions, "intake": read})

    assert what_is_lost(old, {}, new, {}) == lost


def test_flink_and_the_maximal_parallelism_must_stay() -> None:
    own = own_manifest()
    new = msgspec.structs.replace(own, flink="2.2", max_parallelism=256)

    assert what_is_lost(own, {}, new, {}) == [
        "Flink 1.20 became 2.2",
        "the maximal parallelism 128 became 256",
    ]


def test_the_warehouse_has_state_only_where_there_is_one() -> None:
    assert "warehouse" not in uids_with(own_manifest(), {})
    assert "warehouse" in uids_with(own_manifest(), REDSHIFT)


def test_the_zip_tells(tmp_path: Path) -> None:
    package = tmp_path / "job.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.write(HERE, "flink_job/savepoint.json")

    assert parse_manifest(read_manifest(package)) == own_manifest()


def test_what_is_no_zip_of_ours(tmp_path: Path) -> None:
    text, other = tmp_path / "a.zip", tmp_path / "b.zip"
    text.write_text("no zip")
    zipfile.ZipFile(other, "w").close()

    for path, why in ((text, "is no zip"), (other, "has no"), (tmp_path / "c.zip", "No such")):
        with pytest.raises(ManifestError, match=why):
            read_manifest(path)
    with pytest.raises(ManifestError, match="cannot be read"):
        parse_manifest(b"{}")
    assert isinstance(own_manifest(), Manifest)
