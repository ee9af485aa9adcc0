"""Numbers computed from the results of sweeps. A measure returns data and draws nothing.

Fronts            front, front_metrics (its two accuracies), front_scale (lines along an axis), front_members,
                  dominance, validation_choice, duplicate_trainings
Effects           differences (paired by seed), grid, knobs, importance, one_axis, subsets
Along training    curves, overfitting
Attacks           masking
Classes           classes
Examples          difficulty (groups, flipped labels), difficulty_reference, hardness, agreement, corrupted, gallery
Shared            stats (means over seeds), cuts (the rows that are shown)
"""
