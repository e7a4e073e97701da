"""Assembly's own state; its behaviour under Flink is tested in tests/flink_job."""

from __future__ import annotations

import msgspec
import pytest

from tests.builders import CALL, participant, scored_audio, scored_text
from udfs.assembly import Assembly, OpenAssembly, Pending, decode_assembly, encode_assembly
from udfs.fusion import PriorFusion
from udfs.kept_state import UnknownStateError
from udfs.records import Announced
from udfs.segments import Window


class MemoryWindows:
    def __init__(self) -> None:
        self.windows: dict[tuple[str, int], bytes] = {}

    def get(self, participant_id, index):
        data = self.windows.get((participant_id, index))
        return None if data is None else msgspec.msgpack.decode(data, type=Window)

    def put(self, participant_id, index, window):
        self.windows[participant_id, index] = msgspec.msgpack.encode(window)

    def all(self):
        found: dict[str, dict[int, Window]] = {}
        for who, index in self.windows:
            found.setdefault(who, {})[index] = self.get(who, index)
        return found

    def clear(self):
        self.windows.clear()


@pytest.fixture
def assembly():
    return Assembly(PriorFusion(), text_wait_ms=3_000)


@pytest.fixture
def state(assembly):
    found = OpenAssembly()
    assembly.announce(found, Announced(0, (participant("customer"),)))
    return found


def test_state_comes_back_as_it_was():
    state = OpenAssembly(
        started_at_ms=7,
        participants={"customer": participant()},
        newest_audio={"customer": 3},
        pending=[Pending("customer", 2, None), Pending("customer", 3, 99)],
    )

    assert decode_assembly(encode_assembly(state)) == state
    assert state.due_ms == 99


def test_a_window_comes_back_as_it_was():
    window = Window(scored_audio(), (scored_text(),), emitted=True)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(window), type=Window) == window


@pytest.mark.parametrize(
    "data", [encode_assembly(OpenAssembly(version=2)), msgspec.msgpack.encode({"pending": 7})]
)
def test_state_of_another_version_is_not_read(data):
    with pytest.raises(UnknownStateError):
        decode_assembly(data)


def test_text_of_audio_still_to_come_is_not_shown_before_it(assembly, state):
    """The newest audio is window 0; words in window 2 wait until its audio has come."""
    store = MemoryWindows()
    list(assembly.take_audio(CALL, state, store, scored_audio(0), 0))
    shown = list(assembly.take_text(CALL, state, store, scored_text(0, 11_000), 0))
    assert shown == []

    assert [r.window_start_ms for r in assembly.show_due(CALL, state, store, 60_000)] == [0]


def test_text_before_the_newest_audio_is_shown_after_its_wait(assembly, state):
    """The audio of window 1 never came; its words have waited long enough."""
    store = MemoryWindows()
    list(assembly.take_audio(CALL, state, store, scored_audio(2, whole_at_ms=10), 10))
    list(assembly.take_text(CALL, state, store, scored_text(0, 6_000, accepted_at_ms=20), 20))

    due = list(assembly.show_due(CALL, state, store, 3_020))

    assert [row.window_start_ms for row in due] == [10_000, 5_000] or [
        row.window_start_ms for row in due
    ] == [5_000, 10_000]
    assert state.pending == []
