"""Words of other programs for our keys: whoever writes one of them is told ours."""

from __future__ import annotations

# Words of Ray Tune, Optuna, Weights & Biases, torch and the papers, each with our keys, the likeliest first.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "algorithm": ("strategy",),
    "alpha": ("step_size",),
    "arch": ("model",),
    "architecture": ("model",),
    "dataset": ("data",),
    "early_stopping": ("stopping",),
    "eps": ("epsilon",),
    "iterations": ("steps",),
    "lambda": ("lam",),
    "learning_rate": ("lr",),
    "max_epochs": ("epochs",),
    "metric": ("objectives",),
    "metrics": ("objectives",),
    "n_epochs": ("epochs",),
    "n_iter": ("steps",),
    "n_trials": ("trials",),
    "network": ("model",),
    "num_epochs": ("epochs",),
    "num_samples": ("trials",),
    "num_steps": ("steps",),
    "num_trials": ("trials",),
    "param_space": ("axes",),
    "parameters": ("axes",),
    "params": ("axes",),
    "pruner": ("stopping",),
    "repeats": ("replicates",),
    "sampler": ("strategy",),
    "schedule": ("lr",),
    "scheduler": ("stopping", "lr"),  # Ray Tune's stops trainings, torch's sets the learning rate
    "search_alg": ("strategy",),
    "search_space": ("axes",),
    "seeds": ("replicates",),
    "time_budget": ("wall",),
    "time_budget_s": ("wall",),
    "wd": ("weight_decay",),
}


def find_synonyms(word: str) -> tuple[str, ...]:
    """Return the keys that a word of other programs may stand for; () if it is none of theirs."""
    return SYNONYMS.get(word.lower().replace("-", "_"), ())
