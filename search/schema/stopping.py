"""The `stopping:` block of a search: one of the rules in search/stopping/, each of which is its own block of knobs."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from search.stopping.base import NoStopping, StoppingRule
from search.stopping.median_rule import MedianStopping
from search.stopping.robust_rule import RobustStopping
from trainers.knobs import Knobs

AnyRule = NoStopping | RobustStopping | MedianStopping  # a new rule is added here
RULES: dict[str, type[StoppingRule]] = {rule.model_fields["name"].default: rule for rule in get_args(AnyRule)}


def _with_name(value: Any) -> Any:
    """Write out `stopping: none`, which is short for a mapping; knobs without a name are those of robust."""
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict | Knobs):
        raise ValueError(f"is {', '.join(RULES)}, or keys of robust such as {{patience: 10%}}; got {value!r}")
    return {"name": "robust"} | value if isinstance(value, dict) else value


Stopping = Annotated[AnyRule, Field(discriminator="name"), BeforeValidator(_with_name)]
