"""A Ray cluster on the lab's hosts: h1 is the head and drives, the others work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.lab.hosts import Host, Lab

HEAD = 1
RAY_PORT = 6379
# Ray chooses these at random otherwise, at times inside the range of its workers' ports (10002 to 19999).
PORTS = {
    "node-manager-port": 20001,
    "object-manager-port": 20002,
    "dashboard-agent-listen-port": 20003,
    "dashboard-agent-grpc-port": 20004,
    "runtime-env-agent-port": 20005,
    "metrics-export-port": 20006,
}
ATTEMPTS = 3
"""Ray gives its agents 15 s to start, which a busy machine does not always manage."""
OBJECT_STORE_BYTES = 100_000_000


@dataclass
class Cluster:
    """Ray on hosts of a lab.

    Attributes:
        workers: numbers of the hosts that work.
        cpus: that Ray thinks each of them has.
        env: further variables for everything that is started.
    """

    lab: Lab
    workers: Sequence[int] = (2, 3)
    cpus: int = 2
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in (HEAD, *self.workers):
            self.lab.add(number)
        self.start_head()
        for number in self.workers:
            self.start_worker(number)

    @property
    def head(self) -> Host:
        """The host of the driver."""
        return self.lab.hosts[HEAD]

    def start_head(self, *options: str) -> None:
        """Ray's head, without CPUs of its own."""
        self._start_ray(
            self.head, "--head", f"--port={RAY_PORT}", "--num-cpus=0", "--include-dashboard=false", *options
        )

    def start_worker(self, number: int, *options: str) -> None:
        """Ray on a further host; a later option replaces an earlier one."""
        join = (f"--address={self.head.address}:{RAY_PORT}", f"--num-cpus={self.cpus}")
        self._start_ray(self.lab.hosts[number], *join, *options)

    def _start_ray(self, host: Host, *options: str) -> None:
        ports = [f"--{name}={port}" for name, port in PORTS.items()]
        common = [f"--node-ip-address={host.address}", f"--object-store-memory={OBJECT_STORE_BYTES}", *ports]
        for left in reversed(range(ATTEMPTS)):
            said = host.run(" ".join(["ray start", *options, *common]), timeout=120, check=not left, env=self.env)
            if said.returncode == 0:
                return
            host.run("ray stop --force", check=False)  # of this host alone, which has processes of its own

    def restore(self) -> None:
        """Power, links and Ray for every host that lacks one of them."""
        for number in (HEAD, *self.workers):
            if self.lab.hosts[number].first == 0:
                self.lab.add(number)
            self.lab.mend(number)
        if not self.head.processes("gcs_server"):
            self.start_head()
        alive = self.living_nodes()
        for number in self.workers:
            host = self.lab.hosts[number]
            if host.name not in alive or not host.processes("raylet/raylet"):
                host.run("ray stop --force", check=False)  # of this host alone
                self.start_worker(number)

    def living_nodes(self) -> dict[str, str]:
        """Names and Ray's numbers of the hosts that Ray takes for alive."""
        code = "import ray, json; ray.init(address='auto', logging_level='ERROR', log_to_driver=False); "
        code += (
            "print('nodes:' + json.dumps({n['NodeManagerHostname']: n['NodeID'] for n in ray.nodes() if n['Alive']}))"
        )
        said = self.head.run(f'python -c "{code}"', env=self.env).stdout
        found: dict[str, str] = json.loads(said.rsplit("nodes:", 1)[1])
        return found

    def close(self) -> None:
        """End the lab."""
        self.lab.close()
