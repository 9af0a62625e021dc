from collections.abc import Mapping

import pytest
import torch

from tests.trainables.data_parallel.processes import ADAM, THREE, TOGETHER, Trained, images, start
from trainables.fit import Training

Workers = list[Mapping[str, Trained]]


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Workers:
    return start(tmp_path_factory.mktemp("group"))


def close(one: Trained, other: Trained) -> None:
    """A bias in front of batch norm has no effect, and a gradient of rounding errors; Adam makes steps of those."""
    assert one.losses == pytest.approx(other.losses, rel=1e-4)
    assert one.nll == pytest.approx(other.nll, rel=1e-4)
    for name, tensor in other.weights.items():
        if not name.endswith(("bias", "running_mean")):
            assert (one.weights[name] - tensor).float().norm() <= 1e-4 * tensor.float().norm(), name


def alone(name: str) -> Trained:
    torch.set_num_threads(1)
    spec = {**TOGETHER, "three": THREE}[name]
    return Trained().epochs(Training(spec, images(name)))


@pytest.mark.parametrize("name", [*TOGETHER, "three"])
def test_workers_train_what_one_process_trains_with_the_same_batches(workers: Workers, name: str) -> None:
    close(workers[0][name], alone(name))


@pytest.mark.parametrize("name", list(TOGETHER))
def test_all_workers_hold_the_same_network(workers: Workers, name: str) -> None:
    first, second = workers[0][name], workers[1][name]
    assert first.losses == second.losses
    assert first.nll == second.nll
    assert all(torch.equal(tensor, second.weights[each]) for each, tensor in first.weights.items())


def test_a_group_goes_on_from_a_state_bit_for_bit(workers: Workers) -> None:
    resumed, whole = workers[0]["resumed"], workers[0]["adam"]
    assert resumed.losses == whole.losses
    assert all(torch.equal(tensor, whole.weights[each]) for each, tensor in resumed.weights.items())


def test_a_group_goes_on_from_a_state_of_one_process(workers: Workers) -> None:
    close(workers[0]["resumed"], Trained().epochs(Training(ADAM, images("adam"))))
