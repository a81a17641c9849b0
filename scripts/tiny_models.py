"""Tiny, randomly initialised models of the MoE families that Prophet decodes, as ordinary checkpoints.

They are for make_decoder_fixtures.py, which compares Prophet with transformers. What a trained model has and zeros or
ones would hide is random here too: norm weights, biases, a router that decides, heads that look at something.
"""
import json
import zlib

import torch
import transformers

HEAD_DIM = 64  # what Prophet's attention wants
COMMON = {"vocab_size": 96, "hidden_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 512,
          "num_key_value_heads": 1, "bos_token_id": None, "eos_token_id": None}


def rope(theta):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta}}


# name: configuration, type of the weights, and how the checkpoint is written.
TINY = {
    "olmoe-tiny": {
        "config": lambda: transformers.OlmoeConfig(
            **COMMON, **rope(10000.0), num_attention_heads=1, intermediate_size=32, num_experts=8,
            num_experts_per_tok=4, norm_topk_prob=False, pad_token_id=None),
        "dtype": torch.float16, "seed": 11},
    # The first layer is sparse and the last dense; the configuration is spelt as transformers 4 wrote it.
    "qwen2-moe-tiny": {
        "config": lambda: transformers.Qwen2MoeConfig(
            **COMMON, **rope(1000000.0), num_attention_heads=1, intermediate_size=64, moe_intermediate_size=32,
            shared_expert_intermediate_size=64, num_experts=8, num_experts_per_tok=4, norm_topk_prob=False,
            mlp_only_layers=[1]),
        "dtype": torch.bfloat16, "seed": 12, "older_config": True, "gains": {"q_proj": 1.4, "k_proj": 1.4}},
    # The first layer is dense by its step, embeddings are tied, heads are wider than hidden_size / heads.
    "qwen3-moe-tiny": {
        "config": lambda: transformers.Qwen3MoeConfig(
            **COMMON, **rope(1000000.0), num_attention_heads=2, head_dim=HEAD_DIM, intermediate_size=64,
            moe_intermediate_size=32, num_experts=8, num_experts_per_tok=4, norm_topk_prob=True,
            decoder_sparse_step=2, tie_word_embeddings=True),
        "dtype": torch.bfloat16, "seed": 13, "max_shard_size": "80KB", "gains": {"down_proj": 2.5}},
    "mixtral-tiny": {
        "config": lambda: transformers.MixtralConfig(
            **COMMON, **rope(50000.0), num_attention_heads=2, head_dim=HEAD_DIM, intermediate_size=32,
            num_local_experts=8, num_experts_per_tok=2),
        "dtype": torch.bfloat16, "seed": 14},
}

# Standard deviations of the results of products, by what the matrix is: inputs are normalised, so a weight has this
# over sqrt(inputs). Much less, and attention averages over all tokens, routers choose by a hair, and errors of position
# or routing hide; much more, and rounding to fp32 grows to a hundredth of a percent on the way to the logits.
GAINS = {"router": 3.0, "v_proj": 1.2, "o_proj": 1.5, "down_proj": 1.5, "lm_head": 4.0, "shared_expert_gate": 2.0}


def spread_of(name, shape, is_router, gains):
    """Mean and standard deviation of a tensor's values."""
    kind = "router" if is_router else name.removesuffix(".weight").rsplit(".", 1)[-1]
    if "norm" in kind:
        return 1.2, 0.3
    if len(shape) == 1:
        return 0.0, 0.5  # a bias
    if kind == "embed_tokens":
        return 0.0, 0.3
    return 0.0, gains.get(kind, 1.0) / shape[-1] ** 0.5


def router_modules(model):
    """[(name, module)] of the routers, in the order of layers."""
    return [(name, module) for name, module in model.named_modules() if type(module).__name__.endswith("TopKRouter")]


@torch.no_grad()
def randomise(model, seed, gains):
    """Each tensor from a generator of its own, so that one tensor more or less leaves the others as they were."""
    routers = {f"{name}.weight" for name, _ in router_modules(model)}
    for name, parameter in model.named_parameters():
        mean, deviation = spread_of(name, parameter.shape, name in routers, gains)
        random = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
        parameter.copy_(mean + deviation * torch.randn(parameter.shape, generator=random))


def write_older_config(path):
    """Rewrites a config.json as transformers 4 would have written it: no rope_parameters, torch_dtype for dtype."""
    config = json.loads(path.read_text())
    theta = config.pop("rope_parameters")["rope_theta"]
    config["torch_dtype"] = config.pop("dtype")
    config.pop("layer_types", None)
    config |= {"rope_theta": theta, "rope_scaling": None, "sliding_window": 4096, "transformers_version": "4.40.0"}
    path.write_text(json.dumps(dict(sorted(config.items())), indent=2) + "\n")


def make(name, folder):
    """Writes the tiny model `name` into `folder`: config.json and model.safetensors or shards with their index."""
    tiny = TINY[name]
    config = tiny["config"]()
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    randomise(model, tiny["seed"], GAINS | tiny.get("gains", {}))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    options = {"max_shard_size": tiny["max_shard_size"]} if "max_shard_size" in tiny else {}
    model.to(tiny["dtype"]).save_pretrained(folder, **options)
    (folder / "generation_config.json").unlink(missing_ok=True)  # how to sample is no part of what is compared
    if tiny.get("older_config"):
        write_older_config(folder / "config.json")


@torch.no_grad()
def weakest_tensor(model, ids):
    """(name, change): the tensor without which the logits change least, relative to the largest logit. Experts are
    looked at one by one. A tensor without which nothing changes would be one that no comparison covers."""
    reference = model(ids).logits
    weakest = ("none", float("inf"))
    for name, parameter in model.named_parameters():
        parts = list(parameter) if parameter.dim() == 3 else [parameter]
        for at, part in enumerate(parts):
            kept = part.clone()
            part.zero_()
            change = ((model(ids).logits - reference).abs().max() / reference.abs().max()).item()
            part.copy_(kept)
            if change < weakest[1]:
                weakest = (f"{name}[{at}]" if parameter.dim() == 3 else name, change)
    return weakest
