"""Faults against a standalone Flink cluster: is anything lost, doubled or stale afterwards?"""
