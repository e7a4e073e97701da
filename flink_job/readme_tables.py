"""The README's tables, made from the code: settings and columns.

    python -m flink_job.readme_tables README.md

rewrites what stands between the markers ``<!-- settings -->`` … ``<!-- /settings -->`` and so on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from flink_job.marked_parts import with_part
from flink_job.settings import describe_settings
from udfs.rows import TABLES


def settings_table() -> Iterator[str]:
    yield "| group | key | default | meaning |"
    yield "|---|---|---|---|"
    for setting in describe_settings():
        default = f"`{setting.default}`" if setting.default else ""
        yield f"| `{setting.group}` | `{setting.key}` | {default} | {setting.meaning} |"


def columns_table() -> Iterator[str]:
    for table in TABLES:
        yield f"\n**`{table.folder}/`**, key `{', '.join(table.key)}`\n"
        yield "| column | type | meaning |"
        yield "|---|---|---|"
        for column in table.columns:
            nullable = ", null" if column.nullable else ""
            yield f"| `{column.name}` | {column.type}{nullable} | {column.meaning} |"


def rewritten(readme: str) -> str:
    """The README with its tables as the code has them.

    Raises:
        ValueError: a marker is missing.
    """
    for name, lines in (("settings", settings_table()), ("columns", columns_table())):
        readme = with_part(readme, name, lines)
    return readme


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
