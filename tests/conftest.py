"""For everyone: AWS on this machine, and Hypothesis.

Hypothesis gives the same examples in every run, and no deadline on a busy machine.
"""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.aws_servers.fixtures"]

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
# For a night's search: HYPOTHESIS_PROFILE=search
settings.register_profile(
    "search",
    deadline=None,
    max_examples=2_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
