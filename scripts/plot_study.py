#!/usr/bin/python3
"""Draws the study's pictures, each in the study's version and the real one, from what prophet analyze computes.

  plot_study.py PROPHET OUT    asks the program PROPHET, then writes into the folder OUT, for each picture and
                               catalogue, NAME_CATALOGUE.csv with every number that is drawn, and NAME_CATALOGUE.svg
                               and .png

Exit codes: 0; 1 prophet had no answer, or OUT cannot be written; 2 usage, or no matplotlib.
"""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))  # plots, whoever loads this file
try:
    import matplotlib  # noqa: F401
except ImportError:
    print("plot_study: matplotlib is not installed: expected the package python3-matplotlib, which scripts/setup "
          "installs for /usr/bin/python3", file=sys.stderr)
    sys.exit(2)

from plots.picture import save  # noqa: E402
from plots.study import contexts, expert_count, extension, memory, memory_parts, savings, summary  # noqa: E402
from plots.study.answers import CATALOGUES, Answers, NoAnswer  # noqa: E402
from plots.study.table import write_table  # noqa: E402

FAMILIES = (memory, memory_parts, extension, savings, expert_count, contexts, summary)
PICTURES = [picture for family in FAMILIES for picture in family.PICTURES]


def draw_all(answers):
    for picture in PICTURES:
        for catalogue in CATALOGUES:
            table = write_table(picture, answers, catalogue)
            save(picture.draw(table), answers.folder, table.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prophet", type=pathlib.Path, help="the program")
    parser.add_argument("out", type=pathlib.Path, help="folder for pictures and tables")
    arguments = parser.parse_args()
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        draw_all(Answers(arguments.prophet.resolve(), arguments.out))
    except NoAnswer as error:
        print(f"plot_study: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"plot_study: {error.filename}: {error.strerror}: expected a folder that can be written", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
