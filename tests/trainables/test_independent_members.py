"""Members of a deep ensemble share nothing that is drawn: initial weights, order of images, augmentation, dropout."""

import itertools

import pytest
import torch

from tests.trainables.test_fit import SPEC, easy_images
from trainables import fit
from trainables.data.augment import augment
from trainables.fit import Training

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def first_steps() -> list[dict[str, torch.Tensor]]:
    """What each member draws up to its first step."""
    data = easy_images()
    fixed = torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(7))
    return [_first_step(seed, data, fixed) for seed in SEEDS]


def _first_step(seed, data, fixed):
    training = Training(SPEC.with_seed(seed), data)
    seen = {"weights": torch.cat([weights.detach().flatten() for weights in training.classifier.parameters()])}

    class FirstStepSeen(Exception):
        pass

    def watch(images, augmentation, generator, **parts):
        seen["images"] = images.clone()
        seen["augmented"] = augment(fixed, augmentation, generator)
        seen["dropout"] = torch.get_rng_state()
        raise FirstStepSeen

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fit, "augment", watch)
        with pytest.raises(FirstStepSeen):
            training.run_epoch()
    return seen


@pytest.mark.parametrize("drawn", ["weights", "images", "augmented", "dropout"])
def test_any_two_members_differ_from_the_first_step_on(first_steps, drawn):
    for one, other in itertools.combinations(first_steps, 2):
        assert one[drawn].shape == other[drawn].shape
        assert not torch.equal(one[drawn], other[drawn])


def test_the_same_seed_draws_the_same(first_steps):
    fixed = torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(7))
    again = _first_step(SEEDS[1], easy_images(), fixed)
    assert all(torch.equal(values, first_steps[1][name]) for name, values in again.items())


def test_initial_weights_of_members_are_uncorrelated(first_steps):
    """The first convolution's and the head's numbers are drawn anew, not changed a little."""
    for one, other in itertools.combinations(first_steps, 2):
        drawn = (one["weights"] != 0) & (one["weights"] != 1)  # biases and norms begin at 0 and 1
        pair = torch.stack([one["weights"][drawn], other["weights"][drawn]])
        assert abs(float(torch.corrcoef(pair)[0, 1])) < 4 / drawn.sum() ** 0.5 + 0.05
