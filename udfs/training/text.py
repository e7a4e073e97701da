"""Trains the shipped text model: MiniLM's first three layers on GoEmotions.

``python -m udfs.training.text --data DIR --output DIR`` reads ``DIR/goemotions`` and writes
weights, config, tokenizer and ``scores.json``. Seeded; word embeddings stay frozen.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer

from udfs.models.text_encoder import QuantizedEmbedding, TextSentimentConfig, TextSentimentModel
from udfs.training.base_weights import minilm_folder, minilm_weights
from udfs.training.goemotions import Example, Split, plain, read_goemotions
from udfs.training.model_card import write_card
from udfs.training.scores import classification_scores
from udfs.training.service_phrases import HELD_OUT, service_examples

NUM_LAYERS = 3
BATCH_SIZE = 32
BASE_LEARNING_RATE = 1.5e-4
HEAD_LEARNING_RATE = 1e-3
LABEL_SMOOTHING = 0.05
SERVICE_EXAMPLES = 2_000
PLAIN_SHARE = 0.5
"""Share of the training texts stripped to what a speech recogniser writes."""
LABELS = {0: "negative", 1: "neutral", 2: "positive"}
LABEL_IDS = {label: index for index, label in LABELS.items()}

log = logging.getLogger(__name__)
TokenIds = list[int]


def build_model(
    training_prior: Sequence[float], operating_prior: Sequence[float]
) -> TextSentimentModel:
    """MiniLM's layers under a fresh head."""
    config = TextSentimentConfig(
        num_hidden_layers=NUM_LAYERS,
        id2label=LABELS,
        label2id=LABEL_IDS,
        training_prior=tuple(training_prior),
        operating_prior=tuple(operating_prior),
    )
    model = TextSentimentModel(config)
    weights, table = minilm_weights(NUM_LAYERS)
    model.load_state_dict(weights, strict=False)
    # Frozen, hence quantized before training: what is trained is what ships.
    model.word_embeddings = QuantizedEmbedding.quantize(table)
    torch.nn.init.normal_(model.classifier.weight, std=0.02)
    torch.nn.init.zeros_(model.classifier.bias)
    return model


def padded(texts: Sequence[TokenIds]) -> tuple[Tensor, Tensor]:
    """Token ids and mask, both (texts, longest)."""
    longest = max(map(len, texts))
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    mask = torch.zeros(len(texts), longest, dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return ids, mask


def batches(texts: Sequence[TokenIds], random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Every text once, texts of like length together."""
    order = random.permutation(len(texts))
    for start in range(0, len(order), BATCH_SIZE * 50):
        block = order[start : start + BATCH_SIZE * 50]
        block = block[np.argsort([len(texts[i]) for i in block], kind="stable")]
        parts = [block[i : i + BATCH_SIZE] for i in range(0, len(block), BATCH_SIZE)]
        for part in random.permutation(len(parts)):
            yield parts[part]


def train(
    model: TextSentimentModel,
    texts: Sequence[TokenIds],
    labels: NDArray[np.int64],
    class_weights: NDArray[np.float64],
    seed: int,
) -> None:
    """One epoch, in place."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    head = list(model.classifier.parameters())
    base = [p for n, p in model.named_parameters() if not n.startswith("classifier.")]
    optimizer = torch.optim.AdamW(
        [{"params": base, "lr": BASE_LEARNING_RATE}, {"params": head, "lr": HEAD_LEARNING_RATE}],
        weight_decay=0.01,
    )
    steps = -(-len(texts) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 100) * max(0.02, 1 - step / steps)
    )
    weights = torch.tensor(class_weights, dtype=torch.float32)
    model.train()
    for step, batch in enumerate(batches(texts, random)):
        ids, mask = padded([texts[i] for i in batch])
        loss = functional.cross_entropy(
            model(ids, mask).logits,
            torch.tensor(labels[batch]),
            weight=weights,
            label_smoothing=LABEL_SMOOTHING,
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            log.info("step %d of %d, loss %.3f", step, steps, loss.item())
    model.eval()


@torch.inference_mode()
def predict(model: TextSentimentModel, texts: Sequence[TokenIds]) -> NDArray[np.float32]:
    """Probabilities (texts, 3) before any prior."""
    out = np.zeros((len(texts), len(LABELS)), dtype=np.float32)
    order = np.argsort([len(text) for text in texts], kind="stable")
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        logits = model(*padded([texts[i] for i in rows])).logits
        out[rows] = logits.softmax(-1).numpy()
    return out


def training_examples(splits: dict[Split, list[Example]], seed: int) -> list[Example]:
    """Training comments, half of them as a recogniser writes, and the service phrases."""
    random = np.random.default_rng(seed)
    stripped = random.random(len(splits["train"])) < PLAIN_SHARE
    comments = [
        Example(plain(text) if strip else text, label)
        for (text, label), strip in zip(splits["train"], stripped, strict=True)
    ]
    return [e for e in comments if e.text] + list(service_examples(SERVICE_EXAMPLES, seed))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds goemotions/")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--operating-prior", type=float, nargs=3, default=(0.25, 0.50, 0.25), metavar="SHARE"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(options.seed)

    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    splits = read_goemotions(options.data / "goemotions")
    examples = training_examples(splits, options.seed)

    def tokens(texts: list[str]) -> list[TokenIds]:
        return tokenizer(texts, truncation=True, max_length=64)["input_ids"]

    labels = np.array([label for _, label in examples])
    shares = np.bincount(labels, minlength=3) / len(labels)
    class_weights = (1 / (3 * shares)) ** 0.5
    prior = shares * class_weights / (shares * class_weights).sum()
    model = build_model([round(float(p), 4) for p in prior], options.operating_prior)
    train(model, tokens([e.text for e in examples]), labels, class_weights, options.seed)

    model.save_pretrained(options.output, dtype=torch.float16)
    tokenizer.save_pretrained(options.output)
    scores: dict[str, Any] = {}
    for split in ("dev", "test"):
        truth = np.array([e.label for e in splits[split]])
        for form, change in (("as written", str), ("as recognised", plain)):
            found = predict(model, tokens([change(e.text) for e in splits[split]]))
            scores[f"{split}, {form}"] = classification_scores(truth, found.argmax(1))
    phrases = [Example(text, LABEL_IDS[name]) for name, texts in HELD_OUT.items() for text in texts]
    found = predict(model, tokens([e.text for e in phrases]))
    truth = np.array([e.label for e in phrases])
    scores["held-out service phrases"] = classification_scores(truth, found.argmax(1))
    (options.output / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    write_card(options.output, options.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
