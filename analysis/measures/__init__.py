"""Numbers computed from the results of sweeps. A measure returns data and draws nothing.

Fronts            front, front_metrics (its two accuracies), front_groups (a front for each value of an axis),
                  front_scale (lines along an axis), front_members, front_seeds (hypervolume, attained surfaces),
                  front_difference (of two sweeps), dominance, validation_choice, duplicate_trainings
Effects           differences (paired by seed), families (of differences, judged as a whole), power (seeds that
                  a difference would take), answers (to a study's question), grid, knobs, importance (by
                  fanova, and PED-ANOVA), one_axis, subsets, chosen_value (by validation, and its optimism)
Along training    curves, overfitting, floor (of best − last), onset, generalization, cost,
                  kappa (weights against κ too), diagnostic_curves (flatness, Lipschitz bounds)
Attacks           masking
Classes           classes
Examples          difficulty (flipped labels), group_means, groups (also when they are learned), difficulty_reference,
                  difficulty_relation, example_scatter, hardness, agreement, corrupted, gallery, logit_components,
                  median_features
Of figures        accuracy_curves, final_accuracy, attack_steps, class_accuracy, epoch_statistics, example_quantities,
                  group_curves, rank_pairs, agreement_tables, diagnostic_tables,
                  recorded_figures (figure_table)
Shared            stats (means over seeds), tidy (tables with intervals)
"""
