"""The CloudFormation templates of alarms and dashboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any, get_args

import yaml

from flink_job.monitoring.alarms import ALARMS, PARAMETERS, Alarm, Parameter, Question
from flink_job.monitoring.charts import CHARTS, Chart
from flink_job.monitoring.sources import Source

HEADER = (
    "# Made from flink_job/monitoring by `python -m flink_job.monitoring deploy`: change that.\n"
)
_VALUE = "value"
_WIDTH, _HEIGHT, _COLUMNS = 8, 6, 3


def alarms_yaml() -> str:
    """``alarms.yaml`` as it is committed."""
    return _written(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Alarms on the job and on what it stands on; see deploy/RUNBOOK.md.",
            "Parameters": {
                **{name: {"Type": "String"} for name in ("Name", "KeyArn", *_things())},
                "AlarmEmail": {
                    "Type": "String",
                    "Description": "empty: nobody is written to; subscribe to the topic",
                },
                **{one.name: {"Type": "Number", "Description": one.meaning} for one in PARAMETERS},
            },
            "Conditions": {"HasEmail": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}},
            "Resources": {
                **_topic(),
                **{logical_id(alarm): _alarm(alarm) for alarm in ALARMS},
            },
            "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}},
        }
    )


def dashboard_yaml() -> str:
    """``dashboard.yaml`` as it is committed."""
    return _written(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Is it running, behind, losing, degraded, and what does it cost.",
            "Parameters": {name: {"Type": "String"} for name in ("Name", *_things())},
            "Resources": {
                "Dashboard": {
                    "Type": "AWS::CloudWatch::Dashboard",
                    "Properties": {
                        "DashboardName": {"Ref": "Name"},
                        "DashboardBody": {"Fn::Sub": json.dumps(_body())},
                    },
                }
            },
        }
    )


def logical_id(alarm: Alarm) -> str:
    """``job-down`` as ``JobDown``."""
    return "".join(word.capitalize() for word in alarm.name.split("-"))


def _things() -> list[str]:
    """The templates' parameters that name what is watched."""
    sources = [source for alarm in ALARMS for source in alarm.sources.values()]
    return sorted({source.parameter for source in sources})


def _written(template: dict[str, Any]) -> str:
    return HEADER + yaml.safe_dump(template, sort_keys=False, width=110, allow_unicode=True)


# --- alarms ------------------------------------------------------------------------------------


def _topic() -> dict[str, Any]:
    alarm_arn = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${Name}-*"
    return {
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "TopicName": {"Fn::Sub": "${Name}-alarms"},
                "KmsMasterKeyId": {"Ref": "KeyArn"},
                "Subscription": {
                    "Fn::If": [
                        "HasEmail",
                        [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}],
                        {"Ref": "AWS::NoValue"},
                    ]
                },
            },
        },
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "AlarmsPublish",
                            "Effect": "Allow",
                            "Principal": {"Service": "cloudwatch.amazonaws.com"},
                            "Action": "sns:Publish",
                            "Resource": {"Ref": "Topic"},
                            "Condition": {
                                "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
                                "ArnLike": {"aws:SourceArn": {"Fn::Sub": alarm_arn}},
                            },
                        },
                        {
                            "Sid": "DenyTopicWithoutTls",
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "sns:Publish",
                            "Resource": {"Ref": "Topic"},
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        },
                    ],
                },
            },
        },
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    above, below = "GreaterThanThreshold", "LessThanThreshold"
    limit = alarm.threshold
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": {"Fn::Sub": f"${{Name}}-{alarm.name}"},
            "AlarmDescription": f"{_sentence(alarm.sees)} See deploy/RUNBOOK.md#{alarm.name}",
            **_reads(alarm),
            "EvaluationPeriods": alarm.periods,
            "DatapointsToAlarm": alarm.datapoints or alarm.periods,
            "ComparisonOperator": above if alarm.rings == "above" else below,
            "Threshold": {"Ref": limit.name} if isinstance(limit, Parameter) else limit,
            "TreatMissingData": alarm.missing,
            "ActionsEnabled": True,
            "AlarmActions": [{"Ref": "Topic"}],
            "OKActions": [{"Ref": "Topic"}],
        },
    }


def _reads(alarm: Alarm) -> dict[str, Any]:
    if alarm.expression is None:
        [source] = alarm.sources.values()
        return {**_metric(source), "Statistic": source.statistic, "Period": alarm.period_s}
    return {
        "Metrics": [
            *(
                {
                    "Id": name,
                    "MetricStat": {
                        "Metric": _metric(source),
                        "Period": alarm.period_s,
                        "Stat": source.statistic,
                    },
                    "ReturnData": False,
                }
                for name, source in alarm.sources.items()
            ),
            {"Id": _VALUE, "Expression": alarm.expression, "ReturnData": True},
        ]
    }


def _metric(source: Source) -> dict[str, Any]:
    return {
        "Namespace": source.namespace,
        "MetricName": source.metric,
        "Dimensions": [{"Name": source.dimension, "Value": {"Ref": source.parameter}}],
    }


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


# --- dashboard ---------------------------------------------------------------------------------


def _body() -> dict[str, Any]:
    return {"start": "-PT3H", "periodOverride": "inherit", "widgets": list(_widgets())}


def _widgets() -> Iterator[dict[str, Any]]:
    y = 0
    for question in get_args(Question):
        alarms = ", ".join(alarm.name for alarm in ALARMS if alarm.question == question)
        heading = f"## {question}\nAlarms: {alarms}"
        yield {
            **_place(0, y, 24, 2),
            "type": "text",
            "properties": {"markdown": heading},
        }
        y += 2
        charts = [chart for chart in CHARTS if chart.question == question]
        for place, chart in enumerate(charts):
            row, column = divmod(place, _COLUMNS)
            yield {
                **_place(column * _WIDTH, y + row * _HEIGHT, _WIDTH, _HEIGHT),
                "type": "metric",
                "properties": _chart(chart),
            }
        y += -(-len(charts) // _COLUMNS) * _HEIGHT


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "width": width, "height": height}


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "title": chart.title,
        "region": "${AWS::Region}",
        "period": chart.period_s,
        "view": "timeSeries",
        "stacked": chart.is_stacked,
        "metrics": list(_lines(chart)),
    }


def _lines(chart: Chart) -> Iterator[list[Any]]:
    numbers = count()
    for line in chart.lines:
        shown = {"label": line.label, **({"yAxis": "right"} if line.on_the_right else {})}
        expression = line.expression
        for name, source in line.sources.items():
            hidden_id = f"{name}{next(numbers)}"
            options: dict[str, Any] = {"stat": source.statistic}
            if expression is None:
                options |= shown
            else:
                options |= {"id": hidden_id, "visible": False}
                expression = _renamed(expression, name, hidden_id)
            place = [source.dimension, f"${{{source.parameter}}}"]
            yield [source.namespace, source.metric, *place, options]
        if expression is not None:
            yield [{"expression": expression, **shown}]


def _renamed(expression: str, name: str, new_name: str) -> str:
    return re.sub(rf"\b{name}\b", new_name, expression)
