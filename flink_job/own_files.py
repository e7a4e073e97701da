"""Files of a user's own that settings name: a policy, a trained fusion, a prompt.

On the service there is no disk to name a file on: ``package --files`` puts them into the job's zip,
where they are found by their name alone. So the same settings hold on a laptop and on the service.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from connectors.deployment.job_zip import DEP, Entry, PackageError
from flink_job.setting_types import SettingsError

OWN_FILES: Final = Path(__file__).with_name("own_files")
"""There only where the job runs from its zip."""
_PACKED: Final = PurePosixPath(DEP) / "flink_job" / OWN_FILES.name

Named = tuple[str, str, str]
"""A setting that names a file: group, key, value."""


def own_file(path: str) -> Path:
    """The file that a setting names: where it says, else the one of its name in the job's zip."""
    given, packed = Path(path), OWN_FILES / Path(path).name
    return packed if packed.is_file() and not given.is_file() else given


def own_file_entries(files: Iterable[Path]) -> Iterator[Entry]:
    """Files for the job's zip.

    Raises:
        PackageError: one is missing, or two have one name.
    """
    names = set()
    for file in files:
        if not file.is_file():
            msg = f"{file}: is no file; name a policy, a fusion or a prompt"
            raise PackageError(msg)
        if file.name in names:
            msg = f"{file}: there is one of that name already; rename it"
            raise PackageError(msg)
        names.add(file.name)
        yield Entry(str(_PACKED / file.name), file)


def check_packed(package: Path, named: Iterable[Named]) -> None:
    """Whether the job's zip holds every file that the settings name.

    Raises:
        SettingsError: it lacks one.
    """
    with zipfile.ZipFile(package) as archive:
        held = set(archive.namelist())
    for group, key, path in named:
        if str(_PACKED / Path(path).name) not in held:
            remedy = f"is not in {package}; pack it: `call-sentiment package --files {path}`"
            raise SettingsError(group, key, path, remedy)
