import pytest

from trainables.explain.methods import METHODS
from trainables.models import build_model
from trainables.spec import (
    SCORES,
    Aopc,
    AopcStability,
    ExplanationScores,
    FrozenHead,
    Mimo,
    PaperCNN,
    SmallCNN,
    Synthetic,
    Timm,
    TrialSpec,
    from_plain,
    to_plain,
    why_undefined,
)
from trainables.spec.posthoc import PosthocSpec

NETWORKS = [
    SmallCNN(widths=(4, 4)),
    PaperCNN(name="p0"),
    PaperCNN(name="p1_small"),
    Timm(name="test_resnet"),
    Timm(name="test_vit"),
    Timm(name="vgg11"),
    FrozenHead(backbone="test_resnet", pooling="none"),
    Mimo(name="test_resnet", members=2),
]


@pytest.mark.parametrize("model", NETWORKS, ids=lambda model: getattr(model, "name", model.kind))
def test_what_is_left_out_by_the_description_is_what_the_network_itself_refuses(model):
    network = build_model(model, classes=3, seed=0, size=64).eval()
    spec = TrialSpec(data=Synthetic(), model=model)
    for name, method in METHODS.items():
        reason = why_undefined(Aopc(explainer=name), spec)
        assert why_undefined(AopcStability(explainer=name), spec) == reason
        assert why_undefined(ExplanationScores(method=name), spec) == reason
        if reason:
            assert method.refuses(network), name


def test_methods_that_are_told_are_those_that_the_families_have_not():
    def left_out(model):
        spec = TrialSpec(data=Synthetic(), model=model)
        return {name for name in METHODS if why_undefined(Aopc(explainer=name), spec)}

    assert left_out(SmallCNN()) == set()
    assert left_out(Timm(name="vgg16")) == {"cam"}
    assert left_out(Timm(name="densenet121")) == {"lrp"}
    assert left_out(Timm(name="vit_tiny_patch16_224")) == {"lrp", "guided_backprop", "attentive"}
    assert left_out(FrozenHead(backbone="densenet201")) == {"cam", "lrp"}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_task_of_its_own_name(name):
    wanted = "aopc" if name == "grad_cam" else f"aopc_{name}"
    assert Aopc(explainer=name).name == wanted


def test_tasks_read_back_what_they_write():
    for task in (
        Aopc(explainer="rise", perturbation="neighbours"),
        AopcStability(noises=(0.2,), perturbations=("blur",)),
        ExplanationScores(scores=SCORES[:2]),
    ):
        assert from_plain(PosthocSpec, to_plain(task)) == task
    with pytest.raises(ValueError, match="scores"):
        from_plain(PosthocSpec, {"kind": "explanation_scores", "scores": ["rode"]})
