"""A sweep that runs.

The driver         sweep (one run), searchers (what Ray Tune is handed), orders, execute, losses (nodes), purse, verdict
What is there      claim, existing, lengthening, salvage, borrowing, twins; made for other trainings: making, rankings
On a worker        trial, session
"""
