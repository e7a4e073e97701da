"""Numbers and codes of the rows in words and figures a reader takes in at a glance.

All functions are total: ``None`` and NaN become a dash, so that one odd row cannot stop a report.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

DASH = "–"
MINUS = "\N{MINUS SIGN}"


def known(number: float | None) -> float | None:
    """The number, or None where it is None, NaN or infinite."""
    return number if number is not None and math.isfinite(number) else None


def signed(number: float | None, decimals: int = 1) -> str:
    """``+1.2``, ``−0.4``, ``0.0``."""
    if known(number) is None:
        return DASH
    rounded = round(float(number or 0.0), decimals)
    sign = "+" if rounded > 0 else MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):.{decimals}f}"


def plain(number: float | None, decimals: int = 0, unit: str = "") -> str:
    """``148 wpm``, ``0.18``, ``−21.5 dBFS``."""
    if known(number) is None:
        return DASH
    text = f"{number:,.{decimals}f}".replace("-", MINUS)
    return f"{text} {unit}".rstrip()


def percent(share: float | None) -> str:
    return DASH if known(share) is None else f"{(share or 0.0) * 100:.0f} %"


def clock(call_ms: float | None) -> str:
    """Call time: ``2:05``, ``1:02:05``."""
    if known(call_ms) is None:
        return DASH
    seconds = int(call_ms or 0) // 1000
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment(epoch_ms: int | None) -> str:
    """``23 Nov 2026, 13:30 UTC``."""
    if epoch_ms is None:
        return DASH
    at = datetime.fromtimestamp(epoch_ms / 1000, tz=UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def count(number: int | None, singular: str, plural: str | None = None) -> str:
    """``1 window``, ``3 windows``."""
    return f"{plain(number)} {singular if number == 1 else plural or singular + 's'}"


def listed(items: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) <= 1:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def reason(code: str) -> str:
    """``audio:no_speech`` is ``audio: no speech``."""
    return code.strip().replace(":", ": ", 1).replace("_", " ")


def reasons(missing: str) -> list[str]:
    """A segment's ``missing``, such as ``audio:no_speech,text:no_words``, in words."""
    return [reason(code) for code in missing.split(",") if code.strip()]


def counted_reasons(windows_missing: str) -> list[str]:
    """A ledger's ``windows_missing``: ``audio:no_speech=3`` is ``audio: no speech (3)``."""
    words = []
    for item in windows_missing.split(","):
        code, _, number = item.rpartition("=") if "=" in item else (item, "", "")
        if code.strip():
            words.append(f"{reason(code)} ({number.strip()})" if number else reason(code))
    return words


def sequences(missing_sequences: str, most: int = 8) -> str:
    """``41-43,57`` is ``chunks 41–43 and 57``; beyond ``most`` ranges only their number."""
    ranges = [item.strip() for item in missing_sequences.split(",") if item.strip()]
    if not ranges:
        return ""
    shown = [item.replace("-", "–") for item in ranges[:most]]
    if len(ranges) > most:
        shown.append(count(len(ranges) - most, "more range"))
    return f"{'chunk' if ranges[0].isdigit() and len(ranges) == 1 else 'chunks'} {listed(shown)}"


def readable_id(identifier: str, most: int = 40) -> str:
    """An id as it may be shown: nothing unprintable, and no longer than ``most`` characters."""
    printable = "".join(
        ch if ch.isprintable() else "\N{REPLACEMENT CHARACTER}" for ch in identifier
    )
    return printable if len(printable) <= most else f"{printable[: most - 1]}…"
