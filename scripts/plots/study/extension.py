"""Extension: how much longer a context Prophet leaves room for, by model and over the batch."""
from plots.picture import GREY
from plots.result_file import group
from plots.study.answers import mean
from plots.study.look import BEHIND, FILLS, LOOKS, PROPHET, SMALL, bars, beside, figure_of, finish, spread
from plots.study.outcome import RATIO, counted, extension, outcome, savings
from plots.study.table import Picture

UNDECIDED_IS = "Undecided: the study says too little to tell whether Prophet fits. "
LINES = ("switch-base-128", "qwen1.5-moe-a2.7b", "deepseek-moe-16b", "olmoe-1b-7b")
LINES_GPUS = ("a100-40gb", "a100-80gb")  # the study's figure names the larger one


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
                     "mean_savings_percent": mean(map(savings, cells))})
    note = "Enabled: only Prophet fits. Neither: no context at all. " + UNDECIDED_IS * (catalogue == "study") + (
        "Contexts are by room alone; no step is timed.")
    return sorted(rows, key=lambda row: -(row["mean_extension"] or 0)), {**provenance, "note": note}


def others(row):
    """In how many cells there is no ratio, in words."""
    return [f"{name} in {row[f'{name}_cells']}" for name in ("enabled", "neither", "undecided")
            if row[f"{name}_cells"]]


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


def over_batch_rows(answers, catalogue):
    grid, provenance = answers.grid(catalogue)
    rows = [{"gpu": row["gpu"], "model": row["model"], "batch": row["batch"], "outcome": outcome(row),
             "extension": extension(row)} for row in grid if row["model"] in LINES and row["gpu"] in LINES_GPUS]
    note = "By room alone; no step is timed. Enabled: only Prophet fits. Neither: no context at all." + (
        " The study prints 0 for both." if catalogue == "study" else "")
    return sorted(rows, key=lambda row: LINES_GPUS.index(row["gpu"])), {**provenance, "note": note}


def draw_gpu(axes, rows):
    batches = sorted({row["batch"] for row in rows})
    lines = {model: [row for row in rows if row["model"] == model] for model in LINES}
    top = max(row["extension"] or 0 for row in rows)
    step = (top - 1) / 13
    starts = spread([line[0]["extension"] for line in lines.values()], step)
    for (model, line), (colour, marker), y in zip(lines.items(), LOOKS, starts):
        drawn = [row for row in line if row["outcome"] == RATIO]
        axes.plot([batches.index(row["batch"]) for row in drawn], [row["extension"] for row in drawn], color=colour,
                  marker=marker, markersize=6, linewidth=1.5, clip_on=False)
        axes.text(-0.25, y, f"{model} {line[0]['extension']:.2f}", ha="right", va="center", fontsize=SMALL)
    last = [row["extension"] for row in rows if row["batch"] == batches[-1] and row["outcome"] == RATIO]
    for ending in sorted({f"{value:.2f}" for value in last}):
        axes.text(len(batches) - 0.7, float(ending), ending, va="center", fontsize=SMALL, bbox=BEHIND)
    gone = [row for row in rows if row["outcome"] != RATIO]
    for (word, model), cells in group(gone, "outcome", "model").items():
        at = [batches.index(row["batch"]) for row in cells]
        axes.text(sum(at) / len(at), 1 - 1.2 * step, f"{model}\n{word}", ha="center", va="top", fontsize=SMALL)
    axes.axhline(1, color="black", linewidth=0.9, linestyle="--", zorder=0)
    axes.set_xticks(range(len(batches)), [str(batch) for batch in batches])
    axes.set(xlim=(-3.2, len(batches) - 0.2), xlabel="batch", ylim=(1 - (4 if gone else 1) * step, None))
    axes.set_yticks([tick for tick in axes.get_yticks() if 1 <= tick <= top])


def draw_over_batch(table):
    figure, panels = figure_of(1, len(LINES_GPUS), (10, 4.2))
    for axes, gpu in zip(panels[0], LINES_GPUS):
        draw_gpu(axes, [row for row in table.rows if row["gpu"] == gpu])
        axes.set_title(gpu, loc="left")
    panels[0][0].set_ylabel("longest context, Prophet / all resident")
    return finish(figure, table, "What Prophet adds to the longest context falls with the batch")


PICTURES = [
    Picture("extension_by_model", by_model_rows, draw_by_model),
    Picture("extension_over_batch", over_batch_rows, draw_over_batch),
]
