"""The cache folder of torch.compile: one that no other user can write to, as the code in it is executed."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def set_cache_folder() -> None:
    """Set the environment variable TORCHINDUCTOR_CACHE_DIR, unless the user has set it.

    torch's default is torchinductor_USER in the folder for temporary files, which any user can create first. This
    folder, beside it, is created with mode 0700. All workers of a node and later processes of the user share it. If
    another user created it first, this process gets a folder of its own.
    """
    named = os.environ.get(VARIABLE)
    default = os.path.join(tempfile.gettempdir(), "torchinductor_")  # torch itself sets it once an optimiser is made
    if named and not named.startswith(default):
        return
    folder = Path(tempfile.gettempdir(), f"torchinductor-{os.geteuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        folder = Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
    os.environ[VARIABLE] = str(folder)
