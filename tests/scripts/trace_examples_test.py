"""Usage: trace_examples_test.py PROPHET. The examples of docs/trace-format.md are imported as they stand there."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "trace-format.md"
PROPHET = None


def examples(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


class TraceExamples(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def imported(self, name):
        """(sequences, tokens, layers, k, experts) of the trace that Prophet makes of the file."""
        self.prophet("trace", "import", name, "imported.ptrace", "--force")
        self.prophet("trace", "export", "imported.ptrace", "exported.jsonl", "--force")
        lines = (self.folder / "exported.jsonl").read_text(encoding="utf-8").splitlines()
        header, tokens = json.loads(lines[0]), [json.loads(line) for line in lines[1:]]
        return (len({token["sequence"] for token in tokens}), len(tokens), header["layers"], header["top_k"],
                header["experts"]), tokens

    def prophet(self, *arguments):
        result = subprocess.run([PROPHET, *arguments], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)

    def written(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def test_csv(self):
        plain, commented = examples("csv")
        shape, tokens = self.imported(self.written("plain.csv", plain))
        self.assertEqual(shape, (1, 1, 2, 2, 8))
        self.assertEqual(tokens[0]["experts"], [[5, 2], [1, 7]])
        shape, tokens = self.imported(self.written("commented.csv", commented))
        self.assertEqual(shape, (1, 2, 1, 1, 8))
        self.assertEqual([token["prefill"] for token in tokens], [True, False])
        self.assertEqual((tokens[0]["flags"], tokens[1]["weights"]), (1, [[0.5]]))

    def test_json_lines(self):
        by_token, by_request = examples("json")
        shape, tokens = self.imported(self.written("tokens.jsonl", by_token))
        self.assertEqual(shape, (2, 4, 2, 2, 8))
        self.assertTrue(tokens[0]["prefill"])
        shape, tokens = self.imported(self.written("requests.jsonl", by_request))
        self.assertEqual(shape, (2, 3, 2, 2, 8))
        self.assertEqual(tokens[2]["experts"], [[4, 2], [6, 7]])

    def test_numpy(self):
        (code,) = examples("python")
        subprocess.run([sys.executable, "-c", code], cwd=self.folder, check=True)
        self.assertEqual(self.imported("one-sequence.npy")[0], (1, 3, 2, 2, 8))
        shape, tokens = self.imported("two-sequences.npz")
        self.assertEqual(shape, (2, 3, 2, 2, 8))
        self.assertEqual([token["prefill"] for token in tokens], [True, False, False])


if __name__ == "__main__":
    PROPHET = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
