"""`orchestrator doctor --address auto` on real hosts with real faults; those that cannot be made here are planted elsewhere.

All hosts share one kernel, so a wrong clock, a full memory or another Python cannot be had:
`tests/orchestrator/doctor/test_cluster.py` plants them in what a node says.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.lab.cluster import Cluster
from tests.lab.hosts import ROOT, SHARED

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]


def examined(cluster: Cluster, env: dict[str, str] | None = None) -> dict[str, set[str]]:
    """Kinds of findings by host, each with a message and a remedy."""
    asked = f"orchestrator doctor --address auto --storage {SHARED}/runs --json"
    said = cluster.head.run(asked, check=False, timeout=300, env={**cluster.env, **(env or {})})
    told: dict[str, Any] = json.loads(said.stdout)
    found = {node["node"]: node["findings"] for node in told["nodes"]}
    assert all(finding["message"] and finding["remedy"] for each in found.values() for finding in each)
    assert told["ok"] == (not any(found.values()))
    assert said.returncode == (0 if told["ok"] else 1)
    for name, findings in found.items():
        for finding in findings:
            print(f"  {name} {finding['kind']}: {finding['message'][:150]}")
    return {name: {finding["kind"] for finding in findings} for name, findings in found.items()}


def test_a_sound_cluster_has_no_findings_and_real_faults_are_found_where_they_are(cluster: Cluster) -> None:
    cluster.restore()
    print()
    (cluster.lab.shared / "runs").mkdir()
    assert examined(cluster) == {"h1": set(), "h2": set(), "h3": set()}
    two, three = cluster.lab.hosts[2], cluster.lab.hosts[3]
    # h2: read-only storage, and Ray offers a GPU and CPUs that are not there
    two.run("ray stop --force")
    two.run(f"mount -o remount,bind,ro {SHARED}")
    cluster.start_worker(2, "--num-gpus=1", "--num-cpus=64")
    # h3: another storage under the same path, and other code
    other = cluster.lab.folder / "other-code"
    for package in ("orchestrator", "search_spaces", "trainables"):
        shutil.copytree(ROOT / package, other / package, ignore=shutil.ignore_patterns("__pycache__"))
    (other / "trainables" / "planted.py").write_text("planted = True\n")
    three.run(f"mkdir -p /run/other && mount -t tmpfs tmpfs {SHARED} && mkdir {SHARED}/runs")
    copied = three.folder / "run" / "other"
    shutil.copytree(other, copied, dirs_exist_ok=True)
    three.run(f"mount --bind /run/other/trainables {ROOT}/trainables")
    # h4: its set-up was broken off before the program was there
    four = cluster.lab.add(4)
    four.run(f"mkdir -p /run/empty && mount --bind /run/empty {ROOT}/orchestrator")
    cluster.start_worker(4)
    found = examined(cluster, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"})
    assert found == {
        "h1": {"tracking"},
        "h2": {"storage", "device", "processors"},
        "h3": {"storage", "code"},
        "h4": {"setup"},
    }
