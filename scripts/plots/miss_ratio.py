"""Miss ratio over cache size, of prophet curve."""
from plots.picture import DASHES, label, plt, save, set_title, styles
from plots.result_file import BadResult, group, rows_with

POINTS_MARKED_MAX = 16  # of a curve of more points the line alone is drawn


def draw_curve(axes, rows, name, style, dash):
    rows = sorted(rows, key=lambda row: row["slabs"])
    colour, marker = style
    every = max(1, len(rows) // POINTS_MARKED_MAX)
    axes.plot([row["slabs"] for row in rows], [1 - row["hit_rate"] for row in rows], color=colour, marker=marker,
              markersize=4, markevery=every, linestyle=dash, linewidth=1.4, label=label(name))


def draw(result, folder):
    rows = rows_with(result.rows, "slabs", "hit_rate")
    if not rows:
        raise BadResult("a miss-ratio curve needs slabs and hit_rate: expected numbers")
    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    curves = group(rows, "policy")
    style = styles([policy for policy, in curves])
    for at, ((policy,), points) in enumerate(curves.items()):
        draw_curve(axes, points, policy, style[policy], DASHES[at % len(DASHES)])
    experts = result.provenance.get("layers", 0) * result.provenance.get("experts", 0)
    axes.set(xlabel="cache slabs" + (f", of {experts} experts" if experts else ""), ylabel="miss ratio", ylim=(0, 1.02),
             xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(handlelength=3.2)
    set_title(figure, f"Miss ratio over cache size, batch {result.provenance.get('batch', 1)}", result.provenance)
    save(figure, folder, "miss_ratio")
