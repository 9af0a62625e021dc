"""Jobs against a small server that speaks as Ray's dashboard does; on a real head they are tested in the lab."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli.submit import command
from orchestrator.errors import MachineError
from orchestrator.executors.ray.jobs import Jobs, unique_name
from tests.orchestrator.tracking.servers import free_port


class Head:
    """Jobs in memory. A job prints a line whenever its log is asked for, and is over after three."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, str] = {}
        self.refuse_logs = 0

    def submitted(self, body: dict[str, Any]) -> tuple[int, Any]:
        name = body["submission_id"]
        if name in self.jobs:
            return 500, f"Job with submission_id {name} already exists."
        common = {"type": "SUBMISSION", "submission_id": name, "status": "RUNNING", "message": "runs"}
        self.jobs[name] = {**common, "entrypoint": body["entrypoint"], "start_time": 1000 * len(self.jobs) + 1000}
        self.logs[name] = ""
        return 200, {"job_id": name, "submission_id": name}

    def log(self, name: str) -> tuple[int, Any]:
        if self.refuse_logs:
            self.refuse_logs -= 1
            return 503, "away"
        if self.logs[name].count("\n") < 3:
            self.logs[name] += f"epoch {self.logs[name].count(chr(10)) + 1}\n"
        else:
            self.jobs[name]["status"] = "SUCCEEDED"
        return 200, {"logs": self.logs[name]}

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if path == "/api/version":
            return 200, {"version": "4", "ray_version": "2.60.0", "ray_commit": "x", "session_name": "s"}
        if parts == ["api", "jobs"]:
            return self.submitted(body) if method == "POST" else (200, list(self.jobs.values()))
        name = parts[2]
        if parts[3] == "logs":
            return self.log(name)
        self.jobs[name]["status"] = "STOPPED"
        return 200, {"stopped": True}


@pytest.fixture
def head() -> Iterator[tuple[Head, str]]:
    made = Head()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            code, said = made.answer(self.command, self.path.split("?")[0], body)
            content = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _do  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_names_are_never_given_twice() -> None:
    assert len({unique_name("covid") for _ in range(50)}) > 45
    assert unique_name("covid").startswith("covid-2")


def test_a_job_is_submitted_followed_to_its_end_and_listed(head: tuple[Head, str]) -> None:
    made, address = head
    jobs = Jobs(address)
    name = jobs.submit("orchestrator sweep demo --address auto", prefix="demo")
    made.refuse_logs = 2
    said: list[str] = []
    ended = jobs.follow(name, said.append, pause_seconds=0.01)
    assert "".join(said) == "epoch 1\nepoch 2\nepoch 3\n"
    assert ended.state == "SUCCEEDED"
    assert [job.name for job in jobs.all()] == [name]
    assert jobs.one(name).started == 1.0


def test_stop_asks_the_head_and_an_unknown_name_is_told_with_the_known_ones(head: tuple[Head, str]) -> None:
    jobs = Jobs(head[1])
    name = jobs.submit("sleep 1", prefix="demo")
    assert jobs.stop(name).state == "STOPPED"
    with pytest.raises(ValueError, match=name):
        jobs.stop("other")


def test_a_head_that_does_not_answer_is_told_with_the_way_out() -> None:
    with pytest.raises(MachineError, match="tunnel"):
        Jobs(f"http://127.0.0.1:{free_port()}")


def test_the_command_hands_the_sweep_s_options_on(head: tuple[Head, str]) -> None:
    made, address = head
    options = ["--trials", "3", "--set", "resources/gpus=1"]
    said = CliRunner().invoke(
        command, [address, "covid", "--data", "with space", *options, "--json"], standalone_mode=False
    )
    assert said.exception is None
    job = next(iter(made.jobs.values()))
    assert job["entrypoint"] == (
        "orchestrator sweep covid --address auto --quiet --data 'with space' --trials 3 --set resources/gpus=1"
    )
    listed = CliRunner().invoke(command, [address, "--jobs", "--json"], standalone_mode=False)
    assert [each["name"] for each in json.loads(listed.stdout)["jobs"]] == [job["submission_id"]]
    stopped = CliRunner().invoke(command, [address, "--stop", job["submission_id"], "--json"], standalone_mode=False)
    assert json.loads(stopped.stdout)["jobs"][0]["state"] == "STOPPED"
