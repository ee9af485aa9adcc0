"""Ray, prepared and imported: the variables it reads on import are set here first, so import Ray from here alone."""

from __future__ import annotations

import os
import secrets
import sys

import ray
from ray import tune
from ray.tune.execution import class_cache

from trainers.allocator import ALLOCATOR

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_prestart_worker_first_driver": "0",  # those would lack the copy of the checkout, and never serve
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # search.signals has one that keeps the exit code right
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Tune's own snapshots are never read
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "86400",  # checked before the start
    **ALLOCATOR,  # read when a worker starts
}
for _key, _value in QUIET.items():
    os.environ.setdefault(_key, _value)
if not os.environ.get("RAY_ADDRESS") and "ray" not in sys.modules:  # which a worker has imported, and is let in
    # Ray listens on every interface; a token of this run's own is what keeps others out, whatever the environment says
    # of clusters that are not asked for
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}

# Tune would hand AWS keys to its workers by way of a runtime environment, which Ray writes into log files and keeps;
# workers on this machine inherit them, and other nodes have their own
class_cache.ENV_VARS_TO_PROPAGATE = class_cache.ENV_VARS_TO_PROPAGATE & QUIET.keys()


class Unpickled:
    """Tune pickles all it is given into a file that nobody reads; ours hold terminals and locks, and stay here."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return object, ()


__all__ = ["QUIET", "Unpickled", "ray", "tune"]
