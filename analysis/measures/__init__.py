"""Numbers computed from the results of sweeps. A measure returns data and draws nothing.

Fronts            front, front_metrics (its two accuracies), front_scale (lines along an axis), front_members,
                  dominance, validation_choice, duplicate_trainings
Effects           differences (paired by seed), grid, knobs, importance, one_axis, subsets
Along training    curves, overfitting, onset, generalization, cost, kappa (weights against κ too)
Attacks           masking
Classes           classes
Examples          difficulty (flipped labels), group_means, groups (also when they are learned), difficulty_reference,
                  difficulty_relation, example_scatter, hardness, agreement, corrupted, gallery
Of figures        accuracy_curves, final_accuracy, attack_steps, class_accuracy, epoch_statistics, example_quantities,
                  group_curves, rank_pairs, diagnostic_tables (figure_table)
Shared            stats (means over seeds), tidy (tables with intervals), cuts (the rows that are shown)
"""
