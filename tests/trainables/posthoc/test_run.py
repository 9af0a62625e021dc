import pytest

from tests.trainables.planted import PlantedNetwork
from trainables.posthoc import evaluation, run, temperature
from trainables.spec import Ensemble, Evaluation, Temperature


def test_a_task_is_run_by_the_module_of_its_method():
    network = PlantedNetwork()
    assert run(Evaluation(), [network]).metrics == evaluation.run(Evaluation(), network).metrics
    assert run(Temperature(), [network]).metrics == temperature.run(Temperature(), network).metrics
    assert "temperature/test/nll" in run(Ensemble(), [network]).metrics


@pytest.mark.parametrize("count", [0, 2])
def test_a_task_of_one_network_refuses_other_numbers(count):
    with pytest.raises(ValueError, match=f"takes one network and was given {count}"):
        run(Temperature(), [PlantedNetwork()] * count)
