#!/usr/bin/env python3
"""Writes report.md and report.json from what scripts/gpu left in a folder.

Exits with 1, and names them on stderr, if steps failed. A time of the test vehicle is never written: there, every
figure that is one stands as "-" in the tables and as null in the JSON.
"""
import argparse
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

import gpu_forecasts
from gpu_tables import PREDICTIONS, hit_share, milliseconds, percent, read_json, rows_of, table

SCHEMA_VERSION = 1
BAD = ("failed", "timed out")
VEHICLE_LINE = ("**This report comes from the test vehicle, which runs CUDA sources on the CPU: no GPU took part, and no "
                "time in it is a time.**")
MEASUREMENTS = {"copy": "Copies between host and device", "kernels": "Kernels beside the roofline",
                "boundary": "The boundary between experts and KV pages: re-typed slabs and virtual memory"}
# A replay on the GPU, and which simulated one predicts it.
REPLAYS = [("-graph-on", "", "captured steps"), ("-graph-off", "", "uncaptured"),
           ("-prefetch", "-prefetch", "with a predictor")]


def read_text(path, default="unknown"):
    return path.read_text(errors="replace").strip() if path.is_file() else default


def read_steps(folder):
    keys = ("name", "status", "exit_code", "limit_s", "text")
    lines = read_text(folder / "steps.tsv", "").splitlines()
    steps = [dict(zip(keys, line.split("\t", 4))) for line in lines]
    for step in steps:
        step["exit_code"], step["limit_s"] = int(step["exit_code"]), int(step["limit_s"])
    return steps


def fenced(text):
    return f"```\n{text.rstrip()}\n```\n"


def relative_error(predicted, measured):
    """(predicted - measured) / measured; None where one of them is no time."""
    return None if not measured or predicted is None else (predicted - measured) / measured


def predict(row, simulated, has_times):
    """What a simulated row says of a measured one."""
    if simulated is None:
        return {"step_ns_p50": None, "error": None, "hit_share": None}
    step_ns = simulated["step_ns_p50"] if has_times else None
    return {"step_ns_p50": step_ns, "error": relative_error(step_ns, row["step_ns_p50"]),
            "hit_share": hit_share(simulated)}


def compare_trace(folder, number, has_times):
    """Every measured row of one trace with its predictions."""
    compared = []
    for measured_as, simulated_as, how in REPLAYS:
        predictions = {kind: rows_of(folder, f"replay{number}{simulated_as}-sim-{kind}") for kind, _ in PREDICTIONS}
        for key, row in rows_of(folder, f"replay{number}{measured_as}").items():
            compared.append({
                "how": how, "policy": row["policy"], "predictor": row["predictor"], "slabs": row["slabs"],
                "steps": row["steps"], "captured_steps": row.get("captured_steps"), "hit_share": hit_share(row),
                "step_ns_p50": row["step_ns_p50"] if has_times else None,
                "step_ns_p99": row["step_ns_p99"] if has_times else None,
                "predictions": {kind: predict(row, rows.get(key), has_times) for kind, rows in predictions.items()}})
    return compared


def compare_traces(folder, has_times):
    numbers = sorted({int(found[1]) for path in folder.glob("replay*.json")
                      if (found := re.match(r"replay(\d+)-", path.name))})
    return {number: compare_trace(folder, number, has_times) for number in numbers}


def comparison_line(row):
    cells = [row["policy"] + ("" if row["predictor"] == "none" else f" + {row['predictor']}"), row["how"], row["slabs"],
             row["steps"], "-" if row["captured_steps"] is None else row["captured_steps"], percent(row["hit_share"]),
             milliseconds(row["step_ns_p50"]), milliseconds(row["step_ns_p99"])]
    for kind, _ in PREDICTIONS:
        prediction = row["predictions"][kind]
        cells += [percent(prediction["hit_share"]), milliseconds(prediction["step_ns_p50"]),
                  percent(prediction["error"])]
    return cells


def comparison_text(folder, number, rows):
    provenance = next((document["provenance"] for path in sorted(folder.glob(f"replay{number}-*.json"))
                       if (document := read_json(path))), {})
    headings = ["policy", "how", "slabs", "steps", "captured", "hit %", "step p50, ms", "p99, ms"]
    for _, name in PREDICTIONS:
        headings += [f"{name}: hit %", f"{name}: p50, ms", f"{name}: error %"]
    drawn = " (SYNTHETIC, never recorded)" if provenance.get("trace_synthetic") else ""
    trace = pathlib.Path(provenance.get("trace", "unknown")).name
    return (f"\n### {trace}{drawn}, {provenance.get('model', 'unknown')}\n\n" +
            table(headings, map(comparison_line, rows)))


def live_run(folder, has_times):
    """What the sample model did on the device, and how far its logits are from the cpu's."""
    document = read_json(folder / "generate.json")
    if document is None:
        return None
    row, compared = document["rows"][0], document["compared_with"]
    return {"slabs": row["slabs"], "steps": row["steps"], "hit_share": hit_share(row),
            "step_ns_p50": row["step_ns_p50"] if has_times else None,
            "identical_to_all_resident": document["identical_to_all_resident"],
            "positions": compared["positions"], "other_tokens": compared["other_tokens"],
            "largest_logit_difference": compared["largest_difference"]}


def live_text(found):
    if found is None:
        return "The step `generate` left no result.\n"
    rows = [("cache slabs", found["slabs"]), ("decode steps", found["steps"]), ("hit %", percent(found["hit_share"])),
            ("step p50, ms", milliseconds(found["step_ns_p50"])),
            ("identical to all experts resident", "yes" if found["identical_to_all_resident"] else "**NO**"),
            ("logits beside the cpu device", f"at {found['positions']} positions at most "
             f"{found['largest_logit_difference']:.1e} of the largest one; {found['other_tokens']} would choose another "
             "token")]
    return "The sample model of `data/sample_model`; its text is in `generate.log`.\n\n" + table(["", ""], rows)


def calibration(folder, has_times):
    document = read_json(folder / "calibrate.json")
    if document is None:
        return None
    keys = ("median_error", "p90_error")
    return {"rows": len(document["rows"]), **{key: document.get(key) if has_times else None for key in keys}}


def calibration_text(found):
    if found is None:
        return "The step `calibrate` left no result.\n"
    return (f"{found['rows']} configurations that were not fitted: median error {percent(found['median_error'])} %, 90th "
            f"percentile {percent(found['p90_error'])} %. Their table is in `calibrate.log`.\n")


def test_counts(path):
    """Names by status in what ctest wrote."""
    counts = {"run": [], "notrun": [], "disabled": [], "fail": []}
    if path.is_file():
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            counts.setdefault(case.get("status"), []).append(case.get("name"))
    return counts


def machine(folder):
    info = read_json(folder / "info.json") or {}
    cuda, host = info.get("cuda", {}), info.get("host", {})
    changed = read_text(folder / "changed-files.txt", "")
    return {"date": read_text(folder / "date.txt"), "commit": read_text(folder / "commit.txt"),
            "changed_files": changed.splitlines(), "gpus": cuda.get("gpus", []),
            "driver_for_cuda": cuda.get("driver_version"), "toolkit": cuda.get("toolkit_version"),
            "compiler": info.get("build", {}).get("compiler"), "build_type": info.get("build", {}).get("build_type"),
            "cpu": host.get("cpu"), "cores": host.get("cores"), "memory_bytes": host.get("memory_bytes"),
            "nvidia_smi": (folder / "nvidia-smi.log").is_file(), "command": read_text(folder / "command.txt"),
            "test_vehicle": bool(cuda.get("test_vehicle"))}


def driver_lines(folder):
    """Driver and clocks as nvidia-smi tells them."""
    wanted = r"^\s*(Driver Version|CUDA Version|Product Name|(Max )?(Graphics|SM|Memory)|Persistence Mode)\s+:"
    return [line.strip() for line in read_text(folder / "nvidia-smi.log", "").splitlines() if re.match(wanted, line)]


def collect(folder):
    about = machine(folder)
    has_times = not about["test_vehicle"]
    counts = test_counts(folder / "tests.xml")
    return {"schema_version": SCHEMA_VERSION, "test_vehicle": about["test_vehicle"],
            "times_mean_something": has_times, "machine": about, "steps": read_steps(folder),
            "tests": {status: len(names) for status, names in counts.items()},
            "live": live_run(folder, has_times), "calibration": calibration(folder, has_times),
            **gpu_forecasts.collect(folder, has_times),
            "replays": {str(number): rows for number, rows in compare_traces(folder, has_times).items()},
            "measurements": {name: read_json(folder / f"measure-{name}.json") for name in MEASUREMENTS}}


def summary_text(report):
    steps = report["steps"]
    bad = [step["name"] for step in steps if step["status"] in BAD]
    skipped = [step["name"] for step in steps if step["status"] == "skipped"]
    passed = len(steps) - len(bad) - len(skipped)
    text = f"{passed} steps passed, {len(bad)} failed, {len(skipped)} were skipped.\n"
    if bad:
        text += f"\n**Failed: {', '.join(bad)}.**\n"
    return text


def machine_text(folder, report):
    about = report["machine"]
    vehicle = report["test_vehicle"]
    rows = [("device", "the test vehicle: no GPU" if vehicle else ", ".join(about["gpus"])),
            ("driver", "none: the test vehicle plays one" if vehicle else f"for CUDA {about['driver_for_cuda']}"),
            ("toolkit", about["toolkit"]),
            ("commit", about["commit"] + (", modified" if about["changed_files"] else "")),
            ("compiler", f"{about['compiler']}, {about['build_type']}"),
            ("host", f"{about['cpu']}, {about['cores']} cores"), ("date", about["date"]),
            ("command", f"`{about['command']}`")]
    text = table(["", ""], rows)
    lines = driver_lines(folder)
    return text + ("\n" + fenced("\n".join(lines)) if lines else "")


def steps_text(report):
    def what(step):
        return step["text"] if step["status"] == "skipped" else f"`{step['text']}`"

    def status(step):
        return f"**{step['status']}** ({step['exit_code']})" if step["status"] in BAD else step["status"]

    counts = report["tests"]
    tests = (f"\nTests on the device: {counts['run']} passed, {counts['fail']} failed, "
             f"{counts['notrun'] + counts['disabled']} skipped. On a GPU a skipped test is a failure.\n")
    return table(["step", "status", "command, or why it was skipped"],
                 [(step["name"], status(step), what(step).replace("|", "\\|")) for step in report["steps"]]) + tests


def replays_text(folder, report):
    text = ("p50 and p99: of a decode step on the device. data sheet, calibrated: the sim's prediction with the GPU's "
            "shipped profile and with the profile\nthat `prophet calibrate` fitted on this machine; error: (predicted - "
            "measured) / measured. SIMULATED figures are those of the sim, all others are\nmeasured. The sim captures no "
            "steps: beside captured ones stands what it predicts of the same steps launched one by one.\n")
    for number, rows in report["replays"].items():
        text += comparison_text(folder, number, rows)
    return text


def report_text(folder, report):
    title = "# What Prophet measured on " + (", ".join(report["machine"]["gpus"]) or "no GPU")
    if report["test_vehicle"]:
        title = VEHICLE_LINE + "\n\n# What `scripts/gpu` does on the test vehicle"
    parts = [title, summary_text(report), "## Machine\n\n" + machine_text(folder, report),
             "## Steps\n\n" + steps_text(report),
             "## A live model beside the cpu\n\n" + live_text(report["live"]),
             "## Prediction beside measurement\n\n" + replays_text(folder, report),
             "## Forecasts\n\n" + gpu_forecasts.text(report),
             "## Calibration\n\n" + calibration_text(report["calibration"])]
    for name, title in MEASUREMENTS.items():
        log = folder / f"measure-{name}.log"
        parts.append(f"## {title}\n\n" + fenced(read_text(log, "This step left no output.")))
    headroom = read_text(folder / "headroom.log", "This step left no output.")
    parts.append("## KV headroom, by allocating it\n\n" + fenced(headroom))
    return "\n".join(part.rstrip() + "\n" for part in parts)


def write_report(folder):
    report = collect(folder)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / "report.md").write_text(report_text(folder, report))
    bad = [step["name"] for step in report["steps"] if step["status"] in BAD]
    if bad:
        print(f"gpu: {len(bad)} steps failed: {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


def missing_gpu(device, info_path):
    """A sentence on why `device` is not there; empty if it is."""
    info = read_json(pathlib.Path(info_path)) or {}
    gpus, number = info.get("cuda", {}).get("gpus", []), int(device.partition(":")[2] or 0)
    if number < len(gpus):
        return ""
    if not gpus:
        reasons = "; ".join(info.get("missing", [])) or "prophet info names no GPU"
        return f"{device}: missing is {reasons}: expected a machine with an NVIDIA GPU, and a build for it"
    return f"{device}: there are {len(gpus)} GPUs: expected a number below that"


def print_skipped(path):
    """1 and their names if tests were skipped."""
    counts = test_counts(pathlib.Path(path))
    skipped = counts["notrun"] + counts["disabled"]
    for name in skipped:
        print(f"skipped on a device that is there: {name}")
    if not counts["run"]:
        print("no test ran")
    return 1 if skipped or not counts["run"] else 0


def profile_name(path):
    provenance = (read_json(pathlib.Path(path)) or {}).get("provenance", {})
    return (provenance.get("profile") or {}).get("name", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, help="what scripts/gpu left")
    parser.add_argument("--missing", nargs=2, metavar=("DEVICE", "INFO"), help="say why there is no such GPU")
    parser.add_argument("--none-skipped", metavar="JUNIT", help="fail and list the skipped tests, if there are any")
    parser.add_argument("--profile-of", metavar="JSON", help="print the profile that a measurement names")
    arguments = parser.parse_args()
    if arguments.missing:
        print(missing_gpu(*arguments.missing), end="")
    elif arguments.none_skipped:
        return print_skipped(arguments.none_skipped)
    elif arguments.profile_of:
        print(profile_name(arguments.profile_of), end="")
    elif arguments.folder:
        return write_report(arguments.folder)
    else:
        parser.error("a folder is missing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
