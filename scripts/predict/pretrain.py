"""Makes the pretrained models of the study "does retention predict anything?" (docs/truth.md).

    python scripts/predict/pretrain.py --data ../shared/data/cifar10 --given ../shared/models/vit-cifar/pretrained WORK

One is given and copied; two are trained here on 300 images of each of six classes: one to name them, one as a masked
autoencoder (He et al. 2022, arXiv 2111.06377: 75 % of the patches hidden, pixels normalised by patch). All are the same ViT
(dim 64, 6 blocks, 32 px, patch 4). What is there already is left alone.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import torch
from transformers import ViTConfig, ViTForImageClassification, ViTMAEConfig, ViTMAEForPreTraining

from common import class_tokens, flip_and_shift, load_images, normalise, pixels, RidgeProbe, save_model, schedule

SHAPE = dict(
    hidden_size=64,
    num_hidden_layers=6,
    num_attention_heads=4,
    intermediate_size=256,
    image_size=32,
    patch_size=4,
)
GIVEN = dict(
    old=["airplane", "automobile", "bird", "cat", "deer", "dog"],
    new=["frog", "horse", "ship", "truck"],
)
OTHER = dict(
    old=["airplane", "cat", "frog", "horse", "ship", "truck"],
    new=["automobile", "bird", "deer", "dog"],
)
PROBES = slice(276, 292)  # of each old class, from the training images: no finetune and no outcome uses them
LEARNING_RATE = 1e-3


def train(model, images, labels, loss_of, steps, batch, seed):
    draw = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.05, fused=True)
    model.train()
    began = time.time()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * schedule(step, steps, warmup=40)
        rows = torch.randint(0, len(images), (batch,), generator=draw)
        x = normalise(flip_and_shift(pixels(images[rows]), draw))
        loss = loss_of(model, x, labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % 50 == 0:
            print(f"  step {step + 1}: loss {loss.item():.3f}, {time.time() - began:.0f} s", flush=True)


def supervised(images, labels, names, args):
    torch.manual_seed(1)
    model = ViTForImageClassification(ViTConfig(**SHAPE, id2label=dict(enumerate(names))))
    loss = lambda model, x, y: torch.nn.functional.cross_entropy(model(x).logits, y)
    train(model, images, labels, loss, args.steps, 32, seed=1)
    return model


def masked(images, labels, names, args):
    torch.manual_seed(2)
    decoder = dict(decoder_hidden_size=64, decoder_num_hidden_layers=1, decoder_num_attention_heads=4)
    config = ViTMAEConfig(
        **SHAPE, **decoder, decoder_intermediate_size=128, mask_ratio=0.75, norm_pix_loss=True
    )
    autoencoder = ViTMAEForPreTraining(config)
    train(autoencoder, images, labels, lambda model, x, _: model(x).loss, args.steps, 64, seed=2)
    model = ViTForImageClassification(ViTConfig(**SHAPE, id2label=dict(enumerate(names))))
    model.vit.load_state_dict(autoencoder.vit.state_dict())
    return model


def main():
    parser = argparse.ArgumentParser(description="make the pretrained models")
    parser.add_argument("work", type=Path, help="folder for models, finetunes and readings, outside the project")
    parser.add_argument("--data", type=Path, required=True, help="train/CLASS/*.jpg and test/CLASS/*.jpg")
    parser.add_argument("--given", type=Path, required=True, help="a pretrained Hugging Face folder")
    parser.add_argument("--steps", type=int, default=700, help="of 32 images, of 64 for the masked one")
    args = parser.parse_args()
    for name, task, make in [
        ("given", GIVEN, None),
        ("supervised", OTHER, supervised),
        ("masked", GIVEN, masked),
    ]:
        folder = args.work / "models" / name
        if (folder / "task.json").exists():
            continue
        print(name, flush=True)
        if make:
            images, labels = load_images(args.data, "train", task["old"])
            save_model(make(images, labels, task["old"], args), folder)
        else:
            shutil.copytree(args.given, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        for old in task["old"]:
            to = args.work / "probes" / name / old
            to.mkdir(parents=True, exist_ok=True)
            for file in sorted((args.data / "train" / old).glob("*.jpg"))[PROBES]:
                shutil.copyfile(file, to / file.name)
        model = ViTForImageClassification.from_pretrained(folder)
        images, labels = load_images(args.data, "train", task["old"], slice(150))
        probe = RidgeProbe(class_tokens(model, images), labels)
        images, labels = load_images(args.data, "test", task["old"])
        accuracy = probe.accuracy(class_tokens(model, images), labels)
        print(f"  ridge probe on its six classes: {accuracy:.3f}", flush=True)
        (folder / "task.json").write_text(json.dumps(task))


if __name__ == "__main__":
    main()
