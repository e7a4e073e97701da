"""Models that turn a window's sound or an utterance's words into three probabilities."""
