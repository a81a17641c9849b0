"""What prophet analyze says, asked once for all pictures of the study."""
import csv
import json
import shlex
import subprocess

CATALOGUES = ("study", "real")
GB = 1e9
NO_NUMBERS = {"": None, "true": True, "false": False}


class NoAnswer(Exception):
    """One sentence: what was asked, and why there is no answer."""


def value(text):
    """A field of a CSV file: None where it is empty, else a number, else a truth value, else the text."""
    if text in NO_NUMBERS:
        return NO_NUMBERS[text]
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def in_gb(number_of_bytes):
    """GB of 10^9 bytes; None of what is unknown."""
    return None if number_of_bytes is None else number_of_bytes / GB


def mean(values):
    """None of no values."""
    values = list(values)
    return sum(values) / len(values) if values else None


def rows_of(text):
    """Typed rows of a CSV text."""
    return [{name: value(field) for name, field in row.items()} for row in csv.DictReader(text.splitlines())]


class Answers:
    """Runs prophet in the folder of the pictures, and leaves there each file that it wrote."""

    def __init__(self, prophet, folder):
        self.prophet, self.folder = prophet, folder
        self.asked = {}

    def run(self, command):
        try:
            result = subprocess.run([self.prophet, *command], cwd=self.folder, capture_output=True, text=True)
        except OSError as error:
            raise NoAnswer(f"{self.prophet}: {error.strerror}: expected the program prophet") from error
        if result.returncode:
            said = result.stderr.strip() or "it said nothing"
            raise NoAnswer(f"prophet {shlex.join(command)} failed ({result.returncode}): {said}")

    def ask(self, name, catalogue, *options):
        """(rows, provenance) of one grid, which is left in NAME_CATALOGUE.csv and .json."""
        stem = f"{name}_{catalogue}"
        if stem not in self.asked:
            command = ["analyze", "--catalogue", catalogue, "--grid", *map(str, options)]
            self.run([*command, "--csv", f"{stem}.csv", "--json", f"{stem}.json"])
            said = json.loads((self.folder / f"{stem}.json").read_text(encoding="utf-8"))["provenance"]
            commit = said["git_commit"] + " (modified)" * bool(said["git_dirty"])
            provenance = {"catalogue": catalogue, "command": f"prophet {shlex.join(command)}",
                          "prophet": said["version"], "commit": commit}
            self.asked[stem] = rows_of((self.folder / f"{stem}.csv").read_text(encoding="utf-8")), provenance
        return self.asked[stem]

    def grid(self, catalogue):
        """The 384 cells: 16 models x 4 GPUs x 6 batches, 2,048 tokens of each sequence."""
        return self.ask("grid", catalogue)
