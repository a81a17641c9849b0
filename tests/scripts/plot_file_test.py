"""scripts/plot_report.py FILE OUT draws what the file is of, with its numbers and its provenance. All are made up."""
import contextlib
import importlib.util
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
PROVENANCE = {"trace": "made-up.ptrace", "trace_model": "toy", "model": "big-toy", "device": "sim:toy", "simulated": True,
              "seed": 4711, "version": "0.9", "git_commit": "abc123", "layers": 2, "experts": 8, "batch": 1}
SWEEP_ROW = {"policy": "lru", "predictor": "none", "miss_mode": "copy", "batch": 1, "slabs": 4, "is_baseline": False,
             "steps": 10, "stall_ns": 90_000_000, "prefill_stall_ns": 40_000_000, "step_ns_mean": 8_000_000}
RECALL_ROW = {"predictor": "static", "ahead": 1, "layer": 0, "scope": "layer", "recall_at_k": 0.25}
CURVE_ROW = {"policy": "lru", "slabs": 4, "hit_rate": 0.75}


def stream(tid, role):
    return {"ph": "M", "pid": 0, "tid": tid, "name": "thread_name", "args": {"name": f"stream {tid}, {role}"}}


def span(tid, name, tag, start_us, end_us):
    return {"ph": "X", "pid": 0, "tid": tid, "name": name, "ts": start_us, "dur": end_us - start_us,
            "args": {"tag": tag, "bytes": 1}}


def one_pass(at_us, stall_us):
    """Two layers: the first waits for a copy."""
    return [span(2, "dense", 0, at_us, at_us + 10), span(2, "wait", 0, at_us + 10, at_us + 10 + stall_us),
            span(2, "expert", 3, at_us + 10 + stall_us, at_us + 20 + stall_us),
            span(1, "copy", 3, at_us + 10, at_us + 10 + stall_us),
            span(2, "dense", 1, at_us + 20 + stall_us, at_us + 30 + stall_us),
            span(2, "expert", 9, at_us + 30 + stall_us, at_us + 40 + stall_us)]


def timeline(**other):
    events = [stream(2, "compute"), stream(1, "demand copy"), stream(8, "prefetch copy"), stream(0, "demand copy"),
              span(0, "copy", 0, 0, 900), *one_pass(1000, 100), *one_pass(2000, 300), *one_pass(3000, 500),
              span(8, "copy", 12, 2050, 2080), span(8, "copy", 12, 3050, 3060)]
    about = PROVENANCE | {"case": {"policy": "forecast", "predictor": "mlp", "slabs": 4, "batch": 1}}
    return {"traceEvents": events, "otherData": {"simulated": True, "provenance": about} | other}


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
class PlotFile(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    @classmethod
    def setUpClass(cls):
        sys.dont_write_bytecode = True  # scripts/ stays as it is
        spec = importlib.util.spec_from_file_location("plot_report", SCRIPTS / "plot_report.py")
        cls.script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(cls.script)

    def plot(self, document, *arguments):
        """Its exit code, what it said on stderr, and {name: contents} of the pictures that it left."""
        path, out = self.folder / "result.json", self.folder / "pictures"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        said = io.StringIO()
        with mock.patch.object(sys, "argv", ["plot_report.py", str(path), str(out), *arguments]), \
                contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = self.script.main()
        return code, said.getvalue(), {picture.name: picture.read_bytes() for picture in out.glob("*")}

    def rows(self, *rows):
        return {"schema_version": 1, "provenance": PROVENANCE, "rows": list(rows)}

    def test_every_kind_is_drawn_as_svg_and_png_and_says_what_it_is_of(self):
        for name, document in (("miss_ratio", self.rows(CURVE_ROW, CURVE_ROW | {"slabs": 8, "hit_rate": 1})),
                               ("stall", self.rows(SWEEP_ROW, SWEEP_ROW | {"slabs": 8, "predictor": "mlp"})),
                               ("recall", self.rows(RECALL_ROW, RECALL_ROW | {"layer": 1, "ahead": 2})),
                               ("waterfall", timeline())):
            code, said, pictures = self.plot(document)
            self.assertEqual(code, 0, said)
            svg = pictures[f"{name}.svg"].decode()
            self.assertTrue(pictures[f"{name}.png"].startswith(b"\x89PNG"))
            for part in ("made-up.ptrace", "toy", "big-toy", "sim:toy, SIMULATED", "seed 4711", "abc123"):
                self.assertIn(part, svg, name)

    def test_the_same_file_gives_the_same_picture(self):
        first, again = (self.plot(self.rows(SWEEP_ROW))[2]["stall.svg"] for _ in range(2))
        self.assertEqual(first, again)

    def test_what_cannot_be_drawn_is_told_in_one_sentence(self):
        vehicle = timeline(provenance=PROVENANCE | {"times_mean_something": False})
        for part, document, arguments in (
                ("is no JSON", "{", []), ("is no JSON object", "[]", []), ("has no rows", self.rows(), []),
                ("has no rows", {"rows": [3]}, []), ("none of", self.rows({"speed": 3}), []),
                ("expected numbers", self.rows(SWEEP_ROW | {"stall_ns": None}), []),
                ("expected numbers", self.rows(RECALL_ROW | {"recall_at_k": None}), []),
                ("expected numbers", self.rows(CURVE_ROW | {"hit_rate": "x"}), []),
                ("no pass", {"traceEvents": []}, []), ("incomplete", {"traceEvents": [{"ph": "X", "tid": 1, "name": "dense"}]}, []),
                ("incomplete", {"traceEvents": [3]}, []), ("the timeline has 3", timeline(), ["--pass", "3"]),
                ("the timeline has 3", timeline(), ["--pass=-1"]), ("test vehicle", vehicle, [])):
            code, said, pictures = self.plot(document, *arguments)
            self.assertEqual(code, 1, part)
            self.assertIn(part, said)
            self.assertIn("result.json", said)
            self.assertEqual(len(said.splitlines()), 1, said)
            self.assertEqual(pictures, {})

    def test_without_matplotlib_it_says_so(self):
        (self.folder / "matplotlib.py").write_text("raise ImportError")
        result = subprocess.run([sys.executable, SCRIPTS / "plot_report.py", "result.json", self.folder / "pictures"],
                                capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(self.folder)})
        self.assertEqual(result.returncode, 2)
        self.assertIn("matplotlib is not installed", result.stderr)


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
class WhatIsDrawn(unittest.TestCase):
    """What is drawn is measured on the lines and bars themselves."""

    @classmethod
    def setUpClass(cls):
        sys.dont_write_bytecode = True  # scripts/ stays as it is
        sys.path.insert(0, str(SCRIPTS))
        from plots import miss_ratio, picture, stall, waterfall
        cls.miss_ratio, cls.picture, cls.stall, cls.waterfall = miss_ratio, picture, stall, waterfall

    def axes(self):
        figure, axes = self.picture.plt.subplots()
        self.addCleanup(self.picture.plt.close, figure)
        return axes

    def test_stall_is_that_of_the_mean_decode_step(self):
        axes = self.axes()
        self.stall.draw_panel(axes, [SWEEP_ROW], {"lru": ("red", "o")}, {("none", "copy"): "-"})
        self.assertEqual(list(axes.get_lines()[0].get_ydata()), [5.0])

    def test_the_miss_ratio_is_what_is_not_a_hit(self):
        axes = self.axes()
        self.miss_ratio.draw_curve(axes, [CURVE_ROW | {"slabs": 8, "hit_rate": 1}, CURVE_ROW], "lru", ("red", "o"), "-")
        self.assertEqual([list(data) for data in axes.get_lines()[0].get_data()], [[4, 8], [0.25, 0.0]])

    def test_policies_are_told_apart_without_colour_and_bounds_are_called_so(self):
        styles = self.picture.styles(["lru", "static", "forecast", "belady", "oracle"])
        self.assertEqual(len({marker for _, marker in styles.values()}), 5)
        self.assertEqual({colour for name, (colour, _) in styles.items() if name in ("belady", "oracle")}, {"black"})
        self.assertEqual(self.picture.label("lru", "oracle"), "lru + oracle (bound)")

    def test_a_pass_ends_where_the_next_begins_and_the_median_one_with_a_prefetch_is_chosen(self):
        spans = self.waterfall.read_spans(timeline()["traceEvents"])
        passes = self.waterfall.passes(spans)
        self.assertEqual([(start, end) for start, end, _ in passes], [(1000, 1140), (2000, 2340), (3000, 3540)])
        self.assertEqual(passes[1][2], [(0, 2000), (1, 2320)])
        self.assertEqual(self.waterfall.choose(passes, spans, None), 1)
        self.assertEqual(self.waterfall.choose(passes, spans, 2), 2)

    def test_bars_are_as_long_as_the_operations_and_in_the_lane_of_their_stream(self):
        axes = self.axes()
        spans = self.waterfall.read_spans(timeline()["traceEvents"])
        self.waterfall.draw_lanes(axes, spans, 2000, 2340)
        lanes = [text.get_text() for text in axes.get_yticklabels()]
        self.assertEqual(lanes, ["compute", "demand copy", "prefetch copy"])
        length = {}
        for bars in axes.collections:
            for bar in bars.get_paths():
                box = bar.get_extents()
                length[lanes[round((box.y0 + box.y1) / 2)]] = length.get(lanes[round((box.y0 + box.y1) / 2)], 0) + box.width
        self.assertEqual(length, {"compute": 340, "demand copy": 300, "prefetch copy": 30})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
