"""What prophet wrote with --json or --timeline, read with one sentence for whatever is wrong with it."""
import collections
import json

# What marks a result: a key of each of its rows, the first that fits. A timeline has no rows.
KINDS = (("recall", "recall_at_k"), ("miss ratio", "hit_rate"), ("stall", "stall_ns"))

Result = collections.namedtuple("Result", "kind rows provenance")


class BadResult(Exception):
    """One sentence: which file, what about it, what was expected."""


def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadResult(f"{path}: {error.strerror or error}: expected a result of prophet") from error
    except ValueError as error:
        raise BadResult(f"{path}: is no JSON ({error}): expected a result of prophet") from error


def object_at(document, key, path):
    """The object that stands there; an empty one where there is none."""
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise BadResult(f"{path}: its {key} is no object: expected a result of prophet")
    return value


def kind_of(rows, path):
    for kind, key in KINDS:
        if all(key in row for row in rows):
            return kind
    known = ", ".join(key for _, key in KINDS)
    raise BadResult(f"{path}: its rows have none of {known}: expected what curve, sweep, replay or eval-predictor "
                    "wrote with --json, or a --timeline")


def read_result(path):
    """The kind, rows and provenance of one file. The rows of a timeline are its events."""
    document = read_json(path)
    if not isinstance(document, dict):
        raise BadResult(f"{path}: is no JSON object: expected a result of prophet")
    if "traceEvents" in document:
        other = object_at(document, "otherData", path)
        return Result("timeline", document["traceEvents"], other | object_at(other, "provenance", path))
    rows = document.get("rows")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadResult(f"{path}: has no rows: expected what curve, sweep, replay or eval-predictor wrote with --json, "
                        "or a --timeline")
    return Result(kind_of(rows, path), rows, object_at(document, "provenance", path))


def group(rows, *keys):
    """{the row's values of `keys`: its rows}, in order of appearance."""
    groups = collections.defaultdict(list)
    for row in rows:
        groups[tuple(row.get(key) for key in keys)].append(row)
    return groups


def rows_with(rows, *keys):
    """Those in which every one of `keys` is a number."""
    return [row for row in rows if all(isinstance(row.get(key), (int, float)) for key in keys)]
