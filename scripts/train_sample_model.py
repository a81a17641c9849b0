#!/usr/bin/env python3
"""Trains Prophet's sample model: a byte-level Mixture-of-Experts language model in OLMoE's architecture.

The text is the reStructuredText sources of Python's documentation as Debian's package python3.11-doc ships them
(PSF licence). Documents are split into training, validation and test by a hash of their names. Training is seeded and
resumable: run the same command again after an interruption. It wants PyTorch, on the CPU; nothing that Prophet runs
or tests does.

    apt-get download python3.11-doc && dpkg-deb -x python3.11-doc_*.deb corpus
    scripts/train_sample_model.py --corpus corpus --out sample_model --work train_work
"""
import argparse
import csv
import json
import math
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from sample_corpus import SEPARATOR, load_corpus, ngram_bits_per_byte

CONFIG = {
    "architectures": ["OlmoeForCausalLM"], "model_type": "olmoe", "vocab_size": 256, "hidden_size": 128,
    "intermediate_size": 32, "num_hidden_layers": 6, "num_attention_heads": 2, "num_key_value_heads": 1,
    "num_experts": 64, "num_experts_per_tok": 8, "norm_topk_prob": False, "hidden_act": "silu",
    "max_position_embeddings": 1024, "rope_theta": 10000.0, "rms_norm_eps": 1e-5, "attention_bias": False,
    "attention_dropout": 0.0, "clip_qkv": None, "initializer_range": 0.02, "output_router_logits": False,
    "router_aux_loss_coef": 0.01, "tie_word_embeddings": False, "use_cache": True, "pad_token_id": None,
    "bos_token_id": SEPARATOR, "eos_token_id": SEPARATOR, "torch_dtype": "bfloat16"}


# --------------------------------------------------------------------------------------------------- the model

class RmsNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        x32 = x.float()
        return self.weight * (x32 * torch.rsqrt(x32.pow(2).mean(-1, keepdim=True) + CONFIG["rms_norm_eps"])).to(x.dtype)


def rotate(x, cosine, sine):
    half = x.shape[-1] // 2
    return x * cosine + torch.cat((-x[..., half:], x[..., :half]), -1) * sine


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        hidden, self.heads, self.kv_heads = (CONFIG[k] for k in
                                             ("hidden_size", "num_attention_heads", "num_key_value_heads"))
        self.size = hidden // self.heads
        self.q_proj = nn.Linear(hidden, hidden, bias=False)
        self.k_proj = nn.Linear(hidden, self.kv_heads * self.size, bias=False)
        self.v_proj = nn.Linear(hidden, self.kv_heads * self.size, bias=False)
        self.o_proj = nn.Linear(hidden, hidden, bias=False)
        self.q_norm = RmsNorm(hidden)
        self.k_norm = RmsNorm(self.kv_heads * self.size)

    def forward(self, x, cosine, sine):
        batch, length, _ = x.shape
        split = lambda y, heads: y.view(batch, length, heads, self.size).transpose(1, 2)
        q = rotate(split(self.q_norm(self.q_proj(x)), self.heads), cosine, sine)
        k = rotate(split(self.k_norm(self.k_proj(x)), self.kv_heads), cosine, sine)
        v = split(self.v_proj(x), self.kv_heads)
        repeat = self.heads // self.kv_heads
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, -1))


class Regroup(torch.autograd.Function):
    """rows[there], where row i of `rows` goes to the places back[i] [k] (all places but those of padding): the gradient
    is a gather too, where index_add, PyTorch's own way, runs on one thread. Row len(rows) means zeros."""

    @staticmethod
    def forward(context, rows, there, back):
        context.save_for_backward(back)
        return F.pad(rows, (0, 0, 0, 1)).index_select(0, there)

    @staticmethod
    def backward(context, gradient):
        back, = context.saved_tensors
        padded = F.pad(gradient, (0, 0, 0, 1))
        return padded.index_select(0, back.reshape(-1)).view(*back.shape, -1).sum(1), None, None


class Experts(nn.Module):
    """OLMoE's sparse block with tokens grouped by expert: one batched product a matrix instead of a loop."""

    def __init__(self):
        super().__init__()
        hidden, width, self.experts, self.top_k = (CONFIG[k] for k in ("hidden_size", "intermediate_size",
                                                                       "num_experts", "num_experts_per_tok"))
        self.gate = nn.Linear(hidden, self.experts, bias=False)
        self.gate_proj = nn.Parameter(torch.empty(self.experts, hidden, width))
        self.up_proj = nn.Parameter(torch.empty(self.experts, hidden, width))
        self.down_proj = nn.Parameter(torch.empty(self.experts, width, hidden))
        for weight in (self.gate_proj, self.up_proj, self.down_proj):
            nn.init.normal_(weight, std=CONFIG["initializer_range"])

    def forward(self, x):
        shape = x.shape
        x = x.reshape(-1, shape[-1])
        logits = self.gate(x).float()
        probability = logits.softmax(-1)
        weight, chosen = probability.topk(self.top_k, -1)
        flat = chosen.reshape(-1)
        tokens, choices = x.shape[0], flat.numel()
        order = flat.argsort()
        counts = torch.bincount(flat, minlength=self.experts)
        first = counts.cumsum(0) - counts
        room = int(counts.max())
        by_expert = flat[order]
        slot_sorted = by_expert * room + torch.arange(choices) - first[by_expert]
        slot = torch.empty_like(slot_sorted).index_copy_(0, order, slot_sorted)  # of each choice
        choice = torch.full((self.experts * room,), choices).index_copy_(0, slot_sorted, order)  # of each slot
        token = torch.where(choice == choices, tokens, choice // self.top_k)
        grouped = Regroup.apply(x, token, slot.view(tokens, self.top_k)).view(self.experts, room, -1)
        inner = F.silu(torch.bmm(grouped, self.gate_proj)) * torch.bmm(grouped, self.up_proj)
        out = torch.bmm(inner, self.down_proj).view(self.experts * room, -1)
        out = Regroup.apply(out, slot, choice.view(-1, 1)).view(tokens, self.top_k, -1)
        y = (out * weight.to(out.dtype).unsqueeze(-1)).sum(1)
        # Switch Transformers' loss over all top-k choices of this layer: experts x share of choices x mean
        # probability, top-k if all are used alike. The caller takes the mean of the layers.
        share = counts.float() / x.shape[0]
        balance = self.experts * (share * probability.mean(0)).sum()
        z = logits.logsumexp(-1).pow(2).mean()
        return y.view(shape), balance, z, chosen


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm = RmsNorm(CONFIG["hidden_size"])
        self.self_attn = Attention()
        self.post_attention_layernorm = RmsNorm(CONFIG["hidden_size"])
        self.mlp = Experts()

    def forward(self, x, cosine, sine):
        x = x + self.self_attn(self.input_layernorm(x), cosine, sine)
        y, balance, z, chosen = self.mlp(self.post_attention_layernorm(x))
        return x + y, balance, z, chosen


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(CONFIG["vocab_size"], CONFIG["hidden_size"])
        self.layers = nn.ModuleList(Layer() for _ in range(CONFIG["num_hidden_layers"]))
        self.norm = RmsNorm(CONFIG["hidden_size"])
        self.lm_head = nn.Linear(CONFIG["hidden_size"], CONFIG["vocab_size"], bias=False)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=CONFIG["initializer_range"])

    def forward(self, ids):
        size = CONFIG["hidden_size"] // CONFIG["num_attention_heads"]
        frequency = CONFIG["rope_theta"] ** (-torch.arange(0, size, 2).float() / size)
        angle = torch.arange(ids.shape[1]).float()[:, None] * frequency
        angle = torch.cat((angle, angle), -1)
        cosine, sine = angle.cos(), angle.sin()
        x = self.embed_tokens(ids)
        balance = z = 0
        choices = []
        for layer in self.layers:
            x, layer_balance, layer_z, chosen = layer(x, cosine, sine)
            balance, z = balance + layer_balance, z + layer_z
            choices.append(chosen)
        return self.lm_head(self.norm(x)), balance / len(self.layers), z / len(self.layers), choices


def checkpoint_tensors(model):
    """The weights under the names and shapes of Hugging Face's OlmoeForCausalLM, in bf16."""
    tensors = {}
    for name, value in model.state_dict().items():
        matrix = name.rsplit(".", 1)[-1]
        if matrix in ("gate_proj", "up_proj", "down_proj"):
            prefix = "model." + name[:-len(matrix)]
            for e in range(value.shape[0]):
                tensors[f"{prefix}experts.{e}.{matrix}.weight"] = value[e].T
        else:
            tensors[name if name.startswith("lm_head") else "model." + name] = value
    return {name: value.to(torch.bfloat16).contiguous() for name, value in tensors.items()}


# ------------------------------------------------------------------------------------------------- the training

def learning_rate(step, options):
    if step < options.warm_up:
        return options.rate * (step + 1) / options.warm_up
    done = (step - options.warm_up) / max(1, options.steps - options.warm_up)
    return options.rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def draw(data, length, batch, random):
    starts = random.integers(0, len(data) - length - 1, batch)
    rows = np.stack([data[s:s + length + 1] for s in starts]).astype(np.int64)
    return torch.from_numpy(rows)


def length_at(step, options):
    """Short sequences first: most of what is learnt early is local, and attention is cheaper."""
    return 256 if step < 0.6 * options.steps else 1024


@torch.no_grad()
def bits_per_byte(model, data, length=1024):
    """Mean over all bytes but each window's first, in windows that do not overlap."""
    total = count = 0
    for start in range(0, len(data) - length, length * 8):
        rows = [data[s:s + length] for s in range(start, min(start + length * 8, len(data) - length), length)]
        ids = torch.from_numpy(np.stack(rows).astype(np.int64))
        logits = model(ids)[0]
        total += F.cross_entropy(logits[:, :-1].reshape(-1, 256), ids[:, 1:].reshape(-1), reduction="sum").item()
        count += ids[:, 1:].numel()
    return total / count / math.log(2)


def optimiser_for(model):
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    return torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
                             lr=1e-3, betas=(0.9, 0.95), eps=1e-8)


def recipe(options):
    """What a resumed run must have in common with the one that began."""
    return {key: getattr(options, key) for key in ("steps", "tokens", "rate", "warm_up", "seed", "validation_bytes")}


def save_state(path, model, optimiser, step, curve, options):
    temporary = path.with_suffix(".new")
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "curve": curve,
                "recipe": recipe(options)},
               temporary)
    temporary.replace(path)


def train(model, parts, options):
    """Runs to options.steps, beginning where the last run stopped; returns the curve."""
    work = pathlib.Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    state_path = work / "state.pt"
    optimiser = optimiser_for(model)
    step, curve = 0, []
    if state_path.exists():
        state = torch.load(state_path, weights_only=False)
        if state["recipe"] != recipe(options):
            raise SystemExit(f"{state_path} was begun with {state['recipe']}: expected the same options, or another --work")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, curve = state["step"], state["curve"]
    validation = parts["validation"][:options.validation_bytes]
    wall_before, cpu_before = (curve[-1]["wall_seconds"], curve[-1]["cpu_seconds"]) if curve else (0.0, 0.0)
    wall_began, cpu_began = time.monotonic(), time.process_time()
    while step < options.steps:
        random = np.random.default_rng([options.seed, step])  # so that a resumed run draws what it would have drawn
        length = length_at(step, options)
        rows = draw(parts["train"], length, options.tokens // length, random)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, options)
        logits, balance, z, _ = model(rows[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, 256), rows[:, 1:].reshape(-1))
        (loss + CONFIG["router_aux_loss_coef"] * balance + 0.001 * z).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        if step % options.every == 0 or step == options.steps:
            measured = bits_per_byte(model, validation, length)
            curve.append({"step": step, "bytes": step * options.tokens, "train_bits_per_byte":
                          loss.item() / math.log(2), "validation_bits_per_byte": measured, "window_bytes": length,
                          "balance_loss": balance.item(),
                          "wall_seconds": round(wall_before + time.monotonic() - wall_began, 1),
                          "cpu_seconds": round(cpu_before + time.process_time() - cpu_began, 1)})
            print(json.dumps(curve[-1]), flush=True)
            save_state(state_path, model, optimiser, step, curve, options)
    return curve


# ------------------------------------------------------------------------------------------- what it is worth

@torch.no_grad()
def routing_facts(model, data, windows=32, length=1024):
    """Per layer: how evenly experts are used, and how many of a token's experts the token before chose too."""
    ids = torch.from_numpy(np.stack([data[i * length:(i + 1) * length] for i in
                                     range(min(windows, len(data) // length))]).astype(np.int64))
    facts = []
    for layer, chosen in enumerate(model(ids)[3]):
        chosen = chosen.view(ids.shape[0], length, -1)
        usage = torch.bincount(chosen.reshape(-1), minlength=CONFIG["num_experts"]).float()
        share = usage / usage.sum()
        member = torch.zeros(*chosen.shape[:2], CONFIG["num_experts"]).scatter_(2, chosen, 1.0)
        overlap = (member[:, 1:] * member[:, :-1]).sum(-1).mean() / chosen.shape[-1]
        entropy = -(share[share > 0] * share[share > 0].log()).sum()
        facts.append({"layer": layer, "experts_never_used": int((usage == 0).sum()),
                      "usage_largest_over_mean": round(float(share.max() * len(share)), 3),
                      "usage_smallest_over_mean": round(float(share.min() * len(share)), 3),
                      "effective_experts": round(float(entropy.exp()), 2),
                      "overlap_with_token_before": round(float(overlap), 4)})
    return facts


def write_model(model, out):
    from safetensors.torch import save_file
    out.mkdir(parents=True, exist_ok=True)
    save_file(checkpoint_tensors(model), out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")


def write_curve(curve, out):
    with open(out / "loss.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, curve[0].keys())
        writer.writeheader()
        writer.writerows(curve)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, help="the unpacked package python3.11-doc")
    parser.add_argument("--out", required=True, help="folder for config.json, model.safetensors, loss.csv, facts.json")
    parser.add_argument("--work", required=True, help="folder for the state that an interrupted run goes on from")
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--tokens", type=int, default=4096, help="bytes of a step")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--warm-up", type=int, default=100)
    parser.add_argument("--every", type=int, default=50, help="steps between validations and saved states")
    parser.add_argument("--validation-bytes", type=int, default=32768, help="of each validation but the last")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    parts, documents, digest = load_corpus(options.corpus)
    model = Model()
    curve = train(model, parts, options)
    out = pathlib.Path(options.out)
    model.eval()
    for parameter in model.parameters():  # what is judged is what is shipped
        parameter.data = parameter.data.to(torch.bfloat16).float()
    write_model(model, out)
    write_curve(curve, out)
    facts = {
        "parameters": sum(p.numel() for p in model.parameters()), "steps": options.steps,
        "training_bytes_seen": options.steps * options.tokens, "wall_seconds": round(curve[-1]["wall_seconds"]), "cpu_seconds": round(curve[-1]["cpu_seconds"]), "threads": options.threads,
        "seed": options.seed, "torch": torch.__version__, "corpus_sha256": digest,
        "corpus": "reStructuredText sources of Debian's python3.11-doc", "corpus_licence": "PSF-2.0",
        "bytes": {part: len(data) for part, data in parts.items()},
        "documents": {part: len(names) for part, names in documents.items()},
        "validation_bits_per_byte": bits_per_byte(model, parts["validation"]),
        "test_bits_per_byte": bits_per_byte(model, parts["test"]),
        **{f"ngram_order_{order}_{part}_bits_per_byte": ngram_bits_per_byte(parts["train"], parts[part], order)
           for order in (4, 5) for part in ("validation", "test")},  # 3 and 4 bytes of context
        "routing": routing_facts(model, parts["validation"])}
    (out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
