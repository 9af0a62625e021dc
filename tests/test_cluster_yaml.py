"""`cluster.yaml` passes Ray's own check, and opens nothing to the network."""

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

util = pytest.importorskip("ray.autoscaler._private.util", reason="needs Ray's cluster launcher")
jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "cluster.yaml").read_text()
LOOPBACK = "127.0.0.1"


@pytest.fixture
def config() -> dict[str, Any]:
    # Ray reads it in this way too: no two node types may share an object
    return copy.deepcopy(yaml.safe_load(TEXT))


def check(config: dict[str, Any]) -> dict[str, Any]:
    prepared: dict[str, Any] = util.prepare_config(config)
    util.validate_config(prepared)
    return prepared


def commands(prepared: dict[str, Any]) -> list[str]:
    return [line for key, lines in prepared.items() if key.endswith("_commands") for line in lines]


def test_ray_accepts_it(config: dict[str, Any]) -> None:
    assert check(config)["cluster_name"] == "xray"


def test_ray_refuses_an_unknown_key(config: dict[str, Any]) -> None:
    config["max_wokers"] = 3
    with pytest.raises(jsonschema.ValidationError, match="max_wokers"):
        check(config)


def test_ray_refuses_an_unknown_key_of_a_node_type(config: dict[str, Any]) -> None:
    config["available_node_types"]["gpu_spot"]["spot"] = True
    with pytest.raises(jsonschema.ValidationError, match="spot"):
        check(config)


def test_ray_refuses_a_head_type_that_does_not_exist(config: dict[str, Any]) -> None:
    config["head_node_type"] = "haed"
    with pytest.raises(ValueError, match="head_node_type"):
        check(config)


def test_no_trial_runs_on_the_head_and_workers_are_there_only_when_needed(config: dict[str, Any]) -> None:
    types = check(config)["available_node_types"]
    head = types.pop(config["head_node_type"])
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    assert all(worker["min_workers"] == 0 for worker in types.values())
    markets = [worker["node_config"].get("InstanceMarketOptions", {}).get("MarketType") for worker in types.values()]
    assert sorted(map(str, markets)) == ["None", "spot"]


def test_servers_listen_to_loopback_only(config: dict[str, Any]) -> None:
    prepared = check(config)
    lines = " ".join(commands(prepared))
    hosts = re.findall(r"--(?:dashboard-)?host[= ](\S+)", lines)
    assert hosts == [LOOPBACK, LOOPBACK]
    assert "ray start --head" in lines
    assert "mlflow server" in lines
    assert "0.0.0.0" not in lines
    assert "security_group" not in prepared["provider"], "a security group of our own could open ports"
    assert "RAY_AUTH_MODE=token" in lines


def test_every_local_file_that_it_sends_exists(config: dict[str, Any]) -> None:
    paths = [path for path in config["file_mounts"].values() if not path.startswith("~")]
    assert len(paths) >= 6
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_it_holds_no_secret() -> None:
    assert not re.search(r"AKIA[0-9A-Z]{16}|(?i:secret_access_key|password|aws_session_token)", TEXT)


def test_commands_are_valid_shell(config: dict[str, Any]) -> None:
    for line in commands(check(config)):
        subprocess.run(["bash", "-n", "-c", line], check=True)


def storage_command(config: dict[str, Any]) -> str:
    (line,) = [line for line in config["initialization_commands"] if "CHANGE-ME" in line]
    return str(line)


def test_a_node_refuses_to_start_before_a_bucket_is_named(config: dict[str, Any], tmp_path: Path) -> None:
    said = subprocess.run(
        ["bash", "-c", storage_command(config)],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1
    assert "name a bucket that every node can use" in said.stdout
    assert list(tmp_path.iterdir()) == []


def test_every_node_has_the_bucket_as_its_storage(config: dict[str, Any], tmp_path: Path) -> None:
    from orchestrator.storage.address import bucket_address

    (environment,) = [line for line in config["setup_commands"] if "xray_environment <<" in line]
    lines = [storage_command(config).replace("CHANGE-ME/xray", "my-bucket/xray"), environment]
    lines.append('. ~/.xray_environment; echo "$ORCHESTRATOR_STORAGE"')
    said = [
        subprocess.run(["bash", "-c", line], env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True)
        for line in lines
    ]
    assert bucket_address(said[-1].stdout.strip()).bucket == "my-bucket"


def test_workers_have_a_role_that_may_use_the_bucket(config: dict[str, Any]) -> None:
    types = check(config)["available_node_types"]
    workers = [node for name, node in types.items() if name != config["head_node_type"]]
    assert [node["node_config"]["IamInstanceProfile"] for node in workers] == [{"Name": "xray-worker"}] * 2
    for action in ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "iam:PassRole"):
        assert action in TEXT
