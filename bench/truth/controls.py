"""Makes the networks of bench/truth/controls.ts: a pretrained model changed in ways whose effect is known beforehand.

    python bench/truth/controls.py PRETRAINED IMAGES OUT      # minutes of one core; what is there is kept

PRETRAINED is a Hugging Face ViT folder, IMAGES a folder of class folders, OUT gets one model folder a control. Needs
torch, transformers, numpy and pillow. The trained ones see the classes of IMAGES that the pretrained model does not name.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import ViTForImageClassification, ViTImageProcessor

BLOCK = 2  # the one that is re-initialised
STEPS, BATCH, LEARNING_RATE = 400, 64, 5e-4


def blocks(model):
    return model.vit.layers if hasattr(model.vit, "layers") else model.vit.encoder.layer


def matrices(model):
    return [weight for name, weight in blocks(model).named_parameters() if weight.ndim == 2]


def permute(model):
    """The hidden units of every MLP in another order: the same function."""
    for block in blocks(model):
        tensors = dict(block.named_parameters())
        up, bias, down = (
            next(tensor for name, tensor in tensors.items() if name.endswith(end) and tensor.shape == shape)
            for end, shape in [
                ("weight", (model.config.intermediate_size, model.config.hidden_size)),
                ("bias", (model.config.intermediate_size,)),
                ("weight", (model.config.hidden_size, model.config.intermediate_size)),
            ]
        )
        order = torch.randperm(len(bias))
        up.copy_(up[order])
        bias.copy_(bias[order])
        down.copy_(down[:, order])


def quantise(bits):
    """Symmetric, one scale an output row."""

    def change(model):
        levels = 2 ** (bits - 1) - 1
        for weight in matrices(model):
            scale = weight.abs().amax(1, keepdim=True) / levels
            weight.copy_((weight / scale).round() * scale)

    return change


def prune(share):
    """The smallest weights of each matrix to 0."""

    def change(model):
        for weight in matrices(model):
            weight.mul_(weight.abs() > weight.abs().flatten().quantile(share))

    return change


def initialise(module):
    """As a network that was never trained: normal weights of .02, norms at 1, biases at 0."""
    for part in module.modules():
        if isinstance(part, torch.nn.Linear):
            part.weight.normal_(0, 0.02)
            part.bias.zero_()
        elif isinstance(part, torch.nn.LayerNorm):
            part.weight.fill_(1)
            part.bias.zero_()


def read_images(folder, classes):
    images, labels = [], []
    for label, name in enumerate(classes):
        for file in sorted((folder / name).iterdir()):
            images.append(np.asarray(Image.open(file).convert("RGB"), np.float32) / 255)
            labels.append(label)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) * 2 - 1, torch.tensor(labels)


def train(model, images, labels):
    model.classifier = torch.nn.Linear(model.config.hidden_size, int(labels.max()) + 1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, STEPS, pct_start=0.05)
    for _ in range(STEPS):
        batch = torch.randint(len(images), (BATCH,))
        inputs = images[batch]
        if torch.rand(()) < 0.5:
            inputs = inputs.flip(-1)
        F.cross_entropy(model(inputs).logits, labels[batch]).backward()
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pretrained", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)

    def save(name, model):
        model.config.id2label = {index: str(index) for index in range(model.classifier.out_features)}
        model.save_pretrained(options.out / name)
        ViTImageProcessor.from_pretrained(options.pretrained).save_pretrained(options.out / name)
        print(name, flush=True)

    edits = {
        "copy": lambda model: None,
        "permuted": permute,
        **{f"int{bits}": quantise(bits) for bits in (8, 4, 2)},
        **{f"pruned-{percent}": prune(percent / 100) for percent in (50, 90)},
        "block": lambda model: initialise(blocks(model)[BLOCK]),
        "all": lambda model: None,
    }
    load = lambda: ViTForImageClassification.from_pretrained(options.pretrained)
    never_trained = lambda: ViTForImageClassification(load().config)
    wanted = lambda name: not (options.out / name / "preprocessor_config.json").exists()
    for name, edit in edits.items():
        if wanted(name):
            torch.manual_seed(0)
            model = never_trained() if name == "all" else load()
            with torch.no_grad():
                edit(model)
            save(name, model)

    named = set(load().config.id2label.values())
    classes = sorted(folder.name for folder in options.images.iterdir() if folder.name not in named)
    images, labels = read_images(options.images, classes)
    for name in ("real", "shuffled", "scratch"):
        if wanted(name):
            torch.manual_seed(1)
            model = never_trained() if name == "scratch" else load()
            train(model, images, labels[torch.randperm(len(labels))] if name == "shuffled" else labels)
            with torch.no_grad():
                right = torch.cat([model.eval()(part).logits.argmax(1) for part in images.split(256)]) == labels
            print(f"{name}: accuracy on its images, by real labels, {right.float().mean():.3f}", flush=True)
            save(name, model)


if __name__ == "__main__":
    main()
