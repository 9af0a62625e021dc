import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.spec import (
    ClassDistinct,
    ConfidencePenalty,
    CovidRadiography,
    CrossEntropy,
    Ensemble,
    Focal,
    FrozenHead,
    Laplace,
    Optimizer,
    PaperCNN,
    PlateauDecay,
    PosthocSpec,
    Schedule,
    SmallCNN,
    Stage,
    StepDecay,
    Synthetic,
    Temperature,
    Timm,
    TrialSpec,
    WeightedCrossEntropy,
    canonical_json,
    content_key,
    from_plain,
    network_key,
    posthoc_key,
    to_plain,
)

losses = st.one_of(
    st.builds(CrossEntropy, label_smoothing=st.floats(0, 0.9)),
    st.just(WeightedCrossEntropy()),
    st.builds(Focal, gamma=st.floats(0, 10), alpha=st.none() | st.floats(0, 1)),
    st.builds(ConfidencePenalty, beta=st.floats(0, 2)),
    st.builds(
        ClassDistinct,
        lambda_cd=st.floats(0, 10),
        representation=st.sampled_from(["maps", "network"]),
        sc_resolution=st.none() | st.integers(2, 224),
    ),
)
models = st.one_of(
    st.builds(SmallCNN, widths=st.lists(st.integers(1, 64), min_size=1, max_size=4).map(tuple)),
    st.builds(
        Timm,
        name=st.sampled_from(["resnet18", "vgg16"]),
        weights=st.none() | st.just("a.safetensors"),
        channels=st.sampled_from([1, 3]),
        frozen=st.none() | st.sampled_from(["backbone", "layer3"]),
        feature_layer=st.none() | st.just("layer3"),
    ),
    st.builds(
        FrozenHead,
        backbone=st.just("vgg16"),
        pooling=st.sampled_from(["max", "average", "none"]),
        units=st.lists(st.integers(1, 64), max_size=2).map(tuple),
    ),
    st.builds(PaperCNN, name=st.sampled_from(["p0", "p1_large"]), dropout=st.none() | st.floats(0, 0.9)),
)
trials = st.builds(
    TrialSpec,
    data=st.one_of(st.builds(Synthetic, images=st.integers(16, 5000)), st.just(CovidRadiography())),
    model=models,
    loss=losses,
    optimizer=st.builds(Optimizer, learning_rate=st.floats(1e-6, 1.0)),
    schedule=st.builds(
        Schedule,
        epochs=st.integers(1, 100),
        decay=st.one_of(st.sampled_from(["cosine", "constant"]), st.builds(StepDecay), st.builds(PlateauDecay)),
        clip_norm=st.none() | st.floats(0.1, 5),
    ),
    seed=st.integers(0, 2**31),
    first_stage=st.none() | st.builds(Stage, loss=losses),
)


@given(spec=trials)
def test_a_trial_survives_its_json_text(spec):
    assert from_plain(TrialSpec, json.loads(canonical_json(spec))) == spec


@pytest.mark.parametrize("task", [Temperature(), Laplace(hessian_structure="full", memory_bytes=1), Ensemble(size=7)])
def test_a_post_hoc_task_survives_its_json_text(task):
    assert from_plain(PosthocSpec, json.loads(canonical_json(task))) == task


def test_a_field_at_its_default_is_left_out():
    spec = TrialSpec(data=Synthetic(), model=SmallCNN(), loss=Focal(gamma=2.0))
    assert to_plain(spec) == {"data": {"kind": "synthetic"}, "model": {"kind": "small_cnn"}, "loss": {"kind": "focal"}}


def test_an_option_added_later_renames_no_older_result():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Newer(Focal):
        alpha: float = 0.25

    assert canonical_json(Newer(gamma=3.0)) == canonical_json(Focal(gamma=3.0))


def test_1_and_1_point_0_are_the_same_network():
    one, same = (TrialSpec(data=Synthetic(), model=SmallCNN(), loss=Focal(gamma=gamma)) for gamma in (1, 1.0))
    assert network_key(one, ["data-1"]) == network_key(same, ["data-1"])
    assert content_key("x", version=1, settings=from_plain(Focal, {"kind": "focal", "gamma": 1})) == content_key(
        "x", version=1, settings=Focal(gamma=1.0)
    )


def test_a_key_depends_on_settings_version_and_inputs():
    keys = {
        content_key("x", version=1, settings=Focal()),
        content_key("y", version=1, settings=Focal()),
        content_key("x", version=2, settings=Focal()),
        content_key("x", version=1, settings=Focal(gamma=3.0)),
        content_key("x", version=1, settings=Focal(), inputs=["data-1"]),
    }
    assert len(keys) == 5


def test_the_order_of_members_does_not_name_another_ensemble():
    assert posthoc_key(Ensemble(), ["a", "b"]) == posthoc_key(Ensemble(), ["b", "a"])


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"kind": "focal", "gama": 1.0}, r"unknown name 'gama'. Did you mean 'gamma'\?"),
        ({"kind": "focl"}, r"unknown kind 'focl'. Did you mean 'focal'\?"),
        ({"kind": "focal", "gamma": "much"}, "loss/gamma: wants a number, got 'much'"),
        ({"gamma": 1.0}, "wants an object with 'kind'"),
    ],
)
def test_a_mistyped_part_is_named_with_the_nearest_valid_one(plain, message):
    trial = {"data": {"kind": "synthetic"}, "model": {"kind": "small_cnn"}, "loss": plain}
    with pytest.raises(ValueError, match=message):
        from_plain(TrialSpec, trial)


def test_a_missing_part_is_named():
    with pytest.raises(ValueError, match="model missing"):
        from_plain(TrialSpec, {"data": {"kind": "synthetic"}})


@pytest.mark.parametrize("value", [True, 1.5, "3"])
def test_a_whole_number_is_no_truth_value_fraction_or_text(value):
    with pytest.raises(ValueError, match="wants a whole number"):
        from_plain(TrialSpec, {"data": {"kind": "synthetic"}, "model": {"kind": "small_cnn"}, "seed": value})


def test_infinity_has_no_json_form():
    with pytest.raises(ValueError, match="only finite numbers"):
        canonical_json(Focal(gamma=float("inf")))


def test_the_word_of_a_decay_stands_for_the_decay_with_its_defaults():
    assert from_plain(Schedule, {"decay": "constant"}).decay == "constant"
    assert from_plain(Schedule, {"decay": "plateau"}).decay == PlateauDecay()
    given_whole = {"decay": {"kind": "step", "every_epochs": 4}}
    assert from_plain(Schedule, given_whole).decay == StepDecay(every_epochs=4)
    with pytest.raises(ValueError, match="Did you mean 'plateau'"):
        from_plain(Schedule, {"decay": "plato"})
    with pytest.raises(ValueError, match="Did you mean 'cosine'"):
        from_plain(Schedule, {"decay": "cosin"})


def test_a_decay_that_needs_settings_is_no_word_in_python():
    with pytest.raises(ValueError, match="PlateauDecay"):
        Schedule(decay="plateau")


def test_options_of_the_schedule_at_their_default_leave_no_trace():
    spec = TrialSpec(data=Synthetic(), model=SmallCNN(), schedule=Schedule(accumulate=1, precision="float32"))
    assert "schedule" not in to_plain(spec)
