"""Open the storage behind a URL."""

from __future__ import annotations

from typing import Any


def open_url(url: str) -> tuple[Any, str]:
    """Return the pyarrow file system behind a URL and the path in it, without a slash at its end.

    The URL is any that pyarrow.fs.FileSystem.from_uri takes, such as s3://bucket/results/study?region=eu-west-1. The
    environment holds the credentials. Raises OSError or ValueError if it cannot be opened.
    """
    from pyarrow.fs import FileSystem  # late: few commands need it

    where, _, options = url.partition("?")
    if where.startswith("s3:"):  # a small object is then written in one request instead of three
        options += ("&" if options else "") + "allow_delayed_open=true"
    system, path = FileSystem.from_uri(where + ("?" + options if options else ""))
    return system, path.rstrip("/")
