#!/usr/bin/env python3
"""Records the bundled routing traces: what the sample model's routers choose as it reads documents that training never
saw. sample.ptrace is of documents of the corpus's test part, sample-train.ptrace of its validation part.

    apt-get download python3.11-doc && dpkg-deb -x python3.11-doc_*.deb corpus
    scripts/record_sample_traces.py --prophet build/release/bin/prophet --corpus corpus --model data/sample_model

Routing follows from the model and the text alone, so every run writes the same choices.
"""
import argparse
import pathlib
import subprocess
import tempfile

from sample_corpus import SOURCES, documents_of

PROMPT_BYTES = 64  # recorded as prefill
READ_BYTES = 448  # recorded as decode steps
SEQUENCES = {"sample": 40, "sample-train": 24}
PART = {"sample": "test", "sample-train": "validation"}


def passages(documents, wanted):
    """`wanted` passages, taken in turn from all documents: of each first its beginning, then its middle."""
    size = PROMPT_BYTES + READ_BYTES
    chosen = []
    for turn in range(2):
        for text in documents.values():
            start = turn * (len(text) // 2)
            if len(text) - start >= size and len(chosen) < wanted:
                chosen.append(text[start:start + size])
    if len(chosen) < wanted:
        raise SystemExit(f"{len(chosen)} passages of {size} bytes, expected {wanted}: is the corpus complete?")
    return chosen


def record(options, name):
    texts = passages(documents_of(options.corpus / SOURCES, PART[name]), SEQUENCES[name])
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / "whole.ptrace"
        command = [options.prophet, "trace", "record", whole, "--model", options.model, "--name", "sample",
                   "--text-prompt", PROMPT_BYTES, "--max-new-tokens", READ_BYTES, "--batch", 8, "--licence", "PSF-2.0",
                   "--note", f"reads {PART[name]} documents of Debian's python3.11-doc byte by byte"]
        for at, text in enumerate(texts):
            path = pathlib.Path(folder) / f"{at}.txt"
            path.write_bytes(text)
            command += ["--text-file", path]
        subprocess.run(list(map(str, command)), check=True)
        options.out.mkdir(parents=True, exist_ok=True)
        subprocess.run([options.prophet, "trace", "export", whole, options.out / f"{name}.ptrace", "--no-weights",
                        "--force"], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prophet", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--corpus", type=pathlib.Path, required=True, help="the unpacked package python3.11-doc")
    parser.add_argument("--model", type=pathlib.Path, required=True, help="folder of the sample model")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the traces (default: traces/ beside the model)")
    options = parser.parse_args()
    options.out = options.out or options.model / "traces"
    for name in SEQUENCES:
        record(options, name)


if __name__ == "__main__":
    main()
