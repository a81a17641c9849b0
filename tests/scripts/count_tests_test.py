"""scripts/count_tests counts what ctest's JUnit files say, and names what was skipped."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

COUNT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "count_tests"
JUNIT = ("<testsuite><testcase name='a' status='run'/><testcase name='b' status='fail'/>"
         "<testcase name='c' status='notrun'/><testcase name='d' status='disabled'/></testsuite>")


def count(*arguments):
    return subprocess.run([sys.executable, COUNT, *arguments], check=True, capture_output=True, text=True).stdout


class CountTests(unittest.TestCase):
    def test_sums_files_and_names_the_skipped(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "junit.xml"
            path.write_text(JUNIT, encoding="utf-8")
            self.assertEqual(count(path, path), "2 passed, 2 failed, 4 skipped\n")
            self.assertEqual(count("--skipped", path), "skipped: c\nskipped: d\n")

    def test_a_missing_file_counts_for_nothing(self):
        self.assertEqual(count("/nowhere/junit.xml"), "0 passed, 0 failed, 0 skipped\n")


if __name__ == "__main__":
    unittest.main()
