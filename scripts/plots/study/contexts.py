"""The longest context over batch and GPU memory, the baseline beside Prophet."""
import math

from plots.study.answers import in_gb
from plots.study.heat import draw_heat
from plots.study.look import PROPHET, RESIDENT, figure_of, finish, rounded
from plots.study.outcome import ENABLED, NEITHER, RATIO, contexts, extension, outcome
from plots.study.table import Picture

MODELS = ("mixtral-8x7b", "switch-large-128", "qwen1.5-moe-a2.7b")
GPUS = ("v100-32gb", "a100-40gb", "a100-80gb")  # an h100-80gb has room for as much as the last
LIMITS = (math.log10(100), math.log10(2e6))  # of the shades, in tokens


def rows_of(answers, catalogue):
    grid, provenance = answers.grid(catalogue)
    rows = []
    for row in grid:
        if row["model"] in MODELS and row["gpu"] in GPUS:
            resident, prophet = contexts(row)
            rows.append({"model": row["model"], "gpu": row["gpu"], "memory_gb": in_gb(row["memory_bytes"]),
                         "batch": row["batch"], "all_resident_context_tokens": resident,
                         "prophet_context_tokens": prophet, "outcome": outcome(row), "extension": extension(row),
                         **({"printed_extension": row["study_extension"]} if catalogue == "study" else {})})
    note = ("Tokens of each sequence, by room alone: no model is trained for the longest, and no step is timed. Below "
            "Prophet's: how many times the baseline's context. Enabled: only Prophet fits. Neither: no context at all.")
    if catalogue == "study":
        note += " Printed 0: what the study prints where the baseline does not fit."
    return sorted(rows, key=lambda row: MODELS.index(row["model"])), {**provenance, "note": note}


def tokens(count):
    """395, 4.0K, 138K."""
    return f"{count:.0f}" if count < 1000 else f"{count / 1000:.1f}K" if count < 10000 else f"{count / 1000:.0f}K"


def resident_words(row):
    return tokens(row["all_resident_context_tokens"]) if row["outcome"] == RATIO else "does\nnot fit"


def prophet_words(row):
    printed = f"printed {row['printed_extension']:.0f}" if row.get("printed_extension") == 0 else None
    if row["outcome"] == RATIO:
        return f"{tokens(row['prophet_context_tokens'])}\n{row['extension']:.2f}x"
    if row["outcome"] == ENABLED:
        return "\n".join(filter(None, (tokens(row["prophet_context_tokens"]), ENABLED, printed)))
    return f"{NEITHER}\n{printed}" if printed else NEITHER


def shade_of(count):
    return math.log10(count) if count >= 1 else None


def draw(table):
    figure, panels = figure_of(len(MODELS), 2, (10, 7.2), sharey=True, sharex=True)
    columns = ((RESIDENT, "all_resident_context_tokens", resident_words),
               (PROPHET, "prophet_context_tokens", prophet_words))
    memory = {row["gpu"]: f"{row['gpu']}\n{rounded(row['memory_gb'])} GB" for row in table.rows}
    for line, model in zip(panels, MODELS):
        rows = [row for row in table.rows if row["model"] == model]
        for axes, (name, column, words) in zip(line, columns):
            draw_heat(axes, rows, ("gpu", memory), "batch", column, words, LIMITS, shade_of)
            axes.set_title(f"{model}, {name}", loc="left")
            axes.set_xlabel("batch" if model == MODELS[-1] else "")
    return finish(figure, table, "Longest context that a GPU has room for: all experts resident, and with Prophet")


PICTURES = [Picture("context_heat_map", rows_of, draw)]
