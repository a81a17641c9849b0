"""The table behind a picture: a CSV file that is written first, and read back to draw from."""
import collections
import csv
import io

from plots.study.answers import rows_of

# `name` is that of the files; `provenance` says in comment lines what the rows come from.
Table = collections.namedtuple("Table", "name catalogue provenance rows")
# A picture of each catalogue: rows(answers, catalogue) gives (rows, provenance), draw(table) a figure.
Picture = collections.namedtuple("Picture", "name rows draw")


def csv_text(provenance, rows):
    """Comment lines, a head line with every column, and the rows; a field that a row lacks is empty."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    text.writelines(f"# {key}: {said}\n" for key, said in provenance.items())
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: str(said).lower() if isinstance(said, bool) else said for key, said in row.items()})
    return text.getvalue()


def read_table(path, catalogue):
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line[2:].split(": ", 1) for line in lines if line.startswith("# ")]
    rows = rows_of("\n".join(line for line in lines if not line.startswith("# ")))
    return Table(path.stem, catalogue, dict(comments), rows)


def write_table(picture, answers, catalogue):
    """Writes NAME_CATALOGUE.csv and returns what stands in it."""
    rows, provenance = picture.rows(answers, catalogue)
    path = answers.folder / f"{picture.name}_{catalogue}.csv"
    path.write_text(csv_text({"picture": path.stem, **provenance}, rows), encoding="utf-8")
    return read_table(path, catalogue)
