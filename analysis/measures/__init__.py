"""Numbers computed from the results of sweeps. A measure returns data and draws nothing.

Fronts            front, front_metrics (its two accuracies), front_scale (lines along an axis), front_members,
                  dominance, validation_choice, duplicate_trainings
Effects           differences (paired by seed), grid, knobs, one_axis, subsets
Along training    curves, overfitting
Attacks           masking
Classes           classes
Examples          difficulty (groups, flipped labels), difficulty_reference, hardness, agreement, corrupted, gallery
Selections        accuracy_curves, final_accuracy, attack_steps, class_accuracy, epoch_statistics: tidy tables (tidy)
Shared            stats (means over seeds), cuts (the rows that are shown)
"""
