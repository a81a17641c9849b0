"""What every stream did in one pass through the layers, of a --timeline of prophet replay or generate."""
import bisect
import collections
import statistics

from plots.picture import GREY, label, legend_beside, plt, save, set_title
from plots.result_file import BadResult

LANES = ("compute", "demand copy", "prefetch copy", "host compute")
# The operation that a layer begins with: that of a replay, and that of a live model's router.
LAYER_BEGINS = ("dense", "route")
# What is drawn how: (colour, hatch).
LOOKS = {
    "experts": ("#56B4E9", ""), "all else of the layer": ("#0072B2", ""), "stall: waits for an expert": ("white", "////"),
    "demand copy": ("#D55E00", ""), "prefetch copy": ("#009E73", ""), "experts on the host": ("#CC79A7", "..."),
}
TICKS_MAX = 60  # of layers; of more, every n-th is named

Span = collections.namedtuple("Span", "lane name tag start_us end_us")


def read_spans(events):
    """Finished operations, by their start, with the stream's role as their lane."""
    roles = {event["tid"]: event["args"]["name"].partition(", ")[2] for event in events
             if event.get("name") == "thread_name"}
    spans = [Span(roles.get(event["tid"]), event["name"], event["args"]["tag"], event["ts"], event["ts"] + event["dur"])
             for event in events if event.get("ph") == "X"]
    return sorted((span for span in spans if span.lane in LANES), key=lambda span: span.start_us)


def layer_starts(spans):
    """Of each layer of each pass, in order: (layer, start in us)."""
    begins = next((name for name in LAYER_BEGINS if any(span.name == name for span in spans)), None)
    return [(span.tag, span.start_us) for span in spans if span.lane == "compute" and span.name == begins]


def passes(spans):
    """[(start, end, layer starts)] of every pass: it ends where the compute stream is done with its last layer."""
    found = []
    for layer, start_us in layer_starts(spans):
        if layer == 0 or not found:
            found.append([])
        found[-1].append((layer, start_us))
    compute = [span for span in spans if span.lane == "compute"]
    starts = [span.start_us for span in compute]
    whole = []
    for at, layers in enumerate(found):
        end = len(compute) if at + 1 == len(found) else bisect.bisect_left(starts, found[at + 1][0][1])
        whole.append((layers[0][1], compute[end - 1].end_us, layers))
    return whole


def choose(all_passes, spans, number):
    """The asked one; else, of those with a prefetch, or of all where there is none, the one of median length."""
    if number is not None:
        if not 0 <= number < len(all_passes):
            raise BadResult(f"--pass {number}: the timeline has {len(all_passes)}: expected a number below that")
        return number
    prefetches = [span.start_us for span in spans if span.lane == "prefetch copy"]

    def prefetched(start, end):
        return bisect.bisect_left(prefetches, end) > bisect.bisect_left(prefetches, start)
    numbers = [at for at, (start, end, _) in enumerate(all_passes) if prefetched(start, end)] or range(len(all_passes))
    length = {at: all_passes[at][1] - all_passes[at][0] for at in numbers}
    middle = statistics.median_low(length.values())
    return next(at for at in numbers if length[at] == middle)


def look_of(span):
    if span.lane == "compute":
        if span.name == "wait":
            return "stall: waits for an expert"
        return "experts" if span.name == "expert" else "all else of the layer"
    return "experts on the host" if span.lane == "host compute" else span.lane


def draw_lanes(axes, spans, start_us, end_us):
    lanes = [lane for lane in LANES if any(span.lane == lane for span in spans)]
    bars = collections.defaultdict(list)
    for span in spans:
        if span.end_us <= start_us or span.start_us >= end_us or (span.lane != "compute" and span.name == "wait"):
            continue
        left, right = max(span.start_us, start_us), min(span.end_us, end_us)
        bars[span.lane, look_of(span)].append((left - start_us, right - left))
    for (lane, look), extents in bars.items():
        colour, hatch = LOOKS[look]
        # A copy has an edge, so that one stands apart from the next; an expert's time may be as short as one.
        edge = GREY if hatch else "white" if "copy" in lane else colour
        axes.broken_barh(extents, (lanes.index(lane) - 0.38, 0.76), facecolor=colour, hatch=hatch, edgecolor=edge,
                         linewidth=0.3)
    axes.set_yticks(range(len(lanes)), lanes)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    return [look for look in LOOKS if any(drawn == look for _, drawn in bars)]


def mark_layers(axes, layers, start_us):
    every = -(-len(layers) // TICKS_MAX)
    above = axes.secondary_xaxis("top")
    above.set_xticks([at - start_us for _, at in layers[::every]], [f"{layer}" for layer, _ in layers[::every]])
    above.set_xlabel("layer")
    above.tick_params(length=2)
    for _, at in layers:
        axes.axvline(at - start_us, color=GREY, linewidth=0.7, linestyle=(0, (2, 2)))


def case_text(provenance):
    case = provenance.get("case")
    if not case:
        return ""
    return f": {label(case['policy'], case['predictor'])}, {case['slabs']} slabs, batch {case['batch']}"


def draw(result, folder, number=None):
    if result.provenance.get("times_mean_something") is False:
        raise BadResult("the timeline is of the test vehicle, whose times mean nothing: expected one of another device")
    try:
        spans = read_spans(result.rows)
    except (AttributeError, KeyError, TypeError) as error:
        raise BadResult(f"an event of the timeline is incomplete ({error}): expected what --timeline wrote") from error
    all_passes = passes(spans)
    if not all_passes:
        raise BadResult("the timeline has no pass through the layers: expected operations of a replay or a live model")
    number = choose(all_passes, spans, number)
    start_us, end_us, layers = all_passes[number]
    figure, axes = plt.subplots(figsize=(9.5, 3.1), layout="constrained")
    looks = draw_lanes(axes, spans, start_us, end_us)
    mark_layers(axes, layers, start_us)
    axes.set(xlabel=f"time since pass {number} began [µs]", xlim=(0, end_us - start_us))
    for side in ("left", "top"):
        axes.spines[side].set_visible(False)
    patches = [plt.Rectangle((0, 0), 1, 1, facecolor=LOOKS[look][0], hatch=LOOKS[look][1], edgecolor=GREY, linewidth=0.3)
               for look in looks]
    legend_beside(axes, patches, looks)
    set_title(figure, f"Pass {number} of {len(all_passes)}, stream by stream{case_text(result.provenance)}",
              result.provenance)
    save(figure, folder, "waterfall")
