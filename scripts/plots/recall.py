"""Recall by layer and lookahead, of prophet eval-predictor: a panel a lookahead, a line a predictor."""
from plots.picture import DASHES, label, legend_beside, plt, save, set_title, styles
from plots.result_file import BadResult, group, rows_with

LOOKAHEADS_MAX = 4


def draw_panel(axes, rows, ahead, style, dash):
    for (predictor,), line in group(rows, "predictor").items():
        line = sorted(line, key=lambda row: row["layer"])
        colour, marker = style[predictor]
        axes.plot([row["layer"] for row in line], [row["recall_at_k"] for row in line], color=colour, marker=marker,
                  markersize=5, linestyle=dash[predictor], linewidth=1.3, label=label(predictor))
    layers = [row["layer"] for row in rows]
    axes.axvspan(-0.5, ahead - 0.5, color="#eeeeee", zorder=0)
    axes.set(title=f"{ahead} layer{'s' * (ahead != 1)} ahead", xlabel="layer that is forecast", ylim=(0, 1.04),
             xlim=(-0.5, max(layers) + 0.5))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)


def draw(result, folder):
    of_layers = [row for row in rows_with(result.rows, "layer", "ahead", "recall_at_k")
                 if row["ahead"] > 0 and row.get("scope", "layer") == "layer"]
    if not of_layers:
        raise BadResult("recall by layer needs layer, ahead and recall_at_k: expected numbers")
    lookaheads = group(of_layers, "ahead")
    shown = sorted(lookaheads)[:LOOKAHEADS_MAX]
    names = list(dict.fromkeys(row["predictor"] for row in of_layers))
    style = styles(names)
    dash = {name: DASHES[at % len(DASHES)] for at, name in enumerate(names)}
    figure, panels = plt.subplots(1, len(shown), figsize=(1.6 + 2.6 * len(shown), 4), layout="constrained",
                                  squeeze=False, sharey=True)
    for axes, ahead in zip(panels[0], shown):
        draw_panel(axes, lookaheads[ahead], ahead[0], style, dash)
    panels[0][0].set_ylabel("recall@k (k: experts that the layer wants)")
    handles, texts = panels[0][0].get_legend_handles_labels()
    handles.append(plt.Rectangle((0, 0), 1, 1, color="#eeeeee"))
    legend_beside(panels[0][-1], handles, [*texts, "forecast from\nthe token before"])
    set_title(figure, f"Recall by layer and lookahead, batch {result.provenance.get('batch', 1)}", result.provenance)
    save(figure, folder, "recall")
