"""Mean stall of a decode step over the slabs, of prophet sweep (or replay): a panel a batch, a line a policy and
predictor."""
from plots.picture import DASHES, label, legend_beside, plt, save, set_title, styles
from plots.result_file import BadResult, group, rows_with

BATCHES_MAX = 4
COUNTED = ("slabs", "stall_ns", "steps")


def stall_ms(row):
    """Of the mean decode step."""
    return (row["stall_ns"] - row.get("prefill_stall_ns", 0)) / row["steps"] / 1e6


def draw_panel(axes, rows, style, dash):
    for (policy, predictor, misses), line in group(rows, "policy", "predictor", "miss_mode").items():
        line = sorted(line, key=lambda row: row["slabs"])
        colour, marker = style[policy]
        name = label(policy, predictor) + (f", misses {misses}" if misses not in (None, "copy") else "")
        axes.plot([row["slabs"] for row in line], [stall_ms(row) for row in line], color=colour, marker=marker,
                  markersize=5, markerfacecolor="white" if predictor != "none" else colour,
                  linestyle=dash[predictor, misses], linewidth=1.3, label=name)
    axes.set(ylim=(0, None), xlim=(0, None))
    axes.grid(alpha=0.3)


def draw(result, folder):
    asked = [row for row in rows_with(result.rows, *COUNTED) if not row.get("is_baseline") and row["steps"]]
    if not asked:
        raise BadResult("stall against slabs needs slabs, stall_ns and steps: expected numbers, which the test vehicle "
                        "has none of")
    batches = group(asked, "batch")
    shown = sorted(batches)[:BATCHES_MAX]
    style = styles(list(dict.fromkeys(row["policy"] for row in asked)))
    ways = dict.fromkeys((row.get("predictor"), row.get("miss_mode")) for row in asked)
    dash = {way: DASHES[at % len(DASHES)] for at, way in enumerate(ways)}
    figure, panels = plt.subplots(1, len(shown), figsize=(1.4 + 3.4 * len(shown), 4.2), layout="constrained",
                                  squeeze=False)
    for axes, batch in zip(panels[0], shown):
        draw_panel(axes, batches[batch], style, dash)
        experts = result.provenance.get("layers", 0) * result.provenance.get("experts", 0)
        axes.set(title=f"batch {batch[0]}", xlabel="cache slabs" + (f", of {experts} experts" if experts else ""))
    panels[0][0].set_ylabel("stall of the mean decode step [ms]")
    legend_beside(panels[0][-1])
    set_title(figure, "Stall against slabs", result.provenance)
    save(figure, folder, "stall")
