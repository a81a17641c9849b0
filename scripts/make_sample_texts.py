#!/usr/bin/env python3
"""Cuts the texts beside the sample model out of the corpus it was trained on: prompts/*.txt, held_out.txt and the
licence that goes with them. All come from documents of the test part, which training never saw.

    apt-get download python3.11-doc && dpkg-deb -x python3.11-doc_*.deb corpus
    scripts/make_sample_texts.py --corpus corpus --out data/sample_model --model data/sample_model

It wants PyTorch and transformers, as make_decoder_fixtures.py does.
"""
import argparse
import pathlib
import re

import torch

import make_decoder_fixtures as fixtures
from sample_corpus import SOURCES, documents_of

HELD_OUT_BYTES_MAX = 48 * 1024
PROMPTS, PROMPT_BYTES = 4, 256
CLOSELY = 6  # passages of a document that are looked at closely


def choose_held_out(documents):
    """Whole documents, in order, as long as they fit."""
    chosen, room = [], HELD_OUT_BYTES_MAX
    for name, text in documents.items():
        if len(text) <= room:
            chosen.append(name)
            room -= len(text)
    return chosen


def passages(text):
    """[(offset, 256 bytes of ASCII)] for the paragraphs of the second half."""
    found = [(match.end(), text[match.end():match.end() + PROMPT_BYTES])
             for match in re.finditer(rb"\n\n(?= *[A-Z])", text) if match.end() >= len(text) // 2]
    return [(offset, cut) for offset, cut in found if len(cut) == PROMPT_BYTES and cut.isascii()]


def widest(model, found):
    """The passage on which the model decides most clearly: its routers among their experts, and it among the next
    bytes. Some of the thousands of choices on 256 bytes are nearly tied, and rounding decides them."""
    top_k = model.config.num_experts_per_tok
    rows = [torch.tensor(list(cut)) for _, cut in found]
    gap = [fixtures.router_gap(fixtures.forward(model, row)[1], top_k).min().item() for row in rows]
    best, best_margin = None, -1.0
    for at in sorted(range(len(rows)), key=lambda i: -gap[i])[:CLOSELY]:
        margins = fixtures.measure(model, rows[at], top_k)["margins"]
        margin = min(margins["router_logits_of_prompt"], margins["top_two_logits_of_continuation"])
        if margin > best_margin:
            best, best_margin = found[at], margin
    print(f"  of {len(found)} passages the clearest: {best_margin:.2g} or more between choices")
    return best


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
    parser.add_argument("--model", type=pathlib.Path, help="checkpoint: take the passages that it decides most clearly")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = fixtures.load(options.model) if options.model else None
    sources = options.corpus / SOURCES
    documents = documents_of(sources, "test")
    held_out = choose_held_out(documents)
    (options.out / "prompts").mkdir(parents=True, exist_ok=True)
    whole = b"".join(documents[name] for name in held_out)
    (options.out / "held_out.txt").write_bytes(whole)
    print(f"held_out.txt: {len(whole)} bytes, {', '.join(held_out)}")
    rest = sorted(documents.keys() - set(held_out), key=lambda name: -len(documents[name]))[:PROMPTS]
    for at, name in enumerate(rest):
        found = passages(documents[name])
        offset, cut = widest(model, found) if model else found[0]
        (options.out / "prompts" / f"{at}.txt").write_bytes(cut)
        print(f"prompts/{at}.txt: {name}, from byte {offset}")
    (options.out / "LICENSE.python-docs").write_text(licence_text(sources), encoding="utf-8")


if __name__ == "__main__":
    main()
