"""A search space of your own: what is trained, what is searched for, what is computed afterwards.

orchestrator sweep THIS_FILE --dry-run        what it would do
orchestrator sweep THIS_FILE                  do it; the same command goes on after an interrupt
orchestrator sweep THIS_FILE --name try --inline --trials 2 --set data/images=64 --set data/size=32 --set schedule/epochs=1
                                              try it in seconds, in one process, where a debugger works
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces.objective import Objective
from search_spaces.sweep import Asha, Sweep
from trainables.spec import (
    Aopc,
    CrossEntropy,
    Ensemble,
    Evaluation,
    Focal,
    Laplace,
    Optimizer,
    PixelBaseline,
    Schedule,
    SmallCNN,
    Synthetic,
    Temperature,
    TrialSpec,
)

if TYPE_CHECKING:
    import optuna


def space(trial: optuna.trial.BaseTrial) -> TrialSpec:
    """One draw. It must be a function of the trial alone: every start asks it again and compares."""
    # An ordinary `if` makes a conditional parameter: loss/gamma exists only where the loss is focal.
    if trial.suggest_categorical("loss", ["cross_entropy", "focal"]) == "focal":
        loss: CrossEntropy | Focal = Focal(gamma=trial.suggest_float("loss/gamma", 0.5, 3.0))
    else:
        loss = CrossEntropy()
    return TrialSpec(
        # Embedded radiographs, so that the file runs as it is. Images of your own, in one folder a class:
        #     data=ImageFolder(size=128)            and then --data FOLDER [--patients patients.csv]
        # A CSV or Parquet table: ImageTable(labels=("label",)); published layouts: CovidRadiography, Mura, Chexpert,
        # ImageClef, MedMnist. Images are decoded once, whatever the trials draw.
        data=Synthetic(images=400, size=64),
        # Any of timm's networks: Timm(name="resnet18", weights="resnet18.safetensors"); weights lie in
        # ORCHESTRATOR_WEIGHTS and are never downloaded.
        model=SmallCNN(widths=(16, 32, 64), dropout=trial.suggest_float("dropout", 0.0, 0.4)),
        loss=loss,
        optimizer=Optimizer(learning_rate=trial.suggest_float("learning_rate", 1e-3, 1e-2, log=True)),
        schedule=Schedule(epochs=6, batch_size=32),
        # Not drawn and left out here: split (patients stay on one side), augmentation, sampling, seed.
    )


sweep = Sweep(
    name="template",
    space=space,
    # On val, never on test. Several objectives make a Pareto search: searcher="nsga2", scheduler=None.
    objectives=(Objective(metric="temperature/val/nll", mode="min"),),
    trials=8,
    # Poor trials end at epoch 2 or 4. None runs every trial to its end.
    scheduler=Asha(grace_epochs=2, reduction_factor=2),
    # The best configuration is trained with so many further seeds, for the ensemble below.
    member_seeds=1,
    # For every complete network, and for the sweep. More can be added later, and nothing is trained again:
    #     orchestrator posthoc NAME --tasks laplace_full,isotonic
    posthoc=(
        Evaluation(),
        Temperature(),
        Laplace(hessian_structure="kron"),
        Aopc(cells=8, images=24),
        PixelBaseline(),
        Ensemble(members="seeds", size=2),
    ),
)
