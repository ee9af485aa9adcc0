"""A sweep that runs.

The driver         sweep (one run), ray_tuner (Ray Tune), job_queue (which training is next), budget_tracker,
                   stopping_controller, summary
On a worker        trainable (what Ray runs), session (one trial), watchdog
What is stored     compatibility (same, extended or another sweep), extension, repair, reuse, folder_claim
For other trials   upstream (rankings, pretrained weights)
What goes wrong    failures, lost_workers, graceful_stop, ray_liveness
"""
