"""How pictures look, and what each says of its numbers: readable in print and by the colour-blind."""
import itertools

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be chosen first)

BOUNDS = ("belady", "grouped-belady", "one-step", "oracle")  # they look ahead: no real policy or predictor reaches them
# Okabe and Ito's colours, black for bounds; each has its mark besides.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS, BOUND_MARKERS = "osD^v<>", "x+*"
DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1, 1, 1)))
GREY = "#555555"

plt.rcParams.update({
    "font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "svg.fonttype": "none", "svg.hashsalt": "prophet",  # small, and the same bytes from the same numbers
})


def styles(names):
    """{name: its colour and marker}; black for bounds, and for whatever comes after the last colour."""
    looks = itertools.chain(zip(COLOURS, MARKERS), itertools.repeat(("black", "P")))
    bounds = zip(itertools.repeat("black"), itertools.cycle(BOUND_MARKERS))
    return {name: next(bounds if name in BOUNDS else looks) for name in names}


def label(policy, predictor=None):
    parts = [name for name in (policy, predictor) if name not in (None, "none")]
    return " + ".join(parts) + (" (bound)" if any(name in BOUNDS for name in parts) else "")


def provenance_line(provenance):
    """Trace, model, device, seed and commit, as far as the file says."""
    text = provenance.get
    recorded_from, model = text("trace_model"), text("model")
    device = text("device")
    if device and text("simulated"):
        device += ", SIMULATED"
    parts = [("trace", text("trace")), ("text", text("text")), ("of model", recorded_from or model),
             ("at the sizes of", model if recorded_from and model != recorded_from else None), ("on", device),
             ("seed", text("seed")), ("prophet", text("version")), ("commit", text("git_commit"))]
    line = ", ".join(f"{name} {value}" for name, value in parts if value is not None)
    line += " (modified)" * bool(text("git_dirty"))
    return line + ", SYNTHETIC routing" * bool(text("trace_synthetic"))


def set_title(figure, title, provenance):
    figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    figure.supxlabel(provenance_line(provenance), fontsize=6.5, color=GREY, x=0.01, ha="left")


def legend_beside(axes, handles=None, names=None):
    """Right of the last panel."""
    if handles is None:
        handles, names = axes.get_legend_handles_labels()
    axes.legend(handles, names, loc="center left", bbox_to_anchor=(1.03, 0.5), fontsize=8, handlelength=3.2)


def save(figure, folder, name):
    """NAME.svg and NAME.png; prints both names."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=160)
    plt.close(figure)
    print(f"{name}.svg\n{name}.png")
