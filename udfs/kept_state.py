"""State as it lies in a savepoint: MessagePack with a version, tied to no class or module name."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

import msgspec


class Versioned(Protocol):
    @property
    def version(self) -> int: ...


State = TypeVar("State", bound=Versioned)


class UnknownStateError(ValueError):
    """State written by a version of the job that this one cannot read."""


class KeptState(Generic[State]):
    """Writes and reads one kind of state.

    Args:
        kind: a struct, or a union of tagged structs.
        version: the version that this job writes and reads.
    """

    def __init__(self, kind: Any, version: int) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[State] = msgspec.msgpack.Decoder(kind)
        self._version = version

    def encode(self, state: State) -> bytes:
        return self._encoder.encode(state)

    def decode(self, data: bytes) -> State:
        """The state that these bytes hold.

        Raises:
            UnknownStateError: another version of the job wrote it.
        """
        try:
            state = self._decoder.decode(data)
        except msgspec.ValidationError as error:
            msg = "the state of a call cannot be read by this version of the job"
            raise UnknownStateError(msg) from error
        if state.version != self._version:
            msg = f"the state of a call has version {state.version}, this job reads {self._version}"
            raise UnknownStateError(msg)
        return state
