"""The lake's tables for the Glue catalogue: a CloudFormation template made from the rows' classes.

Partition projection tells Athena which dates there are, so no crawler is needed
(https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html). ``python -m
connectors.lake_catalog deploy/cloudformation/catalog.yaml`` writes the template anew.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from connectors.lake_ddl import HIVE_TYPES, projection
from udfs.rows import TABLES, Column, Table

_HEADER = (
    "# Made from udfs/rows.py by `python -m connectors.lake_catalog FILE`: change that, not this.\n"
)


def catalog_template() -> dict[str, Any]:
    """The template: a Glue database, and a table for each kind of row."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The lake's tables for Athena and every other reader of the Glue catalogue.",
        "Parameters": {
            "Database": {"Type": "String"},
            "LakeBucket": {"Type": "String"},
            "FirstDate": {"Type": "String", "Description": "the earliest dt that queries look for"},
        },
        "Resources": {
            "GlueDatabase": {
                "Type": "AWS::Glue::Database",
                "Properties": {
                    "CatalogId": {"Ref": "AWS::AccountId"},
                    "DatabaseInput": {"Name": {"Ref": "Database"}},
                },
            },
            **{f"{table.folder.capitalize()}Table": _resource(table) for table in TABLES},
        },
    }


def catalog_yaml() -> str:
    """The template as it is committed."""
    return _HEADER + yaml.safe_dump(catalog_template(), sort_keys=False, width=110)


def _resource(table: Table) -> dict[str, Any]:
    location = f"s3://${{LakeBucket}}/lake/{table.folder}/"
    parameters = {
        "classification": "parquet",
        **projection(
            {"Fn::Sub": "${FirstDate},NOW+1DAYS"},
            # ${!…} is what CloudFormation leaves to Athena
            {"Fn::Sub": f"{location}dt=${{!dt}}/"},
        ),
    }
    return {
        "Type": "AWS::Glue::Table",
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseName": {"Ref": "GlueDatabase"},
            "TableInput": {
                "Name": table.folder,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": parameters,
                "PartitionKeys": [{"Name": "dt", "Type": "string"}],
                "StorageDescriptor": {
                    "Location": {"Fn::Sub": location},
                    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                    "OutputFormat": (
                        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
                    ),
                    "SerdeInfo": {
                        "SerializationLibrary": (
                            "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
                        )
                    },
                    "Columns": [_column(column) for column in table.columns],
                },
            },
        },
    }


def _column(column: Column) -> dict[str, str]:
    return {"Name": column.name, "Type": HIVE_TYPES[column.type], "Comment": column.meaning}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(catalog_yaml(), encoding="utf-8")
