"""The stopping rules and baselines that a replay compares, by name or by keys; this module imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from search.exceptions import NotReplayable
from search.schema.messages import describe_errors, suggest_allowed
from search.schema.stopping import RULES, Stopping
from search.schema.yaml_tree import parse_or_keep
from search.stopping.base import NoStopping, StoppingRule
from search.stopping.robust_rule import RobustStopping
from trainers.knobs import Knobs

HALVINGS = {"asha": False, "mo-asha": True}  # baselines, which are no rules -> whether they rank by all objectives


class StoppingBlock(Knobs):
    """The part of a search block that --rule gives."""

    stopping: Stopping = NoStopping()


def list_rules() -> dict[str, StoppingRule]:
    """Return each rule, and the robust rule without some of its parts, by the names that the table has for them."""
    return {
        **{name: rule(name=name) for name, rule in RULES.items()},
        "robust-not-waiting": RobustStopping(skip_later_drops=True),
        "duds-alone": RobustStopping(patience="100%"),
        "no-new-best-alone": RobustStopping(rungs=()),
    }


def find_rules(texts: Sequence[str]) -> dict[str, StoppingRule | None]:
    """Return what the command line names, or all; a baseline has no rule. Raises NotReplayable."""
    known = {**list_rules(), **dict.fromkeys(HALVINGS)}
    return {text: known[text] if text in known else _read_rule(text, list(known)) for text in texts} or known


def _read_rule(text: str, known: list[str]) -> StoppingRule:
    tree = parse_or_keep(text)
    if not isinstance(tree, dict):
        raise NotReplayable(
            f"--rule {text}: no such rule{suggest_allowed(text, known)}; or keys in braces, as under search.stopping"
        )
    block = {"stopping": tree}
    try:
        return StoppingBlock.model_validate(block).stopping
    except ValidationError as error:
        problems = [(".".join(path[1:]), what) for path, what in describe_errors(error, StoppingBlock, block)]
        lines = [f"{knob}: {what}" if knob else what for knob, what in problems]
        raise NotReplayable(f"--rule {text}: {'; '.join(lines)}") from None
