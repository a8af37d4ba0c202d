"""Models of timm by their own names, two blocks deep, with random weights, and their hidden states, as timm computes them.

Of all names given on standard input (JSON) those are taken that differ in more than width, depth and image size: that with
the fewest heads of each kind, 16 features a head. Writes into the folder given a model folder for each, with `expected.safetensors`, and prints the
kinds: a JSON object from the name that stands for a kind to all its names.
"""

import json
import sys
import warnings
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from timm.models import save_for_hf

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
GRID = 3


def structure(model):
    """All that the code of a block and of the tokens depends on, but for sizes."""
    shapes = {name.replace("blocks.1.", "blocks."): tensor.dim() for name, tensor in model.state_dict().items()}
    block, rope = model.blocks[0], getattr(model, "rope", None)
    own_sizes = ("training", "dim", "feat_shape", "depth", "num_heads")
    settings = {key: str(value) for key, value in vars(rope).items() if key[0] != "_" and key not in own_sizes} if rope else {}
    act = block.mlp.act
    return json.dumps([
        sorted(shapes), type(block).__name__, type(block.attn).__name__, type(block.norm1).__name__, block.norm1.eps,
        type(act).__name__, getattr(act, "approximate", ""), model.global_pool, settings,
    ], sort_keys=True)


def readout(model, tokens):
    normed = model.norm(tokens)
    if model.global_pool == "map":
        return normed[:, 0] if model.cls_token is not None else normed[:, model.num_prefix_tokens :].mean(1)
    if hasattr(model, "dist_token") and model.dist_token is not None:
        return normed[:, 0]
    return model.forward_head(normed, pre_logits=True)


kinds = {}
for name in json.load(sys.stdin):
    with torch.device("meta"):
        model = timm.create_model(name, depth=2)
    kinds.setdefault(structure(model), []).append((model.blocks[0].attn.num_heads, name))

out = Path(sys.argv[1])
for members in kinds.values():
    heads, name = min(members)
    with torch.device("meta"):
        patch = timm.create_model(name, depth=1).patch_embed.patch_size[0]
    arguments = dict(depth=2, embed_dim=16 * heads, img_size=GRID * patch, num_classes=0)
    model = timm.create_model(name, **arguments).eval()
    generator = torch.Generator().manual_seed(0)
    for key, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        inputs = parameter[0].numel() if parameter.dim() > 1 else 10
        parameter.data = 1 + 0.1 * noise if "norm" in key and key.endswith("weight") else noise * inputs**-0.5
    taken = {}
    for i, block in enumerate(model.blocks):
        block.register_forward_hook(lambda module, inputs, output, key=f"block_{i:02d}": taken.update({key: output}))
    pixels = torch.rand(2, 3, GRID * patch, GRID * patch, generator=generator)
    config = model.pretrained_cfg
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        model((pixels - mean) / std)
        norm = readout(model, taken["block_01"])
    folder = out / name
    save_for_hf(model, folder, model_args=arguments, safe_serialization=True)
    written = json.loads((folder / "config.json").read_text())
    written["pretrained_cfg"].update(input_size=[3, GRID * patch, GRID * patch], crop_pct=1.0, crop_mode="center")
    (folder / "config.json").write_text(json.dumps(written))
    expected = {key: value.flatten(1) for key, value in taken.items()}
    save_file({"pixels": pixels, **expected, "norm": norm.contiguous()}, folder / "expected.safetensors")

print(json.dumps({min(members)[1]: [name for _, name in members] for members in kinds.values()}))
