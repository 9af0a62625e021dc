"""Optuna's samplers by the name of the searcher, one for every draw."""

from __future__ import annotations

import hashlib
import importlib.util
import warnings

import optuna

STARTUP_DRAWS = 5
"""Random draws before a model is fitted to what they gave."""

NSGA_POPULATION = 20
"""Complete trials of a generation. Optuna's own 50 is more than many sweeps have trials."""


def make_sampler(searcher: str, seed: int, number: int) -> optuna.samplers.BaseSampler:
    """The sampler of one draw. It keeps nothing: what it knows comes from the study's trials.

    - `random`, and `grid`, whose points are given to it.
    - `tpe`: tree of Parzen estimators, multivariate, unfinished trials counted as poor (Watanabe 2023).
    - `gp`: a Gaussian process with log expected improvement (of the dominated hypervolume with several objectives). It needs
      torch and scipy, and five complete trials first. Parameters that only some trials have (behind an `if`) are drawn at
      random; so are those of the first five. The time of a fit grows with the cube of the complete trials.
    - `nsga2`: a genetic search for several objectives (Deb et al. 2002) in generations of 20 complete trials.
    - `qmc`: a scrambled Sobol sequence, which fills the space more evenly than chance. Conditional parameters are drawn at
      random.

    Args:
        searcher: one of `search_spaces.searchers.SEARCHERS`.
        seed: of the sweep.
        number: of the draw.

    Raises:
        ValueError: a package that the searcher needs is missing.
    """
    draw_seed = int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4])
    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if searcher == "tpe":
            return samplers.TPESampler(
                seed=draw_seed, n_startup_trials=STARTUP_DRAWS, multivariate=True, group=True, constant_liar=True
            )
        if searcher == "nsga2":
            return samplers.NSGAIISampler(seed=draw_seed, population_size=NSGA_POPULATION)
        if searcher == "gp":
            require_gp()
            return samplers.GPSampler(seed=draw_seed, n_startup_trials=STARTUP_DRAWS, warn_independent_sampling=False)
        if searcher == "qmc":
            chance = samplers.RandomSampler(seed=draw_seed)
            return samplers.QMCSampler(
                scramble=True, seed=seed, independent_sampler=chance, warn_independent_sampling=False
            )
    return samplers.RandomSampler(seed=draw_seed)


def require_gp() -> None:
    """Refuse the Gaussian process where what it computes with is not there.

    Raises:
        ValueError: torch or scipy is missing.
    """
    missing = [name for name in ("scipy", "torch") if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"searcher is 'gp', a Gaussian process, which needs torch and scipy, and {' and '.join(missing)} cannot be "
            "imported. Install what the lock file names, or take searcher=tpe."
        )
