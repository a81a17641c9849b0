"""scripts/plot_training.py draws the curve, with the n-gram model once facts.json is there, and refuses other tables."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PLOT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "plot_training.py"
HEAD = "step,bytes,train_bits_per_byte,validation_bits_per_byte\n"
FACTS = {"parameters": 5000000, "steps": 100, "corpus": "a text", "cpu_seconds": 60, "threads": 2, "seed": 1,
         "validation_bits_per_byte": 1.5, "ngram_order_4_validation_bits_per_byte": 2.0}


def plot(table, facts=None):
    """What the script said, and the picture, if it made one."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "loss.csv").write_text(table)
        if facts:
            (folder / "facts.json").write_text(json.dumps(facts))
        run = subprocess.run([sys.executable, PLOT, folder], capture_output=True, text=True, check=False)
        picture = folder / "loss.png"
        return run, picture.read_bytes() if picture.exists() else b""


class PlotTraining(unittest.TestCase):
    def test_draws_with_and_without_facts_and_says_what_is_left_out(self):
        table = HEAD + "50,204800,4.5,4.4\n100,409600,2.1,2.0\n"
        with_facts, full = plot(table, FACTS)
        without, partial = plot(table)
        self.assertEqual((with_facts.returncode, without.returncode), (0, 0), with_facts.stderr + without.stderr)
        self.assertTrue(full.startswith(b"\x89PNG") and partial.startswith(b"\x89PNG"))
        self.assertNotEqual(full, partial)
        self.assertEqual(with_facts.stderr, "")
        self.assertIn("no facts.json", without.stderr)

    def test_refuses_a_table_that_is_not_of_the_training(self):
        for table in ("", HEAD, "step,bytes\n50,204800\n"):
            run, picture = plot(table, FACTS)
            self.assertEqual(run.returncode, 1)
            self.assertIn("expected rows of scripts/train_sample_model.py", run.stderr)
            self.assertEqual(picture, b"")


if __name__ == "__main__":
    unittest.main()
