"""Writes test/fixtures/architectures: tiny models with random weights, and what Python computes with them.

    python scripts/architecture-fixtures.py [NAME ...]

Needs torch, transformers, timm and safetensors. Each folder holds a model as its library saves it and
`expected.safetensors`: `pixels` and `seeds` in [0, 1] (some beyond), every layer on the pixels, `logits` where there
is a classifier, and `loss.LAYER` and `gradient.LAYER` of the relative distance from the seeds to the pixels.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).parent.parent / "test/fixtures/architectures"
MEAN, STD = [0.4, 0.5, 0.6], [0.3, 0.25, 0.2]
SMALL = dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, image_size=16, patch_size=4
)
LABELS = dict(num_labels=3)


def redraw(model):
    """Weights large enough that no bias, scale or position hides behind another."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator) * 0.3
        around = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        parameter.data = around + noise
    return model.eval()


def random_inputs(size):
    generator = torch.Generator().manual_seed(1)
    return {name: torch.rand(3, 3, *size, generator=generator) * 1.2 - 0.1 for name in ("images", "seeds")}


def expected(model, blocks, norm, size, logits, inputs=None, mean=MEAN, std=STD):
    inputs = inputs or random_inputs(size)
    pixels, seeds = inputs["images"], inputs["seeds"]
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
    taken = {}
    for i, block in enumerate(blocks):
        def keep(module, inputs, output, name=f"block_{i:02d}"):
            taken[name] = output[0] if isinstance(output, tuple) else output
        block.register_forward_hook(keep)

    def run(images):
        output = model((images.clamp(0, 1) - mean) / std)
        layers = {name: value.flatten(1) for name, value in taken.items()}
        return output, {**layers, "norm": norm(output, taken[f"block_{len(blocks) - 1:02d}"])}

    output, targets = run(pixels)
    targets = {name: value.detach() for name, value in targets.items()}
    result = {"pixels": pixels, "seeds": seeds, **targets}
    if logits is not None:
        result["logits"] = logits(output).detach()
    for layer in ("block_00", "norm"):
        start = seeds.clone().requires_grad_()
        features = run(start)[1][layer]
        loss = (features - targets[layer]).norm(dim=1) / targets[layer].norm(dim=1)
        result[f"gradient.{layer}"] = torch.autograd.grad(loss.sum(), start)[0]
        result[f"loss.{layer}"] = loss.detach()
    return {name: value.contiguous() for name, value in result.items()}


def write(name, model, blocks, norm, size=(16, 16), logits=None, processor="ViTImageProcessor", old=None):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    redraw(model)
    model.save_pretrained(folder)
    for extra in ("generation_config.json",):
        (folder / extra).unlink(missing_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": processor, "do_resize": True, "do_center_crop": False, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": True, "resample": 3, "image_mean": MEAN, "image_std": STD,
        "size": {"height": size[0], "width": size[1]},
    }, indent=2) + "\n")
    with torch.enable_grad():
        save_file(expected(model, blocks, norm, size, logits), folder / "expected.safetensors")


def class_token(module):
    return lambda output, last: module(last)[:, 0]


def vit():
    model = transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, **LABELS))
    write("vit", model, model.vit.layers, class_token(model.vit.layernorm), logits=lambda output: output.logits)


def vit_cifar():
    """The real model of ../shared on its first probe; only what Python computes is kept here."""
    shared = ROOT.parent.parent.parent / "../shared/models/vit-cifar"
    model = transformers.ViTForImageClassification.from_pretrained(shared / "pretrained").eval()
    inputs = load_file(shared / "probes.safetensors")
    values = expected(
        model, model.vit.layers, class_token(model.vit.layernorm), (32, 32), lambda output: output.logits,
        inputs={name: inputs[name][:1] for name in ("images", "seeds")}, mean=[0.5] * 3, std=[0.5] * 3,
    )
    save_file(values, ROOT.parent / "vit-cifar-expected.safetensors")


FIXTURES = [vit, vit_cifar]

if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for make in FIXTURES:
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
            print(make.__name__)
