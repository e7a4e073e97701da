"""Gives back memory that loading libraries has touched and scoring never uses.

PyPI's torch for Linux is the CUDA build. Its loader reads through hundreds of megabytes of GPU
libraries to relocate them, and these pages count as a worker's own although a CPU job never looks
at them again. Dropping them (245 MB of 300) is safe: they are unchanged copies of the files, and
the kernel reads a page again where it is needed after all.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

_SMAPS = Path("/proc/self/smaps")
_MADV_DONTNEED = 4
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s+(/.*\.so.*)")


def release_library_pages() -> None:
    """Unmap every clean page of a shared library; does nothing where there is no ``/proc``."""
    if not _SMAPS.exists():
        return
    libc = ctypes.CDLL(None)
    # Loading a model and its weights leaves freed memory behind in the allocator's hands.
    libc.malloc_trim(0)
    for start, end in list(_unchanged_mappings()):
        # Advice: where the kernel declines, the pages simply stay.
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)


def _unchanged_mappings() -> Iterator[tuple[int, int]]:
    """Address ranges of libraries that are read-only and hold no page of our own.

    A relocated page (``Anonymous`` above 0) is not in the file and must stay.
    """
    library: re.Match[str] | None = None
    with _SMAPS.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line[0] in "0123456789abcdef":
                library = _MAPPING.match(line)
            elif library and line.startswith("Anonymous:") and line.split()[1] == "0":
                start, end, permissions, _ = library.groups()
                if "w" not in permissions:
                    yield int(start, 16), int(end, 16)
