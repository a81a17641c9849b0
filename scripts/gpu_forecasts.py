"""What scripts/gpu's report says of forecasts on the device: replacement, prefetch, and how often predictors are right."""
from gpu_tables import PREDICTIONS, hit_share, milliseconds, percent, read_json, rows_of, table

HEADINGS = ["policy + predictor", "slabs", "steps", "hit %", "demand, MB", "useful", "late", "wasted", "stall, ms",
            "mean step, ms"]


def per_step(row, key):
    """Of a decode step, in its unit; None where there is no number."""
    value = row.get(key)
    return None if value is None or not row["steps"] else (value - row.get(f"prefill_{key}", 0)) / row["steps"]


def forecast_row(row, has_times):
    """What one way to replace and to prefetch came to."""
    wasted = row["bytes_prefetch_wasted"] + row["bytes_prefetch_cancelled"]
    return {"policy": row["policy"], "predictor": row["predictor"], "is_baseline": row["is_baseline"],
            "slabs": row["slabs"], "steps": row["steps"], "hit_share": hit_share(row),
            "bytes_demand": row["bytes_demand"], "bytes_useful": row["bytes_prefetch_useful"],
            "bytes_late": row["bytes_prefetch_late"], "bytes_wasted": wasted,
            "stall_ns": per_step(row, "stall_ns") if has_times else None,
            "step_ns_mean": row["step_ns_mean"] if has_times else None}


def compare(folder, has_times):
    """Every row of the step `forecasts`, with the sim's prediction of its stall."""
    predictions = {kind: rows_of(folder, f"forecasts-sim-{kind}") for kind, _ in PREDICTIONS}
    found = []
    for key, row in rows_of(folder, "forecasts").items():
        found.append(forecast_row(row, has_times) | {"predicted_stall_ns": {
            kind: per_step(rows[key], "stall_ns") if has_times and key in rows else None
            for kind, rows in predictions.items()}})
    return found


def recalls(folder):
    """How often predictors were right while the live model read, and the control that must be 1."""
    document = read_json(folder / "eval-predictor.json") or {"rows": []}
    keys = ("predictor", "ahead", "is_control", "recall_at_k", "recall_at_2k", "forecasts")
    return [{key: row[key] for key in keys} for row in document["rows"]
            if row["scope"] == "step" and row["forecasts"]]


def gate_ahead_run(folder, has_times):
    document = read_json(folder / "generate-gate-ahead.json")
    if document is None:
        return None
    row = next(row for row in document["rows"] if not row["is_baseline"])
    return forecast_row(row, has_times) | {"identical_to_all_resident": document["identical_to_all_resident"]}


def megabytes(count):
    return f"{count / 1e6:.2f}"


def forecast_cells(row):
    name = " + ".join([row["policy"]] + [row["predictor"]] * (row["predictor"] != "none")) + " *" * row["is_baseline"]
    return [name, row["slabs"], row["steps"], percent(row["hit_share"]),
            *(megabytes(row[f"bytes_{kind}"]) for kind in ("demand", "useful", "late", "wasted")),
            milliseconds(row["stall_ns"]), milliseconds(row["step_ns_mean"])]


def text(report):
    said = ("MB: copied in the whole run; late is a part of useful. stall, mean step: of a decode step on the device; "
            "data sheet, calibrated: the sim's\nprediction of the stall. *: baseline. `none`, `previous-token` and "
            "`gate-ahead` learn nothing; `mlp` is what the step `train-predictor` trained.\n")
    if report["test_vehicle"]:
        said += "What arrives in time depends on times: here no figure of a prefetch says anything of a GPU.\n"
    if report["forecasts"]:
        rows = [forecast_cells(row) + [milliseconds(row["predicted_stall_ns"][kind]) for kind, _ in PREDICTIONS]
                for row in report["forecasts"]]
        headings = HEADINGS + [f"{name}: stall, ms" for _, name in PREDICTIONS]
        said += "\n### The sample's routing at a real model's size\n\n" + table(headings, rows)
    if report["gate_ahead"]:
        same = "yes" if report["gate_ahead"]["identical_to_all_resident"] else "**NO**"
        said += ("\n### The live sample model, prefetched by its own routers\n\n" +
                 table(HEADINGS, [forecast_cells(report["gate_ahead"])]) +
                 f"\nIdentical to all experts resident: {same}.\n")
    if report["recall"]:
        rows = [(row["predictor"] + " (control)" * row["is_control"], row["ahead"], row["forecasts"],
                 percent(row["recall_at_k"]), percent(row["recall_at_2k"])) for row in report["recall"]]
        said += ("\n### Recall on the live sample model, within a token\n\n" +
                 table(["predictor", "layers ahead", "forecasts", "recall@k %", "recall@2k %"], rows))
    return said


def collect(folder, has_times):
    return {"forecasts": compare(folder, has_times), "gate_ahead": gate_ahead_run(folder, has_times),
            "recall": recalls(folder)}
