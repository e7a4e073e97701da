"""The gate: what policy withholds of a call, decided before anything is kept.

Consent is a function of call time: as announced, then as changed. It acts on whole windows, so that
what is withheld does not depend on how the audio was cut: a withdrawal on the window it falls in
and all after it (if it is retroactive, on all), a grant on the first whole window after it. What
was withheld is gone, so a grant gives back no voice of a window of which audio has come before it.

    consent     given            withdrawn at 12.3 s        given at 31 s
    windows     0     1     2         3     4     5     6        7     8
    voice       score score withheld  …                 withheld score score
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter

import msgspec

from udfs.audio_codec import BYTES_PER_SAMPLE, SILENCE, samples_at_ms
from udfs.call_state import ConsentStep, Party
from udfs.policy import Channel, Policy, Ruling, Subject, consent_of
from udfs.records import (
    AudioChunk,
    CallStarted,
    ConsentChanged,
    ConsentRuled,
    Participant,
    Utterance,
    Windows,
    WithheldText,
)
from udfs.windows import WINDOW_MS, is_chat, window_of, windows_of, windows_touched

ANNOUNCED_MS = -1
_VOICE_BEGINS = attrgetter("from_window")


class Gate:
    """Asks the policy; what it said of a voice is kept with the call and stays."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    @property
    def policy_version(self) -> str:
        return self._policy.version

    def admit(self, call: CallStarted, participant: Participant) -> Party:
        """A participant as announced."""
        party = Party(participant.role, call.jurisdiction, call.language, [])
        step = self._step(party, ANNOUNCED_MS, 0, participant.consent, retroactive=False)
        party.consents.append(step)
        return party

    def change(self, party: Party, change: ConsentChanged, last_touched: int) -> ConsentStep:
        """What a change of consent does; it is not yet the party's.

        Args:
            party: whose consent.
            change: the record.
            last_touched: the last window of which audio of the party has come; -1: none.
        """
        from_window = acts_from(change)
        step = self._step(
            party, change.at_ms, from_window, change.consent, retroactive=change.retroactive
        )
        if change.consent and not step.audio.is_withheld:
            gone = [k for k in range(from_window, last_touched + 1) if is_withheld(party, k)]
            return msgspec.structs.replace(
                step, from_window=max([from_window, *(k + 1 for k in gone)])
            )
        return step

    def _step(
        self,
        party: Party,
        at_ms: int,
        from_window: int,
        consent: bool | None,
        *,
        retroactive: bool,
    ) -> ConsentStep:
        audio = self._policy.ruling(
            "audio",
            Subject(party.role, party.jurisdiction, consent_of(consent), party.language, "call"),
        )
        return ConsentStep(at_ms, from_window, consent, retroactive, audio)

    def text(self, party: Party, utterance: Utterance) -> Ruling:
        """What may be done with an utterance: with consent in all windows it touches."""
        rulings = [
            self._text(party, utterance.language, is_chat(utterance), window)
            for window in windows_of(utterance)
        ]
        withheld = (ruling for ruling in rulings if ruling.is_withheld)
        redacted = (ruling for ruling in rulings if not ruling.may_send_raw)
        return next(withheld, next(redacted, rulings[0]))

    def _text(self, party: Party, language: str, is_written: bool, window: int) -> Ruling:
        channel: Channel = "chat" if is_written else "call"
        consent = consent_of(_holding(party, window, acts_from).consent)
        return self._policy.ruling(
            "text", Subject(party.role, party.jurisdiction, consent, language, channel)
        )

    def keeps_rejects(self, party: Party | None, *, audio: bool) -> bool:
        """Whether the content of a record whose place in the call is not known may be stored."""
        if party is None:
            return False
        if audio:
            return all(step.audio.keeps_rejects for step in party.consents)
        return all(
            self._text(party, language, is_written, acts_from(step)).keeps_rejects
            for language, is_written in [*party.texts, (party.language, False)]
            for step in party.consents
        )

    def ruled(self, participant_id: str, party: Party, change: ConsentChanged) -> ConsentRuled:
        """What the steps behind must forget, now that a change is the party's."""
        return ConsentRuled(
            participant_id,
            rests_from(change),
            withheld_audio(party),
            tuple(self._withheld_text(party, *kind) for kind in party.texts),
        )

    def _withheld_text(self, party: Party, language: str, is_written: bool) -> WithheldText:
        windows = _stretches(
            map(acts_from, party.consents),
            lambda window: self._text(party, language, is_written, window).is_withheld,
        )
        return WithheldText(language, is_written, windows)


def rests_from(change: ConsentChanged | ConsentStep) -> int:
    """The first window whose row rests on a change."""
    return 0 if change.retroactive and not change.consent else window_of(max(0, change.at_ms))


def acts_from(consent: ConsentChanged | ConsentStep) -> int:
    """The first window in which a consent holds, by the call's time alone."""
    return -(-consent.at_ms // WINDOW_MS) if consent.consent else rests_from(consent)


def consent_at(party: Party, window: int) -> ConsentStep:
    """The voice's consent in a window."""
    return _holding(party, window, _VOICE_BEGINS)


def _holding(party: Party, window: int, begin: Callable[[ConsentStep], int]) -> ConsentStep:
    """The consent that holds in a window: the newest, in call time, of those that act on it."""
    if len(party.consents) == 1:
        return party.consents[0]
    acting = [step for step in party.consents if begin(step) <= window]
    return max(acting, key=lambda step: step.at_ms)


def is_withheld(party: Party, window: int) -> bool:
    """Whether the voice must not be used in a window."""
    return consent_at(party, window).audio.is_withheld


def withheld_audio(party: Party) -> tuple[Windows, ...]:
    """The stretches of windows in which the voice must not be used."""
    begins = (step.from_window for step in party.consents)
    return _stretches(begins, lambda window: is_withheld(party, window))


def _stretches(begins: Iterable[int], holds: Callable[[int], bool]) -> tuple[Windows, ...]:
    bounds = sorted(set(begins))
    return tuple(
        (first, end) for first, end in zip(bounds, [*bounds[1:], None], strict=True) if holds(first)
    )


def without_withheld(party: Party, chunk: AudioChunk) -> AudioChunk:
    """The chunk with silence where its sound must not be used: its length and times stay."""
    touched = windows_touched(chunk)
    withheld = [window for window in touched if is_withheld(party, window)]
    if not withheld:
        return chunk
    silence = SILENCE[chunk.encoding]
    width, rate_hz = BYTES_PER_SAMPLE[chunk.encoding], chunk.sample_rate_hz
    begin = samples_at_ms(chunk.offset_ms, rate_hz)
    num_samples = len(chunk.payload) // width
    payload = bytearray(chunk.payload)
    for window in withheld:
        first = 0 if window == touched[0] else samples_at_ms(window * WINDOW_MS, rate_hz) - begin
        end = (
            num_samples
            if window == touched[-1]
            else min(num_samples, samples_at_ms((window + 1) * WINDOW_MS, rate_hz) - begin)
        )
        payload[first * width : end * width] = silence * (end - first)
    return msgspec.structs.replace(chunk, payload=bytes(payload))


def may_keep(party: Party | None, chunk: AudioChunk) -> bool:
    """Whether a refused chunk's sound may be stored with its reject."""
    return party is not None and all(
        consent_at(party, window).audio.keeps_rejects for window in windows_touched(chunk)
    )


def known_step(party: Party, change: ConsentChanged) -> bool | None:
    """Whether a change at this call time is known and the same; None: there is none."""
    for step in party.consents:
        if step.at_ms == change.at_ms:
            return (step.consent, step.retroactive) == (change.consent, change.retroactive)
    return None
