"""How a model takes calm calls: the shares of its answers where hardly anybody is upset.

Such calls have no true labels. That people who ask for a new card are seldom angry is all that is
known, so a high share of negative is a fault; a low one alone proves nothing, and is read beside
the recall of negative under the same settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.call_folder import CallFolder, read_call_folders
from udfs.evaluation.answers import Scorer
from udfs.evaluation.conditions import heard
from udfs.evaluation.measures import Bootstrap, found_share
from udfs.fusion import PriorFusion
from udfs.models.contract import Triple
from udfs.models.labels import SENTIMENTS
from udfs.models.scorer import LocalAudio
from udfs.offline import Scorers, score_windows
from udfs.speech import SpeechDetector
from udfs.training.errors import TrainingError
from udfs.training.manifest import read_manifest
from udfs.training.recipe import Modality
from udfs.training.sounds import Waveform


@dataclass(frozen=True)
class Calm:
    """Answers to calm calls, and whose they are: an interval is drawn by party of a call."""

    triples: list[Triple]
    parties: list[str]


class _Voice:
    """A scorer as the ``AudioModel`` that the job's own steps ask."""

    model_id = "under test"

    def __init__(self, score: Scorer) -> None:
        self._score = score

    def probabilities(self, waveform: Waveform) -> Triple:
        return self._score(waveform)


def calm_answers(score: Scorer, calls: Path, modality: Modality) -> Calm:
    """Of call folders, through the job's own steps; or of a manifest, sounds by telephone.

    Raises:
        TrainingError, CallFolderError: there is nothing to score.
    """
    if calls.is_file():
        manifest = read_manifest(calls, modality, labelled=False)
        given: Iterator[Any] | NDArray[np.str_] = (
            heard(manifest, "telephone", ()) if modality == "audio" else manifest.contents
        )
        speakers = manifest.speakers
        parties = speakers if speakers is not None else map(str, range(len(manifest)))
        return Calm([score(one) for one in given], list(parties))
    calm = Calm([], [])
    for folder in read_call_folders(calls):
        for party, triple in _of_call(score, folder, modality):
            calm.parties.append(f"{folder.call_id}/{party}")
            calm.triples.append(triple)
    if not calm.triples:
        msg = f"nobody says anything in the calls of {calls}: name a folder of calls with speech"
        raise TrainingError(msg)
    return calm


def _of_call(score: Scorer, folder: CallFolder, modality: Modality) -> Iterator[tuple[str, Triple]]:
    if modality == "text":
        for utterance in folder.utterances:
            if not utterance.is_partial and utterance.text.strip():
                yield utterance.participant_id, score(utterance.text)
        return
    scorers = Scorers(SpeechDetector(), LocalAudio(_Voice(score)), {}, PriorFusion())
    for party, windows in score_windows(folder, scorers, now_ms=0).windows.items():
        for window in windows.values():
            if window.audio is not None and window.audio.score.triple is not None:
                yield party, window.audio.score.triple


def calm_shares(calm: Calm) -> dict[str, Any]:
    """Share of each answer with its interval, and the mean score from -5 to 5."""
    triples = np.array(calm.triples, dtype=np.float64)
    unknown = np.zeros(len(triples), dtype=np.int64)
    drawn = Bootstrap(unknown, triples, np.array(calm.parties))
    return {
        "rows": len(triples),
        "units": drawn.num_units,
        "share": {
            name: drawn.estimate(partial(found_share, sentiment=number))
            for number, name in enumerate(SENTIMENTS)
        },
        "mean_score": float((5 * (triples[:, 2] - triples[:, 0])).mean()),
    }
