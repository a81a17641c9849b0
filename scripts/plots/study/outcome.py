"""What became of a cell: a ratio of contexts where both fit, else a word, never a silent 0."""

RATIO, ENABLED, NEITHER, UNDECIDED, UNKNOWN = "ratio", "enabled", "neither", "undecided", "unknown"
OUTCOMES = (RATIO, ENABLED, NEITHER, UNDECIDED, UNKNOWN)
MEANING = {
    RATIO: "both fit",
    ENABLED: "only Prophet fits",
    NEITHER: "neither fits",
    UNDECIDED: "the baseline does not fit, Prophet unknown",
    UNKNOWN: "the study prints no expert size",
}


def contexts(row):
    """Longest contexts of the baseline and of Prophet, in tokens of each sequence; None where unknown."""
    if row["catalogue"] == "study":
        return row["study_baseline_tokens"], row["study_prophet_tokens"]
    return row["all_resident_context_tokens_max"], row["prophet_context_tokens_max"]


def extension(row):
    """The ratio; None where one of both does not fit, or where nothing is known. The study prints 0 there."""
    if row["catalogue"] == "study":
        return row["study_extension"] or None
    return row["extension"]


def outcome(row):
    if row["catalogue"] == "real":
        return row["outcome"]
    if row["study_extension"] is None:
        return UNKNOWN
    if row["study_extension"] > 0:
        return RATIO
    prophet = row["study_prophet_tokens"]
    return UNDECIDED if prophet is None else ENABLED if prophet >= 1 else NEITHER


def savings(row):
    """Share of the experts that Prophet does not keep, in percent: of whole experts in the real catalogue."""
    if row["catalogue"] == "study":
        return 100 * row["savings"]
    return 100 * (1 - row["cached_experts"] / row["experts"])


def counted(rows):
    """{outcome_cells: how many}, of those that occur in its catalogue."""
    found = [outcome(row) for row in rows]
    return {f"{name}_cells": found.count(name) for name in OUTCOMES}
