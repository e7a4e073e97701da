"""What travels between the operators: Flink types, and records as MessagePack.

opened      (call_id, stream_ms, arrival_ms, opened)
                                                    a record and its arrival
records     (call_id, opened, rowtime)              the same at its event time
work        (call_id, work, signal, text, language, may_send_raw)
                                                    what models and fusion are to do
scored      (call_id, (work, audio_score, text_score))
segments, calls, ledger, rejects                    rows, see udfs.rows
loads       (table, row)                            the same rows for the warehouse
"""

from __future__ import annotations

from typing import Any

import msgspec
from pyflink.common import Row, Types
from pyflink.common.typeinfo import TypeInformation
from pyflink.datastream import OutputTag

from connectors.lake_tables import row_type, to_flink_row
from connectors.warehouse.loading import pack_row
from udfs.record_json import CallRecord
from udfs.records import Arrival, PersonSuppressed, RejectNotice, Work
from udfs.rows import CALLS, LEDGER, REJECTS, Reject, Table, partition_date
from udfs.score_text import TextScore
from udfs.score_window import WindowScore
from udfs.windows import WindowSignal


class Opened(msgspec.Struct, frozen=True, array_like=True):
    record: CallRecord | RejectNotice | PersonSuppressed
    arrival: Arrival


def _bytes() -> TypeInformation:
    return Types.PRIMITIVE_ARRAY(Types.BYTE())


def opened_type() -> TypeInformation:
    return Types.ROW_NAMED(
        ["call_id", "stream_ms", "arrival_ms", "opened"],
        [Types.STRING(), Types.LONG(), Types.LONG(), _bytes()],
    )


def records_type() -> TypeInformation:
    return Types.ROW_NAMED(
        ["call_id", "opened", "rowtime"], [Types.STRING(), _bytes(), Types.INSTANT()]
    )


def work_type() -> TypeInformation:
    return Types.ROW_NAMED(
        ["call_id", "work", "signal", "text", "language", "may_send_raw"],
        [Types.STRING(), _bytes(), _bytes(), Types.STRING(), Types.STRING(), Types.BOOLEAN()],
    )


def scored_type() -> TypeInformation:
    scored = Types.ROW_NAMED(["work", "audio_score", "text_score"], [_bytes(), _bytes(), _bytes()])
    return Types.ROW_NAMED(["call_id", "scored"], [Types.STRING(), scored])


WORK, AUDIO_SCORE, TEXT_SCORE = range(3)
"""Positions in what is scored."""


def rejects_tag() -> OutputTag:
    return OutputTag("rejects", row_type(REJECTS))


def calls_tag() -> OutputTag:
    return OutputTag("calls", row_type(CALLS))


def ledger_tag() -> OutputTag:
    return OutputTag("ledger", row_type(LEDGER))


def loads_tag() -> OutputTag:
    return OutputTag("loads", loads_type())


def loads_type() -> TypeInformation:
    return Types.ROW_NAMED(["table", "row"], [Types.STRING(), _bytes()])


def load_row(table: Table, row: Any) -> Row:
    return Row(table.folder, pack_row(row))


_REJECT_COLUMNS = tuple(column.name for column in REJECTS.columns)


def reject_row(reject: Reject) -> Row:
    return to_flink_row(reject, _REJECT_COLUMNS, partition_date(reject.arrival))


_encoder = msgspec.msgpack.Encoder()
_opened = msgspec.msgpack.Decoder(Opened)
_work = msgspec.msgpack.Decoder(Work)
_signal = msgspec.msgpack.Decoder(WindowSignal)
_window_score = msgspec.msgpack.Decoder(WindowScore)
_text_score = msgspec.msgpack.Decoder(TextScore)


def encode(value: Opened | Work | WindowSignal | WindowScore | TextScore) -> bytes:
    return _encoder.encode(value)


def decode_opened(data: bytes) -> Opened:
    return _opened.decode(data)


def decode_work(data: bytes) -> Work:
    return _work.decode(data)


def decode_signal(data: bytes) -> WindowSignal:
    return _signal.decode(data)


def decode_window_score(data: bytes) -> WindowScore:
    return _window_score.decode(data)


def decode_text_score(data: bytes) -> TextScore:
    return _text_score.decode(data)
