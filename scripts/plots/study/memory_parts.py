"""Memory of a model in its five parts, and all of it over the context."""
from plots.study.answers import in_gb
from plots.study.look import (BEHIND, BLUE, ORANGE, PROPHET, RESIDENT, SKY, SMALL, bars, beside, figure_of, finish,
                              patches, rounded)
from plots.study.table import Picture

MODELS = ("mixtral-8x7b", "switch-large-128", "deepseek-moe-16b", "qwen1.5-moe-a2.7b", "olmoe-1b-7b", "switch-base-128")
GPU, BATCH = "a100-80gb", 16
APPROACHES = {RESIDENT: "all_resident", PROPHET: "prophet"}
# From the left, each with the column of its bytes; {} is the approach.
PARTS = {"experts": "{}_expert_bytes", "non-expert": "non_expert_bytes", "KV": "kv_bytes",
         "activations": "activation_bytes", "Prophet's own": "{}_own_bytes"}
FILLS = {"experts": {"facecolor": BLUE}, "non-expert": {"facecolor": "#999999", "hatch": "||"},
         "KV": {"facecolor": SKY, "hatch": "\\\\\\"}, "activations": {"facecolor": ORANGE, "hatch": "///"},
         "Prophet's own": {"facecolor": "black"}}
UNITS = {"study": "Sizes as published, MB of 10^6 and GB of 10^9 bytes.",
         "real": "GB of 10^9 bytes; what the GPU has is what a program can allocate."}


def column(part):
    return part.lower().replace("'", "").replace(" ", "_").replace("-", "_") + "_gb"


def parts_rows(answers, catalogue):
    grid, provenance = answers.grid(catalogue)
    found = {row["model"]: row for row in grid if row["gpu"] == GPU and row["batch"] == BATCH}
    rows = []
    for model in MODELS:
        row = found[model]
        for name, key in APPROACHES.items():
            parts = {column(part): in_gb(row[of.format(key)]) for part, of in PARTS.items()}
            rows.append({"model": model, "gpu": GPU, "batch": BATCH, "context_tokens": row["context_tokens"],
                         "approach": name, **parts, "total_gb": in_gb(row[f"{key}_total_bytes"]),
                         "memory_gb": in_gb(row["memory_bytes"]), "fits": row[f"{key}_fits"]})
    return rows, {**provenance, "note": f"{UNITS[catalogue]} KV of {found[MODELS[0]]['context_tokens']} tokens of each "
                  "sequence."}


def draw_parts(table):
    figure, ((axes,),) = figure_of(1, 1, (8, 5.2))
    for at, row in enumerate(table.rows):
        y = at // 2 + (0.21 if at % 2 else -0.21)
        left = 0
        for part, fill in FILLS.items():
            bars(axes, y, row[column(part)], fill, left)
            left += row[column(part)]
        beside(axes, f"{row['approach']} {rounded(row['total_gb'])}{'' if row['fits'] else ', does not fit'}",
               row["total_gb"], y)
    memory = table.rows[0]["memory_gb"]
    models = len(table.rows) // 2
    axes.axvline(memory, color="black", linewidth=1, linestyle="--")
    axes.text(memory, -0.75, f"{GPU}: {rounded(memory)}", ha="center", fontsize=SMALL, bbox=BEHIND)
    axes.set_yticks(range(models), [row["model"] for row in table.rows[::2]])
    axes.set(ylim=(models - 0.4, -0.9), xlim=(0, 1.4 * max(row["total_gb"] for row in table.rows)),
             xlabel="memory [GB]")
    axes.legend(handles=patches(FILLS), loc="lower right", fontsize=SMALL)
    return finish(figure, table, f"Memory in five parts at batch {BATCH}: experts decide what fits")


CONTEXTS = (512, 1024, 2048, 4096, 8192, 16384)
OVER_CONTEXT, OVER_CONTEXT_BATCH = ("switch-large-128", "qwen1.5-moe-a2.7b"), 8  # of those that document 000 is about
GPUS = ("v100-32gb", "a100-40gb", "a100-80gb")


def over_context_rows(answers, catalogue):
    grid, provenance = answers.grid(catalogue)
    memory = {f"{row['gpu']}_memory_gb": in_gb(row["memory_bytes"]) for row in grid if row["gpu"] in GPUS}
    rows = []
    for context in CONTEXTS:
        cells, asked = answers.ask(f"context_{context}", catalogue, "--gpu", GPU, "--batch", OVER_CONTEXT_BATCH,
                                   "--context", context)
        rows += [{"model": row["model"], "batch": row["batch"], "context_tokens": context,
                  "all_resident_gb": in_gb(row["all_resident_total_bytes"]),
                  "prophet_gb": in_gb(row["prophet_total_bytes"]), **memory}
                 for row in cells if row["model"] in OVER_CONTEXT]
    rows.sort(key=lambda row: OVER_CONTEXT.index(row["model"]))
    command = asked["command"].replace(str(CONTEXTS[-1]), "N") + f", N of {', '.join(map(str, CONTEXTS))}"
    return rows, {**asked, "command": command, "note": f"{UNITS[catalogue]} Each of the sequences has that context."}


def draw_context_panel(axes, rows):
    x = range(len(rows))
    for (name, key), colour, marker in zip(APPROACHES.items(), (BLUE, ORANGE), "os"):
        line = [row[f"{key}_gb"] for row in rows]
        axes.plot(x, line, color=colour, marker=marker, markersize=6, linewidth=1.8, clip_on=False)
        ends = ((0, f"{name} {rounded(line[0])}", -8, "left"), (len(rows) - 1, rounded(line[-1]), 8, "right"))
        for at, label, aside, side in ends:
            axes.annotate(label, (at, line[at]), (aside, 8), textcoords="offset points", ha=side, fontsize=SMALL,
                          bbox=BEHIND)
    for gpu in GPUS:
        axes.axhline(rows[0][f"{gpu}_memory_gb"], color="black", linewidth=0.8, linestyle="--", zorder=0)
    axes.set_xticks(x, [f"{row['context_tokens']:,}" for row in rows])
    axes.set(xlabel="context of each sequence [tokens]", xlim=(-0.4, len(rows) - 0.6))


def draw_over_context(table):
    figure, panels = figure_of(1, len(OVER_CONTEXT), (9, 4.4), sharey=True)
    for axes, model in zip(panels[0], OVER_CONTEXT):
        rows = [row for row in table.rows if row["model"] == model]
        draw_context_panel(axes, rows)
        axes.set_title(f"{model}, batch {rows[0]['batch']}", loc="left")
    for gpu in GPUS:
        memory = table.rows[0][f"{gpu}_memory_gb"]
        beside(panels[0][-1], f"{gpu}: {rounded(memory)}", len(CONTEXTS) - 0.6, memory)
    panels[0][0].set(ylabel="memory, all five parts [GB]", ylim=(0, None))
    return finish(figure, table, "Total memory over the context: what is saved stays the same, the KV cache grows")


PICTURES = [
    Picture("memory_parts", parts_rows, draw_parts),
    Picture("memory_over_context", over_context_rows, draw_over_context),
]
