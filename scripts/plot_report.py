#!/usr/bin/python3
"""Draws pictures from result files, every number of which stands in the file.

  plot_report.py FILE OUT      what FILE is of, as SVG and PNG in the folder OUT: miss_ratio (prophet curve --json), stall
                               (sweep or replay --json), recall (eval-predictor --json), waterfall (a --timeline)
  plot_report.py --sweep FILE --curve FILE --out OUT
                               the pictures of a report: hit_rate.png, step_time.png, bytes.png. A picture for which the
                               files have no numbers is left out, and stderr says so.

Simulated times are called so in the picture. Exit codes: 0; 1 nothing could be drawn; 2 usage, or no matplotlib.
"""
import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))  # plots, whoever loads this file
try:
    import matplotlib
except ImportError:
    print("plot_report: matplotlib is not installed: expected the package python3-matplotlib, which scripts/setup "
          "installs for /usr/bin/python3", file=sys.stderr)
    sys.exit(2)

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be chosen first)

from plots import miss_ratio, recall, stall, waterfall  # noqa: E402
from plots.picture import BOUNDS  # noqa: E402
from plots.result_file import BadResult, group, read_result, rows_with  # noqa: E402

# The parts of a bar, from the bottom up, with their colours.
STEP_PARTS = {"compute": "#4477aa", "stall": "#cc6677", "other (submission, host)": "#bbbbbb"}
BYTES_PARTS = {"demand": "#bbbbbb", "prefetched, useful in time": "#228833", "prefetched, useful but late": "#ccbb44",
               "prefetched, wasted or cancelled": "#ee6677"}
BATCHES_DRAWN_MAX = 3
STACKED_POLICY = "lru"
MARKERS = "os^Dv<>ph"


def read_rows(path):
    """The rows and the provenance of one result file; none if there is no such file."""
    if path is None or not path.is_file():
        return [], {}
    result = json.loads(path.read_text(encoding="utf-8"))
    return result.get("rows", []), result.get("provenance", {})


def asked_rows(sweep, provenance):
    """The rows that were asked for, without baselines, each with the share of the experts that has a slab."""
    experts = provenance.get("layers", 0) * provenance.get("experts", 0)
    rows = [dict(row) for row in sweep if not row.get("is_baseline")]
    for row in rows:
        if experts and "slabs" in row:
            row.setdefault("slab_fraction", round(row["slabs"] / experts, 4))
    return rows


def all_resident_ms(sweep):
    """{batch: mean step of the baseline that has all experts on the device}"""
    resident = [row for row in sweep if row.get("is_baseline") and row.get("policy") == "all-resident"]
    return {row.get("batch", 1): row["step_ns_mean"] / 1e6 for row in rows_with(resident, "step_ns_mean")}


def label(policy, predictor=None):
    parts = [name for name in (policy, predictor) if name not in (None, "none")]
    text = " + ".join(parts) or "no prefetch"
    return f"{text} (bound)" if any(name in BOUNDS for name in parts) else text


def finish(figure, path, title, rows, footnote):
    simulated = {bool(row.get("simulated")) for row in rows}
    note = {(True,): "simulated", (False, True): "partly simulated"}.get(tuple(sorted(simulated)), "")
    figure.suptitle(f"{title} ({note})" if note else title)
    if footnote:
        figure.supxlabel(footnote, fontsize="x-small", color="#666666")
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(path.name)


def hit_rate(row):
    requests = row["requests"] - row.get("prefill_requests", 0)
    return (row["hit_on_time"] - row.get("prefill_hit_on_time", 0)) / requests if requests else float("nan")


def nested(most, least, count):
    """Sizes of `count` things drawn on top of each other, so that each shows around the next."""
    return [most - (most - least) * at / max(count - 1, 1) for at in range(count)]


def draw_curves(axes, curve, colour):
    groups = group(sorted(curve, key=lambda row: row["slabs"]), "policy")
    for ((policy,), rows), width in zip(groups.items(), nested(3.5, 1.2, len(groups))):
        axes.plot([row["slabs"] for row in rows], [row["hit_rate"] for row in rows],
                  "--" if policy in BOUNDS else "-", linewidth=width, color=colour[policy],
                  label=f"curve: {label(policy)}")


def draw_reached(axes, reached, colour):
    """One hollow mark a policy, of its own shape, smaller than the one before: equal hit rates stay visible."""
    smallest = min((row.get("batch", 1) for row in reached), default=1)
    groups = group([row for row in reached if row.get("batch", 1) == smallest], "policy")
    for at, (((policy,), rows), size) in enumerate(zip(groups.items(), nested(13, 6, len(groups)))):
        axes.plot([row["slabs"] for row in rows], [hit_rate(row) for row in rows], MARKERS[at % len(MARKERS)],
                  markersize=size, markerfacecolor="none", markeredgewidth=1.8, color=colour[policy], zorder=3,
                  label=f"replay, batch {smallest}: {label(policy)}")


def draw_hit_rate(curve, sweep, path, footnote):
    """Lines: the curve of each policy. Marks: what the sweep's cache without prefetch reached at its smallest batch."""
    curve = rows_with(curve, "slabs", "hit_rate")
    reached = [row for row in rows_with(sweep, "slabs", "hit_on_time", "requests")
               if row.get("predictor", "none") == "none"]
    if not curve and not reached:
        return False
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    names = dict.fromkeys(row.get("policy") for row in curve + reached)
    colour = {policy: f"C{i}" for i, policy in enumerate(names)}
    draw_curves(axes, curve, colour)
    draw_reached(axes, reached, colour)
    axes.set(xlabel="cache slabs", ylabel="hit rate", ylim=(0, 1.04), xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", markerscale=0.7)
    finish(figure, path, "Hit rate over cache size", [], footnote)  # counts are exact on any device
    return True


def draw_stacks(axes, columns, parts, x_labels):
    """Stacked bars: `columns` is {name: one dict of part heights for each x}, side by side at each x."""
    width = 0.8 / max(len(columns), 1)
    for at, heights in enumerate(columns.values()):
        x = [i + (at - (len(columns) - 1) / 2) * width for i in range(len(x_labels))]
        floor = [0.0] * len(x_labels)
        for part, colour in parts.items():
            values = [height.get(part, 0.0) for height in heights]
            axes.bar(x, values, width * 0.92, bottom=floor, color=colour, label=part if at == 0 else None)
            floor = [low + value for low, value in zip(floor, values)]
        for left, name_height in zip(x, floor):
            axes.annotate(list(columns)[at], (left, name_height), (0, 2), textcoords="offset points", rotation=90,
                          ha="center", va="bottom", fontsize="xx-small")
    axes.set_xticks(range(len(x_labels)), x_labels)
    tallest = max((sum(height.values()) for heights in columns.values() for height in heights), default=0)
    axes.set_ylim(0, 1.4 * tallest or 1)  # room for the names above the bars
    axes.grid(axis="y", alpha=0.3)


def step_parts_ms(row):
    """The mean decode step."""
    steps = row["steps"] * 1e6 if row["steps"] else float("inf")
    busy = tuple((row[key] - row.get(f"prefill_{key}", 0)) / steps for key in ("compute_ns", "stall_ns"))
    return dict(zip(STEP_PARTS, (*busy, max(0.0, row["step_ns_mean"] / 1e6 - sum(busy)))))


def bytes_parts_gb(row):
    """All bytes that the run copied; those of late prefetches are among the useful ones."""
    late = row["bytes_prefetch_late"]
    parts = (row["bytes_demand"] + row.get("bytes_fill", 0), row["bytes_prefetch_useful"] - late, late,
             row["bytes_prefetch_wasted"] + row["bytes_prefetch_cancelled"])
    return {name: part / 1e9 for name, part in zip(BYTES_PARTS, parts)}


def draw_over_fractions(rows, parts_of, parts, y_label, title, path, footnote, goals=None):
    """One panel a batch, with a line at its all-resident goal; at each slab fraction one stack a predictor, all with
    the same policy."""
    policies = [row.get("policy") for row in rows]
    rows = [row for row in rows if row.get("policy") == (STACKED_POLICY if STACKED_POLICY in policies else policies[0])]
    batches = sorted({row.get("batch", 1) for row in rows})[:BATCHES_DRAWN_MAX]
    figure, panels = plt.subplots(1, len(batches), figsize=(5 * len(batches) + 1, 4.8), layout="constrained",
                                  squeeze=False)
    for axes, batch in zip(panels[0], batches):
        panel = [row for row in rows if row.get("batch", 1) == batch]
        fractions = sorted({row["slab_fraction"] for row in panel})
        columns = {}
        for (predictor,), group_rows in group(panel, "predictor").items():
            by_fraction = {row["slab_fraction"]: parts_of(row) for row in group_rows}
            columns[label(None, predictor)] = [by_fraction.get(fraction, {}) for fraction in fractions]
        draw_stacks(axes, columns, parts, [f"{fraction:g}" for fraction in fractions])
        if batch in (goals or {}):
            axes.axhline(goals[batch], color="black", linestyle="--", linewidth=1, label="mean step, all resident")
        axes.set(title=f"batch {batch}", xlabel="share of the experts that have a slab", ylabel=y_label)
    handles, names = panels[0][0].get_legend_handles_labels()
    panels[0][0].legend(handles[::-1], names[::-1], fontsize="small", loc="upper right")  # in the order of the stack
    finish(figure, path, f"{title}, policy {rows[0].get('policy')}", rows, footnote)


def draw_step_time(sweep, goals, path, footnote):
    rows = rows_with(sweep, "slab_fraction", "steps", "compute_ns", "stall_ns", "step_ns_mean")
    if not rows:
        return False
    draw_over_fractions(rows, step_parts_ms, STEP_PARTS, "mean step [ms]", "Step time", path, footnote, goals)
    return True


def draw_bytes(sweep, path, footnote):
    rows = rows_with(sweep, "slab_fraction", "bytes_demand", "bytes_prefetch_useful", "bytes_prefetch_late",
                     "bytes_prefetch_wasted", "bytes_prefetch_cancelled")
    if not rows:
        return False
    draw_over_fractions(rows, bytes_parts_gb, BYTES_PARTS, "copied to the device, whole run [GB]",
                        "Bytes on demand and prefetched", path, footnote)
    return True


def describe(provenance):
    """One line under each picture: what the numbers are of."""
    names = ("model", "device", "trace", "git_commit", "version")
    said = {"model": "sizes of"} if provenance.get("sizes_only") else {}
    parts = [f"{said.get(name, name)} {provenance[name]}" for name in names if isinstance(provenance.get(name), str)]
    return ", ".join(parts + ["synthetic trace"] * bool(provenance.get("trace_synthetic")))


def draw_file(path, folder, pass_number):
    """One picture of whatever the file is of. 0, or 1 with a sentence on stderr."""
    try:
        result = read_result(path)
        if result.kind == "timeline":
            waterfall.draw(result, folder, pass_number)
        else:
            {"miss ratio": miss_ratio, "stall": stall, "recall": recall}[result.kind].draw(result, folder)
    except BadResult as error:
        where = "" if str(path) in str(error) else f"{path}: "
        print(f"plot_report: {where}{error}", file=sys.stderr)
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=pathlib.Path, help="a result: draw what it is of")
    parser.add_argument("folder", nargs="?", type=pathlib.Path, help="where to")
    parser.add_argument("--pass", dest="pass_number", type=int, help="of a timeline: which pass through the layers, from 0; "
                        "default: of those with a prefetch the one of median length")
    parser.add_argument("--sweep", type=pathlib.Path, help="JSON file of prophet sweep")
    parser.add_argument("--curve", type=pathlib.Path, help="JSON file of prophet curve")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the pictures of a report")
    arguments = parser.parse_args()
    if arguments.file is not None and arguments.folder is not None:
        return draw_file(arguments.file, arguments.folder, arguments.pass_number)
    if arguments.file is not None or arguments.out is None:
        parser.error("expected FILE and OUT, or --out with --sweep or --curve")
    sweep, provenance = read_rows(arguments.sweep)
    goals = all_resident_ms(sweep)
    sweep = asked_rows(sweep, provenance)
    curve, curve_provenance = read_rows(arguments.curve)
    footnote = describe(provenance or curve_provenance)
    drawn = {
        "hit_rate.png": draw_hit_rate(curve, sweep, arguments.out / "hit_rate.png", footnote),
        "step_time.png": draw_step_time(sweep, goals, arguments.out / "step_time.png", footnote),
        "bytes.png": draw_bytes(sweep, arguments.out / "bytes.png", footnote),
    }
    missing = [name for name, done in drawn.items() if not done]
    if missing:
        print(f"plot_report: no numbers for {', '.join(missing)}", file=sys.stderr)
    return 1 if len(missing) == len(drawn) else 0


if __name__ == "__main__":
    sys.exit(main())
