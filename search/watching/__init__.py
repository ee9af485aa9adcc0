"""What a sweep shows: progress (the driver's), view, textplot; from its records: ledger, reach, standing, now.

To trackers outside, such as tensorboard: feeding.
"""
