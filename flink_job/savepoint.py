"""Which savepoints a version of the job can read: ``savepoint.json``, in its zip, tells.

Flink finds state by the uid of its operator and refuses a savepoint with state for which there is
none. Our own state carries a version besides, and an operator reads some of them. So, before a
running job is stopped, what it keeps can be held against what the next version reads. A test holds
the file against the job.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from flink_job.settings import LakeSettings, WarehouseSettings

MANIFEST: Final = "savepoint.json"
HERE: Final = Path(__file__).with_name(MANIFEST)
Groups = Mapping[str, Mapping[str, str]]
Condition = Literal["always", "lake.auto.compaction", "warehouse.url"]


class ManifestError(ValueError):
    """A zip does not say which savepoints it reads; the message says what to do."""

    def __init__(self, what: object, why: str) -> None:
        super().__init__(f"{what}: {why}; name what `package` wrote")


class Manifest(msgspec.Struct, frozen=True):
    """What a version of the job keeps in a savepoint."""

    flink: str
    """Flink's version, without its patch."""
    max_parallelism: int
    uids: dict[str, Condition]
    """Operators with state, and the setting without which they are not there."""
    state_versions: dict[str, list[int]]
    """For each of our own kinds of state: the versions that are read; the last is written."""


def own_manifest() -> Manifest:
    """That of this version."""
    return parse_manifest(HERE.read_bytes())


def parse_manifest(data: bytes) -> Manifest:
    """A manifest from its file.

    Raises:
        ManifestError: it is none.
    """
    try:
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise ManifestError(MANIFEST, f"cannot be read ({error})") from error


def read_manifest(package: Path) -> bytes:
    """The manifest's bytes out of the job's zip.

    Raises:
        ManifestError: the file is no zip of the job.
    """
    name = f"flink_job/{MANIFEST}"
    try:
        with zipfile.ZipFile(package) as archive:
            found = [one for one in archive.namelist() if one == name or one.endswith(f"/{name}")]
            if not found:
                raise ManifestError(package, f"has no {name}")
            return archive.read(found[0])
    except OSError as error:
        raise ManifestError(package, error.strerror or type(error).__name__) from error
    except zipfile.BadZipFile as error:
        raise ManifestError(package, "is no zip") from error


def uids_with(manifest: Manifest, groups: Groups) -> frozenset[str]:
    """The operators with state that there are with these property groups."""
    lake = LakeSettings(root="any", **_only(groups, "lake", "auto.compaction"))
    warehouse = WarehouseSettings(**_only(groups, "warehouse", "url"))
    holds: dict[Condition, bool] = {
        "always": True,
        "lake.auto.compaction": lake.auto_compaction,
        "warehouse.url": warehouse.url is not None,
    }
    return frozenset(uid for uid, condition in manifest.uids.items() if holds[condition])


def what_is_lost(old: Manifest, old_groups: Groups, new: Manifest, new_groups: Groups) -> list[str]:
    """Why the new version cannot go on from the old one's savepoint; empty: it can."""
    reasons = []
    if old.flink != new.flink:
        reasons.append(f"Flink {old.flink} became {new.flink}")
    if old.max_parallelism != new.max_parallelism:
        reasons.append(
            f"the maximal parallelism {old.max_parallelism} became {new.max_parallelism}"
        )
    gone = uids_with(old, old_groups) - uids_with(new, new_groups)
    if gone:
        reasons.append(f"nobody takes the state of {', '.join(sorted(gone))}")
    for kind, versions in old.state_versions.items():
        readable = new.state_versions.get(kind, [])
        if versions[-1] not in readable:
            known = ", ".join(map(str, readable)) or "none"
            reasons.append(f"state of {kind} has version {versions[-1]}; read are: {known}")
    return reasons


def _only(groups: Groups, group: str, key: str) -> dict[str, Any]:
    properties = groups.get(group, {})
    return {key: properties[key]} if key in properties else {}
