#!/usr/bin/env python3
"""Makes what Prophet's decoder is compared with: what transformers computes on the same checkpoints, in fp32.

    scripts/make_decoder_fixtures.py --tiny tests/live
        makes the tiny models anew, TINY/models/NAME, and their fixtures, TINY/fixtures/NAME
    scripts/make_decoder_fixtures.py --model DIR --out DIR --prompts FILE... [--held-out FILE]
        the fixture of a checkpoint that is there, with prompts of 256 bytes (a byte is a token)

A fixture is manifest.json and arrays.bin; tests/live/README.md describes them. Weights are upcast from the checkpoint;
attention and experts are transformers' plain ones, on one thread. It wants PyTorch, transformers and safetensors;
nothing that builds, runs or tests Prophet does.
"""
import argparse
import hashlib
import json
import math
import pathlib
import platform
import sys

import numpy as np
import safetensors.torch
import torch
import transformers

import tiny_models

PROMPTS, PROMPT_TOKENS, NEW_TOKENS = 4, 256, 200
WINDOW_BYTES = 1024  # of a held-out text
# Of the prompts drawn for a tiny model, those with the widest margins are looked at closely.
DRAWN, CLOSELY, DISTINCT_TOKENS_MIN = 160, 10, 30


# ------------------------------------------------------------------------------------------ what transformers does

def load(folder):
    """The checkpoint as transformers loads it unchanged, upcast to fp32; stops if a tensor is missing or left over."""
    model, loading = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager",
        output_loading_info=True)
    wrong = {kind: sorted(map(str, names)) for kind, names in loading.items() if names}
    if wrong:
        raise SystemExit(f"{folder}: transformers did not load all of it, and nothing else: {wrong}")
    model.generation_config.eos_token_id = None  # a continuation has its length, whatever the tokens
    return model.eval()


class Routing:
    """While it lives: what each router of the model gave, in the order of layers."""

    def __init__(self, model):
        self.model = model
        self.routers = tiny_models.router_modules(model)
        self.layers = [int(name.split(".layers.")[1].split(".")[0]) for name, _ in self.routers]

    def __enter__(self):
        self.seen = [None] * len(self.routers)

        def keep(at):
            return lambda module, inputs, output: self.seen.__setitem__(at, output)

        self.hooks = [module.register_forward_hook(keep(at)) for at, (_, module) in enumerate(self.routers)]
        return self

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()

    def stacked(self, which):
        """[layers, tokens, values] of the last forward pass: 0 logits, 1 weights, 2 ids."""
        return torch.stack([output[which] for output in self.seen])


@torch.no_grad()
def forward(model, ids):
    """Of one sequence [tokens]: logits [tokens, vocab], routing [layers, tokens, ...] logits, weights, ids."""
    with Routing(model) as routing:
        logits = model(ids[None], use_cache=False).logits[0]
        return logits, routing.stacked(0), routing.stacked(1), routing.stacked(2)


def router_gaps(router_logits, top_k):
    """[..., top_k]: the difference of each of the first top_k logits to the next lower one. The last of them decides
    who is chosen, the others the order."""
    best = router_logits.topk(top_k + 1, -1).values
    return best[..., :-1] - best[..., 1:]


def router_gap(router_logits, top_k):
    return router_gaps(router_logits, top_k).amin(-1)


@torch.no_grad()
def one_by_one(model, ids):
    """The logits again, with the KV cache and one token a pass."""
    cache, rows = transformers.DynamicCache(config=model.config), []
    for at in range(len(ids)):
        rows.append(model(ids[None, at:at + 1], past_key_values=cache, use_cache=True).logits[0, 0])
    return torch.stack(rows)


@torch.no_grad()
def measure(model, prompt, top_k):
    """All that the fixture holds of one prompt, and how far everything was from being decided otherwise."""
    length = len(prompt)
    whole = model.generate(prompt[None], do_sample=False, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS)[0]
    logits, _, weights, ids = forward(model, prompt)
    at_once, router_logits, _, _ = forward(model, whole)
    steps = at_once[length - 1:-1]  # row i decides the new token i
    if not torch.equal(steps.argmax(-1), whole[length:]):
        raise SystemExit("transformers with and without its KV cache disagrees: choose other prompts or seeds")
    best = steps.topk(2, -1).values
    gaps = router_gaps(router_logits, top_k)
    rounding = (one_by_one(model, whole) - at_once).abs().amax(-1) / at_once.abs().amax(-1)
    return {
        "logits": logits, "expert_ids": ids, "expert_weights": weights, "continuation": whole[length:],
        "margins": {
            "top_two_logits_of_continuation": (best[:, 0] - best[:, 1]).min().item(),
            "router_logits_of_prompt": gaps[:, :length].min().item(),
            "router_choice_of_prompt": gaps[:, :length, -1].min().item(),
            "router_logits_of_continuation": gaps[:, length:].min().item(),
            "one_by_one_from_at_once_relative": rounding.max().item(),
            "distinct_tokens_of_continuation": len(set(whole[length:].tolist()))}}


# ------------------------------------------------------------------------------------------------------ the prompts

@torch.no_grad()
def draw_prompts(model, seed):
    """Random prompts on which nothing is nearly tied, neither the router's ranks nor the two best next tokens, whose
    continuations do not run in a small circle, and on which the model amplifies rounding least."""
    vocab, top_k = model.config.vocab_size, model.config.num_experts_per_tok
    random = torch.Generator().manual_seed(seed)
    drawn = torch.randint(0, vocab, (DRAWN, PROMPT_TOKENS), generator=random)
    whole = model.generate(drawn, do_sample=False, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS)
    with Routing(model) as routing:
        logits = model(whole, use_cache=False).logits
        gaps = router_gap(routing.stacked(0), top_k).view(-1, DRAWN, whole.shape[1]).amin((0, 2))
    best = logits[:, PROMPT_TOKENS - 1:-1].topk(2, -1).values
    margin = torch.minimum(gaps, (best[..., 0] - best[..., 1]).amin(-1))
    distinct = torch.tensor([len(row[PROMPT_TOKENS:].unique()) for row in whole])
    margin = margin.where(distinct >= DISTINCT_TOKENS_MIN, 0.0)
    close = margin.topk(CLOSELY).indices.tolist()
    rounding = {at: measure(model, drawn[at], top_k)["margins"]["one_by_one_from_at_once_relative"] for at in close
                if margin[at] > 0}
    taken = sorted(sorted(rounding, key=rounding.get)[:PROMPTS])
    if len(taken) < PROMPTS:
        raise SystemExit(f"seed {seed}: {len(taken)} of {DRAWN} prompts are fit, expected {PROMPTS}: take another")
    return list(drawn[taken]), {"drawn": DRAWN, "seed": seed, "taken": taken}


def read_prompts(model, paths):
    if model.config.vocab_size != 256:
        raise SystemExit(f"--prompts: the model has {model.config.vocab_size} tokens, expected 256 (bytes)")
    texts = [path.read_bytes() for path in paths]
    for path, text in zip(paths, texts):
        if len(text) != PROMPT_TOKENS:
            raise SystemExit(f"{path}: has {len(text)} bytes, expected {PROMPT_TOKENS}")
    return ([torch.tensor(list(text)) for text in texts],
            {"files": [path.name for path in paths], "sha256": [hashlib.sha256(text).hexdigest() for text in texts]})


@torch.no_grad()
def held_out(model, path):
    """Bits a byte over all bytes but the first of each window; windows do not overlap, a last short one is dropped."""
    text = path.read_bytes()
    windows = torch.tensor(list(text[:len(text) // WINDOW_BYTES * WINDOW_BYTES])).view(-1, WINDOW_BYTES)
    nats = [torch.nn.functional.cross_entropy(model(row[None]).logits[0, :-1], row[1:], reduction="sum").item()
            for row in windows]
    predicted = len(windows) * (WINDOW_BYTES - 1)
    return {"file": path.name, "sha256": hashlib.sha256(text).hexdigest(), "window_bytes": WINDOW_BYTES,
            "windows": len(windows), "predicted_bytes": predicted, "window_nats": nats,
            "bits_per_byte": sum(nats) / predicted / math.log(2)}


# ---------------------------------------------------------------------------------------------------- the files

def as_f24(values):
    """fp32 without its 8 lowest bits, rounded to nearest even, little-endian: off by at most 2^-17 of the value."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7F + (bits >> 8 & 1)) >> 8
    return bits.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


ENCODINGS = {"u8": lambda values: values.astype(np.uint8).tobytes(),
             "u16": lambda values: values.astype("<u2").tobytes(), "f24": as_f24}


def write_arrays(path, arrays):
    """One array behind the other; returns where each lies."""
    places, data = {}, b""
    for name, (encoding, values) in arrays.items():
        values = np.asarray(values)
        if not np.isfinite(values).all():
            raise SystemExit(f"{path}: {name} has a value that is not finite")
        encoded = ENCODINGS[encoding](values)
        places[name] = {"encoding": encoding, "shape": list(values.shape), "offset_bytes": len(data),
                        "bytes": len(encoded)}
        data += encoded
    path.write_bytes(data)
    return places, hashlib.sha256(data).hexdigest()


def provenance():
    return {"script": "scripts/make_decoder_fixtures.py", "argv": sys.argv[1:], "python": platform.python_version(),
            "torch": torch.__version__, "transformers": transformers.__version__,
            "safetensors": safetensors.__version__, "numpy": np.__version__, "threads": torch.get_num_threads(),
            "attention": "eager", "experts": "eager", "computed_in": "fp32"}


def describe_model(folder, model, seed):
    config = model.config
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors"))
    stored = {str(tensor.dtype).removeprefix("torch.") for path in files if path.suffix == ".safetensors"
              for tensor in safetensors.torch.load_file(path).values()}
    return {"name": folder.name, "architecture": config.architectures[0], "stored_as": sorted(stored), "seed": seed,
            "layers": config.num_hidden_layers, "experts": tiny_models.router_modules(model)[0][1].num_experts,
            "top_k": config.num_experts_per_tok, "vocab": config.vocab_size,
            "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files
                       if path.name in ("config.json", "model.safetensors.index.json")
                       or path.suffix == ".safetensors"}}


def make_fixture(folder, out, prompts_of, seed=None, text=None):
    model = load(folder)
    prompts, origin = prompts_of(model)
    top_k = model.config.num_experts_per_tok
    seen = [measure(model, prompt, top_k) for prompt in prompts]
    layers = Routing(model).layers
    stack = lambda name: np.stack([one[name].numpy() for one in seen])
    out.mkdir(parents=True, exist_ok=True)
    places, digest = write_arrays(out / "arrays.bin", {
        "prompts": ("u16", torch.stack(prompts).numpy()), "continuations": ("u16", stack("continuation")),
        "expert_ids": ("u8", stack("expert_ids")), "expert_weights": ("f24", stack("expert_weights")),
        "logits": ("f24", stack("logits"))})
    used = [len(np.unique(stack("expert_ids")[:, at])) for at in range(len(layers))]
    manifest = {"format": "prophet decoder fixture", "version": 1, "model": describe_model(folder, model, seed),
                "sparse_layers": layers, "prompts": origin, "arrays_sha256": digest, "arrays": places,
                "margins": [one["margins"] for one in seen], "experts_used_in_prompts": used,
                "largest_logit": float(np.abs(stack("logits")).max()), "made_by": provenance()}
    if text:
        manifest["held_out"] = held_out(model, text)
    if seed is not None:
        name, change = tiny_models.weakest_tensor(model, torch.stack(prompts))
        manifest["weakest_tensor"] = {"name": name, "relative_change_without_it": round(change, 4)}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    report(folder.name, manifest)


def report(name, manifest):
    """The narrowest margins, for people."""
    narrow = {key: min(one[key] for one in manifest["margins"]) for key in manifest["margins"][0]}
    rounding = "one_by_one_from_at_once_relative"
    narrow[rounding] = max(one[rounding] for one in manifest["margins"])
    print(f"{name}: experts used {manifest['experts_used_in_prompts']} of {manifest['model']['experts']}, "
          f"largest logit {manifest['largest_logit']:.3g}, weakest tensor {manifest.get('weakest_tensor', '-')}")
    for key, value in narrow.items():
        print(f"  {key}: {value:.3g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", type=pathlib.Path, help="folder under which models/ and fixtures/ are made")
    parser.add_argument("--only", choices=list(tiny_models.TINY), help="with --tiny: this model alone")
    parser.add_argument("--model", type=pathlib.Path, help="folder with config.json and model.safetensors")
    parser.add_argument("--out", type=pathlib.Path, help="with --model: folder for the fixture")
    parser.add_argument("--prompts", type=pathlib.Path, nargs="+", help="with --model: files of 256 bytes each")
    parser.add_argument("--held-out", type=pathlib.Path, help="with --model: a text whose bits a byte are measured")
    options = parser.parse_args()
    if (options.tiny is None) == (options.model is None):
        parser.error("expected either --tiny or --model")
    if options.model and not (options.out and options.prompts):
        parser.error("--model: expected --out and --prompts beside it")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.disable_progress_bar()
    if options.model:
        make_fixture(options.model, options.out, lambda model: read_prompts(model, options.prompts),
                     text=options.held_out)
        return
    for name, tiny in tiny_models.TINY.items():
        if options.only in (None, name):
            tiny_models.make(name, options.tiny / "models" / name)
            make_fixture(options.tiny / "models" / name, options.tiny / "fixtures" / name,
                         lambda model: draw_prompts(model, tiny["seed"]), tiny["seed"])


if __name__ == "__main__":
    main()
