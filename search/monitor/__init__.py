"""The progress of a sweep, read from its records and shown.

reader, sweep_status              the whole sweep: its plan and records, and its status in numbers
trial_progress, epoch_progress    one training, and its running epoch
jsonl_tail                        records that grow
cost_model, probe, disk_usage     the time left, by records or by timed steps, and the bytes stored
front_verdicts                    what the seeds so far say of the front
live, screen                      the status on a terminal; live is the driver's view
front_plot, textplot              the front of each problem, and a plot in text
short_names                       names in few columns
heartbeat                         what the driver tells `search.status`
trackers                          TensorBoard, MLflow and W&B
callback                          the events of a backend that live and trackers handle
"""
