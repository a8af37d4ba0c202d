"""Makes test/fixtures/weights: tiny checkpoints and what Python reads from them.

pip install torch transformers safetensors peft; python scripts/weights-fixtures.py
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTForImageClassification

OUT = Path(__file__).parent.parent / "test" / "fixtures" / "weights"


def tiny(classes=3):
    torch.manual_seed(0)
    config = ViTConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
                       image_size=8, patch_size=4, num_labels=classes)
    return ViTForImageClassification(config)


def halves():
    """16-bit floats of every kind (zeros, subnormals, infinities, NaN), beside Python's float32 of the same."""
    edges = [0, 1, 2, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0x7C01, 0x7E00, 0x7F7F, 0x7F80, 0x7FC0]
    bits = torch.tensor([*edges, *(0x8000 | e for e in edges), *range(0, 65536, 97)], dtype=torch.int32)
    bits = bits.to(torch.uint16)
    narrow = {"half": bits.view(torch.float16), "brain": bits.clone().view(torch.bfloat16)}
    save_file({**narrow, "integers": torch.tensor([-(2**62), -1, 0, 7])}, OUT / "halves.safetensors")
    save_file({name: values.float() for name, values in narrow.items()}, OUT / "halves-widened.safetensors")


def checkpoints():
    """One model, saved by transformers whole, in shards, and in each 16-bit type."""
    for name, dtype, shard in [("whole", torch.float32, "1GB"), ("sharded", torch.float32, "4KB"),
                               ("float16", torch.float16, "1GB"), ("bfloat16", torch.bfloat16, "4KB")]:
        folder = OUT / name
        tiny().to(dtype).save_pretrained(folder, max_shard_size=shard)
        read = {key: value.float() for file in folder.glob("*.safetensors") for key, value in load_file(file).items()}
        if dtype != torch.float32:
            save_file(read, OUT / f"{name}-widened.safetensors")


def processors():
    """What each image processor class does by default."""
    keys = ["size", "do_center_crop", "crop_size", "resample", "rescale_factor", "image_mean", "image_std"]
    names = ["ViT", "DeiT", "Beit", "Siglip", "CLIP", "Bit"]
    made = {f"{n}ImageProcessor": getattr(transformers, f"{n}ImageProcessorPil")().to_dict() for n in names}
    dump = {name: {key: values.get(key) for key in keys} for name, values in made.items()}
    (OUT / "processors.json").write_text(json.dumps(dump, indent=1))


shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)
halves()
checkpoints()
processors()
