"""Makes test/fixtures/weights: tiny checkpoints and what Python reads from them.

pip install torch transformers safetensors peft; python scripts/weights-fixtures.py
"""

import json
import shutil
from collections import OrderedDict
from pathlib import Path

import torch
import transformers
from peft import AdaLoraConfig, IA3Config, LoHaConfig, LoKrConfig, LoraConfig, OFTConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTForImageClassification
from transformers.pytorch_utils import Conv1D

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
    codes = torch.arange(256, dtype=torch.int32).to(torch.uint8)
    narrow |= {"e4m3": codes.view(torch.float8_e4m3fn), "e5m2": codes.clone().view(torch.float8_e5m2)}
    narrow["double"] = torch.linspace(-1, 1, 7, dtype=torch.float64) / 3
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


def adapted(name, model, config, save):
    """An adapter with random numbers in every part of it, and the model that PEFT merges it to."""
    torch.manual_seed(1)
    tuned = get_peft_model(model, config)
    with torch.no_grad():
        for parameter in (p for p in tuned.parameters() if p.requires_grad):
            parameter.mul_(1 + torch.rand_like(parameter)).add_(0.3 * torch.randn_like(parameter).abs())
    tuned.save_pretrained(OUT / name)
    # Merged as whoever loads it merges it: AdaLoRA's scaling is another while it trains.
    if not isinstance(config, LoraConfig) or isinstance(config, AdaLoraConfig):
        tuned = PeftModel.from_pretrained(ViTForImageClassification.from_pretrained(OUT / "whole"), OUT / name)
    (OUT / name / "README.md").unlink()
    written = OUT / name / "adapter_config.json"
    base = "test/fixtures/weights/whole" if config.base_model_name_or_path else None
    settings = json.loads(written.read_text()) | {"base_model_name_or_path": base}
    written.write_text(json.dumps(settings, indent=1, sort_keys=True))
    save(tuned.merge_and_unload(), OUT / f"{name}-merged")


def adapters():
    """One adapter of each kind on the model in `whole`, and on a layer that stores its weights [in, out]."""
    attention = ["q_proj", "v_proj"]
    configs = {
        "lora": LoraConfig(r=2, lora_alpha=3, target_modules=attention, modules_to_save=["classifier"]),
        "rslora": LoraConfig(r=4, lora_alpha=3, target_modules="all-linear", use_rslora=True,
                             rank_pattern={"q_proj": 2, r"layers\.1\.mlp\.fc1": 3}, alpha_pattern={"o_proj": 5}),
        "dora": LoraConfig(r=2, lora_alpha=3, target_modules=[*attention, "fc1", "projection"], use_dora=True),
        "biases": LoraConfig(r=2, lora_alpha=3, target_modules=["fc1", "fc2"], lora_bias=True),
        "trained-biases": LoraConfig(r=2, lora_alpha=3, target_modules=attention, bias="lora_only"),
    }
    for name, config in configs.items():
        adapted(f"adapter-{name}", ViTForImageClassification.from_pretrained(OUT / "whole"), config,
                lambda merged, folder: merged.save_pretrained(folder))

    mlp = [*attention, "fc1", "fc2"]
    others = {
        "adalora": AdaLoraConfig(init_r=3, target_r=2, lora_alpha=4, total_step=10, target_modules=attention),
        "ia3": IA3Config(target_modules=["k_proj", "v_proj", "fc2"], feedforward_modules=["fc2"]),
        "loha": LoHaConfig(r=2, alpha=3, target_modules=mlp, alpha_pattern={"fc1": 5}),
        "lokr": LoKrConfig(r=2, alpha=3, target_modules=mlp),
        "lokr-both": LoKrConfig(r=1, alpha=3, target_modules=mlp, decompose_both=True, decompose_factor=4),
        "oft": OFTConfig(oft_block_size=4, r=0, target_modules=mlp),
        "oft-three": OFTConfig(oft_block_size=4, r=0, target_modules=attention, num_cayley_neumann_terms=3),
        "oft-shared": OFTConfig(oft_block_size=4, r=0, target_modules=mlp, block_share=True, num_cayley_neumann_terms=7),
    }
    for name, config in others.items():
        adapted(f"adapter-{name}", ViTForImageClassification.from_pretrained(OUT / "whole"), config,
                lambda merged, folder: merged.save_pretrained(folder))

    new_head = ViTForImageClassification.from_pretrained(OUT / "whole", num_labels=5, ignore_mismatched_sizes=True)
    adapted("adapter-new-head", new_head,
            LoraConfig(r=2, target_modules=attention, modules_to_save=["classifier"]),
            lambda merged, folder: merged.save_pretrained(folder))

    for name, dora in [("transposed", False), ("transposed-dora", True)]:
        torch.manual_seed(2)
        model = torch.nn.Sequential(OrderedDict(first=Conv1D(6, 4), last=torch.nn.Linear(6, 2)))
        save_file(model.state_dict(), OUT / "transposed.safetensors")
        adapted(f"adapter-{name}", model,
                LoraConfig(r=2, target_modules=["first"], fan_in_fan_out=True, use_dora=dora),
                lambda merged, folder: (folder.mkdir(), save_file(merged.state_dict(), folder / "model.safetensors")))


def processors():
    """What each image processor class does by default."""
    keys = ["size", "do_center_crop", "crop_size", "resample", "rescale_factor", "image_mean", "image_std"]
    names = ["ViT", "DeiT", "Beit", "Siglip", "CLIP", "Bit"]
    made = {f"{n}ImageProcessor": getattr(transformers, f"{n}ImageProcessorPil")().to_dict() for n in names}
    made["DINOv3ViTImageProcessor"] = transformers.DINOv3ViTImageProcessor().to_dict()
    dump = {name: {key: values.get(key) for key in keys} for name, values in made.items()}
    (OUT / "processors.json").write_text(json.dumps(dump, indent=1))


shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)
halves()
checkpoints()
adapters()
processors()
