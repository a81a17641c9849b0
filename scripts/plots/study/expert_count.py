"""Savings and extension over the number of experts of a layer, a mark a model and a line through the means."""
from plots.result_file import group
from plots.study.answers import mean
from plots.study.extension import by_model_rows
from plots.study.look import BEHIND, BLUE, ORANGE, SMALL, figure_of, finish, spread
from plots.study.outcome import ENABLED, NEITHER
from plots.study.table import Picture

SAVINGS, EXTENSION = "mean_savings_percent", "mean_extension"


def rows_of(answers, catalogue):
    """Those of the extension by model, with the mean of the models that have as many experts."""
    grid, provenance = answers.grid(catalogue)
    experts = {row["model"]: row["experts"] for row in grid}
    models, provenance = by_model_rows(answers, catalogue)
    rows = []
    for row in models:
        alike = [other for other in models if experts[other["model"]] == experts[row["model"]]]
        known = [other[EXTENSION] for other in alike if other[EXTENSION] is not None]
        rows.append({"experts": experts[row["model"]], "model": row["model"], SAVINGS: row[SAVINGS],
                     EXTENSION: row[EXTENSION], "ratio_cells": row["ratio_cells"],
                     "enabled_cells": row["enabled_cells"], "neither_cells": row["neither_cells"],
                     "group_savings_percent": mean(other[SAVINGS] for other in alike), "group_extension": mean(known)})
    note = {"study": "Extensions are means over a model's 24 cells, with a 0 where the baseline does not fit. Models "
                     "whose expert size is printed nowhere are left out of them.",
            "real": "Extensions are means over those of a model's 24 cells where both fit; below stand the models that "
                    "have none, with what they have instead."}
    return sorted(rows, key=lambda row: row["experts"]), {**provenance, "note": note[catalogue]}


def draw_marks(axes, groups, column, number, colour, marker):
    """A mark a model; models of the same value share one, and the names stand beside it."""
    top = axes.get_ylim()[1]
    for x, rows in enumerate(groups.values()):
        known = [row for row in rows if row[column] is not None]
        alike = group([{**row, "shown": number(row[column])} for row in known], "shown")
        values = [same[0][column] for same in alike.values()]
        lines = max(map(len, alike.values()), default=1)
        for ((shown,), same), value, y in zip(alike.items(), values, spread(values, 0.05 * top * lines)):
            axes.plot(x, value, marker, color=colour, markersize=7, clip_on=False, zorder=3)
            names = "\n".join(row["model"] for row in same)
            axes.annotate(shown + names, (x, y), (9, 3 if value == 0 else 0), textcoords="offset points",
                          va="bottom" if value == 0 else "center", fontsize=SMALL, bbox=BEHIND, zorder=2)


def draw_trend(axes, groups, column):
    means = [(x, rows[0][column]) for x, rows in enumerate(groups.values()) if rows[0][column] is not None]
    axes.plot(*zip(*means), color="#aaaaaa", linewidth=1, linestyle="--", marker="_", markersize=16,
              markeredgewidth=1.6, zorder=1, label="mean of the models with as many experts")


def name_others(axes, groups):
    """Below: models without a ratio, and what they have instead."""
    for x, rows in enumerate(groups.values()):
        lines = []
        for row in rows:
            if row[EXTENSION] is None:
                word = ENABLED if row["enabled_cells"] else NEITHER
                lines += [row["model"], f"  {word} in {row[f'{word}_cells']}"]
        axes.annotate("\n".join(lines), (x, 0), (-14, 4), textcoords="offset points", va="bottom", fontsize=SMALL)


def savings_words(value):
    return f"{value:.1f} "


def extension_words(value):
    return f"{value:.2f} " if value else f"printed {value:.0f}:\n"


def draw(table):
    figure, panels = figure_of(2, 1, (11.5, 7.5), sharex=True)
    groups = {experts: rows for (experts,), rows in group(table.rows, "experts").items()}
    savings, extension = panels[0][0], panels[1][0]
    savings.set(ylim=(0, 105), ylabel="mean savings over the batches [%]")
    extension.set(ylim=(0, 1.2 * max(row[EXTENSION] or 0 for row in table.rows)),
                  ylabel="mean extension of the longest context")
    draw_trend(savings, groups, "group_savings_percent")
    draw_marks(savings, groups, SAVINGS, savings_words, BLUE, "o")
    savings.legend(loc="upper left", fontsize=SMALL, handlelength=3.2)
    draw_trend(extension, groups, "group_extension")
    draw_marks(extension, groups, EXTENSION, extension_words, ORANGE, "s")
    if table.catalogue == "real":
        name_others(extension, groups)
    extension.set_xticks(range(len(groups)), [str(experts) for experts in groups])
    extension.set(xlim=(-0.3, len(groups) - 0.1), xlabel="experts of a layer")
    return finish(figure, table, "More experts save more; the context that this adds hangs on which sizes fit")


PICTURES = [Picture("expert_count", rows_of, draw)]
