"""The templates as they lie in the folder: lint, AWS' own rules, and who may do what."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint import api

from connectors.deployment.templates import ROOT, Uploaded, encode, load_template, package_templates
from connectors.lake_catalog import catalog_yaml

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "deploy" / "cloudformation"
TEMPLATES = sorted(FOLDER.glob("*.yaml"))
GUARD = REPOSITORY / "build/guard/node_modules/@cdklabs/cdk-validator-cfnguard"

# Where AWS' rules are not followed, and why.
NOT_FOLLOWED = {
    ("s3_bucket_logging_enabled_check", "ArtifactBucket"): "zips and templates, no data",
    ("s3_bucket_logging_enabled_check", "LogBucket"): "it holds the access logs itself",
    ("s3_bucket_default_encryption_kms_check", "LogBucket"): "S3 delivers logs to none with a key",
    (
        "lambda_inside_vpc_check",
        "Function",
    ): "it calls Kinesis alone and reaches no network of ours",
    **{
        ("s3_event_notifications_enabled_check", bucket): "nobody waits for single objects"
        for bucket in ("ArtifactBucket", "LakeBucket", "LogBucket", "StagingBucket")
    },
    **{
        ("s3_bucket_object_lock_enabled_check", bucket): "what a person has erased must go"
        for bucket in ("ArtifactBucket", "LakeBucket", "LogBucket", "StagingBucket")
    },
}

# Statements that allow something on "*" and why; each is in deploy/PERMISSIONS.md.
MAY_NAME_ANY_RESOURCE = {
    "AccountAdministersKey": "in a key's own policy it is this key",
    "LogGroupsUseKey": "in a key's own policy it is this key",
    "AlarmsUseKey": "in a key's own policy it is this key",
    "FollowOwnLoads": "the Data API knows no resource; the owner is a condition",
    "AskComprehend": "Comprehend knows no resource",
    "LookAtVpc": "EC2 knows no resource for what describes",
    "LogInToEcr": "ECR knows no resource for it",
    "WriteModelMetrics": "CloudWatch knows no resource; the namespace is a condition",
}
MAY_NAME_ANY_ACTION = {"AccountAdministersKey": "or nobody could administer the key"}
SOURCE_KEYS = {"aws:SourceAccount", "aws:SourceArn", "sts:ExternalId"}


def statements(template: Any) -> Iterator[dict[str, Any]]:
    if isinstance(template, dict):
        if "Effect" in template and "Action" in template:
            yield template
        for value in template.values():
            yield from statements(value)
    elif isinstance(template, list):
        for value in template:
            yield from statements(value)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def all_statements() -> list[dict[str, Any]]:
    return [one for path in TEMPLATES for one in statements(load_template(path))]


def allowing(sid: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    return next(one for one in found if one["Sid"] == sid)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_cfn_lint_has_nothing_to_say(path: Path) -> None:
    assert api.lint_file(path) == []


def test_aws_own_rules_are_followed_but_where_we_say_why(tmp_path: Path) -> None:
    if not (GUARD / "rules").exists():
        pytest.skip("run `make setup` first")
    for path in TEMPLATES:
        template = load_template(path)
        known = {name: f"value-of-{name}" for name in template.get("Parameters", {})}
        (tmp_path / f"{path.stem}.json").write_text(json.dumps(filled(template, known)))
    run = subprocess.run(
        [
            GUARD / "bin/ubuntu/x86_64/cfn-guard",
            *("validate", "--rules", GUARD / "rules/control-tower/cfn-guard", "--data", tmp_path),
            *("--structured", "--output-format", "json", "--show-summary", "none"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    reports = json.loads(run.stdout)
    broken = {
        (rule["Rule"]["name"], resource)
        for report in reports
        for rule in report["not_compliant"]
        for resource in re.findall(r"/Resources/(\w+)", json.dumps(rule))
    }

    assert len(reports) >= len(TEMPLATES)
    assert broken == set(NOT_FOLLOWED)


def filled(node: Any, values: dict[str, str]) -> Any:
    """A template with its parameters' values in it: the rules know no parameters."""
    if isinstance(node, dict):
        if node.get("Ref") == "LogDays":
            return 400
        if set(node) == {"Ref"} and node["Ref"] in values:
            return values[node["Ref"]]
        return {key: filled(value, values) for key, value in node.items()}
    return [filled(one, values) for one in node] if isinstance(node, list) else node


def test_no_policy_allows_any_resource_but_where_the_service_leaves_no_choice() -> None:
    wide = {
        one["Sid"]
        for one in all_statements()
        if one["Effect"] == "Allow" and "*" in as_list(one.get("Resource"))
    }

    assert wide == set(MAY_NAME_ANY_RESOURCE)


def test_no_policy_allows_any_action() -> None:
    wide = {
        one["Sid"]
        for one in all_statements()
        if one["Effect"] == "Allow" and any("*" in action for action in as_list(one["Action"]))
    }

    assert wide == set(MAY_NAME_ANY_ACTION)


def test_no_arn_leaves_account_or_service_open() -> None:
    for one in all_statements():
        for resource in as_list(one.get("Resource", [])):
            arn = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
            text = arn[0] if isinstance(arn, list) else arn
            if one["Effect"] == "Allow" and text.startswith("arn:"):
                text = re.sub(r"\$\{[^}]*\}", "x", text)
                assert "*" not in ":".join(text.split(":")[:5]), one["Sid"]


def test_who_may_assume_a_role_is_bound_to_this_account() -> None:
    found = [one for one in all_statements() if "sts:AssumeRole" in as_list(one["Action"])]

    assert found
    for one in found:
        keys = {key for condition in one["Condition"].values() for key in condition}
        assert keys & SOURCE_KEYS, one["Sid"]


def test_services_that_are_let_in_are_bound_to_this_account_or_its_logs() -> None:
    for one in all_statements():
        principal = one.get("Principal")
        if one["Effect"] == "Allow" and isinstance(principal, dict) and "Service" in principal:
            keys = {key for condition in one["Condition"].values() for key in condition}
            assert keys & (SOURCE_KEYS | {"kms:EncryptionContext:aws:logs:arn"}), one["Sid"]


def test_every_statement_has_a_name_and_a_line_in_the_table_of_permissions() -> None:
    table = (REPOSITORY / "deploy" / "PERMISSIONS.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))

    assert told == {one["Sid"] for one in all_statements()}


@pytest.mark.parametrize("name", ["LakeBucket", "StagingBucket", "LogBucket", "ArtifactBucket"])
def test_buckets_are_closed_encrypted_versioned_and_outlive_the_stack(name: str) -> None:
    file = "artifacts.yaml" if name == "ArtifactBucket" else "storage.yaml"
    resources = load_template(FOLDER / file)["Resources"]
    bucket = resources[name]

    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["Properties"]["BucketEncryption"]
    assert bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    [deny, *_] = resources[f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"]
    assert deny["Effect"] == "Deny"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_glue_tables_have_the_columns_of_the_rows() -> None:
    assert (FOLDER / "catalog.yaml").read_text(encoding="utf-8") == catalog_yaml()


def test_the_root_fits_into_a_request_so_that_the_way_back_needs_no_file() -> None:
    root = package_templates(FOLDER, {}, no_upload)

    assert root.bucket == "sizes"
    assert int(root.key) < 51_200


def no_upload(folder: str, suffix: str, body: bytes) -> Uploaded:
    return Uploaded("sizes", str(len(body)), f"https://artifacts/{folder}/{'0' * 64}{suffix}")


def test_the_same_files_give_the_same_template() -> None:
    assert encode(load_template(FOLDER / ROOT)) == encode(load_template(FOLDER / ROOT))


def test_each_nested_stack_gets_the_parameters_it_has() -> None:
    for resource in load_template(FOLDER / ROOT)["Resources"].values():
        properties = resource["Properties"]
        child = load_template(FOLDER / properties["TemplateURL"])
        assert set(properties["Parameters"]) == set(child["Parameters"]), properties["TemplateURL"]
