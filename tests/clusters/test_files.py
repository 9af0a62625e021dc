"""The files in docs/clusters: Ray's own check for those of `ray up`, the structure for Kubernetes, of which none is here."""

from __future__ import annotations

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

util = pytest.importorskip("ray.autoscaler._private.util", reason="needs Ray's cluster launcher")
jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "clusters"
OF_RAY_UP = ("on_premises", "gcp")


def loaded(name: str) -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load((FOLDER / f"{name}.yaml").read_text()))


def prepared(config: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = util.prepare_config(config)
    util.validate_config(made)
    return made


@pytest.mark.parametrize("name", OF_RAY_UP)
def test_ray_accepts_it_and_refuses_it_with_an_unknown_key(name: str) -> None:
    assert prepared(loaded(name))["cluster_name"] == "xray"
    with pytest.raises(jsonschema.ValidationError, match="max_wokers"):
        prepared({**loaded(name), "max_wokers": 3})


@pytest.mark.parametrize("name", OF_RAY_UP)
def test_servers_listen_to_loopback_and_the_token_is_on(name: str) -> None:
    made = prepared(loaded(name))
    lines = [line for key, part in made.items() if key.endswith("_commands") for line in part]
    everything = " ".join(lines)
    assert re.findall(r"--(?:dashboard-)?host[= ](\S+)", everything) == ["127.0.0.1", "127.0.0.1"]
    assert "RAY_AUTH_MODE=token" in everything
    assert "~/.ray/auth_token" in made["file_mounts"]
    for line in lines:
        subprocess.run(["bash", "-n", "-c", line], check=True)


@pytest.mark.parametrize("name", OF_RAY_UP)
def test_what_it_sends_exists_and_every_node_gets_what_cluster_yaml_sends(name: str) -> None:
    mounts = loaded(name)["file_mounts"]
    assert [path for path in mounts.values() if not path.startswith("~") and not (ROOT / path).exists()] == []
    assert mounts == yaml.safe_load((ROOT / "cluster.yaml").read_text())["file_mounts"]


def test_no_trial_runs_on_a_head() -> None:
    gcp = prepared(loaded("gcp"))["available_node_types"]
    assert gcp["head"]["resources"] == {"CPU": 0, "GPU": 0}
    assert gcp["gpu_spot"]["node_config"]["scheduling"]["preemptible"] is True
    assert gcp["gpu_spot"]["node_config"]["machineType"] == gcp["gpu_on_demand"]["node_config"]["machineType"]
    assert "--num-cpus=0 --num-gpus=0" in " ".join(loaded("on_premises")["head_start_ray_commands"])


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_it_holds_no_secret(path: Path) -> None:
    assert not re.search(r"AKIA[0-9A-Z]{16}|(?i:secret_access_key|password|BEGIN [A-Z ]*PRIVATE)", path.read_text())


def test_the_ray_job_of_kubernetes_has_what_the_operator_wants() -> None:
    """Structure alone: neither the operator's schema nor a Kubernetes is here."""
    job = loaded("kuberay")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    assert job["spec"]["entrypoint"].startswith("orchestrator sweep ")
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        spec = group["template"]["spec"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        (container,) = spec["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        names = {each["name"]: each for each in container["env"]}
        assert names["RAY_AUTH_MODE"]["value"] == "token"
        assert "secretKeyRef" in names["RAY_AUTH_TOKEN"]["valueFrom"]
        assert "/mnt/xray" in {mount["mountPath"] for mount in container["volumeMounts"]}
    (workers,) = cluster["workerGroupSpecs"]
    assert workers["minReplicas"] == 0 < workers["maxReplicas"]
    lock = (ROOT / "requirements.lock").read_text()
    assert f"ray=={cluster['rayVersion']}\n" in lock
