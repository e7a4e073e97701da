"""Public data sets as manifests: ``python -m udfs.training.prepare --data DIR --output DIR``.

DIR holds ``emodb/``, ``esc10/``, ``goemotions/`` and ``harper_valley/``; sets that are absent are
passed over. Out come ``emodb.csv``, ``goemotions.csv``, ``service_phrases.csv``,
``harper_valley_audio.csv``, ``harper_valley_text.csv``, and the noises as ``noise/training`` and
``noise/test``. Sounds stay where they are; the manifests point to them.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from udfs.training import emodb, goemotions, harper_valley
from udfs.training.service_phrases import phrase_rows

TRAINING_FOLDS = ("1", "2", "3")
"""Of ESC-10; the others are for tests."""

Row = Mapping[str, object]


def write_manifest(file: Path, rows: Iterable[Row]) -> None:
    """One CSV; paths become relative to it."""
    rows = [
        {**row, "path": os.path.relpath(str(row["path"]), file.parent)} if "path" in row else row
        for row in rows
    ]
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def link_noises(folder: Path, output: Path) -> None:
    """ESC-10's sounds by fold, as links."""
    for path in sorted(folder.glob("*.flac")):
        part = "training" if path.name.split("-")[1] in TRAINING_FOLDS else "test"
        link = output / "noise" / part / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(path.resolve())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--output", type=Path, required=True, help="folder of the manifests")
    options = parser.parse_args(arguments)
    data, output = options.data.resolve(), options.output
    output.mkdir(parents=True, exist_ok=True)
    if (data / "esc10").is_dir():
        link_noises(data / "esc10", output)
    tables: Mapping[str, tuple[str, Callable[[Path], Iterable[Row]]]] = {
        "emodb": ("emodb", emodb.rows),
        "goemotions": ("goemotions", goemotions.rows),
        "harper_valley_audio": ("harper_valley", harper_valley.audio_rows),
        "harper_valley_text": ("harper_valley", harper_valley.text_rows),
    }
    for name, (folder, rows) in tables.items():
        if (data / folder).is_dir():
            write_manifest(output / f"{name}.csv", rows(data / folder))
    write_manifest(output / "service_phrases.csv", phrase_rows())
    return 0


if __name__ == "__main__":
    sys.exit(main())
