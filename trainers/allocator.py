"""Settings of glibc's allocator that a process must start with; they change no number.

Without them tensors over 32 MB are mapped and unmapped anew by every operation: a third of a training step on a CPU.
"""

ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "8589934592"}
