"""Early stopping: rules that compare the validation curves of configurations, and the journal of their decisions.

`search.stopping` in a space's YAML names a rule:

robust     for adversarial training: stops clear duds before the first drop of the learning rate and trainings without
           a new best after the last one, and finishes what lies near the front (robust_rule.py, with the evidence)
median     the usual median rule, for comparison (median_rule.py)
none       the default: every training goes to its last epoch (base.py)

Trials of a sweep pause at the rungs of the rule until all configurations of their group have arrived there: the
decisions then depend neither on the number of workers nor on their speed, and a killed sweep repeats them. Each
decision is a line of stopping.jsonl, on disk before it takes effect, with the numbers that it was made by and a
sentence that gives the reason. `python -m search.replay RUN` shows what each rule would have saved and lost in a
finished sweep.

To add a rule, write one class and one member of a union:

1. search/stopping/NAME_rule.py: a subclass of StoppingRule (base.py, which states what a rule guarantees). Its fields
   are the YAML's knobs, with `name: Literal["NAME"] = "NAME"`; the methods `rung_epochs` and `decide` are required,
   `limit` and `resume_stopped` optional.
2. search/schema/stopping.py: the class as a member of `AnyRule` (and its import).

The YAML and its errors, the dry run, the sweep, the journal, resuming and the table of `search.replay` then know the
rule, and tests/search/stopping/test_rules.py checks its guarantees. `python -m tests.docs.reference` writes its knobs
into spaces/KEYS.md, from the docstring and the comments of the class.

base            the interface of a rule
curves, phases  what a rule sees of a configuration
decisions       a decision, the state after decisions, and their journal

search/execution/stopping_controller.py feeds a rule with a running sweep and applies its decisions to the schedule.
"""
