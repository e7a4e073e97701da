"""Trains the shipped audio model: a head on Whisper-tiny's first layers, on EmoDB in call quality.

``python -m udfs.training.audio --data DIR --output DIR`` reads ``DIR/emodb`` and ``DIR/esc10`` and
writes weights, config, feature extractor settings and ``scores.json``. Seeded; the encoder stays
as it is, the head is a balanced logistic regression over seven emotions.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from udfs.models.audio_encoder import SpeechEmotionConfig, SpeechEmotionModel
from udfs.models.speech_features import SpeechFeatureExtractor
from udfs.training.augment import (
    TEST_FOLDS,
    TRAINING_FOLDS,
    Waveform,
    condition_window,
    placed,
    read_noises,
    training_window,
)
from udfs.training.base_weights import whisper_encoder_weights
from udfs.training.emodb import BOREDOM, EMOTIONS, SENTIMENT_OF_EMOTION, Clip, read_emodb
from udfs.training.model_card import write_card
from udfs.training.scores import classification_scores

NUM_LAYERS = 2
NUM_POSITIONS = 250
NUM_COPIES = 14
INVERSE_REGULARIZATION = 0.001
CONDITIONS = ("clean", "telephone", "10", "0", "window:10", "window:0")
TRAINING_PRIOR = (4 / 7, 2 / 7, 1 / 7)
"""Seven balanced emotions: four negative, two neutral, one positive."""

log = logging.getLogger(__name__)
Features = NDArray[np.float32]


def build_model(
    operating_prior: Sequence[float], num_layers: int = NUM_LAYERS
) -> SpeechEmotionModel:
    """Whisper's layers under an empty head."""
    config = SpeechEmotionConfig(
        num_hidden_layers=num_layers,
        num_positions=NUM_POSITIONS,
        id2label=dict(enumerate(EMOTIONS)),
        label2id={emotion: index for index, emotion in enumerate(EMOTIONS)},
        training_prior=TRAINING_PRIOR,
        operating_prior=tuple(operating_prior),
    )
    model = SpeechEmotionModel(config)
    model.load_state_dict(whisper_encoder_weights(num_layers, NUM_POSITIONS), strict=False)
    return model.eval()


@torch.inference_mode()
def features(model: SpeechEmotionModel, windows: Sequence[Waveform]) -> Features:
    """Pooled encoder output (windows, 2 x dim)."""
    extractor = SpeechFeatureExtractor()
    return np.concatenate([model.pooled(**extractor(window)).numpy() for window in windows])


class Data:
    """Encoder outputs of every clip: each training copy and each test condition."""

    def __init__(
        self, model: SpeechEmotionModel, clips: list[Clip], noise: Path, seed: int
    ) -> None:
        sounds = [clip.waveform for clip in clips]
        training, test = read_noises(noise, TRAINING_FOLDS), read_noises(noise, TEST_FOLDS)
        self.copies: list[Features] = [features(model, [placed(s, 0) for s in sounds])]
        for copy in range(NUM_COPIES):
            random = np.random.default_rng([seed, copy])
            self.copies.append(
                features(model, [training_window(s, training, random) for s in sounds])
            )
            log.info("training copy %d of %d", copy + 1, NUM_COPIES)
        self.conditions: dict[str, Features] = {}
        for condition in CONDITIONS:
            random = np.random.default_rng(7)
            heard = [condition_window(s, condition, test, random) for s in sounds]
            self.conditions[condition] = features(model, heard)
            log.info("test condition %s", condition)
        self.emotion = np.array([clip.emotion for clip in clips])
        self.speaker = np.array([clip.speaker for clip in clips])
        sentences = sorted({clip.sentence for clip in clips})
        self.sentence_fold = np.array([sentences.index(clip.sentence) % 5 for clip in clips])


class Head:
    """Standardisation and balanced multinomial logistic regression, as one linear map."""

    def __init__(self, data: Data, clips: NDArray[np.bool_]) -> None:
        inputs = np.concatenate([copy[clips] for copy in data.copies])
        labels = np.tile(data.emotion[clips], len(data.copies))
        scaler = StandardScaler().fit(inputs)
        regression = LogisticRegression(
            C=INVERSE_REGULARIZATION, class_weight="balanced", max_iter=300, tol=1e-3
        ).fit(scaler.transform(inputs), labels)
        self.weight: Features = (regression.coef_ / scaler.scale_).astype(np.float32)
        self.bias: Features = (regression.intercept_ - self.weight @ scaler.mean_).astype(
            np.float32
        )

    def probabilities(self, inputs: Features) -> Features:
        """Sentiments (rows, 3) before any prior."""
        logits = torch.from_numpy(inputs @ self.weight.T + self.bias)
        emotions = logits.softmax(-1).numpy()
        return np.stack(
            [emotions[:, np.array(SENTIMENT_OF_EMOTION) == s].sum(1) for s in range(3)], axis=1
        )


def under_prior(triples: Features, operating_prior: Sequence[float]) -> Features:
    """Probabilities (rows, 3) as if classes came in the shares of ``operating_prior``."""
    weighed = triples * (np.array(operating_prior) / np.array(TRAINING_PRIOR))
    return weighed / weighed.sum(1, keepdims=True)


def held_out(data: Data, *, sentences_too: bool) -> dict[str, Features]:
    """Probabilities of every clip by heads that know neither speaker nor, if asked, sentence."""
    found = {c: np.zeros((len(data.emotion), 3), np.float32) for c in data.conditions}
    for speaker in np.unique(data.speaker):
        for fold in range(5) if sentences_too else (None,):
            test, train = data.speaker == speaker, data.speaker != speaker
            if fold is not None:
                test, train = (
                    test & (data.sentence_fold == fold),
                    train & (data.sentence_fold != fold),
                )
            head = Head(data, train)
            for condition, inputs in data.conditions.items():
                found[condition][test] = head.probabilities(inputs[test])
        log.info("held out speaker %s", speaker)
    return found


def evaluate(data: Data, operating_prior: Sequence[float]) -> dict[str, Any]:
    """Scores with the speaker unseen, and with speaker and sentence unseen."""
    scored = data.emotion != BOREDOM
    truth = np.array(SENTIMENT_OF_EMOTION)[data.emotion[scored]]
    corrections: dict[str, Callable[[Features], Features]] = {
        "training prior": lambda triples: triples,
        "operating prior": lambda triples: under_prior(triples, operating_prior),
    }
    scores: dict[str, Any] = {}
    for protocol, sentences_too in (
        ("speaker unseen", False),
        ("speaker and sentence unseen", True),
    ):
        found = held_out(data, sentences_too=sentences_too)
        for prior, correct in corrections.items():
            scores[f"{protocol}, {prior}"] = {
                condition: classification_scores(truth, correct(triples[scored]).argmax(1))
                for condition, triples in found.items()
            }
    return scores


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds emodb/, esc10/")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--skip-scores", action="store_true", help="train only")
    parser.add_argument(
        "--operating-prior", type=float, nargs=3, default=(0.25, 0.50, 0.25), metavar="SHARE"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)

    model = build_model(options.operating_prior)
    data = Data(model, read_emodb(options.data / "emodb"), options.data / "esc10", options.seed)
    head = Head(data, np.ones(len(data.emotion), dtype=bool))
    with torch.no_grad():
        model.classifier.weight.copy_(torch.from_numpy(head.weight))
        model.classifier.bias.copy_(torch.from_numpy(head.bias))
    model.save_pretrained(options.output, dtype=torch.float16)
    SpeechFeatureExtractor().save_pretrained(options.output)
    if not options.skip_scores:
        scores = evaluate(data, options.operating_prior)
        (options.output / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
        write_card(options.output, options.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
