"""The shipped models' classes, registered with the Auto classes, so nothing needs remote code."""

from __future__ import annotations

from collections.abc import Mapping

from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
    AutoModelForSequenceClassification,
)

from udfs.models.audio_encoder import SpeechEmotionConfig, SpeechEmotionModel
from udfs.models.light import LightModel
from udfs.models.speech_features import SpeechFeatureExtractor
from udfs.models.text_encoder import TextSentimentConfig, TextSentimentModel

OWN_MODELS: Mapping[str, type[LightModel]] = {
    SpeechEmotionConfig.model_type: SpeechEmotionModel,
    TextSentimentConfig.model_type: TextSentimentModel,
}
"""By the ``model_type`` of their config."""

for _config in (SpeechEmotionConfig, TextSentimentConfig):
    AutoConfig.register(_config.model_type, _config, exist_ok=True)
AutoFeatureExtractor.register(
    SpeechEmotionConfig, feature_extractor_class=SpeechFeatureExtractor, exist_ok=True
)
AutoModelForAudioClassification.register(SpeechEmotionConfig, SpeechEmotionModel, exist_ok=True)
AutoModelForSequenceClassification.register(TextSentimentConfig, TextSentimentModel, exist_ok=True)
