"""The execution of a sweep.

Driver             sweep (one run), ray_tuner (Ray Tune), job_queue (which training is next), budget_tracker, summary
Worker             trainable (the class that Ray runs), session (one trial), watchdog
Stored records     compatibility (same, extended or another sweep), extension, repair, reuse, folder_claim
Upstream trials    upstream (rankings, pretrained weights)
Failures           failures, lost_workers, graceful_stop, ray_liveness
"""
