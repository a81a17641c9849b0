"""Extension: how much longer a context Prophet leaves room for, by model and over the batch."""
from plots.picture import GREY
from plots.study.answers import mean
from plots.study.look import FILLS, PROPHET, SMALL, bars, beside, figure_of, finish
from plots.study.outcome import RATIO, counted, extension, outcome, savings
from plots.study.table import Picture


def by_model_rows(answers, catalogue):
    """Each model's mean over its 24 cells: the study's with its zeros, the real one of cells where both fit."""
    grid, provenance = answers.grid(catalogue)
    rows = []
    for model in dict.fromkeys(row["model"] for row in grid):
        cells = [row for row in grid if row["model"] == model]
        counts = counted(cells)
        known = [row for row in cells if outcome(row) == RATIO or (catalogue == "study" and outcome(row) != "unknown")]
        rows.append({"model": model, "cells": len(cells), "zero_cells": len(known) - counts["ratio_cells"], **counts,
                     "mean_extension": mean(extension(row) or 0 for row in known),
                     "largest_extension": max((extension(row) or 0 for row in known), default=None),
                     "mean_savings_percent": mean(map(savings, cells))})
    note = "Enabled: only Prophet fits. Neither: no context at all. Contexts are by room alone; no step is timed."
    return sorted(rows, key=lambda row: -(row["mean_extension"] or 0)), {**provenance, "note": note}


def others(row):
    """In how many cells there is no ratio, in words."""
    return [f"{name} in {row[f'{name}_cells']}" for name in ("enabled", "neither") if row[f"{name}_cells"]]


def study_words(row):
    if row["mean_extension"] is None:
        return "unknown: no expert size is printed"
    zeros = ", ".join([f"{row['zero_cells']} of {row['cells']} cells printed as 0", *others(row)])
    if row["ratio_cells"] == 0:
        return f"baseline does not fit: {zeros}"
    return f"{row['mean_extension']:.2f}" + (f"; {zeros}" if row["zero_cells"] else "")


def real_words(row):
    if row["ratio_cells"] == 0:
        return f"no ratio: {', '.join(others(row))}"
    return "; ".join([f"{row['mean_extension']:.2f} in {row['ratio_cells']} cells", *others(row)])


LOOK = {
    "study": (study_words, "mean extension of the longest context, a baseline that does not fit counted as 0",
              "Mean extension by model: a 0 of the study is a baseline that does not fit"),
    "real": (real_words, "mean extension of the longest context, over cells where both fit",
             "Mean extension by model, and in how many cells there is no ratio"),
}


def draw_by_model(table):
    figure, ((axes,),) = figure_of(1, 1, (8, 5))
    words, x_label, title = LOOK[table.catalogue]
    largest = max(row["mean_extension"] or 0 for row in table.rows)
    edge = 2.4 * largest  # room for the words beside the longest bar
    for at, row in enumerate(table.rows):
        length = row["mean_extension"] or 0
        bars(axes, at, length, FILLS[PROPHET], height=0.7)
        beside(axes, words(row), length, at)
        axes.text(edge, at, f"{row['mean_savings_percent']:.1f} %", va="center", ha="right", fontsize=SMALL)
    axes.text(edge, -1, "savings, mean\nover batches", va="center", ha="right", fontsize=SMALL, color=GREY)
    drawn = sum(1 for row in table.rows if row["mean_extension"])
    axes.plot([1, 1], [-0.8, drawn - 0.4], color="black", linewidth=0.9, linestyle="--")
    axes.text(1, -1.1, "no longer context", ha="center", va="center", fontsize=SMALL, color=GREY)
    axes.set_yticks(range(len(table.rows)), [row["model"] for row in table.rows])
    axes.set(xlim=(0, 1.02 * edge), ylim=(len(table.rows) - 0.4, -1.6), xlabel=x_label)
    axes.set_xticks([tick / 2 for tick in range(int(2 * largest) + 2)])
    return finish(figure, table, title)


PICTURES = [Picture("extension_by_model", by_model_rows, draw_by_model)]
