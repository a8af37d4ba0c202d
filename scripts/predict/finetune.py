"""Finetunes every pretrained model of a work folder in many ways, and measures what became of each at its end.

    python scripts/predict/finetune.py --data ../shared/data/cifar10 WORK

A finetune is a regime, a learning rate and a seed, on the classes that the pretrained model was not trained on. Finetunes are
taken in an order that mixes all of these, so that any number of them is a fair sample; those in WORK/outcomes.jsonl are skipped,
so it may be stopped and started at will. What an outcome is, is said at `outcomes`.
"""

import argparse
import copy
import json
import random
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import ViTForImageClassification
from transformers.utils import logging

from common import (
    class_tokens,
    flip_and_shift,
    load_images,
    normalise,
    pixels,
    RidgeProbe,
    save_model,
    schedule,
    task_of,
)

logging.set_verbosity_error()
logging.disable_progress_bar()

BATCH = 16
LEARNING_RATES = [3e-4, 1e-3, 3e-3]
# head: nothing else moves. last: the last two blocks and the norm. lora: rank 8 on every linear layer. l2: the distance to the
# pretrained weights is held down (L2-SP, Li et al. 2018, arXiv 1802.01483). augmented: mirrored and moved images.
REGIMES = ["last", "lora", "l2", "full", "augmented"]
L2_STRENGTH = 0.1
PROBE_TRAIN = slice(80)  # of each old class; `pretrain.py` keeps its probes out of these


def plan(models, seeds):
    """Seed after seed; within a seed the settings in random order, and every model at each of them."""
    for seed in range(seeds):
        settings = [("head", LEARNING_RATES[1]), *((r, lr) for r in REGIMES for lr in LEARNING_RATES)]
        random.Random(seed).shuffle(settings)
        for regime, lr in settings:
            for model in models:
                yield model, regime, lr, seed


def start(folder, classes, regime, seed):
    """The model with a new head, as the regime trains it."""
    torch.manual_seed(seed)
    names = dict(enumerate(classes))
    model = ViTForImageClassification.from_pretrained(
        folder, id2label=names, label2id={v: k for k, v in names.items()}, ignore_mismatched_sizes=True
    )
    if regime == "lora":
        layers = r"vit\.layers\..*\.(q_proj|k_proj|v_proj|o_proj|fc1|fc2)"
        lora = LoraConfig(r=8, lora_alpha=16, target_modules=layers, modules_to_save=["classifier"])
        return get_peft_model(model, lora)
    if regime in ("head", "last"):
        model.vit.requires_grad_(False)
    if regime == "last":
        for part in [*model.vit.layers[-2:], model.vit.layernorm]:
            part.requires_grad_(True)
    return model


def merged(model):
    return copy.deepcopy(model).merge_and_unload() if hasattr(model, "merge_and_unload") else model


def finetune(folder, images, labels, classes, regime, lr, seed, steps, early, out):
    model = start(folder, classes, regime, seed)
    draw = torch.Generator().manual_seed(1000 + seed)
    trained = [p for p in model.parameters() if p.requires_grad]
    began = [(p, p.detach().clone()) for n, p in model.named_parameters() if regime == "l2" and "classifier" not in n]
    optimiser = torch.optim.AdamW(trained, lr, weight_decay=0.0, fused=True)
    model.train()
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = lr * schedule(step - 1, steps)
        rows = torch.randint(0, len(images), (BATCH,), generator=draw)
        x = pixels(images[rows])
        if regime == "augmented":
            x = flip_and_shift(x, draw)
        loss = torch.nn.functional.cross_entropy(model(normalise(x)).logits, labels[rows])
        distance = sum(((p - p0) ** 2).sum() for p, p0 in began)
        optimiser.zero_grad()
        (loss + 0.5 * L2_STRENGTH * distance).backward()
        optimiser.step()
        if step in (early, steps):
            save_model(merged(model), out / f"checkpoint-{step}")
    return merged(model)


def corruptions(x):
    """What photographs suffer, by name; x is (n, 3, H, W) in [0, 1]."""
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    mean = x.mean((2, 3), keepdim=True)
    grey = (x * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)

    def blurred(sigma):
        at = torch.arange(-4.0, 5.0)
        kernel = torch.exp(-(at**2) / (2 * sigma**2))
        kernel = (kernel / kernel.sum()).expand(3, 1, 1, 9)
        y = torch.nn.functional.pad(x, [4] * 4, mode="reflect")
        y = torch.nn.functional.conv2d(y, kernel, groups=3)
        return torch.nn.functional.conv2d(y, kernel.transpose(2, 3), groups=3)

    yield "noise .05", x + 0.05 * noise
    yield "noise .15", x + 0.15 * noise
    yield "blur 1", blurred(1.0)
    yield "contrast .4", mean + 0.4 * (x - mean)
    yield "grey", grey.expand_as(x)
    yield "shift 4", torch.roll(x, (4, 4), (2, 3))


@torch.no_grad()
def task_accuracy(model, x, labels):
    model.eval()
    return float((model(normalise(x.clamp(0, 1))).logits.argmax(1) == labels).float().mean())


@torch.no_grad()
def halfway(pretrained, finetuned):
    """The mean of the weights of both; the head is the finetuned one's."""
    model = copy.deepcopy(finetuned)
    for mine, theirs in zip(model.vit.parameters(), pretrained.vit.parameters(), strict=True):
        mine.add_(theirs).div_(2)
    return model


class Outcomes:
    """What became of a finetune, on test images alone.

    probe: accuracy on the old classes of a ridge probe fitted anew to the model's class token.
    head: the same of the probe that was fitted to the pretrained model.
    half: as `probe`, of the model whose weights are the mean of the pretrained and the finetuned.
    clean, corrupted: accuracy on the new classes, and by corruption.
    """

    def __init__(self, folder, data, task):
        self.pretrained = ViTForImageClassification.from_pretrained(folder)
        self.train, self.train_labels = load_images(data, "train", task["old"], PROBE_TRAIN)
        self.test, self.test_labels = load_images(data, "test", task["old"])
        self.new, self.new_labels = load_images(data, "test", task["new"])
        self.probe = RidgeProbe(class_tokens(self.pretrained, self.train), self.train_labels)
        self.before = self.probe.accuracy(class_tokens(self.pretrained, self.test), self.test_labels)

    def refitted(self, model):
        features = class_tokens(model, self.test)
        probe = RidgeProbe(class_tokens(model, self.train), self.train_labels)
        return probe.accuracy(features, self.test_labels), self.probe.accuracy(features, self.test_labels)

    def of(self, model):
        probe, head = self.refitted(model)
        half, _ = self.refitted(halfway(self.pretrained, model))
        x = pixels(self.new)
        return {
            "before": self.before,
            "probe": probe,
            "head": head,
            "half": half,
            "clean": task_accuracy(model, x, self.new_labels),
            "corrupted": {name: task_accuracy(model, y, self.new_labels) for name, y in corruptions(x)},
        }


def main():
    parser = argparse.ArgumentParser(description="finetune, and measure outcomes")
    parser.add_argument("work", type=Path, help="the folder that pretrain.py filled")
    parser.add_argument("--data", type=Path, required=True, help="train/CLASS/*.jpg and test/CLASS/*.jpg")
    parser.add_argument("--steps", type=int, default=100, help=f"of {BATCH} images (default 100)")
    parser.add_argument("--early", type=int, default=25, help="step of the early checkpoint (default 25)")
    parser.add_argument("--seeds", type=int, default=1, help="48 finetunes each (default 1)")
    args = parser.parse_args()
    outcomes_file = args.work / "outcomes.jsonl"
    lines = outcomes_file.read_text().splitlines() if outcomes_file.exists() else []
    done = {(line["model"], line["run"]) for line in map(json.loads, lines)}
    ready = {}
    for name, regime, lr, seed in plan(["given", "supervised", "masked"], args.seeds):
        run = f"{regime}-lr{lr:g}-seed{seed}"
        if (name, run) in done:
            continue
        folder = args.work / "models" / name
        task = task_of(folder)
        if name not in ready:
            ready[name] = Outcomes(folder, args.data, task), load_images(args.data, "train", task["new"])
        outcomes, (images, labels) = ready[name]
        began = time.time()
        out = args.work / "finetunes" / name / run
        settings = (regime, lr, seed, args.steps, args.early)
        result = outcomes.of(finetune(folder, images, labels, task["new"], *settings, out))
        record = dict(model=name, run=run, regime=regime, lr=lr, seed=seed, steps=args.steps, early=args.early)
        with outcomes_file.open("a") as file:
            file.write(json.dumps({**record, **result}) + "\n")
        shown = ", ".join(f"{k} {result[k]:.3f}" for k in ("before", "probe", "head", "half", "clean"))
        print(f"{name} {run}: {shown}, {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
