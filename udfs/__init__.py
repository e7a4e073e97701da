"""What happens to one record, one window or one call: pure functions, no Flink, no AWS."""
