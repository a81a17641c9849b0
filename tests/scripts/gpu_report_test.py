#!/usr/bin/env python3
"""What scripts/gpu_report.py makes of the folder that scripts/gpu leaves. Every figure here is made up."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "scripts/gpu_report.py"


def row(step_ns, **changes):
    return {"policy": "lru", "predictor": "none", "batch": 1, "slabs": 8, "steps": 5, "captured_steps": 0,
            "requests": 100, "hit_on_time": 40, "step_ns_p50": step_ns, "step_ns_p99": step_ns, **changes}


class GpuReport(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.leave("info.json", {"cuda": {"gpus": ["NVIDIA Made Up 9000"], "driver_version": "13.0",
                                          "toolkit_version": "13.0", "test_vehicle": False}})
        (self.folder / "steps.tsv").write_text("tests\tpassed\t0\t60\tctest\nmeasure-copy\tpassed\t0\t60\tprophet\n")

    def leave(self, name, document):
        (self.folder / name).write_text(json.dumps(document))

    def replay(self, name, *rows):
        self.leave(f"{name}.json", {"provenance": {"trace": "/x/t.ptrace", "model": "m"}, "rows": rows})

    def write(self):
        return subprocess.run([SCRIPT, self.folder], capture_output=True, text=True)

    def report(self):
        return json.loads((self.folder / "report.json").read_text()), (self.folder / "report.md").read_text()

    def test_a_prediction_stands_beside_the_measurement_of_the_same_row(self):
        self.replay("replay1-graph-on", row(2000000), row(1000000, policy="all-resident"))
        self.replay("replay1-sim-datasheet", row(1500000), row(9000000, slabs=9))
        self.assertEqual(self.write().returncode, 0)
        report, text = self.report()
        lru, resident = report["replays"]["1"]
        self.assertEqual(lru["predictions"]["datasheet"]["error"], -0.25)
        self.assertIsNone(lru["predictions"]["calibrated"]["error"])
        self.assertIsNone(resident["predictions"]["datasheet"]["error"])
        self.assertIn("| 2.000 | 2.000 | 40.0 | 1.500 | -25.0 | - | - | - |", text)
        self.assertIn("NVIDIA Made Up 9000", text.splitlines()[0])

    def test_a_failed_step_is_named_and_is_the_exit_code(self):
        with (self.folder / "steps.tsv").open("a") as steps:
            steps.write("calibrate\tfailed\t5\t60\tprophet calibrate\nmemcheck\ttimed out\t124\t60\tx\n"
                        "nvidia-smi\tskipped\t0\t0\tit is not installed\n")
        ended = self.write()
        self.assertEqual(ended.returncode, 1)
        self.assertIn("2 steps failed: calibrate, memcheck", ended.stderr)
        _, text = self.report()
        self.assertIn("2 steps passed, 2 failed, 1 were skipped", text)
        self.assertIn("**Failed: calibrate, memcheck.**", text)
        self.assertIn("it is not installed", text)

    def test_the_vehicle_has_no_times_whatever_its_files_say(self):
        self.leave("info.json", {"cuda": {"gpus": ["CUDA on CPU"], "test_vehicle": True}})
        self.replay("replay1-graph-on", row(None))
        self.replay("replay1-sim-datasheet", row(1500000))
        self.leave("calibrate.json", {"rows": [{}], "median_error": 0.07, "p90_error": 0.2})
        self.assertEqual(self.write().returncode, 0)
        report, text = self.report()
        self.assertIn("test vehicle", text.splitlines()[0])
        self.assertIsNone(report["replays"]["1"][0]["predictions"]["datasheet"]["step_ns_p50"])
        self.assertIsNone(report["calibration"]["median_error"])
        self.assertNotIn("1.500", text)
        self.assertNotIn("7.0", text)

    def forecasts(self, *rows):
        moved = {"bytes_demand": 9_000_000, "bytes_prefetch_useful": 4_000_000, "bytes_prefetch_late": 1_000_000,
                 "bytes_prefetch_wasted": 2_000_000, "bytes_prefetch_cancelled": 500_000, "is_baseline": False,
                 "stall_ns": 30_000_000, "prefill_stall_ns": 5_000_000, "step_ns_mean": 8_000_000}
        return {"rows": [row(0, **(moved | changes)) for changes in rows], "identical_to_all_resident": True}

    def test_forecasts_stand_with_what_they_copied_and_saved_beside_the_sims_prediction(self):
        self.leave("forecasts.json", self.forecasts({}, {"policy": "forecast", "predictor": "mlp"},
                                                    {"policy": "all-resident", "is_baseline": True}))
        self.leave("forecasts-sim-datasheet.json", self.forecasts({"policy": "forecast", "predictor": "mlp",
                                                                   "stall_ns": 25_000_000}))
        self.leave("generate-gate-ahead.json", self.forecasts({"predictor": "gate-ahead"}))
        recall = {"predictor": "gate-ahead", "ahead": 1, "scope": "step", "is_control": False, "recall_at_k": 0.625,
                  "recall_at_2k": 0.75, "forecasts": 5}
        self.leave("eval-predictor.json", {"rows": [recall, recall | {"scope": "layer"},
                                                    recall | {"ahead": 0, "is_control": True, "recall_at_k": 1.0}]})
        self.assertEqual(self.write().returncode, 0)
        report, text = self.report()
        self.assertEqual([found["bytes_wasted"] for found in report["forecasts"]], [2_500_000] * 3)
        self.assertIn("| forecast + mlp | 8 | 5 | 40.0 | 9.00 | 4.00 | 1.00 | 2.50 | 5.000 | 8.000 | 4.000 | - |", text)
        self.assertIn("| all-resident * |", text)
        self.assertIn("| lru + gate-ahead |", text)
        self.assertIn("| gate-ahead | 1 | 5 | 62.5 | 75.0 |", text)
        self.assertIn("| gate-ahead (control) | 0 | 5 | 100.0 | 75.0 |", text)
        self.assertEqual(len(report["recall"]), 2)

    def test_forecasts_of_the_vehicle_have_no_times(self):
        self.leave("info.json", {"cuda": {"gpus": ["CUDA on CPU"], "test_vehicle": True}})
        for name in ("forecasts", "forecasts-sim-datasheet", "generate-gate-ahead"):
            self.leave(f"{name}.json", self.forecasts({}))
        self.assertEqual(self.write().returncode, 0)
        report, text = self.report()
        for found in (*report["forecasts"], report["gate_ahead"]):
            self.assertIsNone(found["stall_ns"])
            self.assertIsNone(found["step_ns_mean"])
        self.assertIsNone(report["forecasts"][0]["predicted_stall_ns"]["datasheet"])
        self.assertNotIn("5.000", text)
        self.assertNotIn("8.000", text)

    def test_a_skipped_test_is_a_failure_where_there_is_a_gpu(self):
        path = self.folder / "tests.xml"
        for cases, code in (('<testcase name="a" status="run"/>', 0), ("", 1),
                            ('<testcase name="a" status="run"/><testcase name="b" status="notrun"/>', 1)):
            path.write_text(f"<testsuite>{cases}</testsuite>")
            ended = subprocess.run([SCRIPT, "--none-skipped", path], capture_output=True, text=True)
            self.assertEqual(ended.returncode, code, cases)
        self.assertIn("b", ended.stdout)

    def test_a_machine_without_the_gpu_is_told(self):
        def missing(device):
            return subprocess.run([SCRIPT, "--missing", device, self.folder / "info.json"], capture_output=True,
                                  text=True).stdout
        self.assertEqual(missing("cuda:0"), "")
        self.assertEqual(missing("cuda"), "")
        self.assertIn("there are 1 GPUs", missing("cuda:1"))
        self.leave("info.json", {"cuda": {"gpus": []}, "missing": ["a CUDA GPU: no driver"]})
        self.assertIn("a CUDA GPU: no driver: expected a machine with an NVIDIA GPU", missing("cuda:0"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
