"""`cluster.yaml` against a mocked EC2: Ray makes its role, its rules and its nodes from it, and ends them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

moto = pytest.importorskip("moto")
boto3 = pytest.importorskip("boto3")
aws = pytest.importorskip("ray.autoscaler._private.aws.config")

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-west-2"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What Ray makes of the file with an account that has nothing yet."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(aws, "time", SimpleNamespace(sleep=lambda seconds: None))
    read = prepare_config(copy.deepcopy(yaml.safe_load((ROOT / "cluster.yaml").read_text())))
    validate_config(read)
    with moto.mock_aws():
        boto3.client("iam").create_instance_profile(InstanceProfileName="xray-worker")  # as the head of the file asks
        yield aws.bootstrap_aws(read)


def test_nodes_of_every_type_are_made_and_ended_and_only_ssh_is_open(config: dict[str, Any]) -> None:
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    for name, kind in config["available_node_types"].items():
        role = "head" if name == config["head_node_type"] else "worker"
        tags = {"ray-node-type": role, "ray-node-kind": role, "ray-user-node-type": name, "ray-node-name": name}
        provider.create_node(kind["node_config"], {**tags, "ray-launch-config": "x"}, 1)
    made = [each for found in boto3.client("ec2").describe_instances()["Reservations"] for each in found["Instances"]]
    types = sorted((each["InstanceType"], each.get("InstanceLifecycle", "on-demand")) for each in made)
    assert types == [("g4dn.xlarge", "on-demand"), ("g4dn.xlarge", "spot"), ("m6i.xlarge", "on-demand")]
    assert {group["GroupName"] for each in made for group in each["SecurityGroups"]} == {"ray-autoscaler-xray"}
    provider.terminate_nodes(provider.non_terminated_nodes({}))
    assert provider.non_terminated_nodes({}) == []

    groups = boto3.client("ec2").describe_security_groups(GroupNames=["ray-autoscaler-xray"])["SecurityGroups"]
    open_ports = [rule["FromPort"] for group in groups for rule in group["IpPermissions"] if rule["IpRanges"]]
    assert open_ports == [22], "only ssh may be open to the world"
