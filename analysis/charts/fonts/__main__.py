"""The files of House Sans, made from matplotlib's DejaVu Sans: `python -m analysis.charts.fonts`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.charts.fonts import FAMILY, WEIGHTS
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit

LETTERS = (  # ranges of Unicode, ends included
    (0x20, 0x7E), (0xA0, 0x17F), (0x218, 0x21B), (0x2C6, 0x2DD), (0x300, 0x30C),  # Latin and accents
    (0x391, 0x3A9), (0x3B1, 0x3C9), (0x400, 0x45F), (0x1E80, 0x1EF9),  # Greek, Cyrillic, more Latin
    (0x2010, 0x2027), (0x2030, 0x203A), (0x2070, 0x208E), (0x20AC, 0x20AC), (0x2113, 0x2113),  # signs, small figures
    (0x2190, 0x21D4), (0x2200, 0x22A5), (0x25A0, 0x25CF), (0x2713, 0x2717),  # arrows, mathematics, shapes
)  # fmt: skip
LAYOUT = ["FFTM", "GDEF", "GPOS", "GSUB", "MATH"]  # tables of rules; kerning has a table of its own
FAMILY_NAMES, FULL_NAMES, POSTSCRIPT = (1, 16), (3, 4), 6  # of the records of names
FOLDER = Path(__file__).parent


def make_font(source: Path, target: Path) -> None:
    """Write the letters of a font, under the name of the house."""
    from fontTools import subset  # type: ignore[import-untyped]

    options = subset.Options(legacy_kern=True, name_IDs=["*"], notdef_outline=True, recalc_timestamp=False)
    options.drop_tables += LAYOUT
    font = subset.load_font(source, options)
    picker = subset.Subsetter(options)
    picker.populate(unicodes=list(_list_letters()))
    picker.subset(font)
    weight = source.stem.partition("-")[2]
    for record in font["name"].names:
        if record.nameID in FAMILY_NAMES:
            record.string = FAMILY
        elif record.nameID in FULL_NAMES:
            record.string = f"{FAMILY} {weight}".strip()
        elif record.nameID == POSTSCRIPT:
            record.string = "-".join(filter(None, (FAMILY.replace(" ", ""), weight)))
    font.save(target)


def _list_letters() -> Iterator[int]:
    for first, last in LETTERS:
        yield from range(first, last + 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the fonts into a folder."""
    from matplotlib import get_data_path

    parser = Parser(prog="python -m analysis.charts.fonts", description=__doc__)
    parser.add_argument("-o", type=Path, default=FOLDER, dest="folder", help="folder to write them into")
    folder = parser.parse_args(arguments).folder
    for name, source in WEIGHTS.items():
        make_font(Path(get_data_path(), "fonts", "ttf", source), folder / name)
        Console().print(str(folder / name))
    return 0


if __name__ == "__main__":
    run_and_exit(main)
