"""A sweep that runs.

The driver         sweep (one run), job_queue (which training is next), budget_tracker,
                   stopping_controller, summary
Where it trains    backend (the interface), ray_backend (Ray Tune), in_process_backend, simulated_backend
On a worker        worker (one job after another), session (one trial), watchdog, trainable (a worker as Tune runs it),
                   idle_workers (without a job)
What is stored     compatibility (same, extended or another sweep), stored_space (what differs), epoch_extension,
                   repair, reuse, folder_claim, devices (what trained it)
For other trials   prerequisites (rankings, pretrained weights), gallery (adversaries of ranked examples)
What goes wrong    failures, lost_workers, gpu_faults, retries, graceful_stop, ray_liveness
"""
