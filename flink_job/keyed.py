"""Keying without a step of its own.

PyFlink's ``key_by`` takes every record through Python once more, to put the key beside it. Where a
stream's rows have their key as first column already, Java's selector is enough.
"""

from __future__ import annotations

from pyflink.common.typeinfo import RowTypeInfo, Types
from pyflink.datastream import DataStream
from pyflink.datastream.data_stream import KeyedStream
from pyflink.java_gateway import get_gateway


def keyed(rows: DataStream, row_type: RowTypeInfo) -> KeyedStream:
    """Key rows ``(key STRING, value, ...)`` by their key; a function on it is given the value.

    Args:
        rows: as the table layer gives them; what comes after the value is not handed on.
        row_type: their type in the words of the DataStream API, which keyed functions ask for.
    """
    stream = rows._j_data_stream  # noqa: SLF001 - no public way
    stream.getTransformation().setOutputType(row_type.get_java_type_info())
    selector = get_gateway().jvm.KeyByKeySelector()
    key_type = Types.ROW([Types.STRING()]).get_java_type_info()
    return KeyedStream(stream.keyBy(selector, key_type), row_type.get_field_types()[1], rows)
