"""Ray, imported after the environment variables that it reads on import are set; import Ray from here alone."""

from __future__ import annotations

import os
import secrets
import sys

from trainers.allocator import ALLOCATOR

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_prestart_worker_first_driver": "0",  # such workers would lack the copy of the checkout and never be used
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # the numbers that Ray and nvidia-smi use, also where a node has unlike GPUs
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # search.signals has one that keeps the exit code right
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Tune's own snapshots are never read
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "86400",  # checked before the start
    **ALLOCATOR,  # read when a worker starts
}
for _key, _value in QUIET.items():
    os.environ.setdefault(_key, _value)
if not os.environ.get("RAY_ADDRESS") and "ray" not in sys.modules:  # a worker has imported Ray and has its token
    # Ray listens on every interface. A token of this run alone keeps others out, whatever the environment says about
    # other clusters
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}

import ray  # noqa: E402
from ray import tune  # noqa: E402
from ray.tune.execution import class_cache, tune_controller  # noqa: E402

# Tune would pass AWS keys to its workers in a runtime environment, which Ray writes into log files and keeps. Workers
# on this machine inherit the keys, and other nodes have their own
class_cache.ENV_VARS_TO_PROPAGATE = class_cache.ENV_VARS_TO_PROPAGATE & QUIET.keys()


class NeverPickled:
    """Base of objects passed to Tune, which pickles all of them into a file that is never read.

    They hold terminals and locks; an empty object is pickled in their place.
    """

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return object, ()


__all__ = ["QUIET", "NeverPickled", "ray", "tune", "tune_controller"]
