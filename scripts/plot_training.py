#!/usr/bin/python3
"""Draws how a model learnt: bits per byte of training and validation over the bytes of text it had seen.

Reads loss.csv and facts.json of the folder that scripts/train_sample_model.py wrote, and writes loss.png beside them.
The line across is an n-gram model of the same text, which a language model has to beat; it and the mark at the end are
of the whole validation part, the curve of a part of it. Without facts.json, as while training still runs, both are
left out, and stderr says so.
"""
import argparse
import csv
import json
import math
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be chosen first)

COLUMNS = ("bytes", "train_bits_per_byte", "validation_bits_per_byte")
TRAINING, VALIDATION, NGRAM = "#88aacc", "#cc3311", "#444444"


def read_curve(path):
    """{column: numbers} of loss.csv."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = [name for name in COLUMNS if not rows or rows[0].get(name) is None]
    if missing:
        raise SystemExit(f"{path}: has no {', '.join(missing)}, expected rows of scripts/train_sample_model.py")
    return {name: [float(row[name]) for row in rows] for name in COLUMNS}


def read_facts(path):
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    print(f"plot_training: no {path.name}: the n-gram model and the mark at the end are left out", file=sys.stderr)
    return {}


def shown(curve, ngram):
    """Bottom and top of the picture: from 0 to the 8 bits of the first steps, all else would be pressed together."""
    lowest = min(curve["validation_bits_per_byte"] + curve["train_bits_per_byte"])
    return max(0.0, math.floor(2 * lowest - 0.5) / 2), max(1.35 * (ngram or 0), 2.2 * lowest)


def name_end(axes, y, text, colour):
    """A number at the right end of a line, outside the axes."""
    axes.annotate(text, (1, y), (8, 0), xycoords=("axes fraction", "data"), textcoords="offset points", color=colour,
                  va="center", fontsize="small", annotation_clip=False)


def draw(curve, facts, path):
    ngram = facts.get("ngram_order_4_validation_bits_per_byte")
    seen = [count / 1e6 for count in curve["bytes"]]
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    axes.plot(seen, curve["train_bits_per_byte"], color=TRAINING, linewidth=1,
              label="training, the text of that step")
    axes.plot(seen, curve["validation_bits_per_byte"], "o-", color=VALIDATION, markersize=2.5, linewidth=1.6,
              label="validation, a part of the held-out documents")
    last = curve["validation_bits_per_byte"][-1]
    if facts:
        last = facts["validation_bits_per_byte"]
        axes.plot(seen[-1], last, "D", color=VALIDATION, markersize=7, clip_on=False, zorder=3,
                  label="validation, all held-out documents, weights as shipped")
        axes.axhline(ngram, color=NGRAM, linestyle="--", linewidth=1.2,
                     label="4-gram model of bytes, all held-out documents")
        name_end(axes, ngram, f"{ngram:.2f}", NGRAM)
    name_end(axes, last, f"{last:.2f}", VALIDATION)
    axes.set(xlabel="text seen in training [MB]", ylabel="bits per byte (lower is better)", xlim=(0, seen[-1]),
             ylim=shown(curve, ngram))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="upper right")
    figure.suptitle("How the sample model learnt")
    if facts:
        figure.supxlabel(describe(facts), fontsize="x-small", color="#666666")
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(path.name)


def describe(facts):
    """One line under the picture: what was trained, on what, for how long."""
    parts = [f"{facts['parameters'] / 1e6:.1f} M parameters", f"{facts['steps']} steps", facts["corpus"],
             f"{facts['cpu_seconds'] / 60:.0f} CPU minutes on {facts['threads']} threads", f"seed {facts['seed']}"]
    return ", ".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="with loss.csv and facts.json")
    folder = parser.parse_args().folder
    draw(read_curve(folder / "loss.csv"), read_facts(folder / "facts.json"), folder / "loss.png")


if __name__ == "__main__":
    main()
