"""Training and measuring of robust networks."""

import os

# read when CUDA starts, which may be before a trainer is made; without it cuBLAS refuses to compute deterministically
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
