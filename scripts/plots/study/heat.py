"""Heat maps with the number in each cell, and a word with a hatch where there is none."""
from matplotlib.patches import Rectangle

from plots.picture import plt
from plots.study.look import SMALL

LIGHT_TO_DARK = "Blues"  # lightness falls with the value all the way: it prints in grey
NONE = {"facecolor": "white", "hatch": "////", "edgecolor": "#dddddd"}
WHITE_FROM = 0.6  # the text of darker cells is white


def shade(value, limits):
    """0 to 1 between the limits."""
    least, most = limits
    return min(max((value - least) / (most - least), 0), 1)


def draw_heat(axes, rows, down, across, column, words, limits, shade_of=float):
    """`down` is (column, {its value: name}), `across` a column; words(row) stands in the cell. A cell whose `column` is
    None, or of no shade, is hatched."""
    key, names = down
    columns = sorted({row[across] for row in rows})
    colours = plt.get_cmap(LIGHT_TO_DARK)
    for row in rows:
        x, y = columns.index(row[across]), list(names).index(row[key])
        shown = row[column] is not None and shade_of(row[column]) is not None
        dark = 0.9 * shade(shade_of(row[column]), limits) if shown else 0
        look = {"facecolor": colours(dark), "edgecolor": "white"} if shown else NONE
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, linewidth=0.6, **look))
        axes.text(x, y, words(row), ha="center", va="center", fontsize=SMALL,
                  color="white" if dark > WHITE_FROM else "black")
    axes.set_xticks(range(len(columns)), [str(name) for name in columns])
    axes.set_yticks(range(len(names)), names.values())
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel=across)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
