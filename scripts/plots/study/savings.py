"""Savings: the share of the experts that need not stay, by model, by number of experts and over the batch."""
from plots.result_file import group
from plots.study.answers import mean
from plots.study.heat import draw_heat
from plots.study.look import LOOKS, SMALL, figure_of, finish
from plots.study.outcome import savings
from plots.study.table import Picture

MODELS = ("mixtral-8x7b", "dbrx", "deepseek-moe-16b", "olmoe-1b-7b", "qwen1.5-moe-a2.7b", "qwen3-235b-a22b",
          "deepseek-v3", "switch-base-128")
GPU = "a100-80gb"  # savings depend on no GPU
# Each panel and the column that it draws, in percent.
PANELS = {
    "study": {"by the power law B^0.932": "savings_percent"},
    "real": {"by the power law, of whole experts": "savings_percent",
             "tokens that choose uniformly, exact": "savings_uniform_percent"},
}
NOTES = {
    "study": "Of E experts of a layer a token wants k, and a step of B tokens k B^0.932, at most all.",
    "real": "Left what Prophet keeps, k B^0.932 of E experts, to be comparable with the study; right, without a fit, "
            "what B tokens want if each chooses k uniformly: E(1-(1-k/E)^B).",
}


def savings_of(row):
    return {"savings_percent": savings(row), "savings_uniform_percent": 100 * row["savings_uniform"]}


def by_model_rows(answers, catalogue):
    grid, provenance = answers.grid(catalogue)
    cells = [row for row in grid if row["model"] in MODELS and row["gpu"] == GPU]
    columns = list(PANELS[catalogue].values())
    rows = [{"model": row["model"], "experts": row["experts"], "top_k": row["top_k"], "batch": row["batch"],
             **{column: savings_of(row)[column] for column in columns}} for row in cells]
    return sorted(rows, key=lambda row: MODELS.index(row["model"])), {**provenance, "note": NOTES[catalogue]}


def draw_by_model(table):
    panels_of = PANELS[table.catalogue]
    figure, panels = figure_of(1, len(panels_of), (3 + 3.6 * len(panels_of), 4.3), sharey=True)
    rows = {model: f"{model}\n{cells[0]['top_k']} of {cells[0]['experts']}"
            for (model,), cells in group(table.rows, "model").items()}
    for axes, (title, column) in zip(panels[0], panels_of.items()):
        draw_heat(axes, table.rows, ("model", rows), "batch", column, lambda row: f"{row[column]:.1f}", (0, 100))
        axes.set_title(title, loc="left")
    return finish(figure, table, "Experts that a step does not want [%]: fewer with every token more")


def by_count_rows(answers, catalogue):
    """Means over the models with as many experts."""
    grid, provenance = answers.grid(catalogue)
    rows = []
    for (experts, batch), cells in group([row for row in grid if row["gpu"] == GPU], "experts", "batch").items():
        means = {column: mean(savings_of(row)[column] for row in cells) for column in PANELS[catalogue].values()}
        rows.append({"experts": experts, "batch": batch, **means})
    return sorted(rows, key=lambda row: (row["experts"], row["batch"])), {**provenance, "note": NOTES[catalogue]}


def merged_lines(rows, column):
    """{label: savings over the batches}; equal lines are one."""
    lines = {}
    for (experts,), cells in group(rows, "experts").items():
        lines.setdefault(tuple(round(row[column], 6) for row in cells), []).append(str(experts))
    return {" and ".join(names): line for line, names in lines.items()}


def gaps(lines, name, at):
    """From the line up and down to the next one, of the axes' 0 to 100."""
    y = lines[name][at]
    others = [line[at] for other, line in lines.items() if other != name]
    return (min([other - y for other in others if other >= y], default=100),
            min([y - other for other in others if other < y], default=y))


def name_lines(axes, lines):
    """Each at a mark that is far from other lines and other names, on the side where there is more room."""
    taken = set()
    for name, line in lines.items():
        free = [at for at in range(1, len(line) - 1) if (at, round(line[at])) not in taken]
        at = max(free, key=lambda at: min(gaps(lines, name, at)))
        taken.add((at, round(line[at])))
        above, below = gaps(lines, name, at)
        place = {"xytext": (6, 4), "ha": "left"} if above >= below else {"xytext": (-6, -10), "ha": "right"}
        axes.annotate(name, (at, line[at]), textcoords="offset points", fontsize=SMALL, fontweight="bold", **place)


def draw_by_count(table):
    panels_of = PANELS[table.catalogue]
    figure, panels = figure_of(1, len(panels_of), (3 + 3.6 * len(panels_of), 4.4), sharey=True)
    batches = sorted({row["batch"] for row in table.rows})
    looks = dict(zip(sorted({row["experts"] for row in table.rows}), LOOKS))
    for axes, (title, column) in zip(panels[0], panels_of.items()):
        lines = merged_lines(table.rows, column)
        for name, line in lines.items():
            colour, marker = looks[int(name.split()[0])]
            axes.plot(range(len(batches)), line, color=colour, marker=marker, markersize=5, linewidth=1.4,
                      clip_on=False)
        name_lines(axes, lines)
        axes.set_title(title, loc="left")
        axes.set_xticks(range(len(batches)), [str(batch) for batch in batches])
        axes.set(xlabel="batch", ylim=(0, 104))
        axes.grid(alpha=0.3)
    panels[0][0].set_ylabel("experts that a step does not want [%]")
    return finish(figure, table, "Savings over the batch, by the number of experts of a layer")


PICTURES = [
    Picture("savings_by_model", by_model_rows, draw_by_model),
    Picture("savings_over_batch", by_count_rows, draw_by_count),
]
