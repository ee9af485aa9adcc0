"""python -m search.run SPACE: run, resume or extend a sweep.

Exit codes: 0 done, 1 some trainings failed, 2 bad input, 130 interrupted (143 by SIGTERM).
"""

from __future__ import annotations

import time

BEGAN = time.monotonic()  # before the slow imports, which are part of what a sweep costs

import argparse  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import yaml  # noqa: E402
from rich.console import Console  # noqa: E402

from search.environment import ray  # noqa: E402, F401  (first: it prepares what Ray reads on import)
from search.execute import Infeasible  # noqa: E402
from search.existing import Contradiction, compare, set_aside  # noqa: E402
from search.plan import Plan, Planner  # noqa: E402
from search.provenance import Provenance  # noqa: E402
from search.sources import Sources, check_subsets  # noqa: E402
from search.space import Loaded, load  # noqa: E402
from search.store import Busy, Store  # noqa: E402
from search.sweep import Sweep, print_plan  # noqa: E402
from search.yamlfile import SpaceError  # noqa: E402
from trainers.records import write_atomic, write_json  # noqa: E402

DONE, FAILED, BAD_INPUT = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    it = argparse.ArgumentParser(
        prog="python -m search.run",
        description="Run a sweep; the same command resumes it, and extends it if the space has grown.",
    )
    it.add_argument("space", type=Path, help="a YAML file such as spaces/friendly_k.yaml")
    it.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="override, as trial.epochs=2")
    it.add_argument("--name", help="of the study; default: the file's name")
    it.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    it.add_argument("--fresh", action="store_true", help="move what is stored under that name aside and start anew")
    it.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    it.add_argument("--address", help="of a Ray cluster; default: RAY_ADDRESS, else Ray on this machine alone")
    return it


def main(arguments: list[str] | None = None) -> int:
    """Everything between the command line and the exit code."""
    options = parser().parse_args(arguments)
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        loaded = load(options.space, options.set)
        sources = Sources(download=not options.dry_run)
        plan = Planner(loaded, sources.fingerprint).plan()
        check_subsets(loaded, plan, sources)
        folder = options.results / (options.name or loaded.name)
        if options.dry_run:
            print_plan(console, plan, loaded.space, options.results, sources)
            return DONE
        return _run(options, loaded, plan, sources, folder, console)
    except SpaceError as error:
        for problem in error.problems:
            errors.print(f"error: {problem}", markup=False)
        n = len(error.problems)
        errors.print(f"{n} problem{'s' * (n > 1)}; nothing was started.", markup=False)
    except Contradiction as error:
        errors.print(f"error: {folder}: " + "\n".join(error.lines), markup=False)
        errors.print("Nothing was changed. --name NAME starts beside it, --fresh moves it aside.", markup=False)
    except Busy:
        errors.print(f"error: {folder}: another process is running this sweep; wait for it or stop it.", markup=False)
    except Infeasible as error:
        errors.print(f"error: {error}", markup=False)
    except KeyboardInterrupt:
        errors.print("Interrupted before anything was started.", markup=False)
        return 130
    return BAD_INPUT


def _run(
    options: argparse.Namespace, loaded: Loaded, plan: Plan, sources: Sources, folder: Path, console: Console
) -> int:
    try:
        store = Store(folder)
        if options.fresh and folder.exists():
            os.close(store.lock())  # not from under a process that runs it
            console.print(f"The sweep that was there is now {set_aside(folder)}.", markup=False)
        store.lock()
        added = compare(folder, plan, loaded.document.tree)
        if added:
            console.print(f"Extending {folder}: {added} trainings are new.", markup=False)
        store.sweep_leftovers()
        write_atomic(folder / "space.yaml", yaml.safe_dump(loaded.document.tree, sort_keys=False))
        write_json(folder / "plan.json", plan.to_json(folder.name))
        provenance = Provenance(folder)
        provenance.begin()
    except OSError as error:
        raise SpaceError(
            [f"{folder}: cannot be written: {error.strerror or error}; free room or choose --results"]
        ) from None
    sweep = Sweep(store, plan, loaded.space, sources, console)
    address = options.address or os.environ.get("RAY_ADDRESS")
    code = sweep.run(address, " ".join(["python -m search.run", *sys.argv[1:]]))
    try:
        provenance.slots(sweep.slots)
        provenance.end(code, BEGAN)  # for the report to tell
        if sweep.ended() and not sweep.interrupted:
            subprocess.run([sys.executable, "-m", "analysis.report", str(folder)], check=False)
            provenance.end(code, BEGAN)
    except OSError:
        console.print("The disk is full: the end of this run is not in provenance.json.", markup=False)
    return code


if __name__ == "__main__":
    sys.exit(main())
