"""Every node of a cluster is asked about itself, each by a task of its own that takes no CPU."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from orchestrator.doctor.cluster import Answer
from orchestrator.doctor.probe import Token, clock, probe
from orchestrator.errors import MachineError

SECONDS_TO_ANSWER = 90.0


def survey(address: str, storage: str, token: Token, timeout_seconds: float = SECONDS_TO_ANSWER) -> list[Answer]:
    """Ask every living node but the one that this driver runs on.

    Args:
        address: of the cluster.
        storage: the storage folder, under the same path on every node.
        token: what the driver has written there.
        timeout_seconds: after which a node counts as silent.

    Raises:
        MachineError: no cluster answers at the address.
    """
    from orchestrator.executors.ray import IMPATIENT, QUIET, TOKEN_WANTED

    for name, value in {**QUIET, **IMPATIENT}.items():
        os.environ.setdefault(name, value)
    import ray
    from orchestrator.executors.ray.messages import keep_off_stdout

    keep_off_stdout()
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except ray.exceptions.AuthenticationError as error:
        raise MachineError(f"The Ray cluster at {address!r} refuses: {TOKEN_WANTED}") from error
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise MachineError(
            f"No Ray cluster answers at {address!r}: {error}. Start one with `ray up cluster.yaml`, or leave --address out to "
            "examine this machine alone."
        ) from error
    try:
        here = ray.get_runtime_context().get_node_id()
        others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here]
        return _asked(ray, others, storage, token, timeout_seconds)
    finally:
        ray.shutdown()


def _asked(ray: Any, nodes: list[dict[str, Any]], storage: str, token: Token, timeout_seconds: float) -> list[Answer]:
    probes = {node["NodeID"]: _on(ray, node, probe).remote(storage, token) for node in nodes}
    ray.wait(list(probes.values()), num_returns=len(probes), timeout=timeout_seconds) if probes else None
    return [_answer(ray, node, probes[node["NodeID"]]) for node in nodes]


def _answer(ray: Any, node: dict[str, Any], reference: Any) -> Answer:
    name, resources = str(node["NodeManagerHostname"]), dict(node["Resources"])
    try:
        told = ray.get(reference, timeout=0.1)
        asked_at = time.time()
        its_time = ray.get(_on(ray, node, clock).remote(), timeout=SECONDS_TO_ANSWER)
    except ray.exceptions.GetTimeoutError:
        ray.cancel(reference, force=True)
        return Answer(node=name, resources=resources, error="nothing within the time that was given")
    except Exception as error:  # whatever a broken node does to a task
        return Answer(node=name, resources=resources, error=_heart(error))
    return Answer(node=name, told=told, resources=resources, asked_at=asked_at, told_at=time.time(), its_time=its_time)


def _on(ray: Any, node: dict[str, Any], function: Any) -> Any:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return ray.remote(num_cpus=0, max_retries=0)(function).options(scheduling_strategy=there)


def _heart(error: Exception) -> str:
    """The last line that names an error: Ray puts whole stack traces into its own."""
    lines = [line.strip() for line in str(error).splitlines() if "Error" in line]
    return (lines[-1] if lines else f"{type(error).__name__}: {error}").rstrip(".")[:300]
