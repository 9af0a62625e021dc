import torch

from tests.trainables.planted import CLASSES, PlantedNetwork
from trainables.metrics import evaluate, predictive_entropy
from trainables.posthoc.evaluation import run
from trainables.spec import Evaluation, Split


def test_every_split_but_train_is_judged():
    network = PlantedNetwork()
    result = run(Evaluation(), network)
    for split in ("val", "calib", "test"):
        expected = evaluate(network.predictions(split), CLASSES)
        assert {name: result.metrics[f"{split}/{name}"] for name in expected} == expected
        torch.testing.assert_close(result.tensors[f"entropy/{split}"], predictive_entropy(network.predictions(split)))
    assert not any(name.startswith("train/") for name in result.metrics)
    assert result.seconds["evaluate"] > 0


def test_a_data_set_without_calib_is_judged_on_val_and_test():
    network = PlantedNetwork(split_spec=Split(calib=0.0))
    assert {name.split("/")[0] for name in run(Evaluation(), network).metrics} == {"val", "test"}
