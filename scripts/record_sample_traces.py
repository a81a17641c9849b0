#!/usr/bin/env python3
"""Records the bundled routing traces: what the sample model's routers choose as it reads documents that training never
saw. sample.ptrace is of documents of the corpus's test part, sample-train.ptrace of its validation part.

    apt-get download python3.11-doc && dpkg-deb -x python3.11-doc_*.deb corpus
    scripts/record_sample_traces.py --prophet build/release/bin/prophet --corpus corpus --model data/sample_model

Routing follows from the model and the text alone, so every run writes the same choices.

With --hidden FOLDER nothing bundled is written: FOLDER gets sample.ptrace and, beside it, the routers' inputs (bf16,
31 MB), to which `prophet replay`, `sweep` and `eval-predictor` apply routers (--trace FOLDER/sample.ptrace --routers
data/sample_model); and the passages that sample-train.ptrace is of, as texts that `prophet train-predictor` reads.
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


def run(command):
    subprocess.run(list(map(str, command)), check=True)


def write_texts(options, name, folder):
    texts = passages(documents_of(options.corpus / SOURCES, PART[name]), SEQUENCES[name])
    paths = [folder / f"{name}-{at:02}.txt" for at in range(len(texts))]
    for path, text in zip(paths, texts):
        path.write_bytes(text)
    return paths


def read_by_the_model(options, name, texts, out, *more):
    command = [options.prophet, "trace", "record", out, "--model", options.model, "--name", "sample",
               "--text-prompt", PROMPT_BYTES, "--max-new-tokens", READ_BYTES, "--batch", 8, "--licence", "PSF-2.0",
               "--note", f"reads {PART[name]} documents of Debian's python3.11-doc byte by byte", *more]
    for text in texts:
        command += ["--text-file", text]
    run(command)


def record_hidden(options):
    options.hidden.mkdir(parents=True, exist_ok=True)
    write_texts(options, "sample-train", options.hidden)
    with tempfile.TemporaryDirectory() as folder:
        texts = write_texts(options, "sample", pathlib.Path(folder))
        read_by_the_model(options, "sample", texts, options.hidden / "sample.ptrace", "--hidden", "--force")


def record(options, name):
    with tempfile.TemporaryDirectory() as folder:
        whole = pathlib.Path(folder) / "whole.ptrace"
        read_by_the_model(options, name, write_texts(options, name, pathlib.Path(folder)), whole)
        options.out.mkdir(parents=True, exist_ok=True)
        run([options.prophet, "trace", "export", whole, options.out / f"{name}.ptrace", "--no-weights", "--force"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prophet", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--corpus", type=pathlib.Path, required=True, help="the unpacked package python3.11-doc")
    parser.add_argument("--model", type=pathlib.Path, required=True, help="folder of the sample model")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the traces (default: traces/ beside the model)")
    parser.add_argument("--hidden", type=pathlib.Path, metavar="FOLDER",
                        help="instead: record the routers' inputs too, into this folder")
    options = parser.parse_args()
    if options.hidden:
        record_hidden(options)
        return
    options.out = options.out or options.model / "traces"
    for name in SEQUENCES:
        record(options, name)


if __name__ == "__main__":
    main()
