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
    if type(block).__name__ not in ("Block", "EvaBlock", "EvaBlockPostNorm", "ResPostBlock"):
        return f"its blocks are {type(block).__name__}"
    attention = block.attn
    if type(attention).__name__ not in ("Attention", "EvaAttention", "AttentionRope"):
        return f"its attention is {type(attention).__name__}"
    if getattr(attention, "num_kv_groups", 1) > 1 or any(getattr(each.attn, "num_kv_groups", 1) > 1 for each in model.blocks):
        return "its queries share keys and values"
    if type(block.norm1).__name__ not in ("LayerNorm", "RmsNorm"):
        return f"it normalises by {type(block.norm1).__name__}"
    if not absent(getattr(attention, "q_norm", None)):
        return "it normalises queries and keys"
    if getattr(attention, "gate", None) is not None:
        return "its attention is gated"
    if type(getattr(model, "rope", None)).__name__ not in ("NoneType", *ROTARY):
        return f"its rotary positions are {type(model.rope).__name__}"
    return None


ROTARY = ("RotaryEmbeddingCat", "RotaryEmbeddingDinoV3", "RotaryEmbeddingMixed")


def rotary(model) -> str:
    """As `Rotary` of rotary.ts."""
    rope = model.rope
    centred = type(rope).__name__ == "RotaryEmbeddingDinoV3"
    reference = getattr(rope, "ref_feat_shape", None)
    offset = getattr(rope, "grid_offset", 0)
    assert reference is None or reference[0] == reference[1]
    assert not centred or (rope.normalize_coords == "separate" and offset == 0)
    assert centred or not getattr(rope, "in_pixels", False)
    fields = {
        "coordinates": repr("centre" if centred else "number"),
        "offset": f"{offset:g}",
        "reference": str(reference[0]) if reference else "null",
        "first": repr("column" if rope.grid_indexing == "xy" else "row"),
        "temperature": "null" if type(rope).__name__ == "RotaryEmbeddingMixed" else f"{rope.temperature:g}",
        "pairs": repr("halves" if model.blocks[0].attn.rotate_half else "neighbours"),
    }
    return "{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}"


rotaries: list[str] = []


def flags(model) -> list[str]:
    """What no tensor shows and few have."""
    block = model.blocks[0]
    found = []
    if getattr(model, "rope", None) is not None:
        written = rotary(model)
        if written not in rotaries:
            rotaries.append(written)
        found.append(f"rotary: rotary{rotaries.index(written)}")
    if type(block).__name__ in ("EvaBlockPostNorm", "ResPostBlock"):
        found.append("postNorm: true")
    if type(block.norm1).__name__ == "RmsNorm":
        found.append("rootMeanSquare: true")
    return found


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
    row = [str(block.attn.num_heads), repr(activation), f"{block.norm1.eps:g}".replace("e-0", "e-"), repr(model.global_pool)]
    if found := flags(model):
        row.append("{" + ", ".join(found) + "}")
    plain.append(f"  {name}: [{', '.join(row)}],")

text = f"""import type {{Rotary}} from './rotary.js';
import type {{Activation, Spec}} from './spec.js';

// Written by scripts/make-timm-models.py; do not edit.
export const timmVersion = '{timm.__version__}';

{chr(10).join(f"const rotary{i}: Rotary = {written};" for i, written in enumerate(rotaries))}

type Model = readonly [
  heads: number,
  activation: Activation,
  epsilon: number,
  pool: string,
  flags?: Pick<Spec, 'rotary' | 'postNorm' | 'rootMeanSquare'>,
];

/** Of every ViT of timm that is known here what its files do not say. */
export const timmModels: Readonly<Record<string, Model>> = {{
{chr(10).join(plain)}
}};

/** The other ViTs of timm, and why they are others. */
export const timmOthers: Readonly<Record<string, string>> = {{
{chr(10).join(others)}
}};
"""
pathlib.Path(__file__).parent.parent.joinpath("src/engine/architectures/timm-models.ts").write_text(text)
