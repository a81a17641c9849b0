"""scripts/plot_report.py draws what the files have numbers for, and says what it leaves out."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PLOT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "plot_report.py"
PROVENANCE = {"layers": 2, "experts": 8, "model": "toy", "trace_synthetic": True}
ROW = {"policy": "lru", "predictor": "none", "batch": 1, "slabs": 4, "is_baseline": False, "simulated": True,
       "requests": 10, "hit_on_time": 6, "compute_ns": 300, "stall_ns": 100, "step_ns_mean": 40, "bytes_demand": 64}
CURVE_ROW = {"policy": "lru", "slabs": 4, "hit_rate": 0.5}


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
        result, pictures = self.plot([ROW, ROW | {"slabs": 8, "predictor": "oracle"}], [CURVE_ROW])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(pictures, {"hit_rate.png", "step_time.png", "bytes.png"})

    def test_a_picture_without_numbers_is_left_out_by_name(self):
        result, pictures = self.plot([{key: ROW[key] for key in ROW if key != "stall_ns"}], [])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(pictures, {"hit_rate.png", "bytes.png"})
        self.assertIn("step_time.png", result.stderr)

    def test_baselines_are_not_taken_for_what_was_asked(self):
        result, pictures = self.plot([ROW | {"is_baseline": True}], [])
        self.assertEqual(result.returncode, 1)
        self.assertEqual(pictures, set())


if __name__ == "__main__":
    unittest.main()
