"""All that a run ever writes, even what is gone again a moment later, such as a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from connectors.repeating import Repeating

_POLL_S = 0.02


class DiskWatch(Repeating):
    """Keeps a second link to every file that appears below a folder, from a thread of its own.

    A link has what is written into the file later too; a file that is renamed stays one.
    """

    def __init__(self, folder: Path, links: Path) -> None:
        """Begin with nothing.

        Args:
            folder: what is watched.
            links: a folder of the same file system outside of it.
        """
        super().__init__(self._look, _POLL_S, "disk watch")
        self._folder = folder
        self._links = links
        self._seen: dict[tuple[int, int], tuple[Path, Path]] = {}

    def __enter__(self) -> Self:
        self._links.mkdir()
        return super().__enter__()

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """Once it is over: every file that there was, by its path, with its last content."""
        self._look()
        for path, link in self._seen.values():
            yield path.relative_to(self._folder), link.read_bytes()

    def _look(self) -> None:
        for folder, _, names in os.walk(self._folder):  # leaves out what is gone meanwhile
            for name in names:
                with suppress(FileNotFoundError):
                    self._keep(Path(folder, name))

    def _keep(self, path: Path) -> None:
        if not path.is_file() or path.is_symlink():
            return
        status = path.stat()
        identity = (status.st_dev, status.st_ino)
        if identity not in self._seen:
            link = self._links / str(len(self._seen))
            link.hardlink_to(path)
            self._seen[identity] = (path, link)
