#!/usr/bin/env python3
"""Writes, beside this script, config.json and the tensors' names and shapes of one tiny model a family, as
transformers saves them. The committed ones are of transformers 5.23.0; no test runs this.
"""
import json
import pathlib
import tempfile

import safetensors
import transformers

FOLDER = pathlib.Path(__file__).resolve().parent
SIZES = dict(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             num_experts_per_tok=2, max_position_embeddings=64)
MODELS = {
    "olmoe": ("Olmoe", SIZES | dict(intermediate_size=6, num_experts=3, eos_token_id=7)),
    "qwen2_moe": ("Qwen2Moe", SIZES | dict(num_hidden_layers=3, intermediate_size=24, moe_intermediate_size=6,
                                           shared_expert_intermediate_size=10, num_experts=3, mlp_only_layers=[1],
                                           eos_token_id=[7, 8], bos_token_id=6)),
    "qwen3_moe": ("Qwen3Moe", SIZES | dict(head_dim=8, intermediate_size=24, moe_intermediate_size=6, num_experts=3,
                                           decoder_sparse_step=2, norm_topk_prob=True, attention_bias=True,
                                           tie_word_embeddings=True, rope_theta=1e6)),
    "mixtral": ("Mixtral", SIZES | dict(intermediate_size=6, num_local_experts=3, sliding_window=32)),
}


def saved(kind, settings):
    """config.json and {name: shape} of a checkpoint with random values."""
    config = getattr(transformers, f"{kind}Config")(**settings)
    model = getattr(transformers, f"{kind}ForCausalLM")(config)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with safetensors.safe_open(f"{folder}/model.safetensors", framework="np") as file:
            shapes = {name: list(file.get_slice(name).get_shape()) for name in sorted(file.keys())}
        return json.loads((pathlib.Path(folder) / "config.json").read_text()), shapes


def main():
    for name, (kind, settings) in MODELS.items():
        config, shapes = saved(kind, settings)
        rows = ",\n".join(f"    {json.dumps(tensor)}: {shape}" for tensor, shape in shapes.items())
        text = f'{{\n  "config": {json.dumps(config)},\n  "tensors": {{\n{rows}\n  }}\n}}\n'
        (FOLDER / f"{name}.json").write_text(text)
        print(f"{name}: {len(shapes)} tensors")


if __name__ == "__main__":
    main()
