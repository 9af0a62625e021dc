"""Names of the searchers, without Optuna: listing sweeps must not wait for it (`search_spaces.samplers` draws)."""

from typing import Literal, TypeAlias, get_args

Searcher: TypeAlias = Literal["tpe", "random", "nsga2", "grid", "gp", "qmc"]
SEARCHERS: tuple[str, ...] = get_args(Searcher)
