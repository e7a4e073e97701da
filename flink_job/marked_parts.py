"""The parts of a document that code writes: what stands between a marker and its end."""

from __future__ import annotations

from collections.abc import Iterable


def with_part(document: str, name: str, lines: Iterable[str]) -> str:
    """The document with new lines between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises:
        ValueError: a marker is missing.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = document.partition(start)
    _, found, after = rest.partition(end)
    if not found:
        msg = f"the document lacks {start} … {end}"
        raise ValueError(msg)
    body = "\n".join(lines)
    return f"{before}{start}\n{body}\n{end}{after}"
