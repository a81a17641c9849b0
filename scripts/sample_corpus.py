"""The text that the sample model learns from, its division by document, and an n-gram to compare the model with.

The text is the reStructuredText sources of Python's documentation as Debian's package python3.11-doc ships them.
"""
import hashlib
import pathlib

import numpy as np

SOURCES = "usr/share/doc/python3.11/html/_sources"
SEPARATOR = 0  # a byte that no document has; begins each


def part_of(name):
    """90 % training, 5 % validation, 5 % test, by document."""
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little") % 100
    return "validation" if draw < 5 else "test" if draw < 10 else "train"


def documents_of(sources, part, bytes_min=1000):
    """{name: bytes} of the documents of a part that are longer than a list of links, in an order that has nothing to do
    with what they say."""
    names = [path.relative_to(sources).as_posix() for path in sources.rglob("*.rst.txt")]
    names = sorted((name for name in names if part_of(name) == part),
                   key=lambda name: hashlib.sha256(b"order " + name.encode()).digest())
    return {name: text for name in names if len(text := (sources / name).read_bytes()) >= bytes_min}


def load_corpus(root):
    """{part: bytes of its documents, each behind a separator}, and the hash of everything."""
    sources = pathlib.Path(root) / SOURCES
    parts = {"train": bytearray(), "validation": bytearray(), "test": bytearray()}
    documents = {part: [] for part in parts}
    digest = hashlib.sha256()
    paths = sorted(sources.rglob("*.rst.txt"))
    if not paths:
        raise SystemExit(f"{sources}: no *.rst.txt there, expected the unpacked package python3.11-doc")
    for path in paths:
        name = path.relative_to(sources).as_posix()
        text = path.read_bytes().replace(b"\0", b"")
        digest.update(name.encode() + b"\0" + text + b"\0")
        parts[part_of(name)] += bytes([SEPARATOR]) + text
        documents[part_of(name)].append(name)
    return {part: np.frombuffer(bytes(data), np.uint8) for part, data in parts.items()}, documents, digest.hexdigest()


def ngram_bits_per_byte(train_data, data, order=4):
    """An interpolated n-gram (Witten-Bell) of `order` bytes, of which order - 1 are context, trained on the same part."""
    def keys_of(text, n):
        keys = np.zeros(len(text) - n + 1, np.int64)
        for i in range(n):
            keys = keys * 256 + text[i:len(text) - n + 1 + i]
        return keys

    probability = np.full(len(data) - order + 1, 1 / 256)
    for n in range(1, order + 1):
        grams, counts = np.unique(keys_of(train_data, n), return_counts=True)
        contexts, first = np.unique(grams // 256, return_index=True)
        sums = np.add.reduceat(counts, first)
        kinds = np.diff(np.append(first, len(grams)))
        wanted = keys_of(data, n)[order - n:]
        find = lambda table, key: (np.searchsorted(table, key).clip(max=len(table) - 1))
        at, context = find(grams, wanted), find(contexts, wanted // 256)
        seen = np.where(grams[at] == wanted, counts[at], 0)
        known = contexts[context] == wanted // 256
        total, types = np.where(known, sums[context], 0), np.where(known, kinds[context], 1)
        probability = (seen + types * probability) / (total + types)
    return float(-np.log2(probability).mean())
