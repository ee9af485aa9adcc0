"""Every command of search/README.md, and every `python -m` entry point there is, runs through its real main."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from .commands import end_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("search", "analysis", "trainers")


@dataclass(frozen=True)
class Use:
    """A command on a finished tiny sweep: its arguments, how it ends and what it says."""

    module: str
    arguments: Sequence[str]
    says: str
    code: int | None = 0  # None: 0 or 1, as fast as the machine is
    first: Sequence[str] = ()  # what search.run is given before
    ray: bool = False  # whether it starts Ray, and is no quick test
    slow: bool = False

    @property
    def marks(self) -> list[pytest.MarkDecorator]:
        return [pytest.mark.long, *([pytest.mark.slow] if self.slow else [])]


RUN = "search.run"
SHORT = ("--set", "trial.epochs=2")
USES = {  # by the row of that page's table, or by the module where it has none
    "python -m search.new SPACE --data DATA": Use(
        "search.new", ["first.yaml", "--data", "digits"], "Next: python -m search.run first.yaml --dry-run"
    ),
    "python -m search.list methods [WORD]": Use("search.list", ["methods", "trades"], "Zhang et al. 2019"),
    "python -m search.run SPACE": Use(RUN, ["tiny.yaml"], "tiny is finished"),
    "… --dry-run": Use(RUN, ["tiny.yaml", "--dry-run"], "already stored"),
    "… --set trial.epochs=20 --set search.replicates=5": Use(
        RUN, ["tiny.yaml", "--dry-run", *SHORT, "--set", "search.replicates=5", "--name", "other"], "5 seeds"
    ),
    "… --name N --results DIR --fresh": Use(
        RUN, ["tiny.yaml", "--name", "tiny", "--results", "results", "--fresh"], "The sweep that was there is now"
    ),
    "… --address HOST:PORT": Use(RUN, ["tiny.yaml", "--fresh", "--address", "127.0.0.1:1"], "no Ray answers", 2),
    "… --add-trials N": Use(
        RUN,
        ["tiny.yaml", "--name", "drawn", "--set", "search.strategy=random", "--set", "search.trials=1",
         "--add-trials", "5", "--dry-run"],
        "configurations x 1 seed",
    ),
    "… --reuse results/other": Use(RUN, ["tiny.yaml", "--name", "other", "--reuse", "results/tiny"], "are copied from"),
    "… --accept-code-change": Use(RUN, ["tiny.yaml", "--accept-code-change"], "tiny is finished"),
    "python -m search.status results/friendly_k": Use("search.status", ["results/tiny"], "finished"),
    "python -m search.verify results/friendly_k --sample 2%": Use(
        "search.verify", ["results/tiny", "--sample", "1"], "1 of 1 trials trained again"
    ),
    "python -m search.confirm results/friendly_k --seeds 5": Use(
        "search.confirm", ["results/tiny", "--seeds", "1"], "front of tiny"
    ),
    "python -m search.measure results/friendly_k --attack 'fgsm: {name: fgsm}'": Use(
        "search.measure", ["results/tiny", "--attack", "fgsm: {name: fgsm}"], "by fgsm", ray=True
    ),
    "python -m search.replay RUN [RUN …] [--rule '{patience: 5%}']": Use(
        "search.replay", ["results/tiny", "--rule", "{patience: 5%}"], "Validation accuracies"
    ),
    "python -m search.simulate SPACE --workers 1000": Use("search.simulate", ["tiny.yaml"], "from start to end"),
    "python -m analysis.report results/friendly_k": Use("analysis.report", ["results/tiny"], "report/index.html"),
    "python -m analysis.pareto RUN [RUN …] -o front.pdf": Use(
        "analysis.pareto", ["results/tiny", "-o", "front.png"], "Figure: front.png"
    ),
    "python -m analysis.figure RUN [RUN …] --figure gairat:F13 -o f13.pdf": Use(
        "analysis.figure", ["results/tiny", "--figure", "gairat:F13", "-o", "f.pdf"], "spaces/gairat_lambda.yaml", 2
    ),
    "python -m analysis.figure [RUN …] --list [WORD]": Use(
        "analysis.figure", ["results/tiny", "--list"], "of 72 figures and tables in the papers"
    ),
    "python -m analysis.claims RUN [RUN …]": Use("analysis.claims", ["results/tiny"], "subset_easy_random_hard (H01,"),
    "python -m analysis.agreement RUN": Use(
        "analysis.agreement", ["results/two"], "distance of rankings",
        first=["tiny.yaml", "--name", "two", "--set", "search.replicates=2"],
    ),
    "python -m analysis.choose RUN --over subset.size": Use(
        "analysis.choose", ["results/tiny", "--over", "method"], "method chosen by"
    ),
    "python -m analysis.markdown RUN [RUN …]": Use("analysis.markdown", ["results/tiny"], "| configuration |"),
    "python -m analysis.export RUN [RUN …] --format optuna -o study.log": Use(
        "analysis.export", ["results/tiny", "--format", "optuna", "-o", "tiny.log"], "tiny: a study of 4 trials"
    ),
    "python -m analysis.theory -o theory": Use(
        "analysis.theory", ["-o", "theory", "--points", "100"], "theory/theorem_1.png, .svg, .pdf: Theorem 1"
    ),
    "python -m search.soak spaces/smoke.yaml --minutes 10": Use(
        "search.soak", ["tiny.yaml", "--minutes", "0", "--faults", "kill=1"], "as it should be", ray=True, slow=True
    ),
    "python -m search.coverage [RUN …]": Use(
        "search.coverage", ["--studies", "2", "--configurations", "4"], "Studies with any false verdict, of 2"
    ),
    "python -m search.bench": Use(
        "search.bench", ["driver", "ray", "--share", "0.01"], "Ray's and ours", code=None, ray=True, slow=True
    ),
    "python -m search.doctor --results DIR": Use(
        "search.doctor", ["--section", "storage", "--results", "results"], "6 checks passed, in"
    ),
    "python -m trainers.bench --model preact_resnet18 --plain": Use(
        "trainers.bench", ["--model", "resnet10", "--size", "8", "--batch", "4", "--rounds", "1"], "images/s"
    ),
    "search.__main__": Use("search.__main__", [], "python -m search.run "),
    "trainers.__main__": Use("trainers.__main__", [], "python -m trainers.bench "),
    "trainers.bench_attacks": Use(
        "trainers.bench_attacks", ["--models", "mlp", "--methods", "trades", "--brief"], "1 networks", slow=True
    ),
    "trainers.bench_order": Use(
        "trainers.bench_order", ["--families", "pgd-at", "--seeds", "1"], "the audit's bound (95 %)", slow=True
    ),
    "trainers.columns": Use("trainers.columns", [], "`train_loss`"),
    "analysis.__main__": Use("analysis.__main__", [], "python -m analysis.report "),
    "analysis.charts.fonts": Use("analysis.charts.fonts", ["-o", "."], "house-sans-bold.ttf"),
    "analysis.papers.contact_sheet": Use(
        "analysis.papers.contact_sheet", ["results/tiny", "-o", "sheet.png", "--of", "hard"], "in sheet.png"
    ),
    "analysis.mirror": Use("analysis.mirror", ["file://HERE/results/tiny", "copy"], "The records of"),
}  # fmt: skip


def rows() -> list[str]:
    """Return what the table of commands has in its first column."""
    table = (ROOT / "search" / "README.md").read_text().partition("\n## Commands\n")[2].partition("\n\nExit codes")[0]
    return re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)


def entry_points() -> set[str]:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    mains = [path for path in files if '\nif __name__ == "__main__":' in path.read_text()]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__") for path in mains}


def test_every_command_of_the_page_is_used_here_and_every_entry_point_there_is() -> None:
    listed = rows()
    assert len(listed) > 15
    assert [row for row in listed if row not in USES] == []
    assert [row for row in USES if row not in listed and row != USES[row].module] == []
    assert {use.module.removesuffix(".__main__") for use in USES.values()} == entry_points()


@pytest.mark.parametrize("module", sorted(entry_points()))
def test_every_entry_point_says_how_it_is_called(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = end_of(module, ["--help"], capsys)
    assert code == 0 and "python -m " in printed, printed


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=use.marks) for row, use in USES.items() if not use.ray and "--address" not in row]
)
def test_command_of_the_readme_runs(
    row: str,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_process: None,
) -> None:
    ends(row, finished, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    "row", [row if not use.ray else pytest.param(row, marks=use.marks) for row, use in USES.items()
            if use.ray or "--address" in row],
)  # fmt: skip
def test_command_of_the_readme_runs_with_ray(
    row: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends(row, finished, tmp_path, monkeypatch, capsys, ray=True)


def ends(
    row: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    ray: bool = False,
) -> None:  # fmt: skip
    """Fail unless the command of a row ends and says what it should, without a traceback."""
    use, here = USES[row], tmp_path / "here"
    shutil.copytree(finished, here, symlinks=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if use.first:
        assert end_of(RUN, list(use.first), capsys)[0] == 0
    code, printed = end_of(use.module, [part.replace("HERE", str(here)) for part in use.arguments], capsys, ray)
    assert "Traceback" not in printed, printed
    assert code in ((0, 1) if use.code is None else (use.code,)), printed
    assert use.says in " ".join(printed.split()), printed
