"""Scores of a call become its rows: when each is shown, and what the call's end says.

    WindowCut + score ───────┐                      shown first when the text wait is over
    UtteranceAccepted + score ┼─► windows ─► Segment ┤
    ConsentRuled, CallClosed ─┘                      shown again when later input changes it
                              └─► Summary, Ledger

Pure: state and clock are handed in. Nothing rests on a timer: what a lost one should have shown,
the call's next record or its close shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from udfs.call_rows import ledger_rows, summary_rows
from udfs.fusion import Fuser
from udfs.kept_state import KeptState
from udfs.records import Announced, CallClosed, ConsentRuled, Participant
from udfs.rows import Ledger, Segment, Summary
from udfs.segments import ROLLING_WINDOWS, ScoredAudio, ScoredText, Window, segment
from udfs.windows import windows_of

VERSION = 1

Row = Segment | Summary | Ledger


class Pending(msgspec.Struct, array_like=True):
    """A window whose row has not been shown yet."""

    participant_id: str
    window: int
    due_ms: int | None
    """Clock time to show it; None while its audio is still to come."""


class OpenAssembly(msgspec.Struct):
    """What is remembered of a call beside its windows."""

    version: int = VERSION
    started_at_ms: int = 0
    participants: dict[str, Participant] = {}
    newest_audio: dict[str, int] = {}
    """By participant: the highest window whose audio was scored."""
    pending: list[Pending] = []
    consents: dict[str, list[int]] = {}
    """By participant: the first window whose row rests on each change of consent."""

    @property
    def due_ms(self) -> int | None:
        """When the next row is to be shown."""
        return min((p.due_ms for p in self.pending if p.due_ms is not None), default=None)


class WindowStore(Protocol):
    def get(self, participant_id: str, index: int) -> Window | None: ...

    def put(self, participant_id: str, index: int, window: Window) -> None: ...

    def all(self) -> Mapping[str, Mapping[int, Window]]:
        """Every window by participant and index."""
        ...

    def clear(self) -> None: ...


class Assembly:
    """The rules by which rows are shown, for one call at a time."""

    def __init__(self, fuser: Fuser, text_wait_ms: int) -> None:
        self._fuser = fuser
        self._text_wait_ms = text_wait_ms

    def announce(self, state: OpenAssembly, announced: Announced) -> None:
        state.started_at_ms = announced.started_at_ms
        for participant in announced.participants:
            state.participants[participant.participant_id] = participant

    def take_audio(
        self, call_id: str, state: OpenAssembly, store: WindowStore, audio: ScoredAudio, now_ms: int
    ) -> Iterator[Segment]:
        """A window's audio was scored, for the first time or again with more chunks."""
        participant_id, index = audio.cut.participant_id, audio.cut.window
        window = store.get(participant_id, index) or Window()
        window.audio = audio
        store.put(participant_id, index, window)
        state.newest_audio[participant_id] = max(index, state.newest_audio.get(participant_id, 0))
        if not window.emitted:
            self._await(state, participant_id, index, audio.cut.whole_at_ms + self._text_wait_ms)
        # What has text only and lies before this window gets no audio any more, as far as we know.
        for pending in state.pending:
            if pending.participant_id == participant_id and pending.window < index:
                pending.due_ms = pending.due_ms or audio.cut.whole_at_ms + self._text_wait_ms
        yield from self._show_again(call_id, state, store, {(participant_id, index)}, now_ms)
        yield from self.show_due(call_id, state, store, now_ms)

    def take_text(
        self, call_id: str, state: OpenAssembly, store: WindowStore, text: ScoredText, now_ms: int
    ) -> Iterator[Segment]:
        """An utterance was scored: it weighs on every window it overlaps."""
        participant_id = text.utterance.participant_id
        newest = state.newest_audio.get(participant_id)
        changed = set()
        for index in windows_of(text.utterance):
            window = store.get(participant_id, index) or Window()
            window.with_text(text)
            store.put(participant_id, index, window)
            changed.add((participant_id, index))
            if not window.emitted and window.audio is None:
                audio_to_come = text.utterance.audio_begun if newest is None else newest < index
                due_ms = text.utterance.accepted_at_ms + self._text_wait_ms
                self._await(state, participant_id, index, None if audio_to_come else due_ms)
        yield from self._show_again(call_id, state, store, changed, now_ms)
        yield from self.show_due(call_id, state, store, now_ms)

    def take_consent(
        self,
        call_id: str,
        state: OpenAssembly,
        store: WindowStore,
        ruled: ConsentRuled,
        now_ms: int,
    ) -> Iterator[Segment]:
        """A consent changed: forget what must not be used, and show the rows that rest on it."""
        participant_id = ruled.participant_id
        state.consents.setdefault(participant_id, []).append(ruled.from_window)
        later = {
            index: window
            for index, window in store.all().get(participant_id, {}).items()
            if index >= ruled.from_window
        }
        for index, window in later.items():
            window.withhold(index, ruled)
            store.put(participant_id, index, window)
        shown = {(participant_id, index) for index, window in later.items() if window.emitted}
        yield from self._show(call_id, state, store, shown, now_ms)
        yield from self.show_due(call_id, state, store, now_ms)

    def show_due(
        self, call_id: str, state: OpenAssembly, store: WindowStore, now_ms: int
    ) -> Iterator[Segment]:
        """The rows whose wait is over."""
        due = [p for p in state.pending if p.due_ms is not None and p.due_ms <= now_ms]
        if due:
            state.pending = [p for p in state.pending if p not in due]
            yield from self._show(
                call_id, state, store, {(p.participant_id, p.window) for p in due}, now_ms
            )

    def close(
        self,
        call_id: str,
        state: OpenAssembly,
        store: WindowStore,
        closed: CallClosed,
        now_ms: int,
    ) -> Iterator[Row]:
        """Every row not shown yet, then summary and ledger; afterwards nothing is kept."""
        waiting = {(p.participant_id, p.window) for p in state.pending}
        yield from self._show(call_id, state, store, waiting, now_ms)
        windows = store.all()
        yield from summary_rows(call_id, closed, windows, self._fuser)
        yield from ledger_rows(call_id, closed, windows, self._fuser)
        store.clear()

    @staticmethod
    def _await(state: OpenAssembly, participant_id: str, index: int, due_ms: int | None) -> None:
        for pending in state.pending:
            if (pending.participant_id, pending.window) == (participant_id, index):
                pending.due_ms = due_ms if pending.due_ms is None else pending.due_ms
                return
        state.pending.append(Pending(participant_id, index, due_ms))

    def _show_again(
        self,
        call_id: str,
        state: OpenAssembly,
        store: WindowStore,
        changed: set[tuple[str, int]],
        now_ms: int,
    ) -> Iterator[Segment]:
        """Rows already shown that rest on a changed window: its own and the five after it."""
        shown = {
            (participant_id, later)
            for participant_id, index in changed
            for later in range(index, index + ROLLING_WINDOWS)
            if (window := store.get(participant_id, later)) is not None and window.emitted
        }
        yield from self._show(call_id, state, store, shown, now_ms)

    def _show(
        self,
        call_id: str,
        state: OpenAssembly,
        store: WindowStore,
        which: set[tuple[str, int]],
        now_ms: int,
    ) -> Iterator[Segment]:
        for participant_id, index in sorted(which, key=lambda key: (key[1], key[0])):
            windows = {
                k: window
                for k in range(max(0, index - ROLLING_WINDOWS + 1), index + 1)
                if (window := store.get(participant_id, k)) is not None
            }
            if not windows[index].emitted:
                windows[index].emitted = True
                store.put(participant_id, index, windows[index])
            yield segment(
                call_id,
                state.participants[participant_id],
                state.started_at_ms,
                index,
                windows,
                self._fuser,
                now_ms,
                sum(first <= index for first in state.consents.get(participant_id, ())),
            )


_KEPT: KeptState[OpenAssembly] = KeptState(OpenAssembly, VERSION)
encode_assembly = _KEPT.encode
decode_assembly = _KEPT.decode
