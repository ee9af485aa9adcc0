"""python -m search.list KIND [WORD]: list methods, models, data, subsets, attacks, knobs or spaces, with defaults.

WORD keeps the things whose name or description contains it; a single one, or one of exactly that name, is shown with
all its keys: what each takes, its default and its meaning. On a terminal lines are wrapped; a pipe gets a whole line
for each thing. Exit codes: 0 listed, 2 there is no such kind, or nothing contains the word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from search.reference.entry import Entry
from trainers.formatting import did_you_mean
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console, error_console
from trainers.terminal.listing import print_listing, wrap_text
from trainers.terminal.progress import show_wait
from trainers.terminal.showing import run_and_exit

KINDS = {
    "methods": "the methods of the literature: base of trial.method",
    "models": "networks: trial.model",
    "data": "data sets: trial.data",
    "subsets": "which examples are trained on: trial.subset",
    "attacks": "attacks of a training, trial.method.attack, and of an evaluation",
    "knobs": "every key of a space",
    "spaces": "the spaces that come with the package: python -m search.run WORD",
}

PIECES = {"losses": "method.loss", "weights": "method.weight", "targets": "method.target", "optimizers": "optimizer"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a list, or the details of one thing. Return the exit code."""
    parser = Parser(prog="python -m search.list", description=__doc__.partition("\n\n")[2] if __doc__ else None)
    kinds = "; ".join(f"{kind}: {words}" for kind, words in KINDS.items())
    parser.add_argument("kind", nargs="?", help=f"what to list (default: these kinds). {kinds}")
    parser.add_argument("word", nargs="?", help="a part of a name or of a description")
    options = parser.parse_args(arguments)
    if options.kind is not None and options.kind not in KINDS:
        parser.error(_explain_unknown(options.kind))
    entries = _list_entries(options.kind)
    found = _filter(entries, options.word)
    if not found:
        near = did_you_mean(options.word, _list_words(entries))
        error_console().print(f"error: none of the {len(entries)} {options.kind} contains {options.word!r}{near}")
        return 2
    if options.word is not None and len(found) == 1:
        _print_details(Console(), found[0])
    else:
        print_listing(Console(), [(entry.name, entry.text) for entry in found])
    return 0


def _explain_unknown(kind: str) -> str:
    """Say that there is no such list, and where its things are listed."""
    knobs = next((path for pieces, path in PIECES.items() if kind in (pieces, path.rpartition(".")[2])), None)
    hint = f"; python -m search.list knobs {knobs} has these, with their keys" if knobs else did_you_mean(kind, KINDS)
    return f"no list of {kind}{hint} (there are {', '.join(KINDS)})"


def _list_words(entries: list[Entry]) -> list[str]:
    """List what a mistyped word may have meant: names, and the words in those that have several."""
    names = [entry.name for entry in entries]
    return [*names, *dict.fromkeys(word for name in names for word in re.split(r"[\s.():/]+", name))]


def _list_entries(kind: str | None) -> list[Entry]:
    """Return the entries of a kind, or the kinds; only what a space holds takes the import of torch."""
    if kind is None:
        return [Entry(name, words, ()) for name, words in KINDS.items()]
    if kind == "spaces":
        from search.reference.spaces import describe_spaces

        return list(describe_spaces())
    with show_wait("loading PyTorch"):
        from search.reference.entries import list_entries

        return list_entries(kind)


def _filter(entries: list[Entry], word: str | None) -> list[Entry]:
    """Return the entries that contain a word; a single one if that is its name."""
    if word is None:
        return entries
    exact = [entry for entry in entries if entry.name == word]
    if len(exact) == 1:
        return exact
    return [entry for entry in entries if word.casefold() in f"{entry.name}\n{entry.text}".casefold()]


def _print_details(console: Console, entry: Entry) -> None:
    console.print(entry.name)
    for paragraph in entry.details:
        for line in wrap_text(f"  {paragraph}", console.width, 4):
            console.print(line, soft_wrap=True)


if __name__ == "__main__":
    run_and_exit(main)
