"""From the laptop to results on machines of one's own: `ray up` over ssh, a sweep, its status, `ray down`; and the token."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.storage.ledger import Ledger
from tests.lab.hosts import SHARED, Host, Lab
from tests.lab.on_premises import HEAD, WORKERS, lab_yaml, missing_for_jobs, missing_for_ssh, new_token, with_ssh
from tests.lab.sweeps import NAME, SPACE, TRIALS

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(missing_for_ssh()), reason=missing_for_ssh() or "-"),
]

FILE = f"{SHARED}/on_premises.yaml"
JOIN = "import ray; ray.init(address='{address}:6379', logging_level='ERROR'); print('joined')"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cluster that `ray up` has made from the laptop."""
    with Lab(tmp_path_factory.mktemp("ssh") / "lab") as lab:
        with_ssh(lab, new_token())
        lab_yaml(lab, dashboard=not missing_for_jobs())
        (lab.shared / "lab_space.py").write_text(SPACE)
        begun = time.monotonic()
        call(lab.laptop, f"ray up -y --no-config-cache {FILE}", timeout=400)
        said = wait_for_nodes(lab, 1 + len(WORKERS), 200)
        print(f"\nray up: {time.monotonic() - begun:.0f} s to {said} nodes")
        yield lab


def call(host: Host, command: str, *, timeout: float = 120.0, check: bool = True) -> subprocess.CompletedProcess[str]:
    """As one who is logged in."""
    return host.run(f". ~/.bashrc; {command}", timeout=timeout, check=check)


def wait_for_nodes(lab: Lab, wanted: int, seconds: float) -> int:
    deadline, found = time.monotonic() + seconds, 0
    code = JOIN.format(address=lab.hosts[HEAD].address) + "; print('nodes', sum(n['Alive'] for n in ray.nodes()))"
    while time.monotonic() < deadline:
        said = call(lab.hosts[HEAD], f'python -c "{code}"', check=False).stdout
        found = int(said.rsplit("nodes", 1)[1]) if "nodes" in said else 0
        if found == wanted:
            return found
        time.sleep(3)
    logs = Path(lab.hosts[HEAD].folder / "tmp" / "ray").glob("session_2*/logs/monitor.*")
    raise AssertionError(
        f"{found} nodes of {wanted} after {seconds} s\n" + "\n".join(log.read_text()[-3000:] for log in logs)
    )


def test_a_client_without_the_token_is_refused(up: Lab) -> None:
    code = JOIN.format(address=up.hosts[HEAD].address)
    assert "joined" in call(up.hosts[2], f'python -c "{code}"').stdout
    for without in ("unset RAY_AUTH_MODE; export HOME=/tmp", "export HOME=/tmp", "export RAY_AUTH_TOKEN=" + "0" * 64):
        said = call(up.hosts[2], f'{without}; timeout 60 python -c "{code}"', check=False)
        assert said.returncode != 0
        assert "joined" not in said.stdout
    ours = f"timeout 60 orchestrator doctor --address {up.hosts[HEAD].address}:6379 --storage {SHARED}/runs"
    said = call(up.hosts[2], f"export HOME=/tmp; {ours}", check=False)
    assert (said.returncode, "Traceback" in said.stderr) == (3, False), said.stderr
    assert "auth_token" in said.stderr


def test_a_sweep_runs_over_ssh_and_its_state_is_asked_from_the_laptop(up: Lab) -> None:
    begun = time.monotonic()
    sweep = f"orchestrator sweep {SHARED}/lab_space.py --address auto --concurrent 2 --quiet"
    call(up.laptop, f"ray exec {FILE} '{sweep}'", timeout=400)
    print(f"\n  sweep by ray exec: {time.monotonic() - begun:.0f} s")
    assert_finished(up)


def test_the_runs_are_read_on_the_laptop_through_a_tunnel_and_not_without(up: Lab) -> None:
    """MLflow is the server that `ray up` has started on the head, bound to its loopback."""
    page, head = "http://127.0.0.1:5000", up.hosts[HEAD].address
    assert call(up.laptop, f"curl -fs {page}/health", check=False).returncode != 0
    assert call(up.laptop, f"curl -fs --max-time 5 http://{head}:5000/health", check=False).returncode != 0
    tunnel = up.laptop.start(f". ~/.bashrc; ray exec {FILE} -p 5000 'sleep 120'", up.laptop.folder / "tunnel.log")
    try:
        wait = f"for i in $(seq 200); do curl -fs {page}/health > /dev/null && exit 0; sleep 0.3; done; exit 1"
        call(up.laptop, f"bash -c '{wait}'")
        found = call(
            up.laptop, f"curl -fs '{page}/api/2.0/mlflow/experiments/get-by-name?experiment_name={NAME}'"
        ).stdout
        experiment = json.loads(found)["experiment"]["experiment_id"]
        body = json.dumps({"experiment_ids": [experiment]})
        search = f"curl -fs {page}/api/2.0/mlflow/runs/search -H 'Content-Type: application/json' -d '{body}'"
        runs = json.loads(call(up.laptop, search).stdout)["runs"]
        keys = [tag["value"] for run in runs for tag in run["data"]["tags"] if tag["key"] == "orchestrator.key"]
        assert len(keys) == len(set(keys)) >= TRIALS
    finally:
        tunnel.terminate()


@pytest.mark.skipif(bool(missing_for_jobs()), reason=missing_for_jobs() or "-")
def test_a_sweep_is_submitted_followed_listed_and_stopped_from_the_laptop(up: Lab) -> None:
    submit = f"orchestrator submit {FILE}"
    options = "--concurrent 2 --name submitted"
    said = call(up.laptop, f"{submit} {SHARED}/lab_space.py {options} --follow", timeout=400)
    assert "trial-0001" in said.stdout
    assert Ledger(up.shared / "runs", "submitted").state() == "finished"
    call(up.laptop, f"{submit} {SHARED}/lab_space.py --concurrent 2 --name stopped --trials 50")
    ledger = Ledger(up.shared / "runs", "stopped")
    deadline = time.monotonic() + 120
    while not (ledger.exists() and any(row.reports for row in ledger.rows())) and time.monotonic() < deadline:
        time.sleep(0.5)
    listed = call(up.laptop, f"{submit} --jobs").stdout
    names = [line.split(":")[0] for line in listed.splitlines() if line.startswith("lab_space-")]
    assert len(set(names)) == 2
    call(up.laptop, f"{submit} --stop {names[-1]}")
    while ledger.state() == "running" and time.monotonic() < deadline + 60:
        time.sleep(0.5)
    assert ledger.state() == "interrupted"


def test_ray_down_ends_the_head_and_then_the_workers(up: Lab) -> None:
    begun = time.monotonic()
    call(up.laptop, f"ray down -y {FILE}", timeout=200)
    while up.hosts[HEAD].processes("gcs_server") and time.monotonic() < begun + 60:
        time.sleep(0.5)
    assert not up.hosts[HEAD].processes("gcs_server")
    print(f"\n  head ended {time.monotonic() - begun:.0f} s after ray down", end=";")
    while any(up.hosts[number].processes("raylet/raylet") for number in WORKERS) and time.monotonic() < begun + 180:
        time.sleep(0.5)
    assert not any(up.hosts[number].processes("raylet/raylet") for number in WORKERS)
    print(f" workers {time.monotonic() - begun:.0f} s after it")


def assert_finished(lab: Lab) -> None:
    told = json.loads(_last_json(call(lab.laptop, f"ray exec {FILE} 'orchestrator status {NAME} --json'").stdout))
    (status,) = told["sweeps"]
    assert (status["state"], status["trials"]["completed"]) == ("finished", TRIALS)
    call(lab.laptop, f"ray exec {FILE} 'orchestrator audit {NAME}'")


def _last_json(said: str) -> str:
    return said[said.index("{") : said.rindex("}") + 1]
