"""What the parts of scripts/gpu's report share: reading what steps left, and tables."""
import json

PREDICTIONS = [("datasheet", "data sheet"), ("calibrated", "calibrated")]


def read_json(path):
    """A document, or None where a step left none."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def row_key(row):
    return row["policy"], row["predictor"], row["batch"], row["slabs"]


def rows_of(folder, name):
    document = read_json(folder / f"{name}.json") or {"rows": []}
    return {row_key(row): row for row in document["rows"]}


def hit_share(row):
    return row["hit_on_time"] / row["requests"] if row["requests"] else None


def table(headings, rows):
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def milliseconds(nanoseconds):
    return "-" if nanoseconds is None else f"{nanoseconds / 1e6:.3f}"


def percent(share):
    return "-" if share is None else f"{100 * share:.1f}"
