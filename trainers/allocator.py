"""Settings of glibc's allocator, as environment variables that must be set before a process starts.

They change no result. Without them every operation maps and unmaps tensors over 32 MB anew, which takes a third of a
training step on a CPU.
"""

ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "8589934592"}
