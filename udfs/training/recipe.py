"""A recipe: everything that makes a model out of a manifest, as a small TOML file.

Either ``[head]`` (the base stays as it is; a linear head over its pooled output) or
``[finetune]`` (gradient descent through the whole model). ``recipes/`` has those of the shipped
models; their names stand for their files.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from udfs.models.contract import Sentiment
from udfs.training.errors import TrainingError

RECIPES = Path(__file__).parent / "recipes"
Modality = Literal["audio", "text"]
ClassWeights = Literal["none", "root", "balanced"]
"""A label's weight by its share: 1, the root of the inverse, or the inverse."""
Share = Annotated[float, Field(ge=0, le=1)]
LossRate = Annotated[float, Field(ge=0, le=0.5)]
Positive = Annotated[float, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Base(_Part):
    """What training begins with."""

    model: str
    """A folder, a hub id, ``whisper-tiny`` or ``minilm``."""
    layers: int | None = Field(None, ge=1)
    """Of ``whisper-tiny`` and ``minilm``: how many of their first layers."""


class Head(_Part):
    """A linear head over what a base gives, its inputs standardised."""

    method: Literal["regression", "discriminant"] = "regression"
    """Multinomial logistic regression, or linear discriminant analysis: which needs few examples,
    since it only estimates each label's mean and their common covariance."""
    inverse_regularization: Positive = 1.0
    """Of the regression."""
    shrinkage: Share = 0.5
    """Of the discriminant's covariance, towards inputs that vary independently."""
    class_weights: Literal["none", "balanced"] = "balanced"
    even_speakers: bool = False
    """Whether a label's speakers count about alike, however many examples each gave of it: n of
    them count n / (n + 1) together. The manifest needs a column ``speaker``."""
    folds: int = Field(5, ge=2)
    """Held-out parts, by speaker, that temperature and scores come from."""


class Finetune(_Part):
    epochs: int = Field(ge=1)
    patience: int = Field(2, ge=1)
    """Epochs without a better held-out macro-F1 before training stops."""
    held_out_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Of the speakers; unused where the manifest has a ``split`` column with ``dev``."""
    batch_size: int = Field(32, ge=1)
    learning_rate: Positive = 1.5e-4
    head_learning_rate: Positive = 1e-3
    weight_decay: float = Field(0.01, ge=0)
    warmup_steps: int = Field(100, ge=1)
    label_smoothing: Share = 0.0
    consistency: float = Field(0.0, ge=0)
    """Weight of what two passes with other dropout differ by; 0: one pass, half the time."""
    class_weights: ClassWeights = "balanced"
    frozen: tuple[str, ...] = ()
    """Parameters whose names begin so stay as they are."""


class LineShares(_Part):
    """How often a window is noisy, comes by telephone, or both."""

    clean: Share = 0.2
    telephone: Share = 0.2
    noise: Share = 0.1
    noise_and_telephone: Share = 0.5

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        if round(sum(self.as_tuple()), 3) != 1:
            msg = "the four shares must sum to 1"
            raise ValueError(msg)
        return self

    def as_tuple(self) -> tuple[float, float, float, float]:
        return (self.clean, self.telephone, self.noise, self.noise_and_telephone)


Range = tuple[float, float]


class AudioAugmentation(_Part):
    """Clips made into windows of calls; ``udfs.training.augment`` applies it."""

    copies: int = Field(14, ge=0)
    """Augmented copies of each clip beside the clip itself; fine-tuning makes one an epoch."""
    noise: str | None = None
    """Folder of sounds, beside the manifest; needed where a share is noisy."""
    lines: LineShares = LineShares()
    snr_db: Range = (-3.0, 20.0)
    speeds: tuple[Positive, ...] = (0.9, 0.95, 1.0, 1.0, 1.05, 1.1)
    levels_dbfs: Range = (-34.0, -14.0)
    filled_share: Share = 1.0
    """How often the window is filled as in a call: the clip or a piece of it lies anywhere in it,
    noise or hiss throughout, perhaps by a handset. Otherwise the whole clip begins it, noise lasts
    as long as the clip, and silence follows."""
    piece_share: Share = 0.3
    """How often only a piece of the clip is heard."""
    hiss_share: Share = 0.5
    """How often a window without noise has faint white noise."""
    hiss_dbfs: Range = (-80.0, -60.0)
    handset_share: Share = 0.5
    """How often a telephone has a handset's narrower band."""
    packet_loss_share: Share = 0.0
    """How often a telephone loses packets."""
    packet_loss_rates: tuple[LossRate, LossRate] = (0.01, 0.1)

    @model_validator(mode="after")
    def _has_noise(self) -> Self:
        if self.noise is None and self.lines.noise + self.lines.noise_and_telephone > 0:
            msg = "name a folder of noises, or set lines.noise and lines.noise_and_telephone to 0"
            raise ValueError(msg)
        return self


class TextAugmentation(_Part):
    plain_share: Share = 0.5
    """How often a text loses case and punctuation, as a speech recogniser writes."""


class Card(_Part):
    """What the model card says beside what training knows by itself."""

    licence: str = "unknown"
    language: str | None = None
    about: str = "A model of sentiment."
    data: str = ""
    recipe: str = ""
    limits: str = ""


class Recipe(_Part):
    modality: Modality
    seed: int = 0
    base: Base
    head: Head | None = None
    finetune: Finetune | None = None
    audio: AudioAugmentation | None = None
    """Augmentation of sound; without it clips are used as they are."""
    text: TextAugmentation | None = None
    max_tokens: int = Field(64, ge=4)
    """Longer texts are cut in training."""
    extra_examples: tuple[str, ...] = ()
    """Manifests beside the training manifest that are trained on and never held out."""
    labels: dict[str, Sentiment] | None = None
    """Label of the manifest -> sentiment; needed where it is not one of the known words."""
    operating_prior: tuple[Share, Share, Share] | None = None
    """Shares of negative, neutral and positive on the calls to come."""
    card: Card = Card()

    @property
    def num_copies(self) -> int:
        """How often a head sees each example: once as it is, and augmented."""
        return 1 + (self.audio.copies if self.audio else 0)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.head is None) == (self.finetune is None):
            msg = "give either [head] or [finetune]"
            raise ValueError(msg)
        other = self.text if self.modality == "audio" else self.audio
        if other is not None:
            msg = f"[{'text' if self.modality == 'audio' else 'audio'}] does not fit the modality"
            raise ValueError(msg)
        return self


def read_recipe(name: str, modality: Modality) -> Recipe:
    """A recipe by file or by the name of a shipped one.

    Raises:
        TrainingError: there is none, or what in it is wrong.
    """
    shipped = RECIPES / f"{name}.toml"
    path = shipped if shipped.is_file() else Path(name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        names = ", ".join(sorted(file.stem for file in RECIPES.glob("*.toml")))
        msg = f"recipe {name} cannot be read: name a TOML file, or one of {names}"
        raise TrainingError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"recipe {path} is no TOML ({error}): mend that place"
        raise TrainingError(msg) from None
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "recipe"
        msg = f"recipe {path}: {place}: {first['msg']}; see the recipes in {RECIPES.name}/"
        raise TrainingError(msg) from None
    if recipe.modality != modality:
        msg = f"recipe {path} is for {recipe.modality}: use train {recipe.modality}"
        raise TrainingError(msg)
    return recipe
