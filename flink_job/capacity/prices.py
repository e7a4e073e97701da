"""List prices, each a parameter: what AWS asked in ``REGION`` as of ``AS_OF``, before taxes.

They are from memory, not looked up. They change and differ by region: look yours up
(https://aws.amazon.com/pricing/) and give those that differ as ``--price NAME=VALUE``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import Final

REGION: Final = "us-east-1"
AS_OF: Final = "2025-06"


@dataclass(frozen=True, slots=True)
class Prices:
    """In US dollars."""

    kpu_hour: float = 0.11
    running_storage_gb_month: float = 0.10
    """50 GB with every KPU."""
    snapshot_gb_month: float = 0.023
    shard_hour: float = 0.015
    put_units_million: float = 0.014
    shard_hour_beyond_24h: float = 0.020
    on_demand_stream_hour: float = 0.04
    on_demand_gb_in: float = 0.08
    on_demand_gb_out: float = 0.04
    on_demand_gb_month_beyond_24h: float = 0.10
    endpoint_instance_hour: float = 0.2142
    """ml.c7i.xlarge."""
    s3_gb_month: float = 0.023
    s3_puts_thousand: float = 0.005
    rpu_hour: float = 0.375
    """Redshift Serverless, which counts while it loads: with loads every 10 s, always."""
    rpus: float = 8.0


def with_prices(given: Iterable[str]) -> Prices:
    """The list prices with some of them replaced.

    Args:
        given: each of the form ``name=value``.

    Raises:
        ValueError: there is no such price, or it is no number of 0 or more.
    """
    known = [field.name for field in fields(Prices)]
    values: dict[str, float] = {}
    for one in given:
        name, _, text = one.partition("=")
        if name not in known:
            msg = f"price {name!r} is unknown; known: {', '.join(known)}"
            raise ValueError(msg)
        try:
            values[name] = float(text)
        except ValueError:
            msg = f"price {name} is {text!r}; write a number of dollars"
            raise ValueError(msg) from None
        if not (isfinite(values[name]) and values[name] >= 0):
            msg = f"price {name} is {text!r}; write a number of 0 or more"
            raise ValueError(msg)
    return replace(Prices(), **values)
