"""What a sweep shows of itself.

From its records   reader (the whole sweep), trial_progress, epoch_progress, sweep_status, cost_model, disk_usage
On a screen        live (the driver's view), screen, textplot; jsonl_tail follows records that grow
For others         heartbeat (for `search.status`), trackers (TensorBoard, MLflow, W&B)
"""
