"""Names of metrics and tasks as people read them."""

from __future__ import annotations

METRICS = {
    "nll": "NLL",
    "ece": "ECE",
    "brier": "Brier score",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "mean_recall": "mean recall",
    "auroc": "AUROC",
    "auprc": "area under the precision-recall curve",
    "weighted_f1": "weighted F1",
    "kappa": "Cohen's kappa",
    "mce": "MCE",
    "ace": "ACE",
    "ece_5": "ECE (5 bins)",
    "aurc": "area under the risk-coverage curve",
    "aopc": "AOPC",
    "map_correlation": "correlation of maps",
    "correlation_with_trained": "correlation with the trained network's maps",
    "loss": "loss",
}

EXPLAINERS = {
    "cam": "CAM",
    "grad_cam_pp": "Grad-CAM++",
    "hires_cam": "HiResCAM",
    "gradient": "gradient",
    "smooth_grad": "SmoothGrad",
    "integrated_gradients": "integrated gradients",
    "guided_backprop": "guided backpropagation",
    "occlusion": "occlusion",
    "lrp": "LRP",
    "attentive": "attentive response maps",
    "rise": "RISE",
}
"""Methods of maps beside Grad-CAM."""


def explainer_label(method: str) -> str:
    """`grad_cam` as `Grad-CAM`."""
    return EXPLAINERS.get(method, "Grad-CAM")


TASKS = {
    "": "uncalibrated",
    "evaluation": "uncalibrated",
    "temperature": "temperature",
    "temperature_per_label": "a temperature a label",
    "platt": "Platt",
    "isotonic": "isotonic",
    "histogram": "histogram",
    "bbq": "Bayesian binning",
    "vector": "vector scaling",
    "matrix": "matrix scaling",
    "dirichlet": "Dirichlet",
    "laplace_diag": "Laplace, diagonal",
    "laplace_kron": "Laplace, Kronecker",
    "laplace_full": "Laplace, full",
    "mc_dropout": "MC dropout",
    "snapshots": "snapshots",
    "aopc": "Grad-CAM and AOPC",
    "conformal": "conformal sets",
    "shift": "corruptions",
    **{f"aopc_{method}": f"{label} and AOPC" for method, label in EXPLAINERS.items()},
    "aopc_stability": "AOPC under other perturbations",
    "explanation_scores": "scores of maps",
    "maps_laplace": "maps of Laplace samples",
    "maps_mc_dropout": "maps of MC dropout",
    "ensemble_maps": "maps of an ensemble",
    "attentive": "attentive response maps",
    "ensemble": "ensemble",
    "calibrated_members": "temperature of each member",
}


def task_label(task: str) -> str:
    """`laplace_kron` as `Laplace, Kronecker`; suffixes such as `_grid` and `_mc` follow in brackets.

    What is done to the task's own prediction follows too: `mc_dropout/temperature` is `MC dropout, temperature`.
    """
    task, _, then = task.partition("/")
    label = _label(task)
    return f"{label}, {_label(then)}" if then else label


def _label(task: str) -> str:
    for name, label in sorted(TASKS.items(), key=lambda pair: -len(pair[0])):
        if name and task.startswith(name):
            rest = task[len(name) :].strip("_").replace("_", ", ")
            return f"{label} ({rest})" if rest else label
    return TASKS.get(task, task)


def metric_label(name: str) -> str:
    """`temperature/val/nll` as `NLL on val after temperature`."""
    *before, split, metric = name.split("/")
    label = f"{METRICS.get(metric, metric)} on {split}"
    return f"{label} after {task_label('/'.join(before))}" if before else label
