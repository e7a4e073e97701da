"""Recall and precision of a redaction over labelled sentences.

Found is a label of which every letter and digit is covered, by whatever kind: what is left of it
would be sent. Right is a finding that touches a label; what it covers besides is told as excess.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from udfs.evaluation.redaction.sentences import Form, Sentence, Source
from udfs.redaction.findings import KINDS, Found, Kind

Find = Callable[[str, str], list[Found]]
"""A text and its language's tag to what is found in it."""


class Group(NamedTuple):
    source: Source
    language: str
    form: Form
    kind: Kind


@dataclass(slots=True)
class Score:
    """Of one kind in one form, language and source."""

    labels: int = 0
    found: int = 0
    findings: int = 0
    right: int = 0

    @property
    def recall(self) -> float | None:
        return self.found / self.labels if self.labels else None

    @property
    def precision(self) -> float | None:
        return self.right / self.findings if self.findings else None


class Miss(NamedTuple):
    """A label that was not wholly found, or a finding where nothing is."""

    sentence: Sentence
    one: Found
    is_false_alarm: bool


@dataclass(slots=True)
class Measured:
    scores: dict[Group, Score]
    """In order."""
    num_sentences: int
    clean_sentences: int
    """Without any label."""
    clean_left_alone: int
    labelled_characters: int
    excess_characters: int
    """Covered by findings that touch a label, outside of it."""
    misses: list[Miss]


def measure(sentences: Iterable[Sentence], find: Find) -> Measured:
    """Hold what is found against the labels."""
    scores: dict[Group, Score] = defaultdict(Score)
    result = Measured({}, 0, 0, 0, 0, 0, [])
    for sentence in sentences:
        findings = find(sentence.text, sentence.language)
        result.num_sentences += 1
        result.clean_sentences += not sentence.labels
        result.clean_left_alone += not sentence.labels and not findings
        covered = {at for one in findings for at in range(one.start, one.end)}
        labelled = {at for one in sentence.labels for at in range(one.start, one.end)}
        result.labelled_characters += len(labelled)
        for label in sentence.labels:
            score = scores[_group(sentence, label.kind)]
            score.labels += 1
            is_found = all(
                at in covered for at in range(label.start, label.end) if sentence.text[at].isalnum()
            )
            score.found += is_found
            if not is_found:
                result.misses.append(Miss(sentence, label, is_false_alarm=False))
        for one in findings:
            score = scores[_group(sentence, one.kind)]
            touched = labelled.intersection(range(one.start, one.end))
            score.findings += 1
            score.right += bool(touched)
            if touched:
                result.excess_characters += one.end - one.start - len(touched)
            else:
                result.misses.append(Miss(sentence, one, is_false_alarm=True))
    result.scores = dict(sorted(scores.items(), key=lambda entry: _order(entry[0])))
    return result


def total(scores: Iterable[Score]) -> Score:
    """Several groups as one."""
    return Score(*map(sum, zip(*map(_counts, scores), strict=True)))


def _counts(score: Score) -> Iterator[int]:
    return iter((score.labels, score.found, score.findings, score.right))


def _group(sentence: Sentence, kind: Kind) -> Group:
    return Group(sentence.source, sentence.language, sentence.form, kind)


def _order(group: Group) -> tuple[str, str, bool, int]:
    return group.source, group.language, group.form == "spoken", KINDS.index(group.kind)
