"""Settings of the process for GPUs that can be seen without one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
import torch._inductor.config

from trainers.trainer import configure


def test_cublas_is_told_to_be_deterministic_before_anything_computes() -> None:
    """It reads its variable once, at the first product of the process."""
    environment = {key: value for key, value in os.environ.items() if key != "CUBLAS_WORKSPACE_CONFIG"}
    program = "import os, sys, trainers; print(os.environ['CUBLAS_WORKSPACE_CONFIG'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [":4096:8", "False"]


@pytest.mark.parametrize("deterministic", [True, False])
def test_what_torch_compile_chooses_is_deterministic_as_well(deterministic: bool) -> None:
    configure(deterministic, 1)
    assert torch._inductor.config.deterministic is deterministic
    configure(True, 1)


@pytest.mark.parametrize(("asked", "threads"), [(None, 1), ("5", 7)])
def test_a_trial_compiles_with_its_own_cpus_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, threads: int
) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_COMPILE_THREADS", raising=False)
    if asked:
        monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", asked)
    with torch._inductor.config.patch(compile_threads=7):  # as if torch had read the variable when it was imported
        configure(True, 1)
        assert torch._inductor.config.compile_threads == threads
