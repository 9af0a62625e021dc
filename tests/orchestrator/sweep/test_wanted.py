from orchestrator.storage.ledger import Report, Row
from orchestrator.sweep.wanted import baseline_jobs, ensemble_members, network_jobs
from search_spaces.objective import Objective
from trainables.spec import Ensemble, Evaluation, PixelBaseline, Temperature

NLL = Objective(metric="val/nll", mode="min")


def row(kind: str, number: int, nll: float, *, rate: float = 0.1, seed: int = 0, state: str = "completed") -> Row:
    report = Report(epoch=1, metrics={"val/nll": nll}, best_epoch=1, finished=True)
    plain = {"kind": kind, "number": number, "state": state, "reports": [report]}
    keys = {"key": f"network-{kind}{number}", "fit_key": f"fit-{kind}{number}", "data_key": "data-1"}
    spec = {"optimizer": {"learning_rate": rate}, **({"seed": seed} if seed else {})}
    return Row(**plain, **keys, spec=spec)  # type: ignore[arg-type]


def test_the_top_ensemble_takes_the_best_completed_trials_by_the_objective() -> None:
    rows = [row("trial", n, nll) for n, nll in enumerate((0.5, 0.2, 0.9, 0.3))]
    rows += [row("trial", 4, 0.01, state="stopped"), row("member", 0, 0.02)]
    members = ensemble_members(Ensemble(members="top", size=3), rows, NLL)
    assert members == ["network-trial1", "network-trial3", "network-trial0"]


def test_the_ensemble_of_seeds_holds_one_configuration_only() -> None:
    before = [row("trial", 0, 0.5, rate=0.1), row("member", 0, 0.5, rate=0.1, seed=1000)]
    after = [*before, row("trial", 1, 0.2, rate=0.01), row("member", 1, 0.3, rate=0.01, seed=1000)]
    task = Ensemble(members="seeds", size=4)
    assert ensemble_members(task, before, NLL) == ["network-trial0", "network-member0"]
    assert ensemble_members(task, after, NLL) == ["network-trial1", "network-member1"]


def test_a_network_drawn_twice_is_one_member_and_one_job() -> None:
    twice = [row("trial", 0, 0.5), row("trial", 1, 0.5)]
    twice[1].key = twice[0].key
    assert ensemble_members(Ensemble(members="top", size=5), twice, NLL) == [twice[0].key]
    jobs = network_jobs(twice, [Evaluation(), Temperature()], stopped_too=False)
    assert len(jobs) == 2


def test_stopped_trials_get_tasks_only_when_asked_for() -> None:
    stopped = [row("trial", 0, 0.5, state="stopped")]
    assert network_jobs(stopped, [Evaluation()], stopped_too=False) == []
    assert len(network_jobs(stopped, [Evaluation()], stopped_too=True)) == 1


def test_a_baseline_is_computed_once_for_a_data_set() -> None:
    rows = [row("trial", n, 0.5) for n in range(3)]
    assert [job.members for job in baseline_jobs(rows, [PixelBaseline()])] == [("data-1",)]
    assert baseline_jobs([], [PixelBaseline()]) == []
