"""Numbers computed from the results of sweeps. A measure returns data and draws nothing.

`measures.compute_fronts([results])`: each measure of records is a name of this package, and its module is read when it
is first used.

Fronts            front, front_metrics (its two accuracies), front_groups (a front for each value of an axis),
                  front_curves (what each sweep holds), front_scale (lines along an axis), front_members, front_notes,
                  front_seeds (hypervolume, attained surfaces), front_difference (of two sweeps), dominance,
                  validation_choice
Effects           differences (paired by seed), families (of differences, judged as a whole), power (seeds that
                  a difference would take), answers (to a study's question), grid, knobs, importance (by
                  fanova, and PED-ANOVA), one_axis, subsets, chosen_value (by validation, and its optimism)
Along training    curves, overfitting, floor (of best − last), onset, generalization, cost,
                  kappa (weights against κ too), diagnostic_curves (flatness, Lipschitz bounds)
Attacks           masking, audit (what AutoAttack by growing margin may have missed), attack_passes (what it saved),
                  run_passes (what a whole run took)
Classes           classes
Examples          difficulty (flipped labels), group_means, groups (also when they are learned), difficulty_reference,
                  difficulty_relation, example_scatter, hardness, agreement, corrupted, gallery, logit_components,
                  median_features
Of figures        accuracy_curves, final_accuracy, attack_steps, class_accuracy, epoch_statistics, example_quantities,
                  group_curves, rank_pairs, agreement_tables, diagnostic_tables, recorded_figures,
                  own_attack (of trainings, in words), figure_table
Shared            stats (means over seeds), tidy (tables with intervals), constant_networks (left out)
"""

from __future__ import annotations

from analysis.public_names import publish_names

MODULES = {  # of the public names
    "accuracy_curves": ("measure_curves",),
    "agreement": ("build_matrix",),
    "agreement_tables": ("measure_corrupted_distances", "measure_distances"),
    "attack_steps": ("measure_attack_steps",),
    "attack_passes": ("count_attacks", "measure_savings"),
    "run_passes": ("count_run_passes",),
    "audit": ("collect_audit",),
    "chosen_value": ("choose_values",),
    "class_accuracy": ("measure_class_accuracy",),
    "classes": ("collect_classes", "tabulate_classes"),
    "corrupted": ("compare_corrupted",),
    "cost": ("measure_cost",),
    "curves": ("collect_curves",),
    "diagnostic_curves": ("measure_flatness", "measure_lipschitz", "tabulate_lipschitz"),
    "diagnostic_tables": (
        "measure_cost_points", "measure_gaps", "measure_learning", "measure_masking_gaps", "measure_masking_points",
        "measure_onsets", "measure_reversals", "tabulate_cross_gaps",
    ),
    "differences": ("collect_effects", "compare_axis", "compare_subsets", "find_uncompared"),
    "difficulty": ("measure_profile_groups",),
    "difficulty_reference": ("correlate_with_difficulty",),
    "difficulty_relation": ("correlate_examples", "count_examples"),
    "epoch_statistics": ("measure_epoch_statistics",),
    "example_quantities": ("measure_example_scatter",),
    "families": ("collect_families",),
    "final_accuracy": ("measure_final", "measure_table", "measure_trade_off"),
    "front": ("compute_fronts",),
    "front_difference": ("compare_fronts",),
    "gallery": ("collect_adversaries", "collect_gallery"),
    "generalization": (
        "measure_cross_gaps", "measure_cross_generalization", "measure_gap_curves", "measure_generalization",
    ),
    "grid": ("collect_grids",),
    "group_curves": ("measure_group_curves", "measure_rank_groups"),
    "groups": ("measure_groups", "measure_learning_times"),
    "history": ("measure_history",),
    "importance": ("measure_importance",),
    "kappa": ("measure_kappa", "measure_weight_by_kappa", "measure_weights", "tabulate_kappa_and_weight"),
    "knobs": ("collect_knobs",),
    "logit_components": ("project_logits",),
    "masking": ("measure_masking", "tabulate_masking", "tabulate_reversals"),
    "median_features": ("measure_median_features",),
    "onset": ("find_onsets", "measure_onset"),
    "overfitting": ("collect_gaps", "measure_overfitting"),
    "rank_pairs": ("measure_overlap", "measure_rank_pairs"),
    "recorded_figures": ("measure_components", "measure_diagnostic_curves", "measure_pairs", "tabulate_bounds"),
    "subsets": ("collect_sizes", "count_classes", "tabulate_sizes"),
}  # fmt: skip
__getattr__, __dir__ = publish_names(__name__, MODULES)
