"""Where torch.compile keeps what it made: in a folder that no other user can have laid anything into, for it is run."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def keep_apart() -> None:
    """Choose that folder, unless the environment names one.

    torch's own is /tmp/torchinductor_USER, whoever made it. This one is made with mode 0700 and serves later processes
    of the user; where another user was there first, one of this process alone takes its place.
    """
    if os.environ.get(VARIABLE):
        return
    folder = Path(tempfile.gettempdir(), f"torchinductor-{os.geteuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        folder = Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
    os.environ[VARIABLE] = str(folder)
