"""Sweeps as LaTeX tables with a row per configuration, for a document that loads booktabs.

The text is plain LaTeX: names are escaped, and Greek letters and signs are mathematics, so every engine sets it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from analysis.exceptions import SweepError
from analysis.measures.final_accuracy import SHORT
from analysis.measures.front import FrontData, compute_fronts
from analysis.measures.stats import POINTS, Estimate
from analysis.report.configurations import Column, Configuration, ConfigurationTable, describe_conditions
from trainers.certificate.words import shorten_verdict

GROUPS = {name: f"{name} epoch" for name in SHORT.values()}
DIGITS = 1  # after the point, of percent
NONE = "--"
_SPECIAL = {char: f"\\{char}" for char in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "''",
    "`": r"\textasciigrave{}",
    "–": "--",
    "…": r"\ldots{}",
    "√": r"$\surd$",
}
_MATH = {
    "·": "cdot", "±": "pm", "×": "times", "≤": "le", "≥": "ge", "≠": "neq", "∞": "infty", "→": "to", "∈": "in",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ϵ": "epsilon", "η": "eta",
    "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ρ": "rho", "σ": "sigma", "τ": "tau",
    "φ": "varphi", "ω": "omega", "Δ": "Delta", "Λ": "Lambda", "Σ": "Sigma", "Ω": "Omega", "ℓ": "ell",
}  # fmt: skip
_ESCAPES = _SPECIAL | {char: f"$\\{name}$" for char, name in _MATH.items()} | {"−": "$-$"}
_NEEDS_ESCAPE = re.compile("|".join(map(re.escape, _ESCAPES)))


def escape(text: str) -> str:
    """Escape what LaTeX would take for a command, and write Greek letters and signs as mathematics."""
    return _NEEDS_ESCAPE.sub(lambda found: _ESCAPES[found[0]], text)


def render_document(tables: Sequence[ConfigurationTable]) -> str:
    """Render all tables, one after the other, to be read by \\input."""
    head = "% \\usepackage{booktabs}\n"
    return head + "\n".join(render_table(table) for table in tables)


def render_table(table: ConfigurationTable) -> str:
    """Render a table in the form of booktabs: a block per problem, mean ± standard error, the best of each in bold.

    A configuration of which a seed diverged or names one class for every image is never the best. The last column has
    the verdicts on the front, where seeds state any.
    """
    front = _find_front(table)
    verdicts = _list_verdicts(table.rows, front) if front else {}
    width = 1 + len(table.columns) + bool(verdicts)
    several = len(table.sweeps) > 1
    body = []
    for (study, setting), rows in groupby(table.rows, key=lambda row: (row.study, row.setting)):
        block = list(rows)
        title = ": ".join(filter(None, (study if several else "", setting)))
        body += [r"\midrule"]
        body += [rf"\multicolumn{{{width}}}{{l}}{{\textit{{{escape(title)}}}}} \\"] * bool(title)
        body += _render_block(block, table.columns, verdicts)
    lines = [
        r"\begin{table}",
        r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{_render_caption(table, front)}}}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * (width - 1)}@{{}}}}",
        r"\toprule",
        *_render_head(table.columns, bool(verdicts)),
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _find_front(table: ConfigurationTable) -> FrontData | None:
    """Return the fronts of the sweeps if their seeds state a verdict on any configuration; else None."""
    try:
        found = compute_fronts(table.sweeps)
    except SweepError:  # no two accuracies make a front
        return None
    return found if any(panel.assessment.certificate is not None for panel in found.panels) else None


def _list_verdicts(rows: Sequence[Configuration], front: FrontData) -> dict[Configuration, str]:
    """Return the verdict on each configuration in a word; a dash where none is stated."""
    words = {
        key: shorten_verdict(panel.assessment, place)
        for panel in front.panels
        for place, key in enumerate(zip(panel.points["sweep"], panel.points["name"], strict=True))
    }
    return {row: escape(words.get((row.sweep, row.name), "–")) for row in rows}


def _render_head(columns: Sequence[Column], judged: bool) -> list[str]:
    """Render two lines of titles: what neighbouring columns have in common, and each column's own."""
    cells, rules, place = [""], [], 2
    for group, members in groupby(columns, key=lambda column: column.group):
        count = len(list(members))
        cells.append(rf"\multicolumn{{{count}}}{{c}}{{{escape(GROUPS.get(group, group))}}}")
        rules.append(rf"\cmidrule(lr){{{place}-{place + count - 1}}}")
        place += count
    titles = ["configuration", *(column.title for column in columns), *["front"] * judged]
    cells += [""] * judged
    return [_join(cells), "".join(rules), _join([escape(title) for title in titles])]


def _render_block(
    rows: Sequence[Configuration], columns: Sequence[Column], verdicts: Mapping[Configuration, str]
) -> list[str]:
    best = _find_best(rows, columns)
    lines = []
    for row, is_best in zip(rows, best, strict=True):
        numbers = zip(row.numbers, columns, is_best, strict=True)
        cells = [_render_number(number, column.is_difference, bold) for number, column, bold in numbers]
        cells += [verdicts[row]] if verdicts else []
        lines.append(_join([escape(f"{row.choice}{row.endings}"), *cells]))
    return lines


def _find_best(rows: Sequence[Configuration], columns: Sequence[Column]) -> np.ndarray:
    """Return which numbers are the best of their column as written, (rows, columns) bool; none of a single row."""
    signs = np.array([-1.0 if column.is_difference else 1.0 for column in columns])
    means = np.array([[number.mean if row.is_whole else math.nan for number in row.numbers] for row in rows])
    written = np.round(POINTS * means, DIGITS) * signs
    if np.isfinite(written).any(axis=1).sum() < 2:
        return np.zeros(written.shape, bool)
    return written == np.where(np.isfinite(written), written, -np.inf).max(axis=0)


def _render_number(number: Estimate, signed: bool, bold: bool) -> str:
    """Render "$73.4 \\pm 0.2$", without "±" for one seed."""
    if number.n == 0 or math.isnan(number.mean):
        return NONE if math.isnan(number.limit) else rf"$\leq {number.text().removeprefix('≤ ')}$"
    mean, _, error = number.text(signed).replace("−", "-").partition(" ± ")
    mean = rf"\mathbf{{{mean}}}" if bold else mean
    return rf"${mean} \pm {error}$" if error else f"${mean}$"


def _render_caption(table: ConfigurationTable, front: FrontData | None) -> str:
    conditions = [f"{sweep.study}: {describe_conditions(sweep)}" for sweep in table.sweeps]
    text = f"Clean and robust test accuracy. {' '.join(conditions)} Bold: the best of each column"
    text += ", within a problem" if len({(row.study, row.setting) for row in table.rows}) > 1 else ""
    return escape(f"{text}; of a difference the smallest.{_explain_verdicts(front) if front else ''}")


def _explain_verdicts(front: FrontData) -> str:
    """Say what the words of the last column mean, of which front, and with what error they hold."""
    checkpoint, axes = GROUPS[SHORT[front.checkpoint]], f"{front.panels[0].x_title} and {front.y_title}"
    words = "on, off: surely on it, surely off it; ≤ x: at most x points from it, as no other is better in both by more"
    collapsed = any((panel.assessment.samples.collapsed > 0).any() for panel in front.panels)
    others = "; k/n collapsed: k of n seeds, and the verdict is on the others" if collapsed else ""
    each = ", within each problem" if len(front.panels) > 1 else ""
    certainty = " ".join(front.explain_verdicts(suggest=False))
    return f" Front: that of {axes}, {checkpoint}{each}; {words}; open: not decided{others}. {certainty}"


def _join(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
