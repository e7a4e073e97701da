"""What must not be in a log or a metric: what was said in the calls, and who spoke."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from udfs.events import EVENTS
from udfs.metrics import METRICS

_WORDS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_PHRASE = 3
"""So many words in a row are nobody's by chance; a single one may be Flink's too."""
_SHORT = 4
"""A shorter word is in our own lines by chance."""


def spoken(calls: Path) -> tuple[set[str], set[str]]:
    """Phrases and single words of all transcripts, in lower case."""
    phrases, words = set(), set()
    for path in calls.glob("*/transcript.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            said = [word.lower() for word in _WORDS.findall(json.loads(line)["text"])]
            words |= {word for word in said if len(word) >= _SHORT}
            phrases |= {" ".join(said[at : at + _PHRASE]) for at in range(len(said) - _PHRASE + 1)}
    return phrases, words


def persons(calls: Path) -> set[str]:
    """Ids of the persons of all calls."""
    found = set()
    for path in calls.glob("*/call.json"):
        participants = json.loads(path.read_text(encoding="utf-8"))["participants"]
        found |= {one["person_id"] for one in participants if one.get("person_id")}
    return found


def own_lines(text: str) -> Iterator[str]:
    """The JSON of our events."""
    for line in text.splitlines():
        _, found, event = line.partition('{"event": ')
        if found:
            yield found + event


def leaks(told: Path, calls: Path) -> list[str]:
    """Where a file tells what it must not: its name and what kind, never the words.

    Args:
        told: a folder of logs and metrics, or one file.
        calls: the call folders that were played.
    """
    phrases, words = spoken(calls)
    assert phrases
    people = persons(calls)
    assert people
    # Our own vocabulary.
    names = " ".join([*EVENTS, *METRICS, "service reason code table attempt rows step"])
    words -= {word.lower() for word in re.findall(r"[A-Za-z][a-z]*", names)}
    found = []
    for path in [told] if told.is_file() else [one for one in told.rglob("*") if one.is_file()]:
        text = path.read_text(encoding="utf-8", errors="replace")
        said = [word.lower() for word in _WORDS.findall(text)]
        in_a_row = {" ".join(said[at : at + _PHRASE]) for at in range(len(said))}
        if phrases & in_a_row:
            found.append(f"{path.name}: a phrase of a transcript")
        if any(re.search(rf"(?<!\w){re.escape(person)}(?!\w)", text) for person in people):
            found.append(f"{path.name}: a person's id")
        own = text if path.suffix == ".jsonl" else "\n".join(own_lines(text))
        if words & {word.lower() for word in _WORDS.findall(own)}:
            found.append(f"{path.name}: a word of a transcript in a line of ours")
    return found
