"""What the spaces of paper P2 have in common: CheXpert's five labels under its policy, DenseNet-121 at 224 px.

Adam with a rate of 1e-4 and a decay of 1e-5, batches of 64; results on the official validation part. The settings of its
15-epoch ablation are not printed: ours are those of the 5-epoch table.
"""

from __future__ import annotations

from dataclasses import replace

from search_spaces.objective import Objective
from search_spaces.parts import smaller
from search_spaces.sweep import Small, Space, Sweep
from trainables.spec import (
    Aopc,
    AucMargin,
    Calibration,
    Chexpert,
    ClassDistinct,
    CrossEntropy,
    Ensemble,
    Evaluation,
    Focal,
    Laplace,
    LossSpec,
    Mimo,
    ModelSpec,
    Optimizer,
    Schedule,
    Split,
    Stage,
    Synthetic,
    Temperature,
    Timm,
    TrialSpec,
    WeightedCrossEntropy,
)

PER_LABEL = Calibration(method="temperature_per_label")
LAMBDA_CD = 1.4
"""The paper's best lambda_1."""
BACKBONE, SMALL_BACKBONE, SMALL_RATE = "densenet121", "test_resnet", 3e-3
ADAM = Optimizer(kind="adam", learning_rate=1e-4, weight_decay=1e-5)
PESG = Optimizer(kind="pesg", learning_rate=0.1, weight_decay=1e-5)
SALIENCY = ClassDistinct(lambda_cd=LAMBDA_CD, representation="network")
WITH_CONSISTENCY = ClassDistinct(lambda_cd=LAMBDA_CD, representation="network", lambda_sc=0.1)

LOSSES: dict[str, LossSpec] = {
    "cross_entropy": CrossEntropy(),
    "focal": Focal(),
    "deep_auc": AucMargin(pretrain_epochs=1),
    "one_stage": SALIENCY,
    "two_stage": SALIENCY,
    "with_consistency": WITH_CONSISTENCY,
    "weighted_cross_entropy": WeightedCrossEntropy(),
}
"""By the name of a row in the paper's tables; that with L_SC is ours, since the paper prints nothing with it."""


def chexpert_trial(
    pipeline: str,
    *,
    epochs: int,
    model: ModelSpec | None = None,
    optimizer: Optimizer = ADAM,
    loss: LossSpec | None = None,
) -> TrialSpec:
    """A row of the paper's tables; of two stages each has half of the epochs, the first with the weighted cross entropy alone.

    Args:
        pipeline: a name in `LOSSES`.
        epochs: of the training as a whole.
        model: DenseNet-121 if left out.
        optimizer: for all losses but deep AUC, which has its own.
        loss: in place of that of the pipeline.
    """
    half = max(1, epochs // 2)
    before = Stage(loss=WeightedCrossEntropy(), optimizer=optimizer, schedule=_schedule(half))
    first = before if pipeline == "two_stage" else None
    return TrialSpec(
        data=Chexpert(size=224),
        split=Split(val=0.1, calib=0.05),
        model=model or Timm(name=BACKBONE),
        loss=loss or LOSSES[pipeline],
        optimizer=PESG if pipeline == "deep_auc" else optimizer,
        schedule=_schedule(epochs - half if first else epochs),
        first_stage=first,
    )


def _schedule(epochs: int) -> Schedule:
    return Schedule(
        epochs=epochs, batch_size=64, decay="constant", clip_norm=None, best_metric="val/auroc", best_mode="max"
    )


def small_trial(spec: TrialSpec) -> TrialSpec:
    """At 64 px, with a network of 0.2 million parameters that ends in 8 x 8 cells, at a rate that it learns at.

    DenseNet-121 would end in 2 x 2 cells there, and learn little in the minutes that there are.
    """
    rate = SMALL_RATE if spec.optimizer == ADAM else spec.optimizer.learning_rate
    first = spec.first_stage
    if first is not None:
        first = replace(first, optimizer=replace(first.optimizer, learning_rate=SMALL_RATE))
    spec = replace(
        spec, optimizer=replace(spec.optimizer, learning_rate=rate), model=small_model(spec.model), first_stage=first
    )
    return smaller(spec, size=64, epochs=5 if spec.first_stage else 10, batch_size=32, first_epochs=5)


def small_model(model: ModelSpec) -> ModelSpec:
    """The small network in place of DenseNet-121, with the dropout or the heads of that."""
    if isinstance(model, Timm) and model.name == BACKBONE:
        return Timm(name=SMALL_BACKBONE, dropout=model.dropout, output_stride=8)
    return replace(model, name=SMALL_BACKBONE) if isinstance(model, Mimo) else model


SMALL = Small(
    change=small_trial,
    embedded=Synthetic(images=640, multilabel=True),
    posthoc=(
        Evaluation(),
        Temperature(),
        PER_LABEL,
        Laplace(hessian_structure="kron"),
        Aopc(images=12, cells=8),
        Ensemble(members="top", size=3),
    ),
)


def grid_sweep(name: str, space: Space, description: str) -> Sweep:
    """Every row once, calibrated by one temperature for all labels as in the paper, and by one a label."""
    return Sweep(
        name=name,
        space=space,
        objectives=(Objective(metric="val/auroc", mode="max"),),
        searcher="grid",
        scheduler=None,
        member_seeds=0,
        posthoc=(
            Evaluation(),
            Temperature(),
            PER_LABEL,
            Laplace(hessian_structure="kron"),
            Aopc(images=100),
            Ensemble(members="top", size=3),
        ),
        description=description,
        small=SMALL,
    )
