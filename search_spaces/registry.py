"""Sweeps by name, and sweeps in a user's own file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from search_spaces.origin import where_in
from search_spaces.sweep import Sweep
from trainables.spec import nearest

SPACES: dict[str, str] = {
    "demo": "Embedded synthetic radiographs: backbone, loss, dropout and learning rate, with every post-hoc task.",
    "covid": "COVID-19 Radiography layout: a ResNet-18 at 128 px, chosen by reliability.",
    "covid_lungs": "COVID-19 Radiography with lung masks: the image alone, masked by a map of the lungs, or beside it.",
    "mura": "MURA: the body part on a radiograph, or whether it is abnormal.",
    "chexpert": "CheXpert: five findings, and what uncertain labels count as.",
    "imageclef": "ImageCLEF medical annotation (IRMA): what a radiograph shows.",
    "medmnist": "A MedMNIST file with its official splits.",
    "folder": "A folder a class, images or DICOM files in it.",
    "table": "A CSV or Parquet file of your own with paths and labels.",
    "chexpert_losses": "CheXpert: cross entropy, focal, deep AUC and saliency losses, each once.",
    "chexpert_saliency": "CheXpert: backbone, loss, dropout and lambda_1.",
    "p0_mura_laplace": "Paper P0: body parts on MURA, last-layer Laplace under three structures.",
    "p1_mura_ensembles": "Paper P1: a large and a small network on MURA, Laplace and ensembles of 2 to 15.",
    "p2_chexpert_losses": "Paper P2: cross entropy, focal and deep AUC on CheXpert, calibrated.",
    "p2_chexpert_ablation": "Paper P2: saliency losses on CheXpert, in one and in two stages.",
    "p2_chexpert_backbones": "Paper P2: DenseNet-121, ResNet-101 and VGG-19 on CheXpert.",
    "p2_chexpert_search": "Paper P2: grids over learning rate, dropout and lambda_1 on CheXpert.",
    "p2_chexpert_mimo": "Paper P2: MIMO networks of 1 to 4 heads on CheXpert, and deep ensembles.",
    "p3_covid_aopc": "Paper P3: frozen VGG16 and DenseNet201 on COVID-19 Radiography, maps scored by AOPC.",
    "p3_covid_open": "Paper P3, what it left open: the head, sampling, and a map of the lungs as input.",
    "p4_imageclef_attentive": "Paper P4: networks of growing depth on ImageCLEF 2009.",
}


def load_sweep(name: str) -> Sweep:
    """Find a sweep by the name of its space, or in a Python file.

    Args:
        name: one of `SPACES`, or a path that ends in `.py` and defines `sweep = Sweep(...)`, or `space(trial)` alone.

    Raises:
        ValueError: no such space or file, or the file does not define a sweep; with the line where it breaks.
    """
    if name.endswith(".py"):
        return _sweep_of(_load_file(Path(name)), Path(name).stem)
    if name not in SPACES:
        raise ValueError(
            f"There is no search space {name!r}. {nearest(name, SPACES)} A file of your own is given by its path: "
            "./my_space.py"
        )
    return _sweep_of(importlib.import_module(f"search_spaces.{name}"), name)


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"There is no file {path}. Give the path of a Python file that defines space(trial) or sweep.")
    specification = importlib.util.spec_from_file_location(f"user_space_{path.stem}", path)
    if specification is None or specification.loader is None:
        raise ValueError(f"{path} cannot be loaded as Python.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module
    try:
        specification.loader.exec_module(module)
    except SyntaxError as error:
        where = error.filename or path  # the file may import another one that does not parse
        raise ValueError(f"{where}, line {error.lineno}: {error.msg}. Mend the line and start again.") from None
    except (Exception, SystemExit) as error:  # whatever a user's file raises is told with its line
        where = where_in(error, str(path)) or str(path)
        raise ValueError(f"{where}: {type(error).__name__}: {error}. Mend the file and start again.") from None
    return module


def _sweep_of(module: ModuleType, name: str) -> Sweep:
    found = getattr(module, "sweep", None)
    if isinstance(found, Sweep):
        return found
    space = getattr(module, "space", None)
    if found is None and callable(space):
        return Sweep(name=name, space=space)
    what = f"its 'sweep' is {type(found).__name__}" if found is not None else "it defines neither"
    raise ValueError(
        f"{module.__file__} must define `sweep = Sweep(...)` or a function `space(trial)` that returns a TrialSpec; {what}. "
        "See search_spaces/demo.py for one that does."
    )
