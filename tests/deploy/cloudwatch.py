"""CloudWatch's alarms by hand: samples in, states out, from the template's own expressions.

A period's samples become one number by the statistic; metric math works on these numbers period by
period, where one without number has no result; of the last ``EvaluationPeriods`` so many must break
the threshold as ``DatapointsToAlarm`` says, and a missing one counts as ``TreatMissingData`` says
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html).
"""

from __future__ import annotations

import ast
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, Literal

Series = dict[int, float]
"""By period: what was measured in it."""
State = Literal["OK", "ALARM"]

_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Average": lambda samples: sum(samples) / len(samples),
    "Maximum": max,
    "Minimum": min,
    "Sum": sum,
}
_BREAKS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
}
_OPERATORS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
}


class CloudWatch:
    """Samples of one stack's metrics, and its alarms."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, float]) -> None:
        """Begin without samples.

        Args:
            template: of the alarms.
            parameters: thresholds.
        """
        self._alarms = {
            resource["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("${Name}-"): resource[
                "Properties"
            ]
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::CloudWatch::Alarm"
        }
        self._parameters = dict(parameters)
        self._samples: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        self.now_s = 0.0

    @property
    def alarms(self) -> set[str]:
        return set(self._alarms)

    def put(self, thing: str, metric: str, values: Iterable[float]) -> None:
        """Samples of now; ``thing`` is the template's parameter that names what they are of."""
        self._samples[thing, metric] += [(self.now_s, value) for value in values]

    def ringing(self) -> set[str]:
        """The alarms whose state is ALARM when the period of now is over."""
        return {name for name in self._alarms if self.state(name) == "ALARM"}

    def state(self, alarm: str) -> State:
        properties = self._alarms[alarm]
        found = self._value(properties)
        threshold = properties["Threshold"]
        if isinstance(threshold, dict):
            threshold = self._parameters[threshold["Ref"]]
        breaks = _BREAKS[properties["ComparisonOperator"]]
        missing = properties["TreatMissingData"] == "breaching"
        last = self._period(_period_of(properties))
        broken = [
            breaks(found[period], threshold) if period in found else missing
            for period in range(last - properties["EvaluationPeriods"] + 1, last + 1)
        ]
        return "ALARM" if sum(broken) >= properties["DatapointsToAlarm"] else "OK"

    def has_samples(self, alarm: str) -> bool:
        """Whether what it watches was ever told of."""
        return bool(self._value(self._alarms[alarm]))

    def _value(self, properties: Mapping[str, Any]) -> Series:
        if "Metrics" not in properties:
            return self._series(properties, properties["Period"], properties["Statistic"])
        named: dict[str, Series] = {}
        for one in properties["Metrics"]:
            if "MetricStat" in one:
                stat = one["MetricStat"]
                named[one["Id"]] = self._series(stat["Metric"], stat["Period"], stat["Stat"])
        [expression] = [one["Expression"] for one in properties["Metrics"] if one["ReturnData"]]
        math = _Math(named, self._period(_period_of(properties)))
        found = math.value(ast.parse(expression, mode="eval").body)
        assert isinstance(found, dict), "an alarm watches a series"
        return found

    def _series(self, metric: Mapping[str, Any], period_s: int, statistic: str) -> Series:
        [dimension] = metric["Dimensions"]
        key = (dimension["Value"]["Ref"], metric["MetricName"])
        by_period: dict[int, list[float]] = defaultdict(list)
        for at_s, value in self._samples.get(key, ()):
            by_period[int(at_s // period_s)].append(value)
        return {period: _STATISTICS[statistic](found) for period, found in by_period.items()}

    def _period(self, period_s: int) -> int:
        return int(self.now_s // period_s)


def _period_of(properties: Mapping[str, Any]) -> int:
    if "Period" in properties:
        return int(properties["Period"])
    [period_s] = {
        one["MetricStat"]["Period"] for one in properties["Metrics"] if "MetricStat" in one
    }
    return int(period_s)


class _Math:
    """The part of metric math that our alarms use."""

    def __init__(self, named: Mapping[str, Series], last: int) -> None:
        self._named = named
        self._last = last

    def value(self, node: ast.expr) -> Series | float:
        found: Series | float
        match node:
            case ast.Constant(value=int() | float() as number):
                found = float(number)
            case ast.Name(id=name):
                found = self._named[name]
            case ast.BinOp(left=left, op=sign, right=right):
                found = _each(_OPERATORS[type(sign)], self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[sign], comparators=[right]):
                found = _each(_OPERATORS[type(sign)], self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
                found = self._if(*map(self.value, (condition, then, otherwise)))
            case ast.Call(func=ast.Name(id="FILL"), args=[series, ast.Constant(value=filler)]):
                found = self._fill(self.value(series), filler)
            case ast.Call(func=ast.Name(id="DIFF"), args=[series]):
                found = self._diff(self.value(series))
            case ast.Call(func=ast.Name(id="MAX"), args=[ast.List(elts=[first, second])]):
                found = _each(max, self.value(first), self.value(second))
            case _:
                msg = f"no metric math of ours: {ast.unparse(node)}"
                raise ValueError(msg)
        return found

    def _fill(self, series: Series | float, filler: Any) -> Series:
        """What was never told stays missing."""
        assert isinstance(series, dict)
        first = min(series, default=self._last + 1)
        return {at: series.get(at, filler) for at in range(first, self._last + 1)}

    @staticmethod
    def _diff(series: Series | float) -> Series:
        assert isinstance(series, dict)
        return {at: series[at] - series[before] for before, at in pairwise(sorted(series))}

    @staticmethod
    def _if(condition: Series | float, then: Series | float, otherwise: Series | float) -> Series:
        assert isinstance(condition, dict)
        found = {}
        for at, holds in condition.items():
            chosen = then if holds else otherwise
            number = chosen.get(at) if isinstance(chosen, dict) else chosen
            if number is not None:
                found[at] = number
        return found


def _each(
    function: Callable[[float, float], float], left: Series | float, right: Series | float
) -> Series | float:
    """Period by period; division by nothing is no result."""
    if not isinstance(left, dict) and not isinstance(right, dict):
        return function(left, right)
    found: Series = {}
    for at in left if isinstance(left, dict) else right:  # type: ignore[union-attr]
        pair = [one.get(at) if isinstance(one, dict) else one for one in (left, right)]
        if None not in pair and not (function is operator.truediv and pair[1] == 0):
            found[at] = float(function(*pair))  # type: ignore[arg-type]
    return found
