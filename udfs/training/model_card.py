"""Writes a shipped model's card, README.md, from its ``scores.json``.

``python -m udfs.training.model_card --data DIR --model DIR`` adds how the model takes calm calls,
where ``DIR/harper_valley`` is there, and writes the card anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from udfs.training import calm_calls

SPEECH = """\
---
license: apache-2.0
pipeline_tag: audio-classification
tags: [emotion, sentiment, telephone]
---
# call-sentiment-speech

How somebody speaks, in a 5-s window of a call, as negative, neutral or positive. It hears the
voice, not the words. 4.2 million parameters.

## Data
- Encoder: Whisper-tiny.en (OpenAI, MIT), the first two of its four layers, unchanged.
- Head: EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al. 2005, CC0-1.0): 535 clips
  of ten actors, ten sentences, in German.
- Noise: ESC-10 (K. J. Piczak 2015; CC0 and CC BY 3.0 by clip), folds 1 to 3; folds 4 and 5 test.

## Recipe
`python -m udfs.training.audio --data DIR --output DIR`, seed 0. The signal is scaled to one level;
blocks of 20 ms more than 35 dB below the loud ones do not count. Log-mel, two encoder layers, mean
and deviation over time, balanced logistic regression (C = 0.001) over seven emotions, which
are summed: anger, disgust, fear and sadness are negative, happiness is positive, neutral and
boredom are neutral. Boredom is there for its flat, unhurried voices, which is how most of a call
sounds: without it twice as many windows of calm calls came out negative. Every clip is seen once
clean and 14 times as on a call: other speed, level and place in the window, at times only a
piece of it, noise of -3 to 20 dB SNR, a handset's band, 8 kHz G.711.

The config holds two priors. The head was trained to expect 57 % negative, 29 % neutral and 14 %
positive; on calls most speech is neutral, so the probabilities are corrected to {prior} by
Bayes' rule. That and C were chosen while seeing the figures below, calm calls included.
The setting for the operating prior changes it.

## Scores
Macro-F1 over three sentiments, and recall of negative / neutral / positive, on EmoDB clips
without boredom.
"10 dB" and "0 dB" are telephone with unseen noises over the clip; "window" has the clip anywhere
in a window with noise throughout. No clip's speaker is ever in training; in the second half
neither is its sentence, which is the honest figure, since ten fixed sentences repeat.

{scores}

{calm}

## Use and limits
- For trends over calls and for what a supervisor may look at; not for decisions about a person.
- Trained on acted German of ten people. On other languages, ages, accents and on feelings that
  are not acted its errors are larger and have not been measured.
- On calm real calls it still hears more negative than there is: see above. Read it beside the
  words, and in changes within a call rather than in absolute numbers.
- Happiness is the class it misses most; in loud noise it leans to negative.
"""

TEXT = """\
---
license: apache-2.0
language: en
pipeline_tag: text-classification
tags: [emotion, sentiment, call-centre]
---
# call-sentiment-text

What somebody says, an utterance of a call, as negative, neutral or positive. English.
17 million parameters, of which 12 million are word embeddings in int8.

## Data
- Encoder: all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), the first three of its six layers.
- GoEmotions (Demszky et al. 2020, Google; CC BY 4.0): Reddit comments with 27 emotions, grouped as
  its authors do; ambiguous and two-signed comments are left out, and so is every training text
  that also occurs in the test.
- 2,000 service phrases drawn from templates written for this project: on calls "thank you" and
  "sorry" are mostly formulas, and complaints are polite.

## Recipe
`python -m udfs.training.text --data DIR --output DIR`, seed 0. Mean and max pooling, a linear head,
one epoch of AdamW (1.5e-4, head 1e-3), batches of 32, label smoothing 0.05, class weights by the
root of inverse frequency, word embeddings frozen. Half of the comments lose case and punctuation,
as a speech recogniser would write them.

The config holds two priors: the one that training implies, and {prior} for negative, neutral and
positive, to which probabilities are corrected by Bayes' rule. The setting for the operating prior
changes it.

## Scores
Macro-F1 over three sentiments, and recall of negative / neutral / positive. Comments go to the
test by a hash of their id. Scores are before the operating prior.

{scores}

{calm}

## Use and limits
- For trends over calls and for what a supervisor may look at; not for decisions about a person.
- English only, learnt from written comments. Irony is taken at its word: "great, just great,
  another hour on hold" is positive to it.
- Each utterance is judged alone, without what was said before.
- Comments carry their writers' prejudices; words for groups of people may move the score.
"""


def score_table(scores: Mapping[str, Any]) -> str:
    """Rows of macro-F1 and recalls, from nested ``scores``."""
    lines = ["| | macro-F1 | recall | n |", "|---|---|---|---|"]
    for name, value in scores.items():
        if "macro_f1" in value:
            recalls = " / ".join(f"{recall:.2f}" for recall in value["recall"].values())
            lines.append(f"| {name} | {value['macro_f1']:.3f} | {recalls} | {value['examples']} |")
        elif all(isinstance(inner, Mapping) for inner in value.values()):
            lines.append(f"| **{name}** | | | |")
            lines += score_table(value).splitlines()[2:]
    return "\n".join(lines)


def calm_table(shares: Mapping[str, Mapping[str, float]]) -> str:
    """Shares on calm calls, or nothing where they were not measured."""
    if not shares:
        return ""
    lines = [
        "On calm, polite calls (eight of Harper Valley, CC BY 4.0, Wu et al. 2020; no true labels,",
        "hence only the share of each answer, and the mean score from -5 to 5):",
        "",
        "| | negative | neutral | positive | mean score | n |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in shares.items():
        cells = " | ".join(f"{row[key]:.0%}" for key in ("negative", "neutral", "positive"))
        lines.append(f"| {name} | {cells} | {row['mean score']:+.2f} | {row['rows']:.0f} |")
    return "\n".join(lines)


def write_card(model: Path, data: Path) -> None:
    """``README.md`` beside the weights."""
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    scores_path = model / "scores.json"
    scores = json.loads(scores_path.read_text(encoding="utf-8"))
    hears = config["model_type"] == "call_sentiment_speech"
    calls = data / "harper_valley"
    if calls.is_dir():
        measure = calm_calls.audio_shares if hears else calm_calls.text_shares
        scores["calm calls"] = measure(model, calls)
        scores_path.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    prior = " / ".join(f"{share:.0%}" for share in config["operating_prior"])
    measured = {name: value for name, value in scores.items() if name != "calm calls"}
    card = (SPEECH if hears else TEXT).format(
        prior=prior, scores=score_table(measured), calm=calm_table(scores.get("calm calls", {}))
    )
    (model / "README.md").write_text(card, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    options = parser.parse_args(arguments)
    write_card(options.model, options.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
