"""The models that read a space, by the path at which a space holds them: the sections of the reference of keys."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from search.schema.blocks import Space
from search.schema.ranking_file import RankingFile
from search.schema.space import BLOCK_MODELS
from trainers.knobs import Knobs
from trainers.schedules import Bend, Ramp, Schedule

TOP = "the top level"
BLOCKS: dict[str, type[Knobs]] = {
    "trial": BLOCK_MODELS["trial"],
    "profile": BLOCK_MODELS["profile"],
    "profile, from a file": RankingFile,
    "pretrain": BLOCK_MODELS["pretrain"],
    "search": BLOCK_MODELS["search"],
    "evaluate": BLOCK_MODELS["evaluate"],
    "resources": BLOCK_MODELS["resources"],
}


def get_tag(model: type[Knobs]) -> str | None:
    """Return the name by which a space chooses a piece, or None for a block that has none."""
    for key in ("name", "kind"):
        if key in model.model_fields and get_origin(model.model_fields[key].annotation) is Literal:
            return str(get_args(model.model_fields[key].annotation)[0])
    return None


def list_models(kind: Any) -> Iterator[type[Knobs]]:
    """Yield the models that a type is made of."""
    if inspect.isclass(kind) and issubclass(kind, Knobs):
        yield kind
    elif get_origin(kind) is not Literal:
        for part in get_args(kind):
            yield from list_models(part)


@cache
def list_sections() -> dict[str, list[type[Knobs]]]:
    """Return the models of each section, by the first path at which a space may hold them; a model has one section."""
    found = {path: [model] for path, model in BLOCKS.items()}
    waiting, forms = list(found.items()), [*list_models(Schedule)]
    seen = {*BLOCKS.values(), *forms, Ramp, Bend}
    while waiting:
        path, models = waiting.pop(0)
        for model in models:
            for key, field in model.written().items():
                place = f"{path.partition(',')[0]}.{key}"
                new = [piece for piece in dict.fromkeys(list_models(get_annotation(field))) if piece not in seen]
                if new:
                    seen.update(new)
                    found.setdefault(place, []).extend(new)
                    waiting.append((place, new))
    top: dict[str, list[type[Knobs]]] = {TOP: [Space]}
    return top | found | {"schedules": forms}


def get_annotation(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


@cache
def map_places() -> dict[type[Knobs], str]:
    return {model: path for path, models in list_sections().items() for model in models}
