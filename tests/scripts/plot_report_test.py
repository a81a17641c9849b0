"""scripts/plot_report.py draws what the files have numbers for, says what it leaves out, and draws every part once."""
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PLOT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "plot_report.py"
PROVENANCE = {"layers": 2, "experts": 8, "model": "toy", "trace_synthetic": True}
ROW = {"policy": "lru", "predictor": "none", "batch": 1, "slabs": 4, "is_baseline": False, "simulated": True,
       "requests": 10, "hit_on_time": 6, "steps": 10, "prefill_passes": 0, "total_ns": 500_000_000,
       "compute_ns": 300_000_000, "stall_ns": 100_000_000, "step_ns_mean": 50_000_000,
       "bytes_copied": 98 * 10**9, "bytes_demand": 64 * 10**9, "bytes_prefetch_useful": 20 * 10**9,
       "bytes_prefetch_late": 15 * 10**9, "bytes_prefetch_wasted": 8 * 10**9, "bytes_prefetch_cancelled": 6 * 10**9}
CURVE_ROW = {"policy": "lru", "slabs": 4, "hit_rate": 0.5}


def load_plot_report():
    spec = importlib.util.spec_from_file_location("plot_report", PLOT)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True  # scripts/ stays as it is
    spec.loader.exec_module(module)
    return module


class PlotReport(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def plot(self, sweep_rows, curve_rows):
        """Runs the script on these rows; its result and the names of the pictures that it left."""
        for name, rows in (("sweep", sweep_rows), ("curve", curve_rows)):
            text = json.dumps({"schema_version": 1, "provenance": PROVENANCE, "rows": rows})
            (self.folder / f"{name}.json").write_text(text, encoding="utf-8")
        result = subprocess.run([sys.executable, PLOT, "--sweep", self.folder / "sweep.json", "--curve",
                                 self.folder / "curve.json", "--out", self.folder], capture_output=True, text=True)
        return result, {path.name for path in self.folder.glob("*.png")}

    def test_every_picture_is_drawn(self):
        baseline = ROW | {"is_baseline": True, "policy": "all-resident"}
        result, pictures = self.plot([ROW, ROW | {"slabs": 8, "predictor": "oracle"}, baseline], [CURVE_ROW])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(pictures, {"hit_rate.png", "step_time.png", "bytes.png"})

    def test_a_picture_without_numbers_is_left_out_by_name(self):
        result, pictures = self.plot([ROW | {"stall_ns": None}], [])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(pictures, {"hit_rate.png", "bytes.png"})
        self.assertIn("step_time.png", result.stderr)

    def test_baselines_are_not_taken_for_what_was_asked(self):
        result, pictures = self.plot([ROW | {"is_baseline": True}], [])
        self.assertEqual(result.returncode, 1)
        self.assertEqual(pictures, set())


class Bars(unittest.TestCase):
    """What is drawn is measured on the bars themselves."""

    @classmethod
    def setUpClass(cls):
        cls.script = load_plot_report()

    def drawn(self, parts, part_names):
        """{name of a part: height of its bar} and the height of the whole stack."""
        figure, axes = self.script.plt.subplots()
        self.addCleanup(self.script.plt.close, figure)
        self.script.draw_stacks(axes, {"row": [parts]}, part_names, ["x"])
        heights = {bars.get_label(): bars[0].get_height() for bars in axes.containers}
        return heights, max(bar.get_y() + bar.get_height() for bar in axes.patches)

    def test_a_bar_of_bytes_is_as_tall_as_the_bytes_copied(self):
        heights, tall = self.drawn(self.script.bytes_parts_gb(ROW), self.script.BYTES_PARTS)
        self.assertAlmostEqual(tall, ROW["bytes_copied"] / 1e9)
        self.assertEqual(list(heights.values()), [64, 5, 15, 14])

    def test_a_bar_of_time_is_as_tall_as_the_mean_step(self):
        heights, tall = self.drawn(self.script.step_parts_ms(ROW), self.script.STEP_PARTS)
        self.assertAlmostEqual(tall, ROW["step_ns_mean"] / 1e6)
        for height, expected in zip(heights.values(), (30, 10, 10), strict=True):
            self.assertAlmostEqual(height, expected)

    def test_prefill_passes_do_not_make_a_bar_taller_than_the_mean_step(self):
        with_prefill = ROW | {"prefill_passes": 5, "total_ns": 2_000_000_000, "compute_ns": 1_500_000_000,
                              "prefill_compute_ns": 1_200_000_000}
        heights, tall = self.drawn(self.script.step_parts_ms(with_prefill), self.script.STEP_PARTS)
        self.assertAlmostEqual(tall, ROW["step_ns_mean"] / 1e6)
        self.assertAlmostEqual(heights["compute"], 30)

    def test_the_goal_is_the_all_resident_baseline_of_the_same_batch(self):
        rows = [ROW | {"is_baseline": True, "policy": "all-resident", "batch": batch, "step_ns_mean": batch * 1_000_000}
                for batch in (1, 4)]
        self.assertEqual(self.script.all_resident_ms([ROW, *rows]), {1: 1.0, 4: 4.0})
        self.assertEqual(self.script.all_resident_ms([rows[0] | {"step_ns_mean": None}]), {})


class HitRates(unittest.TestCase):
    def test_equal_hit_rates_of_several_policies_are_told_apart(self):
        script = load_plot_report()
        figure, axes = script.plt.subplots()
        self.addCleanup(script.plt.close, figure)
        policies = ("lru", "lfu", "static", "belady")
        rows = [ROW | {"policy": policy} for policy in policies]
        script.draw_reached(axes, rows, {policy: f"C{i}" for i, policy in enumerate(policies)})
        marks = axes.get_lines()
        self.assertEqual(len({mark.get_marker() for mark in marks}), len(policies))
        sizes = [mark.get_markersize() for mark in marks]
        self.assertEqual(sizes, sorted(set(sizes), reverse=True))  # the next shows within the one before
        self.assertEqual({mark.get_markerfacecolor() for mark in marks}, {"none"})


if __name__ == "__main__":
    unittest.main()
