"""The CloudFormation templates, from YAML files that name each other to what CloudFormation takes.

A nested stack's ``TemplateURL`` and a function's ``Code`` are local paths in the files, as ``aws
cloudformation package`` reads them. Here each is uploaded under its SHA-256 and its place in S3 put
in: the same files always give the same root template. A user's property groups are added to the
application's on the way.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import yaml

ROOT: Final = "call-sentiment.yaml"
ARTIFACTS: Final = "artifacts.yaml"
APPLICATION: Final = "application.yaml"
Groups = Mapping[str, Mapping[str, str]]


class StackOwnsError(ValueError):
    """A property that the stack itself sets was given."""

    def __init__(self, group: str, key: str) -> None:
        super().__init__(
            f"properties: group {group!r}, key {key!r}: is set by the stack; leave it out"
        )


class Uploaded(NamedTuple):
    bucket: str
    key: str
    url: str


class Upload(Protocol):
    """Keeps some bytes and says where."""

    def __call__(self, folder: str, suffix: str, body: bytes) -> Uploaded: ...


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, such as ``!Ref``."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - YAML knows no fourth kind
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


def load_template(path: Path) -> dict[str, Any]:
    """A template in its long form."""
    with path.open(encoding="utf-8") as file:
        template: dict[str, Any] = yaml.load(file, _Loader)  # noqa: S506 - a SafeLoader
    return template


def package_templates(folder: Path, groups: Groups, upload: Upload) -> Uploaded:
    """Upload the root template with all it is made of.

    Args:
        folder: of the templates.
        groups: a user's property groups.
        upload: keeps a file.

    Raises:
        StackOwnsError: a property is the stack's own.
    """
    root = load_template(folder / ROOT)
    for resource in root["Resources"].values():
        properties = resource["Properties"]
        child = load_template(folder / properties["TemplateURL"])
        if properties["TemplateURL"] == APPLICATION:
            add_groups(child, groups)
        _upload_code(folder, child, upload)
        properties["TemplateURL"] = upload("templates", ".json", encode(child)).url
    return upload("templates", ".json", encode(root))


def encode(template: Mapping[str, Any]) -> bytes:
    return json.dumps(template, separators=(",", ":")).encode()


def add_groups(application: dict[str, Any], groups: Groups) -> None:
    """Add a user's property groups to the application's own.

    Raises:
        StackOwnsError: a property is the stack's own.
    """
    own = stack_groups(application)
    entries = _entries(application)
    for group, properties in groups.items():
        if group not in own:
            entries.append({"PropertyGroupId": group, "PropertyMap": dict(properties)})
            continue
        for key in properties:
            if key in own[group]:
                raise StackOwnsError(group, key)
        own[group].update(properties)


def stack_groups(application: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The application's own groups, those under a condition too; what is in them can be changed."""
    groups = {}
    for entry in _entries(application):
        group = entry["Fn::If"][1] if "Fn::If" in entry else entry
        groups[group["PropertyGroupId"]] = group["PropertyMap"]
    return groups


def _entries(application: Mapping[str, Any]) -> list[dict[str, Any]]:
    configuration = application["Resources"]["Application"]["Properties"][
        "ApplicationConfiguration"
    ]
    entries: list[dict[str, Any]] = configuration["EnvironmentProperties"]["PropertyGroups"]
    return entries


def _upload_code(folder: Path, template: dict[str, Any], upload: Upload) -> None:
    for resource in template["Resources"].values():
        code = resource.get("Properties", {}).get("Code")
        if resource["Type"] == "AWS::Lambda::Function" and isinstance(code, str):
            place = upload("functions", ".zip", zip_folder(folder / code))
            resource["Properties"]["Code"] = {"S3Bucket": place.bucket, "S3Key": place.key}


def zip_folder(folder: Path) -> bytes:
    """A folder's Python files as a zip: the same files, the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.glob("*.py")):
            entry = zipfile.ZipInfo(path.name)  # of 1980
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return packed.getvalue()
