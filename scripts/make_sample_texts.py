#!/usr/bin/env python3
"""Cuts the texts beside the sample model out of the corpus it was trained on: prompts/*.txt, held_out.txt and the
licence that goes with them. All come from documents of the test part, which training never saw.

    apt-get download python3.11-doc && dpkg-deb -x python3.11-doc_*.deb corpus
    scripts/make_sample_texts.py --corpus corpus --out data/sample_model
"""
import argparse
import hashlib
import pathlib
import re

from train_sample_model import SOURCES, part_of

HELD_OUT_BYTES_MAX = 48 * 1024
DOCUMENT_BYTES_MIN = 1000  # shorter ones are lists of links
PROMPTS, PROMPT_BYTES = 4, 256


def test_documents(sources):
    """{name: bytes}, in an order that has nothing to do with what they say."""
    names = [path.relative_to(sources).as_posix() for path in sources.rglob("*.rst.txt")]
    names = sorted((name for name in names if part_of(name) == "test"),
                   key=lambda name: hashlib.sha256(b"order " + name.encode()).digest())
    return {name: text for name in names if len(text := (sources / name).read_bytes()) >= DOCUMENT_BYTES_MIN}


def choose_held_out(documents):
    """Whole documents, in order, as long as they fit."""
    chosen, room = [], HELD_OUT_BYTES_MAX
    for name, text in documents.items():
        if len(text) <= room:
            chosen.append(name)
            room -= len(text)
    return chosen


def passage(text):
    """256 bytes of ASCII from the first line behind the middle at which a paragraph begins."""
    for match in re.finditer(rb"\n\n(?= *[A-Z])", text):
        cut = text[match.end():match.end() + PROMPT_BYTES]
        if match.end() >= len(text) // 2 and len(cut) == PROMPT_BYTES and cut.isascii():
            return match.end(), cut
    raise SystemExit("a document has no passage of ASCII in its second half, expected one")


def licence_text(sources):
    """The notice of copyright and the licence agreements, as the documentation itself states them."""
    plain = (sources / "copyright.rst.txt").read_text(encoding="utf-8")
    terms = (sources / "license.rst.txt").read_text(encoding="utf-8")
    begin = terms.index("Terms and conditions for accessing or otherwise using Python")
    end = terms.index(".. _OtherLicenses:")
    terms = re.sub(r"^\.\. (_[\w-]+:|parsed-literal::)\n+", "", terms[begin:end], flags=re.MULTILINE)
    terms = re.sub(r":ref:`([^`<]*?)\s*<[^>]*>`", r"\1", terms).replace("|release|", "3.11.2")
    terms = terms.replace("See :ref:`OtherLicenses` for an incomplete list of these licenses.\n", "")
    return plain[:plain.index("-------")].rstrip() + "\n\n\n" + terms.rstrip() + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=pathlib.Path, required=True, help="the unpacked package python3.11-doc")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the texts")
    options = parser.parse_args()
    sources = options.corpus / SOURCES
    documents = test_documents(sources)
    held_out = choose_held_out(documents)
    (options.out / "prompts").mkdir(parents=True, exist_ok=True)
    whole = b"".join(documents[name] for name in held_out)
    (options.out / "held_out.txt").write_bytes(whole)
    print(f"held_out.txt: {len(whole)} bytes, {', '.join(held_out)}")
    rest = sorted(documents.keys() - set(held_out), key=lambda name: -len(documents[name]))[:PROMPTS]
    for at, name in enumerate(rest):
        offset, cut = passage(documents[name])
        (options.out / "prompts" / f"{at}.txt").write_bytes(cut)
        print(f"prompts/{at}.txt: {name}, from byte {offset}")
    (options.out / "LICENSE.python-docs").write_text(licence_text(sources), encoding="utf-8")


if __name__ == "__main__":
    main()
