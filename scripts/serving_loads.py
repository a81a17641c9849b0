#!/usr/bin/env python3
"""Usage: serving_loads.py PROPHET TRACE REQUESTS_DIR [--keep DIR] [--name NAME]...

Runs `PROPHET serve-replay` over four request files at several loads each, and prints a Markdown table: the best, the median
and the worst fixed share of the memory, and the boundary that moves, in good requests a second and in % of the best one.
Memory, lengths and loads are those of docs/serving.md. All times are SIMULATED.

  --keep DIR    leaves the results as NAME-LOAD.json in DIR, and takes from there those that it finds
  --name NAME   only this one of conversations, code, mooncake-conversations and mooncake-synthetic; may be given again

Exit codes: 0; 2 usage; else the first that a run failed with.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

AZURE = ("--memory-gib", "10", "--requests-max", "400")
MOONCAKE = ("--memory-gib", "12", "--requests-max", "150", "--context-max", "65536")
WORKLOADS = {
    "conversations": ("AzureLLMInferenceTrace_2023_conv.csv", AZURE, (0.3, 0.34, 0.36, 0.38, 0.4, 0.42, 0.45, 0.5)),
    "code": ("AzureLLMInferenceTrace_2023_code.csv", AZURE, (0.8, 0.9, 1.0, 1.1, 1.2, 1.4)),
    "mooncake-conversations": ("mooncake_fast25_conversation.jsonl", MOONCAKE, (0.2, 0.25, 0.3, 0.35, 0.4, 0.5)),
    "mooncake-synthetic": ("mooncake_fast25_synthetic.jsonl", MOONCAKE, (0.3, 0.35, 0.4, 0.45, 0.5, 0.6)),
}


def serve(arguments, name, load, directory):
    """The rows of one run."""
    result = directory / f"{name}-{load}.json"
    if not result.exists():
        requests, options, _ = WORKLOADS[name]
        command = [arguments.prophet, "serve-replay", "--trace", arguments.trace, "--model", "gpt-oss-20b",
                   "--requests", str(pathlib.Path(arguments.requests) / requests), *options,
                   "--load", str(load), "--json", str(result), "--quiet"]
        run = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if run.returncode != 0:
            sys.exit(run.returncode)
    return json.loads(result.read_text())["rows"]


def table_row(name, load, rows):
    fixed = sorted(((row["goodput_per_s"], row["kv_share"]) for row in rows if row["boundary"] == "fixed"), reverse=True)
    adaptive = next(row for row in rows if row["boundary"] == "adaptive")
    best, share = fixed[0]
    goodputs = [goodput for goodput, _ in fixed]
    return (f"| {name} | {load} | {best:.3f} ({share:.0%}) | {statistics.median(goodputs):.3f} | {goodputs[-1]:.3f} "
            f"| {adaptive['goodput_per_s']:.3f} | {adaptive['goodput_per_s'] / best:.1%} "
            f"| {adaptive['moves_per_thousand_steps']:.0f} | {1000 * adaptive['turns'] / adaptive['steps']:.1f} |")


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("prophet")
    parser.add_argument("trace")
    parser.add_argument("requests")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--name", choices=WORKLOADS, action="append")
    parser.add_argument("-h", "--help", action="store_true")
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        return
    arguments = parser.parse_args()
    print("| requests | load | best fixed | median | worst | adaptive | of the best | moves a thousand steps | turns |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        directory = arguments.keep or pathlib.Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        for name in arguments.name or WORKLOADS:
            for load in WORKLOADS[name][2]:
                print(table_row(name, load, serve(arguments, name, load, directory)), flush=True)


main()
