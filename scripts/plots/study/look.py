"""How the study's pictures look: few colours far apart, with hatches or marks, and words for what is no number."""
import textwrap

from matplotlib.patches import Patch

from plots.picture import COLOURS, GREY, MARKERS, plt

BLUE, VERMILION, PURPLE, ORANGE, SKY = COLOURS[0], COLOURS[1], COLOURS[3], COLOURS[4], COLOURS[5]
# Of lines, each with its mark: no green beside the red one.
LOOKS = tuple(zip((BLUE, VERMILION, "black", ORANGE, PURPLE, SKY, GREY), MARKERS))
RESIDENT, PROPHET = "all resident", "Prophet"
FILLS = {RESIDENT: {"facecolor": BLUE}, PROPHET: {"facecolor": ORANGE, "hatch": "///"}}
BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # of a label that a line would cross
SMALL = 8  # pt, the least
TITLE_CHARACTERS_PER_INCH, NOTE_CHARACTERS_PER_INCH = 11, 16.5

OF = {"study": "the study's own numbers, right or wrong (catalogue study)",
      "real": "the architectures as they are (catalogue real), nothing measured"}


def figure_of(rows, columns, size, **options):
    """(figure, panels [rows, columns])"""
    plt.rcParams.update({"hatch.linewidth": 0.5, "xtick.labelsize": SMALL, "ytick.labelsize": SMALL})
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, **options)


def finish(figure, table, title):
    """What is seen, of which catalogue, from which file, and the note that stands in it."""
    width = figure.get_figwidth()
    title = textwrap.wrap(title, int(TITLE_CHARACTERS_PER_INCH * width))
    figure.suptitle("\n".join((*title, OF[table.catalogue])), fontsize=10.5, fontweight="bold", x=0.01, ha="left")
    said = table.provenance
    source = f"{table.name}.csv; prophet {said['prophet']}, commit {said['commit']}"
    lines = textwrap.wrap(said["note"], int(NOTE_CHARACTERS_PER_INCH * width), break_on_hyphens=False)
    figure.supxlabel("\n".join((*lines, source)), fontsize=SMALL, color=GREY, x=0.01, ha="left")
    return figure


def patches(fills):
    """Legend entries of {name: fill}."""
    return [Patch(label=name, edgecolor="white", linewidth=0, **fill) for name, fill in fills.items()]


def bars(axes, at, widths, fill, left=None, height=0.38):
    """Horizontal ones, hatched in white."""
    return axes.barh(at, widths, height, left=left, edgecolor="white", linewidth=0, **fill)


def beside(axes, text, x, y, **options):
    """A label right of the end of a bar."""
    axes.annotate(text, (x, y), (4, 0), textcoords="offset points", va="center", fontsize=SMALL, **options)


def rounded(number):
    """As a label shows it: 0.148, 26.25, 768."""
    if number == 0:
        return "0"
    decimals = 3 if number < 1 else 2 if number < 100 else 0
    return f"{number:.{decimals}f}"


def spread(values, least):
    """The same in order, moved apart evenly until neighbours differ by `least` or more."""
    order = sorted(range(len(values)), key=lambda at: values[at])
    placed = list(values)
    for below, above in zip(order, order[1:]):
        placed[above] = max(placed[above], placed[below] + least)
    moved = sum(placed) - sum(values)
    return [place - moved / len(placed) for place in placed]

