"""One figure that says it all: what is saved, what that is good for, and the least time of a step that keeps few."""
from plots.study.answers import mean
from plots.study.look import BLUE, LOOKS, ORANGE, SMALL, bars, beside, figure_of, finish
from plots.study.outcome import MEANING, OUTCOMES, RATIO, UNDECIDED, UNKNOWN, extension, outcome, savings
from plots.study.table import Picture

MODELS = ("switch-base-128", "qwen1.5-moe-a2.7b", "mixtral-8x7b")
GPU = "a100-80gb"
FILLS = {RATIO: {"facecolor": BLUE}, "enabled": {"facecolor": ORANGE, "hatch": "///"},
         "neither": {"facecolor": "#999999", "hatch": "||"}, UNDECIDED: {"facecolor": "#cccccc", "hatch": "xxx"},
         UNKNOWN: {"facecolor": "#dddddd", "hatch": "---"}}
MS = 1e6  # ns


def rows_of(answers, catalogue):
    """Three kinds of rows, by `panel`: savings, outcomes, step."""
    grid, provenance = answers.grid(catalogue)
    cells = [row for row in grid if row["model"] in MODELS and row["gpu"] == GPU]
    rows = [{"panel": "savings", "model": row["model"], "batch": row["batch"], "savings_percent": savings(row)}
            for row in sorted(cells, key=lambda row: MODELS.index(row["model"]))]
    found = [outcome(row) for row in grid]
    ratios = [extension(row) for row in grid if outcome(row) == RATIO]
    rows += [{"panel": "outcomes", "outcome": name, "cells": found.count(name), "of_cells": len(grid),
              **({"mean_extension": mean(ratios), "largest_extension": max(ratios)} if name == RATIO else {})}
             for name in OUTCOMES if name in found]
    for model in MODELS:
        row = next(row for row in cells if row["model"] == model and row["batch"] == 1)
        resident, prophet = row["all_resident_overlapped_ns"] / MS, row["prophet_overlapped_ns"] / MS
        rows.append({"panel": "step", "model": model, "gpu": GPU, "batch": 1, "all_resident_ms": resident,
                     "prophet_ms": prophet, "times_apart": prophet / resident,
                     "hit_percent": 100 * row["prophet_hit_rate"], "all_resident_fits": row["all_resident_fits"]})
    note = ("A cell is a model, a GPU and a batch. Step times are bounds from below: bytes over bandwidths, copies "
            "hidden behind compute, nothing else counted. They suppose experts that are all alike, so that a cache "
            "hits no more often than the share that it keeps: real routing is more regular, by how much must be "
            "measured.")
    return rows, {**provenance, "note": note}


def draw_savings(axes, rows):
    batches = sorted({row["batch"] for row in rows})
    for model, (colour, marker) in zip(MODELS, LOOKS):
        line = [row["savings_percent"] for row in rows if row["model"] == model]
        axes.plot(range(len(batches)), line, color=colour, marker=marker, markersize=5, linewidth=1.5, clip_on=False)
        at = {0: 2, 1: 2, 2: 1}[MODELS.index(model)]
        axes.annotate(model, (at, line[at]), (6, 5), textcoords="offset points", fontsize=SMALL)
    axes.set_xticks(range(len(batches)), [str(batch) for batch in batches])
    axes.set(xlabel="batch", ylabel="experts that need not stay [%]", ylim=(0, 104))
    axes.set_title("Savings fall with the batch", loc="left")


def outcome_words(row, catalogue):
    words = f"{row['outcome']} {row['cells']}"
    if row["outcome"] == RATIO:
        return f"{words}, mean {row['mean_extension']:.2f}, at most {row['largest_extension']:.1f}"
    return words + ", printed as 0" * (catalogue == "study" and row["outcome"] != UNKNOWN)


def draw_outcomes(axes, rows, catalogue):
    for y, row in enumerate(rows):
        bars(axes, y, row["cells"], FILLS[row["outcome"]], height=0.5)
        beside(axes, outcome_words(row, catalogue), row["cells"], y)
        beside(axes, MEANING[row["outcome"]], 0, y - 0.38)
    axes.set(ylim=(len(rows) - 0.5, -0.7), xlim=(0, 2 * max(row["cells"] for row in rows)), xlabel="cells")
    axes.set_yticks([])
    axes.set_title(f"Longest contexts in {rows[0]['of_cells']} cells", loc="left")


def draw_steps(axes, rows):
    for y, row in enumerate(rows):
        resident, prophet = row["all_resident_ms"], row["prophet_ms"]
        axes.plot([resident, prophet], [y, y], color="#999999", linewidth=2, zorder=1)
        axes.plot(resident, y, "o", color=BLUE, markersize=8)
        axes.plot(prophet, y, "s", color=ORANGE, markersize=8)
        missing = "" if row["all_resident_fits"] else "\n(does not fit)"
        for x, side, name in ((resident, "right", f"all resident\n{resident:.2f} ms{missing}"),
                              (prophet, "left", f"Prophet, {row['hit_percent']:.1f} % hits\n{prophet:.2f} ms")):
            axes.annotate(name, (x, y), (6 if side == "right" else -6, -8), textcoords="offset points", ha=side,
                          va="top", fontsize=SMALL)
        axes.annotate(f"{row['model']}: {row['times_apart']:.1f}x apart", (resident, y), (-6, 9),
                      textcoords="offset points", fontsize=SMALL)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(rows[0]["all_resident_ms"] / 10, 90 * rows[-1]["prophet_ms"]),
             xlabel="least time of a decode step at these hits [ms]")
    axes.set_yticks([])
    axes.set_title(f"Bound of a step ({rows[0]['gpu']}, batch {rows[0]['batch']})", loc="left")


def draw(table):
    figure, ((left, middle, right),) = figure_of(1, 3, (11.5, 4.6))
    parts = {name: [row for row in table.rows if row["panel"] == name] for name in ("savings", "outcomes", "step")}
    draw_savings(left, parts["savings"])
    draw_outcomes(middle, parts["outcomes"], table.catalogue)
    draw_steps(right, parts["step"])
    return finish(figure, table, "Keeping few experts saves memory at small batches, and each that is missed is a copy")


PICTURES = [Picture("summary", rows_of, draw)]
