"""EmoDB (Burkhardt et al. 2005, CC0): ten actors, ten sentences, acted emotions, in German.

Boredom is trained on as neutral: flat, unhurried voices are what most of a call sounds like, and
the clips called neutral alone, read brightly, would teach that such a voice is sad. It is left out
of the scores, since listeners may well call it negative.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

EMOTIONS = {
    "W": "anger",
    "E": "disgust",
    "A": "fear",
    "T": "sadness",
    "N": "neutral",
    "F": "happiness",
    "L": "boredom",
}
MEN = frozenset({"03", "10", "11", "12", "15"})


def rows(folder: Path) -> Iterator[dict[str, str]]:
    """One clip each; a name such as 03a01Fa.flac is speaker, sentence, emotion, take."""
    for path in sorted(folder.glob("*.flac")):
        speaker = path.name[:2]
        yield {
            "path": str(path),
            "label": EMOTIONS[path.name[5]],
            "speaker": speaker,
            "sentence": path.name[2:5],
            "gender": "man" if speaker in MEN else "woman",
        }
