#!/usr/bin/env python3
"""Makes what Prophet's page allocator is compared with: what vLLM's block pool does in the same situations.

    scripts/make_vllm_block_pool_fixtures.py [--out FILE] [--vllm VERSION | --wheel FILE] [--scenarios N]
        downloads that version of vLLM by name, runs its own KVCacheManager through N scenarios drawn from seeds, and
        writes what it decided; by default tests/kv/fixtures/vllm_block_pool.jsonl
    scripts/make_vllm_block_pool_fixtures.py --show N [--wheel FILE]
        runs scenario N alone and prints every operation with the whole queue of free blocks after it

tests/kv/fixtures/README.md describes the file. vLLM's modules run without a GPU and without what vLLM depends on
(vllm_modules.py says how); nothing of vLLM is kept. It wants Python 3.11 and msgspec; nothing that builds, runs or
tests Prophet does.
"""
import argparse
import collections
import json
import pathlib
import platform
import random
import sys
import tempfile
import types

import vllm_modules

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERSION, SCENARIOS = "0.33.0", 1200
MASK = 0xFFFFFFFF
FORMAT = "prophet-vllm-block-pool-1"


# --------------------------------------------------------------------------------------------------- what is replayed

def token(text, position, alphabet):
    """Token at a position of a text: texts are numbers, so that a scenario need not spell them out."""
    x = (text * 2654435761 + position * 2246822519 + 374761393) & MASK
    x = ((x ^ (x >> 15)) * 2246822519) & MASK
    x = ((x ^ (x >> 13)) * 3266489917) & MASK
    return (x >> 16) % alphabet


def tokens_of(pieces, alphabet):
    """A prompt is the beginnings of texts, one behind the other: [[text, tokens], ...]."""
    return [token(text, i, alphabet) for text, tokens in pieces for i in range(tokens)]


def order_hash(ids):
    """FNV-1a of the ids, a byte each, folded to 24 bits: the order of the whole queue in one number."""
    h = 2166136261
    for block_id in ids:
        h = ((h ^ block_id) * 16777619) & MASK
    return (h >> 24) ^ (h & 0xFFFFFF)


def runs(ids):
    """Ids in order as text: "1-3,9,7-5" is 1 2 3 9 7 6 5."""
    parts, at = [], 0
    while at < len(ids):
        end = at + 1
        step = ids[end] - ids[at] if end < len(ids) and abs(ids[end] - ids[at]) == 1 else 0
        while step and end < len(ids) and ids[end] - ids[end - 1] == step:
            end += 1
        parts.append(f"{ids[at]}-{ids[end - 1]}" if end - at > 1 else str(ids[at]))
        at = end
    return ",".join(parts)


class Pool:
    """vLLM's KVCacheManager with one group of full-attention layers, driven as vLLM's scheduler drives it."""

    def __init__(self, vllm, blocks, block_size, caching):
        spec = vllm.interface.FullAttentionSpec(block_size=block_size, num_kv_heads=1, head_size=1, dtype=None)
        config = vllm.interface.KVCacheConfig(
            num_blocks=blocks, kv_cache_tensors=[],
            kv_cache_groups=[vllm.interface.KVCacheGroupSpec(layer_names=["layer"], kv_cache_spec=spec)])
        self.manager = vllm.manager.KVCacheManager(
            config, max_model_len=1 << 20, scheduler_block_size=block_size, hash_block_size=block_size,
            enable_caching=caching, enable_kv_cache_events=True)
        self.vllm, self.requests, self.contents = vllm, {}, {}
        self.hasher = vllm.utils.get_request_block_hasher(block_size, vllm.hashing.sha256) if caching else None

    def begin(self, request, prompt):
        sampling = types.SimpleNamespace(max_tokens=1 << 20, extra_args=None, skip_reading_prefix_cache=None,
                                         structured_outputs=None)
        self.requests[request] = self.vllm.request.Request(
            str(request), list(prompt), sampling_params=sampling, pooling_params=None, block_hasher=self.hasher)

    def admit(self, request, tokens):
        """Ids hit, and ids allocated for at most so many tokens behind them, or None."""
        r = self.requests[request]
        blocks, hit_tokens = self.manager.get_computed_blocks(r)[:2]
        hits = blocks.get_block_ids()[0]
        tokens = min(tokens, r.num_tokens - hit_tokens)
        new = self.manager.allocate_slots(r, tokens, hit_tokens, blocks)
        return hits, self._computed(r, hit_tokens + tokens, new)

    def grow(self, request, tokens):
        r = self.requests[request]
        return self._computed(r, tokens, self.manager.allocate_slots(r, tokens))

    def _computed(self, r, tokens, new):
        if new is None:
            return None
        r.num_computed_tokens += tokens
        return new.get_block_ids()[0]

    def say(self, request, tokens):
        self.requests[request].append_output_token_ids(list(tokens))

    def free(self, request):
        """Also what a preemption does: the request may be admitted again."""
        self.manager.free(self.requests[request])
        self.requests[request].num_computed_tokens = 0

    def reset(self):
        return self.manager.reset_prefix_cache()

    def ids(self, request):
        return self.manager.get_block_ids(str(request))[0]

    def to_compute(self, request):
        r = self.requests[request]
        return r.num_tokens - r.num_computed_tokens

    def free_ids(self):
        return [block.block_id for block in self.manager.block_pool.free_block_queue.get_all_free_blocks()]

    def cached_ids(self):
        return [block.block_id for block in self.manager.block_pool.blocks if block.block_hash is not None]

    def take_removed(self):
        """Hashes that left the cache since the last call, in order, and those that entered it."""
        removed, stored = [], []
        for event in self.manager.take_events():
            if isinstance(event, self.vllm.events.BlockRemoved):
                removed += event.block_hashes
            elif isinstance(event, self.vllm.events.BlockStored):
                stored += event.block_hashes
        return removed, stored


# ----------------------------------------------------------------------------------------------------- one scenario

class Scenario:
    """Draws operations from a seed, lets vLLM carry them out, and writes both down."""

    def __init__(self, vllm, number):
        self.draw = random.Random(f"{FORMAT} {number}")
        draw = self.draw
        self.number = number
        self.usable = draw.randint(8, draw.choice([16, 32, 64]))
        self.block_size = draw.choice([1, 2, 4, 16])
        self.caching = number % 16 != 15
        self.alphabet = draw.choice([2, 1000, 1000])
        self.texts = draw.choice([2, 4, 16])
        self.running_max = draw.randint(1, 5)
        self.prompt_max = max(2, self.usable * self.block_size * draw.randint(3, 7) // 10)
        self.pool = Pool(vllm, self.usable + 1, self.block_size, self.caching)
        self.pieces, self.waiting, self.running, self.ops = {}, [], [], []
        self.crowded = False  # vLLM refused an allocation since the last request left
        self.counts = collections.Counter()

    def run(self, operations, trace=None):
        for _ in range(operations):
            op = self._choose()
            if op is None:
                continue
            self.ops.append(op)
            if trace:
                trace(op, self.pool.free_ids())
        return {"scenario": self.number, "blocks": self.usable + 1, "block_size": self.block_size,
                "caching": self.caching, "alphabet": self.alphabet, "ops": self.ops,
                "free": runs(self.pool.free_ids()), "cached": runs(self.pool.cached_ids())}

    def _choose(self):
        draw = self.draw
        if draw.random() < (0.008 if self.running else 0.04):
            return self._reset()
        if not self.waiting and len(self.running) < self.running_max and draw.random() < 0.5:
            return self._begin()
        if self.waiting and draw.random() < 0.7:
            return self._admit(draw.choice(self.waiting))
        if not self.running:
            return None
        request = draw.choice(self.running)
        if draw.random() < (0.6 if self.crowded else 0.15):
            return self._release(request, "free" if draw.random() < 0.7 else "preempt")
        if self.pool.to_compute(request):
            return self._grow(request)
        return self._say(request)

    def _begin(self):
        """A new prompt: the beginning of a text, of an earlier request, or of all that an earlier request said."""
        draw, request = self.draw, len(self.pieces)
        pieces = []
        if self.pieces and draw.random() < 0.35:
            earlier = [list(piece) for piece in self.pieces[draw.randrange(len(self.pieces))]]
            pieces = earlier if draw.random() < 0.6 else earlier[:draw.randint(1, len(earlier))]
        length = draw.randint(1, self.prompt_max)
        if draw.random() < 0.3:  # ends with a block, so that the last token of a full block must be computed again
            length = max(1, length // self.block_size) * self.block_size
        if not pieces or draw.random() < 0.6:
            common = draw.randint(0, length) if draw.random() < 0.7 else length
            pieces += [[draw.randrange(self.texts), common], [1000 + request, length - common]]
        pieces = [[text, tokens] for text, tokens in pieces if tokens][:8] or [[0, 1]]
        self.pieces[request] = pieces
        self.pool.begin(request, tokens_of(pieces, self.alphabet))
        self.waiting.append(request)
        return ["begin", request, [list(piece) for piece in pieces]]

    def _admit(self, request):
        draw = self.draw
        tokens = draw.choice([draw.randint(1, self.prompt_max), 1 << 16])
        free = set(self.pool.free_ids())
        hits, new = self.pool.admit(request, tokens)
        if new is not None:
            self.waiting.remove(request)
            self.running.append(request)
        elif draw.random() < 0.3:
            self.waiting.remove(request)  # given up
        self._count_admission(hits, free, new)
        return self._outcome("admit", request, tokens, runs(hits), new)

    def _count_admission(self, hits, free, new):
        self.crowded |= new is None
        self.counts["admissions refused"] += new is None
        if new is not None:
            self.counts["hits on free blocks"] += sum(block_id in free for block_id in hits)
            self.counts["hits on blocks in use"] += sum(block_id not in free for block_id in hits)

    def _grow(self, request):
        tokens = self.pool.to_compute(request)
        if tokens > 1 and self.draw.random() < 0.5:
            tokens = self.draw.randint(1, tokens)
        new = self.pool.grow(request, tokens)
        self.crowded |= new is None
        self.counts["growths refused"] += new is None
        return self._outcome("grow", request, tokens, new)

    def _say(self, request):
        """Tokens that the model said; computed, and given a place, by the growths that follow."""
        tokens = 1 if self.draw.random() < 0.5 else self.draw.randint(1, 2 * self.block_size)
        text = 2000 + self.draw.randrange(2)
        self.pieces[request].append([text, tokens])
        self.pool.say(request, tokens_of([[text, tokens]], self.alphabet))
        return ["say", request, text, tokens]

    def _release(self, request, how):
        self.pool.free(request)
        self.crowded = False
        self.running.remove(request)
        if how == "preempt":
            self.waiting.append(request)
        self.counts["freed" if how == "free" else "preempted"] += 1
        return self._outcome(how, request)

    def _reset(self):
        done = self.pool.reset()
        self.counts["resets" if done else "resets refused"] += 1
        return self._outcome("reset", int(done))

    def _outcome(self, *op):
        """The operation, and behind it: ids whose hash was evicted if it allocates, free blocks, hash of their order."""
        free = self.pool.free_ids()
        evicted = self._evicted(op)
        self.counts["evicted blocks"] += len(evicted)
        if op[0] in ("admit", "grow"):
            op = (*op[:-1], None if op[-1] is None else runs(op[-1]), runs(evicted))
        return [*op, len(free), order_hash(free)]

    def _evicted(self, op):
        """Blocks that lost their hash, in order: by vLLM's events, and by what its blocks say."""
        removed, stored = self.pool.take_removed()
        before = self.pool.contents
        utils, blocks = self.pool.vllm.utils, self.pool.manager.block_pool.blocks
        after = {block.block_id: utils.maybe_convert_block_hash(utils.get_block_hash(block.block_hash))
                 for block in blocks if block.block_hash is not None}
        self.pool.contents = after
        if op[0] == "reset":
            return []
        given = (op[-1] or []) if op[0] in ("admit", "grow") else []
        evicted = [block_id for block_id in given if block_id in before]
        if [before[block_id] for block_id in evicted] != removed:
            raise SystemExit(f"scenario {self.number}: vLLM's events and its blocks disagree at {op}")
        values = list(after.values())
        self.counts["duplicates cached"] += sum(values.count(value) > 1 for value in stored)
        return evicted


# ------------------------------------------------------------------------------------------------------------ output

def operations_of(number):
    return 24 + number % 31


def prepare(arguments, folder):
    """vLLM's modules, and the version that they are of."""
    wheel = arguments.wheel or vllm_modules.download(arguments.vllm, folder)
    version = vllm_modules.unpack(wheel, folder)
    vllm = vllm_modules.import_from(folder)
    interface = vllm.interface
    vllm.registry.KVCacheSpecRegistry.register(interface.FullAttentionSpec, vllm.single_type.FullAttentionManager)
    vllm.utils.init_none_hash(vllm.hashing.sha256)
    return vllm, version


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def write(arguments, vllm, version):
    counts, lines = collections.Counter(), []
    for number in range(arguments.scenarios):
        scenario = Scenario(vllm, number)
        lines.append(compact(scenario.run(operations_of(number))))
        counts.update(scenario.counts)
    head = {"format": FORMAT, "computed_by": {"name": "vllm", "version": version, "licence": "Apache-2.0",
                                              "classes": ["KVCacheManager", "BlockPool", "FreeKVCacheBlockQueue"]},
            "python": platform.python_version(), "scenarios": arguments.scenarios, "null_block": 0,
            "counts": dict(sorted(counts.items()))}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join([compact(head), *lines]) + "\n", encoding="utf-8")
    print(f"{arguments.out}: {arguments.scenarios} scenarios of vLLM {version}, {arguments.out.stat().st_size} bytes")
    for what, number in sorted(counts.items()):
        print(f"  {number:7} {what}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/kv/fixtures/vllm_block_pool.jsonl")
    parser.add_argument("--vllm", metavar="VERSION", default=VERSION)
    parser.add_argument("--wheel", type=pathlib.Path, help="a wheel of vLLM that is there already")
    parser.add_argument("--scenarios", type=int, default=SCENARIOS)
    parser.add_argument("--show", metavar="N", type=int, help="print scenario N, write nothing")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        vllm, version = prepare(arguments, folder)
        if arguments.show is None:
            write(arguments, vllm, version)
            return 0
        scenario = Scenario(vllm, arguments.show)
        result = scenario.run(operations_of(arguments.show), lambda op, free: print(compact(op), "queue", compact(free)))
        print(compact({key: value for key, value in result.items() if key != "ops"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
