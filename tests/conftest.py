"""What all tests share: how long an example takes is no matter of right or wrong, least of all on a busy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
