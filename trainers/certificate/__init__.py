"""What seeds prove about a front: verdicts with a stated error, and values corrected for selection.

The search decides by these functions which configurations get further seeds, and tables and pages say by them what is
sure. Values are in percentage points, arrays of (..., configurations, seeds, objectives) in which more is better;
leading axes are independent studies, so that simulations and a single sweep share one implementation.

words                    verdicts, corrections and collapses in sentences
assessment               all of it for one front
front_chance, planning   how likely the front of the means is the true one; how many seeds an open verdict would take
verdicts                 replay all looks: surely on, surely off, within the tolerance, or open; who gets seeds next
correction               values corrected for having been selected
samples                  means and variances of the seeds that did not collapse
variance                 the larger of a configuration's own variance and a shrunken common one
collapse                 the seeds that fell far below the others of their configuration
looks                    the numbers of seeds at which one looks, and the error that each look may spend
dominance                who dominates whom
"""
