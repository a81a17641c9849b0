#!/usr/bin/env python3
"""What scripts/gap_closed.py makes of a sweep's file. Every figure here is made up."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts/gap_closed.py"


def row(policy, missed, **changed):
    """Of 1,100 requests a prefill pass made 100 and missed 90; the bound misses 200 of the others."""
    return {"policy": policy, "predictor": "none", "miss_mode": "copy", "batch": 1, "slabs": 4, "requests": 1100,
            "prefill_requests": 100, "miss": missed + 90, "prefill_miss": 90, "bound_requests": 1000, "bound_misses": 200,
            **changed}


class GapClosed(unittest.TestCase):
    def said(self, *rows):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "sweep.json"
            path.write_text(json.dumps({"provenance": {"layers": 2, "experts": 4}, "rows": rows}))
            return subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True)

    def test_counts_decode_steps_alone(self):
        made = self.said(row("lru", 600), row("static", 700), row("forecast", 450), row("one-step", 300))
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("| 1 | 50 % | 40.0 | 30.0 | 55.0 | 70.0 | 80.0 | 38 % | 75 % |", made.stdout)
        self.assertIn("pooled: forecast 37.5 %, one-step 75.0 %", made.stdout)
        self.assertIn("below the better of LRU and static: no cell", made.stdout)

    def test_pools_cells_with_a_gap_and_names_losses(self):
        small = {"slabs": 6, "bound_misses": 595}
        made = self.said(row("lru", 600), row("static", 700), row("forecast", 450), row("lru", 600, **small),
                         row("static", 600, **small), row("forecast", 610, **small))
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("-200 % of less than a point", made.stdout)
        self.assertIn("pooled: forecast 37.5 %, one-step -\n", made.stdout)
        self.assertIn("below the better of LRU and static: batch 1, 75 %", made.stdout)

    def test_refuses_what_is_no_such_sweep(self):
        made = self.said(row("lru", 600), row("forecast", 450))
        self.assertEqual(made.returncode, 3)
        self.assertIn("has no row of static", made.stderr)
        self.assertEqual(self.said().returncode, 3)


if __name__ == "__main__":
    unittest.main()
