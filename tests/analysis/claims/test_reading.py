"""Files of claims: each mistake is told with its line, what was found and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.claims.reading import read_claims
from analysis.exceptions import SweepError

CHECK = "{statistic: level, metric: last pgd, expect: '> 0'}"
GOOD = f"claims:\n- id: A1\n  statement: It works\n  checks:\n  - {CHECK}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


def test_a_file_of_claims_is_read(file: Path) -> None:
    file.write_text(GOOD)
    (claim,) = read_claims(file)
    assert (claim.id, claim.study, claim.checks[0].over) == ("A1", "", "mean")


def test_the_claims_of_the_page_are_a_file_of_claims(file: Path) -> None:
    page = (Path(__file__).parents[3] / "analysis" / "README.md").read_text(encoding="utf-8")
    file.write_text(page.partition("\n## Claims\n")[2].partition("```yaml\n")[2].partition("```")[0])
    assert [len(claim.checks) for claim in read_claims(file)] == [2]


@pytest.mark.parametrize(
    "old, new, words",
    [
        (
            "statement:",
            "statment:",
            "mine.yaml:3: claim A1: statment: no such key; did you mean statement? (allowed: id,",
        ),
        ("  statement: It works\n", "", "mine.yaml:2: claim A1: statement: is required"),
        (
            "level",
            "levle",
            "mine.yaml:5: claim A1: checks.0.statistic: got 'levle'; did you mean level? (allowed: level, ",
        ),
        ("last pgd", "lst pgd", "mine.yaml:5: claim A1: checks.0.metric: 'lst pgd': no metric begins with 'lst'"),
        ("> 0", "more", "mine.yaml:5: claim A1: checks.0.expect: should be '> 0'"),
        ("level", "difference", "mine.yaml:5: claim A1: checks.0: statistic difference needs `against`"),
        ("level", "agreement", "an agreement has metrics such as 'iou instability'"),
        (CHECK, "5", "mine.yaml:5: claim A1: checks.0: should be a mapping; got 5"),
        ("  checks:\n", "  along: 3\n  checks:\n", "mine.yaml:4: claim A1: along: no such key"),
        (f"  checks:\n  - {CHECK}\n", "", "claim A1: a claim has `checks`, or says in `unmeasured`"),
        ("claims:\n", "claim:\n", "mine.yaml:1: claims: is required"),
        ("  statement: It", "  statement: [It", "mine.yaml:4: not YAML: "),
        (GOOD, "5", "mine.yaml: should be a mapping with `claims`, a list; got 5"),
        (GOOD, "", "mine.yaml: should be a mapping with `claims`, a list; got None"),
        (GOOD, "claims: &a [*a]", "mine.yaml: has an alias (*)"),
        (GOOD, GOOD + GOOD.partition("\n")[2], "an id names one claim; found twice: A1"),
        ("'> 0'", "'> 0', of: {}", "mine.yaml:5: claim A1: checks.0.of: "),
        ("'> 0'", "'> 0', along: {axis: epochs, take: slpe}", "checks.0.along.take: got 'slpe'; did you mean slope?"),
        (
            "'> 0'",
            "'> 0', less: {of: {a: b}, ageinst: {a: c}}",
            "checks.0.less.ageinst: no such key; did you mean against?",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(old: str, new: str, words: str, file: Path) -> None:
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(SweepError) as error:
        read_claims(file)
    assert words in str(error.value)


def test_a_file_that_cannot_be_read_is_told(file: Path) -> None:
    with pytest.raises(SweepError, match=r"mine\.yaml: cannot be read"):
        read_claims(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SweepError, match="no text in UTF-8"):
        read_claims(file)


@pytest.mark.parametrize(
    "knobs, words",
    [
        ("statistic: level, against: {a: b}", "statistic level has no `against`"),
        ("statistic: order, choices: [{a: b}]", "`choices` lists the two selections or more"),
        ("statistic: order", "statistic order needs `choices`"),
        ("statistic: order, choices: [{a: b}, {a: c}], of: {a: b}", "neither `of`, `against` nor `less`"),
        ("statistic: ratio, of: {a: b}, against: {a: c}, less: {of: {a: d}}", "not beside statistic ratio"),
    ],
)
def test_parts_that_do_not_fit_a_statistic_are_told(knobs: str, words: str, file: Path) -> None:
    file.write_text(GOOD.replace("statistic: level", knobs))
    with pytest.raises(SweepError) as error:
        read_claims(file)
    assert words in str(error.value)
