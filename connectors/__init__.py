"""Bytes in, rows out: Kinesis, the lake, local stand-ins. Knows AWS, holds no rules about calls."""
