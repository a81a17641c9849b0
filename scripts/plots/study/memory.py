"""Memory: of the experts, in five parts, and over the context."""
from plots.study.answers import in_gb
from plots.study.look import FILLS, PROPHET, RESIDENT, SMALL, bars, beside, figure_of, finish, patches, rounded
from plots.study.outcome import savings
from plots.study.table import Picture

FITTED = ("mixtral-8x7b", "deepseek-moe-16b", "switch-base-128", "qwen1.5-moe-a2.7b", "olmoe-1b-7b")
GPU = "a100-80gb"  # of both breakdowns in the study


def expert_memory_rows(answers, catalogue):
    grid, provenance = answers.grid(catalogue)
    rows = []
    for row in grid:
        if row["model"] in FITTED and row["gpu"] == GPU and row["batch"] in (1, 16):
            resident, prophet = in_gb(row["all_resident_expert_bytes"]), in_gb(row["prophet_expert_bytes"])
            if catalogue == "study":
                resident, prophet = row["study_expert_buffer_gb"], row["study_prophet_expert_gb"]
            rows.append({"model": row["model"], "batch": row["batch"], "all_resident_experts_gb": resident,
                         "prophet_experts_gb": prophet, "savings_percent": savings(row)})
    unit = "A GB of experts is 1024 MB here" if catalogue == "study" else "GB of 10^9 bytes, experts in bf16"
    return rows, {**provenance, "note": f"{unit}. A batch is the tokens that one decode step routes together."}


def draw_expert_memory(table):
    batches = sorted({row["batch"] for row in table.rows})
    figure, panels = figure_of(1, len(batches), (8, 4), sharey=True, sharex=True)
    for axes, batch in zip(panels[0], batches):
        rows = [row for row in table.rows if row["batch"] == batch]
        for at, row in enumerate(rows):
            resident, prophet = row["all_resident_experts_gb"], row["prophet_experts_gb"]
            bars(axes, at - 0.2, resident, FILLS[RESIDENT])
            bars(axes, at + 0.2, prophet, FILLS[PROPHET])
            saved = f"{row['savings_percent']:.1f} %" if row["savings_percent"] else "nothing"
            beside(axes, rounded(resident), resident, at - 0.2)
            beside(axes, f"{rounded(prophet)}, {saved} saved", prophet, at + 0.2)
        axes.set_title(f"batch {batch}", loc="left")
        axes.set_xlabel("experts on the GPU [GB]")
        axes.set_yticks(range(len(rows)), [row["model"] for row in rows])
    panels[0][0].invert_yaxis()
    panels[0][0].set_xlim(0, 1.65 * max(row["all_resident_experts_gb"] for row in table.rows))
    panels[0][-1].legend(handles=patches(FILLS), loc="lower right", fontsize=SMALL)
    return finish(figure, table, "Experts that stay on the GPU: all, or as many as a batch wants by the power law")


PICTURES = [Picture("expert_memory", expert_memory_rows, draw_expert_memory)]
