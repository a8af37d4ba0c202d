"""Writes src/engine/architectures/timm-models.ts: of every ViT of timm what its files do not say, from the installed timm."""

import pathlib
import warnings

import timm
import torch
from timm.models import _registry

warnings.filterwarnings("ignore")
MODULES = ("beit", "deit", "eva", "vision_transformer", "vision_transformer_hybrid")
ACTIVATIONS = {"GELU": "gelu", "GELUTanh": "gelu_tanh", "QuickGELU": "quick_gelu", "SiLU": "silu"}


def absent(module) -> bool:
    return module is None or isinstance(module, torch.nn.Identity)


def other(model) -> str | None:
    """Why the plain forward pass is not this model's."""
    block = model.blocks[0]
    if type(model.patch_embed).__name__ != "PatchEmbed":
        return "its patches come from a convolutional stem"
    if getattr(model, "rope", None) is not None:
        return "it has rotary positions"
    if type(block).__name__ not in ("Block", "EvaBlock"):
        return f"its blocks are {type(block).__name__}"
    if type(block.attn).__name__ not in ("Attention", "EvaAttention"):
        return f"its attention is {type(block.attn).__name__}"
    if type(block.norm1).__name__ != "LayerNorm":
        return f"it normalises by {type(block.norm1).__name__}"
    inner = (getattr(block.attn, "q_norm", None), getattr(block.attn, "norm", None), getattr(block.mlp, "norm", None))
    if not all(absent(norm) for norm in inner):
        return "it normalises inside attention or MLP"
    return None


plain, others = [], []
for name in timm.list_models():
    if _registry._model_to_module.get(name) not in MODULES:
        continue
    with torch.device("meta"):
        model = timm.create_model(name)
    reason = other(model)
    if reason:
        others.append(f"  {name}: {reason!r},")
        continue
    block = model.blocks[0]
    activation = ACTIVATIONS[type(block.mlp.act).__name__]
    if getattr(block.mlp.act, "approximate", "none") == "tanh":
        activation = "gelu_tanh"
    values = (block.attn.num_heads, activation, f"{block.norm1.eps:g}".replace("e-0", "e-"), model.global_pool)
    plain.append("  {}: [{}, {!r}, {}, {!r}],".format(name, *values))

text = f"""import type {{Activation}} from './spec.js';

// Written by scripts/make-timm-models.py from timm {timm.__version__}; do not edit.

/** Of every plain ViT of timm what its files do not say: heads, activation, epsilon of its LayerNorms, pooling of its head. */
export const timmModels: Readonly<Record<string, readonly [number, Activation, number, string]>> = {{
{chr(10).join(plain)}
}};

/** The other ViTs of timm, and why they are others. */
export const timmOthers: Readonly<Record<string, string>> = {{
{chr(10).join(others)}
}};
"""
pathlib.Path(__file__).parent.parent.joinpath("src/engine/architectures/timm-models.ts").write_text(text)
