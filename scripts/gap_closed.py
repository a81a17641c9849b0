#!/usr/bin/env python3
"""Usage: gap_closed.py FILE

Prints, of FILE, which `prophet sweep --policy static,forecast,one-step --json FILE` wrote, which share of the gap between
simple policies and a clairvoyant cache policy forecast closes: a Markdown table of hit rates in %, a row for each batch and
number of slabs, and the share pooled over the cells whose gap is at least one point (sum of gains over sum of gaps).

Everything is counted on decode steps alone, for that is what the bound is counted on. The gap is that from the better of LRU
and static placement to Belady with bypass, which has the staging slabs too. Exit codes: 0; 2 usage; 3 not such a file.
"""
import json
import sys

GAP_POINTS_MIN = 1.0  # of a cell that is pooled
LOSS_POINTS = 0.5  # below the better simple policy: named
NEEDED = ("lru", "static", "forecast")
POLICIES = (*NEEDED, "one-step")  # the last where FILE has it


class BadFile(Exception):
    pass


def decode_hit_rate(row):
    """In %. A row counts prefill passes among all requests, and once more by themselves."""
    requests = row["requests"] - row["prefill_requests"]
    missed = row["miss"] - row["prefill_miss"]
    return 100 * (1 - missed / requests)


def cells_of(document):
    """[(batch, share of the experts in %, {policy: hit rate})] with the bound as policy belady, in the order of the file."""
    experts = document["provenance"]["layers"] * document["provenance"]["experts"]
    found = {}
    for row in document["rows"]:
        if row["predictor"] != "none" or row["miss_mode"] != "copy" or row["policy"] not in POLICIES:
            continue
        rates = found.setdefault((row["batch"], row["slabs"]), {})
        rates.setdefault(row["policy"], decode_hit_rate(row))
        rates.setdefault("belady", 100 * (1 - row["bound_misses"] / row["bound_requests"]))
    for (batch, slabs), rates in found.items():
        missing = [policy for policy in NEEDED if policy not in rates]
        if missing:
            raise BadFile(f"batch {batch} with {slabs} slabs has no row of {', '.join(missing)}, expected one of each of "
                          f"{', '.join(NEEDED)} without a predictor")
    return [(batch, 100 * slabs / experts, rates) for (batch, slabs), rates in found.items()]


def closed(rates, policy):
    """(gain, gap) over the better simple policy, in points."""
    simple = max(rates["lru"], rates["static"])
    return rates[policy] - simple, rates["belady"] - simple


def pooled(cells, policy):
    pairs = [closed(rates, policy) for _, _, rates in cells if policy in rates]
    pairs = [(gain, gap) for gain, gap in pairs if gap >= GAP_POINTS_MIN]
    return f"{100 * sum(gain for gain, _ in pairs) / sum(gap for _, gap in pairs):.1f} %" if pairs else "-"


def share(rates, policy):
    if policy not in rates or closed(rates, policy)[1] <= 0:
        return "-"
    gain, gap = closed(rates, policy)
    return f"{100 * gain / gap:.0f} %" + (" of less than a point" if gap < GAP_POINTS_MIN else "")


def print_table(cells):
    print("| batch | slabs | LRU | static | forecast | one-step | Belady | closed | by one-step |")
    print("|---|---|---|---|---|---|---|---|---|")
    for batch, percent, rates in cells:
        numbers = " | ".join(f"{rates[policy]:.1f}" if policy in rates else "-" for policy in (*POLICIES, "belady"))
        print(f"| {batch} | {percent:g} % | {numbers} | {share(rates, 'forecast')} | {share(rates, 'one-step')} |")


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as file:
            cells = cells_of(json.load(file))
        if not cells:
            raise BadFile(f"expected rows of the policies {', '.join(NEEDED)}")
    except (OSError, ValueError, KeyError, TypeError, BadFile) as error:
        what = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else error
        print(f"gap_closed: '{arguments[0]}': {what}", file=sys.stderr)
        return 3
    print_table(cells)
    print(f"\npooled: forecast {pooled(cells, 'forecast')}, one-step {pooled(cells, 'one-step')}")
    losses = [f"batch {batch}, {percent:g} %" for batch, percent, rates in cells if closed(rates, "forecast")[0] < -LOSS_POINTS]
    print(f"more than {LOSS_POINTS} points below the better of LRU and static: {'; '.join(losses) or 'no cell'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
