"""The one door to Ray: trials under Tune, post-hoc tasks as plain Ray tasks beside them."""

from __future__ import annotations

import functools
import logging
import math
import os
import time
from typing import TYPE_CHECKING, Any

from orchestrator.errors import MachineError
from orchestrator.executors.protocol import MakeTrial, Scheduling, TrialSource
from orchestrator.executors.ray.loopback import Loopback
from orchestrator.executors.ray.losses import NodeLosses
from orchestrator.executors.ray.room import cpus_of, gpus_here, resources_of_try, room_here, room_of
from orchestrator.posthoc import PosthocBatch, PosthocOutcome
from orchestrator.trial import TrialRun
from search_spaces.stopping import Rule
from search_spaces.sweep import Resources

if TYPE_CHECKING:
    from orchestrator.executors.ray.again import Again
    from orchestrator.executors.ray.scratch import Scratch

WORKER_DEATHS = 3

log = logging.getLogger(__name__)

QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",  # nothing reads Tune's own account of its trials, and it is written whole each time
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # a worker that died is replaced; what fails in the end stands in its row
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}

IMPATIENT = {
    # A node that loses its power closes no connection. Ray waits 7 minutes for the answer to a task that ran there; its
    # servers hang up on who asks more often than once a minute.
    "RAY_grpc_client_keepalive_time_ms": "70000",
    "RAY_grpc_client_keepalive_timeout_ms": "20000",
}
TOKEN_WANTED = (
    "it asks for a token, and this machine has none or another one. Set RAY_AUTH_MODE=token and put the cluster's token into "
    "~/.ray/auth_token (chmod 600)."
)


class RayExecutor:
    """Runs trials and tasks on a Ray of its own, or on the cluster at an address.

    One CPU is kept for post-hoc tasks, so that they do not wait for the end of the search.

    Args:
        address: of a running cluster; None starts a Ray that ends with this process.
        make_trial: makes what computes a trial of one worker; by default a network is trained.
        gpus: of a Ray of its own, None for those that the machine has; Ray also lends ones that are not there.
    """

    def __init__(
        self, address: str | None = None, make_trial: MakeTrial = TrialRun, *, gpus: int | None = None
    ) -> None:
        self._address = address
        self._gpus = gpus
        self._make_trial = make_trial
        self._concurrent = 1
        self._resources = Resources()
        self._pending: dict[Any, PosthocBatch] = {}
        self._scratch: Scratch | None = None
        self._losses = NodeLosses()
        self._started = False

    def start(self, *, concurrent: int | None, resources: Resources) -> int:
        """Start or join Ray. By default as many trials run at once as there are CPUs (or GPU shares) for.

        Raises:
            MachineError: no cluster answers at the address, or it is too small for a single trial.
        """
        for name, value in {**QUIET, **IMPATIENT}.items():
            os.environ.setdefault(name, value)
        Loopback.stay(inside=self._address is None)
        import ray

        from orchestrator.executors.ray.messages import keep_off_stdout

        keep_off_stdout()
        self._started = True
        self._resources = resources
        if self._address is None:
            gpus = gpus_here(resources) if self._gpus is None else self._gpus
            room = room_here(resources, gpus)
            self._concurrent = concurrent or room
            cpus = math.ceil(self._concurrent * cpus_of(resources)) + 1
            self._start_local(ray, cpus, gpus)
        else:
            self._join(ray)
            self._concurrent = concurrent or room_of(self._address, ray.cluster_resources(), resources)
        return self._concurrent

    def run(self, source: TrialSource, scheduling: Scheduling) -> None:
        """Run trials under Tune; a Tune that Ray's memory monitor has brought down is followed by another one."""
        from orchestrator.executors.ray.again import Again
        from orchestrator.executors.ray.low_memory import MOST_RESTARTS, count_as_deaths, is_low_memory
        from orchestrator.executors.ray.reuse import keep_starting_workers

        logging.getLogger("ray.tune").setLevel(logging.ERROR)
        keep_starting_workers()
        count_as_deaths()
        again = Again(gpus=self._resources.gpus, raises="gpus" in self._resources.measured)
        rule, concurrent = scheduling.rule() if scheduling.scheduler else None, self._concurrent
        for restarts in range(MOST_RESTARTS + 1):
            try:
                self._tuner(source, rule, scheduling.objective.metric, again, concurrent).fit()
                return
            except Exception as failure:
                if restarts == MOST_RESTARTS or not is_low_memory(failure):
                    raise
            concurrent = max(1, concurrent // 2)
            log.warning(
                "Ray ended a worker because memory ran low, and Tune ended with it. %d trials go on, %d at once.",
                again.all_live(),
                concurrent,
            )

    def _tuner(self, source: TrialSource, rule: Rule | None, metric: str, again: Again, concurrent: int) -> Any:
        """Tune with what there is to run. Its own folder is a temporary one that is thrown away."""
        from ray import tune

        from orchestrator.executors.ray.adapters import Listener, Ruling, SourceSearcher, StopAtInterrupt
        from orchestrator.executors.ray.scratch import Scratch
        from orchestrator.executors.ray.silence import Silence
        from orchestrator.executors.ray.trainable import StoredTrial

        # by default Tune waits for the start of one worker before it asks for the next trial
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(concurrent)
        self._throw_away()
        self._scratch = Scratch()
        listener = Listener(source, self._losses, Silence(self._resources.timeout_minutes * 60), again)
        return tune.Tuner(
            tune.with_resources(
                tune.with_parameters(StoredTrial, make_trial=self._make_trial),
                functools.partial(resources_of_try, self._resources),
            ),
            tune_config=tune.TuneConfig(
                search_alg=SourceSearcher(source, concurrent=concurrent, metric=metric, again=again),
                scheduler=Ruling(rule) if rule else None,
                num_samples=10**9,
                reuse_actors=True,
                trial_name_creator=_trial_name,
                trial_dirname_creator=_trial_name,
            ),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=str(self._scratch.folder),
                callbacks=[listener],
                stop=StopAtInterrupt(source),
                failure_config=tune.FailureConfig(max_failures=WORKER_DEATHS),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                verbose=0,
            ),
        )

    def submit(self, batch: PosthocBatch) -> None:
        """Start a task; a worker that dies is replaced, and the task skips what it had committed."""
        import ray

        remote = ray.remote(num_cpus=1, max_retries=WORKER_DEATHS)(_run_batch)
        self._pending[remote.options(name=f"posthoc {batch.name}").remote(batch)] = batch

    def collect(self, timeout_seconds: float = 0.0) -> list[PosthocOutcome]:
        """Outcomes of tasks that have ended. A task whose worker died for good fails every job of its batch."""
        import ray

        if not self._pending:
            time.sleep(timeout_seconds)
            return []
        done, _ = ray.wait(list(self._pending), num_returns=1, timeout=timeout_seconds)
        outcomes: list[PosthocOutcome] = []
        for reference in done:
            batch = self._pending.pop(reference)
            try:
                outcomes += ray.get(reference)
            except ray.exceptions.RayError as error:
                if self._losses.forgive(f"posthoc {batch.name}", f"{type(error).__name__}: {error}"):
                    self.submit(batch)  # what it had committed is skipped
                    continue
                reason = f"The worker died: {str(error).strip().splitlines()[0]}"
                outcomes += [
                    PosthocOutcome(key=job.key, task=job.task, members=job.members, error=reason) for job in batch.jobs
                ]
        return outcomes

    def close(self) -> None:
        """Leave Ray; one that was started here ends."""
        if self._started:  # else an interrupt may have left Ray half imported
            import ray

            ray.shutdown()  # also one that was interrupted while it started
        self._throw_away()

    def _throw_away(self) -> None:
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None

    def _start_local(self, ray: Any, cpus: int, gpus: int | None) -> None:
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=gpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=True,
            )
        except SystemExit:  # of Ray's own handler of SIGTERM, which is in place while it starts
            raise KeyboardInterrupt from None
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            raise MachineError(
                f"Ray does not start on this machine: {error}. See its logs under {os.environ.get('RAY_TMPDIR', '/tmp')}/ray, "
                "or run in this process alone with --inline."
            ) from error

    def _join(self, ray: Any) -> None:
        try:
            ray.init(address=self._address, log_to_driver=False, logging_level=logging.ERROR)
        except ray.exceptions.AuthenticationError as error:
            raise MachineError(f"The Ray cluster at {self._address!r} refuses: {TOKEN_WANTED}") from error
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise MachineError(
                f"No Ray cluster answers at {self._address!r}: {error}. Start one with `ray up cluster.yaml`, or leave "
                "--address out to run on this machine."
            ) from error


def _run_batch(batch: PosthocBatch) -> list[PosthocOutcome]:
    from orchestrator.posthoc import run_batch

    return run_batch(batch)


def _trial_name(trial: Any) -> str:
    return str(trial.config["job"]["name"])
