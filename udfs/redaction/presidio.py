"""Microsoft Presidio's recognisers of what is written, without a language model.

Presidio imports spaCy, and that imports PyTorch and transformers where it finds them: 700 MB and
many seconds in every worker, for engines that nobody asks here. They are hidden from it while it is
imported, which leaves 50 MB and two seconds: so only who redacts a text imports this module.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final, TypeAlias

import tldextract

_HEAVY: Final = ("torch", "transformers", "tensorflow", "mxnet", "cupy")


@contextmanager
def _hidden(names: Sequence[str]) -> Iterator[None]:
    """Make the import of these modules fail within."""
    loaded: dict[str, ModuleType] = {
        name: sys.modules[name] for name in names if name in sys.modules
    }
    sys.modules |= dict.fromkeys(names)  # type: ignore[arg-type] # None: cannot be imported
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules |= loaded


with _hidden(_HEAVY):
    from presidio_analyzer.predefined_recognizers import (
        CreditCardRecognizer,
        EmailRecognizer,
        IbanRecognizer,
        PhoneRecognizer,
    )

Spans: TypeAlias = Iterator[tuple[int, int]]
Look: TypeAlias = Callable[[str], Spans]

# With its own list of domains: Presidio's asks the network for a newer one.
_domains: Final = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


class _OfflineEmailRecognizer(EmailRecognizer):
    def validate_result(self, pattern_text: str) -> bool:
        return bool(_domains(pattern_text).suffix)


def cards() -> Look:
    """Card numbers: a known length and beginning, and Luhn's digit is right."""
    return _look(CreditCardRecognizer())


def ibans() -> Look:
    """IBANs of each country's length whose check digits are right."""
    return _look(IbanRecognizer())


def emails() -> Look:
    """E-mail addresses under a public suffix."""
    return _look(_OfflineEmailRecognizer())


def phones(regions: Sequence[str]) -> Look:
    """Phone numbers that are valid in one of the regions, or in any with their country code.

    Args:
        regions: ISO 3166 codes, as ``US``; each costs its time.
    """
    return _look(PhoneRecognizer(supported_regions=tuple(regions)))


def _look(recogniser: Any) -> Look:
    def look(text: str) -> Spans:
        for result in recogniser.analyze(text, recogniser.supported_entities, None):
            if result.score > 0:
                yield result.start, result.end

    return look
