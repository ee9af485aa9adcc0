"""A space that makes no sense is refused before any process starts: all that is wrong, where, and what is allowed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from search.planning.plan import Plan
from search.reference.sections import list_sections
from search.run.__main__ import main
from search.schema.space import set_at_path
from search.schema.synonyms import SYNONYMS
from trainers import methods

from ..helpers import ROOT, smoke

Refused = Callable[..., list[str]]

TRIAL_KEYS = (
    "(allowed: average, batch_size, compute, data, epochs, last_batch, method, model, optimizer, seed, "
    "select, start_from, subset)"
)
METHOD_KEYS = "(allowed: attack, awp, kind, loss, target, weight)"
PGD_KEYS = (
    "(allowed: ascend, bn, epsilon, geometry, guide, jitter, keep, name, norm, project, restarts, start, step_size, "
    "steps, tau, toward)"
)
METHODS = f"(there are {', '.join(methods.METHODS)})"


def axis(text: str, path: str = "batch_size") -> str:
    return f"search:\n  axes:\n    {path}: {text}\n"


MISTAKES = {
    "misspelt top level": (
        "serch: {}\n",
        "space.yaml:1: serch: Space has no such key; did you mean search?"
        " (allowed: evaluate, pretrain, profile, question, resources, search, trial)",
    ),
    "misspelt knob": (
        "trial:\n  epohs: 3\n",
        f"space.yaml:2: trial.epohs: TrialConfig has no such key; did you mean epochs? {TRIAL_KEYS}",
    ),
    "misspelt knob of a piece": (
        "trial:\n  method:\n    attack:\n      epsilonn: 0.1\n",
        f"space.yaml:4: trial.method.attack.epsilonn: PGD has no such key; did you mean epsilon? {PGD_KEYS}",
    ),
    "knob of a piece that another has": (
        "trial:\n  model: {name: mlp, depth: 3}\n",
        "space.yaml:2: trial.model.depth: MLP has no such key (allowed: hidden, name, normalize)",
    ),
    "wrong type": ("trial: {epochs: many}\n", "space.yaml:1: trial.epochs: should be a valid integer; got 'many'"),
    "wrong sign": ("trial: {epochs: 0}\n", "space.yaml:1: trial.epochs: should be greater than 0; got 0"),
    "no mapping": ("trial: 3\n", "space.yaml:1: trial: should be a mapping of keys; got 3"),
    "date": (
        "trial: {epochs: 2020-01-01}\n",
        "space.yaml:1: trial.epochs: should be a valid integer; got '2020-01-01'",
    ),
    "unknown method": (
        "trial: {method: tradse}\n",
        f"space.yaml:1: trial.method: no method is called 'tradse'; did you mean trades? {METHODS}",
    ),
    "unknown piece": (
        "trial:\n  subset: {name: rnked}\n",
        "space.yaml:2: trial.subset: no such piece 'rnked'; did you mean ranked?"
        " (allowed: all, drop-unlearned, random, ranked)",
    ),
    "piece without a name": (
        "trial:\n  subset: {size: 3}\n",
        "space.yaml:2: trial.subset: needs a `name`; got {'size': 3}",
    ),
    "k larger than the data": (
        "trial:\n  data: {name: digits, train: 96}\n  subset: {name: random, size: 97}\n",
        "space.yaml:3: trial: subset.size: asked for 97, that is 97 of 96 examples; ask for 1 to 96 (trial-*)",
    ),
    "split larger than the data": (
        "trial:\n  data: {name: digits, val: 100%}\n",
        "space.yaml:2: trial: data.val: asked for 100%, that is 1797 of the 719 examples that are left beside the"
        " test split; at least one must remain to train on (trial-*)",
    ),
    "ranked subset without a ranking": (
        "trial:\n  subset: {name: ranked, size: 50%}\n",
        "space.yaml:2: trial.subset: a ranked subset needs a ranking: add a `profile:` block",
    ),
    "CUDA without a GPU": (
        "trial:\n  compute: {device: cuda}\n",
        "space.yaml:2: trial.compute.device: cuda, and trials have no GPU: resources.gpus is 0, or auto and there"
        " is none; give 1 or a share",
    ),
    "ranking made on a subset": (
        "trial:\n  subset: {name: ranked, size: 50%}\nprofile:\n  trial:\n    subset: {name: ranked, size: 50%}\n",
        "space.yaml:5: profile.trial.subset: a ranking is made by training on all examples; remove the key",
    ),
    "data of a ranking": (
        "trial:\n  subset: {name: ranked, size: 50%}\nprofile:\n  trial: {data: {name: digits}}\n",
        "space.yaml:4: profile.trial: a ranking is made on the data that it cuts; remove the key `data`",
    ),
    "seed of a ranking": (
        "trial:\n  subset: {name: ranked, size: 50%}\nprofile:\n  trial: {seed: 3}\n",
        "space.yaml:4: profile.trial: seeds of a ranking are written `profile: {seeds: [seed, ...]}`;"
        " remove the key `seed`",
    ),
    "misspelt knob of a ranking": (
        "trial:\n  subset: {name: ranked, size: 50%}\nprofile:\n  trial: {epohs: 3}\n",
        f"space.yaml:4: profile.trial.epohs: TrialConfig has no such key; did you mean epochs? {TRIAL_KEYS}",
    ),
    "ranked pretraining": (
        "pretrain:\n  trial:\n    subset: {name: ranked, size: 50%}\n",
        "space.yaml:3: pretrain.trial.subset: a pretraining waits for no ranking; take a random subset, or remove the"
        " key",
    ),
    "model of a pretraining": (
        "pretrain:\n  trial: {model: mlp}\n",
        "space.yaml:2: pretrain.trial: a pretraining has the model of the trials that start from it; remove the key"
        " `model`",
    ),
    "misspelt knob of a pretraining": (
        "pretrain:\n  trial: {epohs: 3}\n",
        f"space.yaml:2: pretrain.trial.epohs: TrialConfig has no such key; did you mean epochs? {TRIAL_KEYS}",
    ),
    "pretraining from a file": (
        "pretrain:\n  trial: {start_from: {path: a.pt}}\n",
        "space.yaml:2: pretrain.trial: a pretraining starts from fresh weights; remove the key `start_from`",
    ),
    "pretraining and a file": (
        "pretrain: {}\ntrial:\n  start_from: {path: a.pt}\n",
        "space.yaml:3: trial.start_from: trials start from the weights of the pretraining or from a file, not from"
        " both; remove one of the keys",
    ),
    "pretraining and an axis of files": (
        "pretrain: {}\n" + axis("{grid: [{path: a.pt}]}", "start_from"),
        "space.yaml:4: search.axes.start_from: trials start from the weights of the pretraining or from a file, not"
        " from both; remove one of the keys",
    ),
    "seed in the trial": (
        "trial:\n  seed: 3\n",
        "space.yaml:2: trial.seed: seeds are replicates: write `search: {replicates: [seed, ...]}`",
    ),
    "seed as an axis": (
        axis("{grid: [1, 2]}", "seed"),
        "space.yaml:3: search.axes.seed: seeds are replicates, not an axis: write `search: {replicates: 3}`",
    ),
    "no seed": ("search: {replicates: 0}\n", "space.yaml:1: search.replicates: at least one seed; got 0"),
    "the same seed twice": (
        "search: {replicates: [1, 2, 1]}\n",
        "space.yaml:1: search.replicates: each seed once; got [1, 2, 1]",
    ),
    "adaptive replicates without room": (
        "search:\n  replicates: {min: 3, max: 3}\n",
        "space.yaml:2: search.replicates: max is above min; got min 3, max 3",
    ),
    "adaptive replicates of one seed": (
        "search:\n  replicates: {min: 1, max: 3}\n",
        "space.yaml:2: search.replicates.min: should be greater than or equal to 2; got 1",
    ),
    "misspelt knob of replicates": (
        "search:\n  replicates: {min: 2, max: 3, maxi: 3}\n",
        "space.yaml:2: search.replicates.maxi: AdaptiveReplicates has no such key; did you mean max? "
        "(allowed: max, min)",
    ),
    "certified replicates at no look": (
        "search:\n  replicates: {until: certified, max: 7}\n",
        "space.yaml:2: search.replicates.max: verdicts are looked for at 3, 4, 5, 6, 8, 10, 13, … seeds; got 7: take 6 "
        "or 8",
    ),
    "replicates until something else": (
        "search:\n  replicates: {until: sure}\n",
        "space.yaml:2: search.replicates.until: should be 'certified'; got 'sure'",
    ),
    "tolerance of something else": (
        "search:\n  replicates: {until: certified, tolerance: {val_clean: 1}}\n",
        "space.yaml:2: search.replicates.tolerance.val_clean: no objective 'val_clean'; did you mean val_clean_acc? "
        "(allowed: val_clean_acc, val_pgd_acc)",
    ),
    "tolerance of one objective of two": (
        "search:\n  replicates: {until: certified, tolerance: {val_clean_acc: 1}}\n",
        "space.yaml:2: search.replicates.tolerance: one for each objective, val_clean_acc, val_pgd_acc; got "
        "val_clean_acc",
    ),
    "tolerance of nothing": (
        "search:\n  replicates: {until: certified, tolerance: 0}\n",
        "space.yaml:2: search.replicates.tolerance: should be greater than 0; got 0",
    ),
    "certainty without any error": (
        "search:\n  replicates: {until: certified, error: 0%}\n",
        "space.yaml:2: search.replicates.error: should be greater than 0; got '0%'",
    ),
    "certified constraints": (
        "search:\n  replicates: {until: certified}\n  constraints: [val_clean_acc >= 0.5]\n",
        "space.yaml:2: search.replicates: certified verdicts cover no constraints; remove `constraints`, or give a "
        "number of seeds",
    ),
    "certified and stopped": (
        "search:\n  replicates: {until: certified}\n  stopping: robust\n",
        "space.yaml:2: search.replicates: certified verdicts are of whole trainings; remove `stopping`, or give a "
        "number of seeds",
    ),
    "adaptive replicates of one objective": (
        "search:\n  replicates: {min: 2, max: 3}\n  objectives: {val_pgd_acc: max}\n",
        "space.yaml:2: search.replicates: are spent where a front is in doubt, which takes two objectives; give a"
        " number",
    ),
    "budget of nothing known": (
        "search:\n  budget: {epoch: 3}\n",
        "space.yaml:2: search.budget.epoch: Budget has no such key; did you mean epochs?"
        " (allowed: epochs, gpu_hours, passes, trials, wall)",
    ),
    "budget of no time": (
        "search:\n  budget: {wall: 8 hours}\n",
        "space.yaml:2: search.budget.wall: a time is written 8h, 90m, 1h30m, or as a number of seconds; got '8 hours'",
    ),
    "budget of GPUs that nobody uses": (
        "search:\n  budget: {gpu_hours: 3}\n",
        "space.yaml:2: search.budget.gpu_hours: no training asks for a GPU (resources: {gpus: 0}); use wall or epochs",
    ),
    "empty axis": (
        axis("{grid: []}"),
        "space.yaml:3: search.axes.batch_size: an axis needs at least one value; got none",
    ),
    "axis without values": (
        axis("{grid: }"),
        "space.yaml:3: search.axes.batch_size: an axis has exactly one of grid, choice, uniform, loguniform, int;"
        " got none",
    ),
    "axis of two kinds": (
        axis("{grid: [1], choice: [2]}"),
        "space.yaml:3: search.axes.batch_size: an axis has exactly one of grid, choice, uniform, loguniform, int;"
        " got grid, choice",
    ),
    "value twice": (
        axis("{grid: [32, 64, 32]}"),
        "space.yaml:3: search.axes.batch_size: an axis lists each value once; got 32 twice",
    ),
    "value twice under two names": (
        axis("{grid: {small: 32, tiny: 32}}"),
        "space.yaml:3: search.axes.batch_size: an axis lists each value once; got 32 twice",
    ),
    "date among the values of an axis": (
        axis("{grid: [2020-01-01]}"),
        "space.yaml:3: axis batch_size=2020-01-01: trial.batch_size: should be a valid integer; got '2020-01-01'",
    ),
    "range upside down": (
        axis("{uniform: [0.2, 0.1]}", "optimizer.weight_decay"),
        "space.yaml:3: search.axes.optimizer.weight_decay: uniform: needs low < high",
    ),
    "logarithm of zero": (
        axis("{loguniform: [0, 0.1]}", "optimizer.weight_decay"),
        "space.yaml:3: search.axes.optimizer.weight_decay: loguniform: needs low < high and low > 0",
    ),
    "range in a grid": (
        axis("{uniform: [0.1, 0.2]}", "optimizer.weight_decay"),
        "space.yaml:3: search.axes.optimizer.weight_decay: a grid search crosses listed values; uniform needs another"
        " strategy: random, qmc, tpe, nsga2, gp",
    ),
    "random search of unknown length": (
        "search: {strategy: random}\n",
        "space.yaml:1: search.trials: is required: the number of configurations that `strategy: random` is to draw",
    ),
    "length of a grid": (
        "search: {trials: 3}\n",
        "space.yaml:1: search.trials: a grid has all that its axes cross; a number of configurations goes with random,"
        " qmc, tpe, nsga2, gp",
    ),
    "unknown strategy": (
        "search: {strategy: nsga}\n",
        "space.yaml:1: search.strategy: no strategy 'nsga'; did you mean nsga2?"
        " (allowed: grid, random, qmc, tpe, nsga2, gp)",
    ),
    "generations of a grid": (
        "search: {generation: 3}\n",
        "space.yaml:1: search.generation: grid learns nothing on the way; generations go with tpe, nsga2, gp",
    ),
    "generations without parents": (
        "search:\n  strategy: nsga2\n  trials: 3\n  generation: 1\n  axes: {method: {choice: [pgd-at, trades]}}\n",
        "space.yaml:4: search.generation: nsga2 crosses two parents, so at least 2; got 1",
    ),
    "adaptive search of nothing": (
        "search: {strategy: tpe, trials: 3}\n",
        "space.yaml:1: search.axes: is required: there is nothing that `strategy: tpe` could vary",
    ),
    "conditions in a ring": (
        "search:\n  axes:\n    method: {grid: [pgd-at, trades], when: {batch_size: 32}}\n"
        "    batch_size: {grid: [32, 64], when: {method: trades}}\n",
        "space.yaml:3: search.axes.method.when: conditions form a cycle: method <- batch_size <- method",
    ),
    "axis of no knob": (
        axis("{grid: [trades]}", "metod"),
        f"space.yaml:3: search.axes.metod: a trial has no such key; did you mean method? {TRIAL_KEYS}",
    ),
    "axis named with its block": (
        axis("{grid: [16, 32]}", "trial.batch_size"),
        "space.yaml:3: search.axes.trial.batch_size: an axis is a path below `trial:`; write search.axes.batch_size",
    ),
    "axis of no knob of a piece": (
        axis("{grid: [0.1]}", "method.attack.epsilonn"),
        "space.yaml:3: axis method.attack.epsilonn: trial.method.attack.epsilonn: PGD has no such key;"
        f" did you mean epsilon? {PGD_KEYS}",
    ),
    "axis of a knob that lies deeper, reported once however many values it has": (
        axis("{grid: [0.1, 0.2, 0.3]}", "method.beta"),
        "space.yaml:3: axis method.beta: trial.method.beta: Method has no such key; did you mean loss.beta"
        f" or attack.guide.beta? {METHOD_KEYS}",
    ),
    "range beyond what is allowed, reported once however many values are drawn": (
        "search: {strategy: random, trials: 9, axes: {batch_size: {int: [-9, -1]}}}\n",
        "space.yaml:1: axis batch_size=-1: trial.batch_size: should be greater than 0; got -1 (and 4 other values of"
        " this range)",
    ),
    "axis below a number": (
        "trial: {epochs: 3}\n" + axis("{grid: [1]}", "epochs.x"),
        "space.yaml:1: trial.epochs: should be a valid integer; got {'x': 1}",
    ),
    "bad value of an axis": (
        axis("{grid: [32, 0]}"),
        "space.yaml:3: axis batch_size=0: trial.batch_size: should be greater than 0; got 0",
    ),
    "unknown method of an axis": (
        axis("{grid: [pgd-at, tradse]}", "method"),
        f"space.yaml:3: axis method=tradse: trial.method: no method is called 'tradse'; did you mean trades? {METHODS}",
    ),
    "knob without effect": (
        axis("{grid: {whole: 0.1, late: {name: piecewise, values: [0.1, 0.01], drops: [150]}}}", "optimizer.lr"),
        "space.yaml:3: search.axes.optimizer.lr: whole and late give the same training, stage by stage:"
        " the key has no effect there; drop a value",
    ),
    "condition on no axis": (
        "search:\n  axes:\n    method: {grid: [pgd-at, trades]}\n"
        "    method.loss.beta: {grid: [1, 2], when: {metod: trades}}\n",
        "space.yaml:4: search.axes.method.loss.beta.when: no axis 'metod'; did you mean method?"
        " (allowed: method, method.loss.beta)",
    ),
    "condition that never holds": (
        "search:\n  axes:\n    method: {grid: [pgd-at, trades]}\n"
        "    method.loss.beta: {grid: [1, 2], when: {method: tradse}}\n",
        "space.yaml:4: search.axes.method.loss.beta.when: axis method has no value 'tradse'; did you mean trades?"
        " (allowed: pgd-at, trades)",
    ),
    "condition on what is drawn from a range": (
        "search:\n  strategy: random\n  trials: 2\n  axes:\n    method.loss.beta: {loguniform: [1, 9]}\n"
        "    batch_size: {choice: [16, 32], when: {method.loss.beta: 2.0}}\n",
        "space.yaml:6: search.axes.batch_size.when: axis method.loss.beta is drawn from a range of real numbers "
        "and never is '2.0'; `when` names values of grid, choice or int",
    ),
    "condition beyond a range": (
        "search:\n  strategy: random\n  trials: 2\n  axes:\n    method.attack.steps: {int: [1, 9]}\n"
        "    batch_size: {choice: [16, 32], when: {method.attack.steps: [3, 10]}}\n",
        "space.yaml:6: search.axes.batch_size.when: axis method.attack.steps has no value '10' (allowed: 1 to 9)",
    ),
    "objective on test data": (
        "search:\n  objectives: {test_pgd20_acc: max}\n",
        "space.yaml:2: search.objectives: test_pgd20_acc reads the test set; a search selects on validation:"
        " val_clean_acc, val_pgd_acc",
    ),
    "unknown objective": (
        "search:\n  objectives: {val_pgd_ac: max}\n",
        "space.yaml:2: search.objectives: no objective 'val_pgd_ac'; did you mean val_pgd_acc?"
        " (allowed: val_clean_acc, val_pgd_acc)",
    ),
    "no objective": (
        "search: {objectives: {}}\n",
        "space.yaml:1: search.objectives: a search has at least one objective (allowed: val_clean_acc, val_pgd_acc)",
    ),
    "objective in no direction": (
        "search: {objectives: {val_pgd_acc: up}}\n",
        "space.yaml:1: search.objectives.val_pgd_acc: should be 'max' or 'min'; got 'up'",
    ),
    "objective at no checkpoint": (
        "search: {checkpoint: first}\n",
        "space.yaml:1: search.checkpoint: should be 'best' or 'last'; got 'first'",
    ),
    "constraint on test data": (
        "search:\n  constraints: [test_clean_acc >= 0.8]\n",
        "space.yaml:2: search.constraints.0: test_clean_acc reads the test set; a search selects on validation:"
        " val_clean_acc, val_pgd_acc",
    ),
    "constraint on nothing known": (
        "search:\n  constraints: [val_pgd_acc >= 0.3, val_clean >= 0.8]\n",
        "space.yaml:2: search.constraints.1: no objective 'val_clean'; did you mean val_clean_acc?"
        " (allowed: val_clean_acc, val_pgd_acc)",
    ),
    "strict constraint": (
        "search:\n  constraints: [val_clean_acc > 0.8]\n",
        "space.yaml:2: search.constraints.0: a constraint is written `val_clean_acc >= 0.8`, with >= or <=;"
        " got 'val_clean_acc > 0.8'",
    ),
    "constraint by a word": (
        "search:\n  constraints: [val_clean_acc >= high]\n",
        "space.yaml:2: search.constraints.0: 'val_clean_acc >= high': the bound of a constraint is a number, 0.8 or"
        " 80%; got 'high'",
    ),
    "constraint beyond accuracies": (
        "search:\n  constraints: [val_clean_acc >= 80]\n",
        "space.yaml:2: search.constraints.0: 'val_clean_acc >= 80': "
        "a bound on an accuracy is in [0, 1], 0.8 or 80%; got 80",
    ),
    "constraint not in a list": (
        "search: {constraints: val_clean_acc >= 0.8}\n",
        "space.yaml:1: search.constraints: constraints are listed: [val_clean_acc >= 0.8]; got 'val_clean_acc >= 0.8'",
    ),
    "impossible attack": (
        "evaluate: {epsilon: 0}\n",
        "space.yaml:1: evaluate.epsilon: should be greater than 0; got 0",
    ),
    "value of an axis that is no number": (
        axis("{grid: [1, .nan]}", "method.weight.lam"),
        "space.yaml:3: search.axes.method.weight.lam: a number is finite; got nan",
    ),
    "values of an axis without how they are taken": (
        axis("[16, 32]"),
        "space.yaml:3: search.axes.batch_size: an axis is a mapping, such as {grid: [16, 32]} to try each value",
    ),
    "value of an axis without how it is taken": (
        axis("pgd-at", "method"),
        "space.yaml:3: search.axes.method: an axis is a mapping, such as {grid: ['pgd-at']} to try each value",
    ),
    "axis beside `axes`": (
        axis("{grid: [16, 32]}") + "  method.attack.epsilon: {grid: [0.1]}\n",
        "space.yaml:4: search.method.attack.epsilon: is a key of a trial; to vary it, write it below `axes:`, "
        "indented deeper",
    ),
    "stopping that is a switch": (
        "search: {stopping: true}\n",
        "space.yaml:1: search.stopping: should be the name of a piece, or a mapping of its keys; got True"
        " (allowed: none, robust, *)",
    ),
    "number in place of a list": (
        "trial: {model: {name: mlp, hidden: 64}}\n",
        "space.yaml:1: trial.model.hidden: should be a list, such as [64]; got 64",
    ),
    "word in place of a list of numbers": (
        "trial: {model: {name: mlp, hidden: big}}\n",
        "space.yaml:1: trial.model.hidden: should be a list of numbers, [a, b]; got 'big'",
    ),
    "word in place of two numbers": (
        "search: {strategy: random, trials: 2, axes: {epochs: {int: wide}}}\n",
        "space.yaml:1: search.axes.epochs.int: should be a list of 2 numbers, [a, b]; got 'wide'",
    ),
    "word in place of a list of words": (
        "profile: {follows: method}\n",
        "space.yaml:1: profile.follows: should be a list, such as ['method']; got 'method'",
    ),
    "word in place of seeds": (
        "search: {replicates: three}\n",
        "space.yaml:1: search.replicates: should be a number of seeds, such as 3, or a list of them, such as [0, 1]; "
        "got 'three'",
    ),
    "seeds as a fraction": (
        "profile: {seeds: 3.0}\n",
        "space.yaml:1: profile.seeds: should be a number of seeds, such as 3, or a list of them, such as [0, 1]; "
        "got 3.0",
    ),
    "share as a fraction": (
        "trial: {subset: {name: random, size: 0.5}}\n",
        "space.yaml:1: trial.subset.size: a share is written in percent, '50%'; got 0.5",
    ),
    "fraction of nothing": (
        "evaluate: {epsilon: 8/0}\n",
        "space.yaml:1: evaluate.epsilon: should be a number (0.1, 1e-3 or 8/255); got '8/0'",
    ),
    "word in place of a number": (
        "trial: {method: {attack: {epsilon: big}}}\n",
        "space.yaml:1: trial.method.attack.epsilon: should be a number (0.1, 1e-3 or 8/255) or should be a mapping of "
        "keys; got 'big'",
    ),
    "number out of bounds where a schedule may stand": (
        "trial: {optimizer: {lr: -1}}\n",
        "space.yaml:1: trial.optimizer.lr: should be greater than or equal to 0; got -1",
    ),
    "knob of a piece of which there are others": (
        "trial: {optimizer: {lr: {name: piecewise, values: 0.1, drops: []}}}\n",
        "space.yaml:1: trial.optimizer.lr.values: should be a list, such as [0.1]; got 0.1",
    ),
    "knob that another kind of method has": (
        "trial: {method: {base: free-at, attack: {epsilon: 0.1}}}\n",
        "space.yaml:1: trial.method.attack: Free has no such key (allowed: epsilon, kind, replays)",
    ),
    "budget in pixels of 0..255": (
        "trial:\n  method:\n    attack:\n      epsilon: 8\n",
        "space.yaml:4: trial.method.attack.epsilon: is in pixels of [0, 1]; got 8: write 8/255",
    ),
    "measured at a budget in pixels of 0..255": (
        "evaluate:\n  final: {}\n  epsilon: 8\n",
        "space.yaml:3: evaluate.epsilon: is in pixels of [0, 1]; got 8: write 8/255",
    ),
    "measured with a step in pixels of 0..255": (
        "evaluate:\n  final: {}\n  step_size: 2\n",
        "space.yaml:3: evaluate.step_size: is in pixels of [0, 1]; got 2: write 2/255",
    ),
    "a final attack's budget in pixels of 0..255": (
        "evaluate:\n  final:\n    p:\n      name: pgd\n      epsilon: 8\n",
        "space.yaml:5: evaluate.final.p.epsilon: is in pixels of [0, 1]; got 8: write 8/255",
    ),
    "AutoAttack's budget in pixels of 0..255": (
        "evaluate:\n  final:\n    p:\n      name: autoattack\n      epsilon: 16\n",
        "space.yaml:5: evaluate.final.p.epsilon: is in pixels of [0, 1]; got 16: write 16/255",
    ),
    "no CPU": ("resources: {cpus: 0}\n", "space.yaml:1: resources.cpus: should be greater than 0; got 0"),
}


def matches(problem: str, pattern: str) -> bool:
    head, star, tail = pattern.partition("*")
    return problem.startswith(head) and problem.endswith(tail) if star else problem == pattern


@pytest.mark.parametrize(("text", "complaint"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_refused_with_its_place_and_what_is_allowed(refused: Refused, text: str, complaint: str) -> None:
    (problem,) = refused(text)
    assert matches(problem, complaint), problem


def test_all_mistakes_of_a_file_are_reported_at_once(refused: Refused) -> None:
    text = "trial:\n  epohs: 3\n  batch_size: 0\nsearch:\n  retries: -1\nevaluate:\n  evry: 2\n"
    assert [problem.partition(": ")[0] for problem in refused(text)] == [
        "space.yaml:5",
        "space.yaml:7",
        "space.yaml:3",
        "space.yaml:2",
    ]


def test_all_mistakes_of_a_plan_are_reported_at_once(refused: Refused) -> None:
    text = "trial: {batch_size: 0}\nsearch:\n  axes:\n    method: {grid: [pgd, trades, fsat-at]}\n"
    problems = refused(text)
    assert [problem.partition(" ")[0] for problem in problems] == ["space.yaml:1:", "space.yaml:4:", "space.yaml:4:"]
    assert "axis method=fsat-at" in problems[1]
    assert "axis method=pgd" in problems[2]


EIGHT = "evaluate: {epsilon: eight}\n"


@pytest.mark.parametrize(
    ("mistake", "others", "number", "what"),
    [
        (EIGHT, axis("{grid: [32, 0]}"), 2, "axis batch_size=0: "),
        (EIGHT, "search: {strategy: random, trials: 3, axes: {batch_size: {int: [-9, -1]}}}", 2, "axis batch_size=-"),
        (EIGHT, "profile: {trial: {method: fsat-at}}", 2, "profile.trial.method: "),
        ("profile: {foo: 1}\n", axis("{grid: [pgd-at, fsat-at]}", "method"), 2, "axis method=fsat-at: "),
        ("profile: {foo: 1, trial: {method: fsat-at}}\n", "", 2, "profile.trial.method: "),
        ("pretrain: {foo: 1, trial: {epochs: 0}}\n", "", 2, "pretrain.trial.epochs: "),
    ],
)  # fmt: skip
def test_a_mistake_in_one_block_hides_none_in_another(
    refused: Refused, mistake: str, others: str, number: int, what: str
) -> None:
    first, *further = refused(mistake + others)
    assert first.split(": ")[1] in ("evaluate.epsilon", "profile.foo", "pretrain.foo")
    assert len(further) == number - 1
    assert all(what in problem for problem in further)


def test_dependents_of_an_invalid_block_are_not_checked(refused: Refused) -> None:
    subset = "trial: {subset: {name: ranked, side: friendly, size: 50%}}\n"
    (problem,) = refused(subset + "profile: {foo: 1}\n")
    assert problem.startswith("space.yaml:2: profile.foo")
    (problem,) = refused("search: {strategy: gird, axes: {batch_size: {grid: [32, 0]}}}\n")
    assert problem.startswith("space.yaml:1: search.strategy"), "which values are drawn is not known"
    axes = "{method: {grid: pgd-at}, method.weight.lam: {when: {method: x}, grid: [0]}}"
    (problem,) = refused(f"search: {{axes: {axes}}}\n")
    assert ": search.axes.method.grid: " in problem, "labels of an axis without values are not known"


@pytest.mark.parametrize("mistake", ["replicates: 0", "budget: {foo: 1}", "retries: -1, keep: nothing"])
def test_a_mistake_in_another_key_of_the_search_hides_none_of_its_axes(refused: Refused, mistake: str) -> None:
    axes = "batch_size: {grid: [32, 0]}, epochs: {when: {batch_sice: 32}, grid: [2]}"
    alone = refused(f"search: {{{mistake}}}\n")
    problems = refused(f"search: {{{mistake}, axes: {{{axes}}}}}\n")
    assert problems[: len(alone)] == alone
    assert [problem.partition(": ")[2].partition(": ")[0] for problem in problems[len(alone) :]] == [
        "search.axes.epochs.when",
        "axis batch_size=0",
    ]


def test_every_budget_in_pixels_of_0_to_255_is_reported(refused: Refused) -> None:
    attacks = "p: {name: pgd, epsilon: 8, step_size: 2}, q: {name: autoattack, epsilon: 8}"
    problems = refused(f"evaluate: {{epsilon: 8, step_size: 2, final: {{{attacks}}}}}\n")
    paths = ("epsilon", "step_size", "final.p.epsilon", "final.p.step_size", "final.q.epsilon")
    assert [problem.split(": ")[1] for problem in problems] == [f"evaluate.{path}" for path in paths]


@pytest.mark.parametrize(
    "method", ["{base: iat, attack: {epsilon: 8}}", "{base: free-at, epsilon: 8}", "{base: mma, d_max: 20}"]
)
def test_a_method_s_own_budget_is_in_pixels_of_0_to_1(refused: Refused, method: str) -> None:
    (problem,) = refused(f"trial: {{method: {method}}}\n")
    assert ": is in pixels of [0, 1]; got " in problem


def test_a_mistake_in_an_extended_file_is_found_there(refused: Refused, here: Path) -> None:
    (here / "base.yaml").write_text("trial:\n  epohs: 3\n")
    (problem,) = refused("extends: base.yaml\n")
    assert problem.startswith("base.yaml:2: trial.epohs")


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("trial.epochs", "--set trial.epochs: write it as path=value, such as trial.epochs=2"),
        ("=3", "--set =3: write it as path=value, such as trial.epochs=2"),
        ("trial.epochs=[", "--set trial.epochs=[: not YAML: expected the node content, but found '<stream end>'"),
        ("trial.epochs=0", "--set trial.epochs=0: trial.epochs: should be greater than 0; got 0"),
        ("trial.epoch=3", "--set trial.epoch=3: trial.epoch: TrialConfig has no such key; did you mean epochs?"),
        ("trial.batch_size=x", "--set trial.batch_size=x: trial.batch_size: should be a valid integer; got 'x'"),
        ("trial=0", "--set trial=0: trial: should be a mapping of keys; got 0"),
        ("trial.optimizer={momentum: 2}", "--set trial.optimizer={momentum: 2}: trial.optimizer.momentum: "),
        ("trial.optimizer.betas=2", "--set trial.optimizer.betas=2: trial.optimizer.betas: "),
        ("trial.method.attack.steps=-1", "--set trial.method.attack.steps=-1: trial.method.attack.steps: "),
        ("search.axes.trial={grid: [1]}", "--set search.axes.trial={grid: [1]}: search.axes.trial: "),
    ],
)
def test_an_override_is_checked_like_the_file(refused: Refused, override: str, complaint: str) -> None:
    text = "# \n# \n" + smoke().replace("trial:", "trial:\n  batch_size: 16\n  epochs: 3\n  data: {name: digits}", 1)
    text = "# 1\n# 2\ntrial:\n  data: {name: digits}\n  model: mlp\n  optimizer:\n    momentum: 0.9\n"
    text += "  batch_size: 16\n  epochs: 3\n"
    (problem,) = refused(text, "--set", override)
    assert problem.startswith(complaint)


@pytest.mark.parametrize("values", ["[0.1, x]", "[0.1, 0.1]"])
def test_a_mistake_in_the_values_of_the_files_axis_is_the_overrides_too(refused: Refused, values: str) -> None:
    text = "trial: {data: {name: digits}}\nsearch:\n  axes:\n    method.attack.epsilon: {grid: [0.1]}\n"
    (problem,) = refused(text, "--set", f"search.axes.method.attack.epsilon.grid={values}")
    assert problem.startswith(f"space.yaml:4 with --set search.axes.method.attack.epsilon.grid={values}: ")


def test_mistake_outside_an_override_is_located_in_the_file(refused: Refused) -> None:
    text = "trial:\n  data: {name: digits}\n  optimizer:\n    momentum: 7\nsearch:\n  stopping: {rungs: [5%, 3.5]}\n"
    problems = refused(text, "--set", "trial.epochs=2", "--set", "search.stopping.rungs=[1%, 7.5]")
    assert [problem.partition(": ")[0] for problem in problems] == [
        "--set search.stopping.rungs=[1%, 7.5]", "space.yaml:4"
    ]  # fmt: skip


def test_overrides_reach_a_value_an_axis_and_take_keys_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "space.yaml").write_text(smoke())
    overrides = ("trial.epochs=2", "search.axes.method={grid: [pgd-at]}", "search.axes.subset=null", "profile=null")
    assert main(["space.yaml", "--dry-run", *(word for text in overrides for word in ("--set", text))]) == 0
    out = capsys.readouterr().out
    assert "1: 1 configuration x 1 seed" in out
    assert re.search(r"epochs +2\b", out)


def test_a_dry_run_says_that_no_trial_fits_here(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "space.yaml").write_text(smoke(resources={"cpus": 4096}))
    assert main(["space.yaml", "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "on this machine none: a trial asks for more than it has; lower `resources:` or join a cluster" in printed
    assert "note: on this machine a run would be refused: a trial asks for 4096 CPU, 0 GPU, and it has " in printed


def test_a_dry_run_says_which_data_is_not_here(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "space.yaml").write_text("trial: {data: {name: cifar10, root: files}, model: small_cnn}\n")
    note = "note: CIFAR10 is {} files: a run downloads what is missing first, and is refused where it cannot\n"
    assert main(["space.yaml", "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith(note.format("not in"))
    (here / "files" / "cifar-10-batches-py").mkdir(parents=True)
    assert main(["space.yaml", "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith(note.format("not whole in"))


def test_a_missing_file_is_refused(refused: Refused, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere.yaml"]) == 2
    message = (
        "error: nowhere.yaml: no such file; python -m search.list spaces lists the spaces that a bare word names\n"
    )
    assert capsys.readouterr().err == message + "1 problem; nothing was started.\n"


def test_a_results_folder_that_cannot_be_written_is_refused(refused: Refused, here: Path) -> None:
    (here / "results").write_text("a file is in the way")
    assert refused(smoke()) == [f"--results results: {here / 'results'} is no folder"]


@pytest.mark.long
def test_the_command_ends_with_code_2_and_no_traceback(here: Path) -> None:
    """Once as a process; the other tests call its main."""
    (here / "space.yaml").write_text("trial:\n  epohs: 3\nsearch: {replicates: 0}\n")
    done = subprocess.run(
        [sys.executable, "-m", "search.run", str(here / "space.yaml"), "--results", str(here / "results")],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.endswith("2 problems; nothing was started.\n")
    assert os.listdir(here) == ["space.yaml"]


def test_set_at_path_does_not_change_its_argument() -> None:
    tree = {"data": {"name": "digits"}}
    set_at_path(tree, "data.label_noise", 0.1)
    assert tree == {"data": {"name": "digits"}}


def test_set_at_path_merges_a_mapping_unless_the_name_changes() -> None:
    tree = {"subset": {"name": "random", "size": 5}}
    assert set_at_path(tree, "subset", {"size": 6})["subset"] == {"name": "random", "size": 6}
    assert set_at_path(tree, "subset", {"name": "all"})["subset"] == {"name": "all"}


SWEPT = """
trial: {optimizer: {lr: 0.1}, model: mlp}
search:
  axes:
    method: {grid: {a: {base: pgd-at, attack: {epsilon: 0.1}}, b: trades}}
    model.hidden: {grid: [[8], [16]]}
    optimizer: {grid: {a: {momentum: 0.1}, b: {momentum: 0.2}}}
    batch_size: {grid: [16, 32], when: {method: a}}
"""


@pytest.mark.parametrize(
    ("override", "knob", "path", "line"),
    [
        ("trial.method=trade", "method", "method", 5),
        ("trial.method={base: trades, attack: {epsilon: 0.3}}", "method", "method", 5),
        ("trial.method.attack.epsilon=0.3", "method.attack.epsilon", "method", 5),
        ("trial={model: {hidden: [4]}}", "model.hidden", "model.hidden", 6),
        ("trial.optimizer.momentum=0.3", "optimizer.momentum", "optimizer", 7),
    ],
)
def test_an_override_that_an_axis_replaces_everywhere_is_refused(
    refused: Refused, override: str, knob: str, path: str, line: int
) -> None:
    problem, *_ = refused(SWEPT, "--set", override)
    assert problem == (
        f"--set {override}: trial.{knob}: the axis {path} (space.yaml:{line}) replaces it in every training; set the "
        f"axis, --set 'search.axes.{path}.grid=[...]', or remove it, --set search.axes.{path}=null"
    )


@pytest.mark.parametrize(
    "override",
    [
        "trial.optimizer.lr=0.2",  # which the values of the axis leave
        "trial.method.loss=ce-kl",  # one of them leaves it
        "trial.batch_size=64",  # the axis is conditional
        "trial.model={name: mlp}",
        "trial.optimizer=null",
        "search.axes.method.grid={a: standard}",
    ],
)
def test_override_that_some_training_sees_is_accepted(planned: Callable[..., Plan], override: str) -> None:
    assert planned(SWEPT, override).trials


def test_override_that_only_upstream_trainings_see_is_accepted(planned: Callable[..., Plan]) -> None:
    text = smoke() + "\n"
    assert planned(text, "trial.method.attack.steps=1").trials


TRIAL = "trial: {}\n"


@pytest.mark.parametrize(
    ("text", "override", "meant"),
    [
        (TRIAL, "epochs=10", "trial.epochs or search.budget.epochs"),
        (TRIAL, "method.attack.epsilon=0.1", "trial.method"),
        (TRIAL, "replicates=3", "search.replicates"),
        (TRIAL, "trial.replicates=3", "search.replicates"),
        (TRIAL, "evaluate.batch_size=3", "trial.batch_size"),
        (TRIAL, "resources.wall=3", "search.budget.wall"),
        ("trial: {objectives: {val_pgd_acc: max}}\n", "trial.epochs=1", "search.objectives"),
        ("gpus: 1\n", "trial.epochs=1", "resources.gpus"),
        (TRIAL, "search.sampler=tpe", "strategy"),
        (TRIAL, "sampler=tpe", "search.strategy"),
        (TRIAL, "search.scheduler=asha", "stopping"),
        (TRIAL, "search.num-samples=9", "trials or search.budget.trials"),
        (TRIAL, "search.seeds=3", "replicates or profile.seeds"),
        (TRIAL, "trial.seeds=3", "search.replicates or profile.seeds"),
        (TRIAL, "search.time_budget=9", "budget.wall"),
        (TRIAL, "trial.scheduler=cosine", "optimizer.lr or search.stopping"),
        (TRIAL, "trial.learning_rate=0.1", "optimizer.lr"),
        (TRIAL, "trial.optimizer.learning_rate=0.1", "lr"),
        (TRIAL, "trial.method.lambda=1", "weight.lam"),
        (TRIAL, "trial.method.attack.eps=0.1", "epsilon"),
        (TRIAL, "trial.epsilon=0.1", "method.epsilon or method.attack.epsilon or evaluate.epsilon"),
        (TRIAL, "search.axes.lr.grid=[1]", "optimizer.lr"),
        (TRIAL, "search.axes.dataset.grid=[digits]", "data"),
    ],
)
def test_key_of_another_block_is_suggested(refused: Refused, text: str, override: str, meant: str) -> None:
    (problem,) = refused(text, "--set", override)
    assert f"has no such key; did you mean {meant}? (allowed: " in problem


def test_words_of_other_programs_stand_for_keys() -> None:
    keys = {key for models in list_sections().values() for model in models for key in model.written()}
    assert [ours for words in SYNONYMS.values() for ours in words if ours not in keys] == []


def test_keys_of_a_file_are_nested(refused: Refused) -> None:
    assert refused("trial.optimizer.lr: 3\n") == [
        "space.yaml:1: trial.optimizer.lr: is a path, as axes and --set have them; keys are nested here: trial: "
        "{optimizer: {lr: ..."
    ]


def test_a_dry_run_names_the_pieces_of_every_family(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = smoke(trial__method={"base": "trades"}, trial__optimizer={"name": "adam"}, search__axes__method=None)
    (here / "space.yaml").write_text(text + "pretrain: {trial: {method: pgd-at, optimizer: sgd}}\n")
    assert main(["space.yaml", "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "trial: model mlp, hidden 16 trial: attack pgd, epsilon 0.031" in printed
    assert "trial: loss trades, beta 6" in printed and "trial: optimizer adam, lr 0.0001" in printed
    assert "trial: data set digits, train 96" in printed
    assert "profile mlp on digits, pgd with trades, adam; trained as the trials" in printed
    assert "pretrain mlp on digits, pgd with ce, sgd; trained as the trials, but for attack pgd, eps" in printed
