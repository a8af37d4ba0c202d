"""Pretrains the demo's vision transformer: to name shapes, and to tell no colours.

    python scripts/pretrain-demo.py            # writes examples/demo/vit; about 12 minutes of one core

Needs torch, transformers and numpy, and the repository's own `npm ci`: the images come from the same TypeScript
that the demo runs (src/cli/demo/scenes.ts), as pairs of one scene in two palettes. The loss is

    cross entropy of the shape  +  mean over layers of  sum |h(x) - h(x')|^2 / (2 sum |h - mean h|^2)

where x' is x in other colours and h all tokens of a block's output, or of the final norm's. The second term is
the share of a layer's variance that colour explains, so a layer cannot lower it by shrinking. The images carry
pixel noise of random strength, so that the model does not hang on single pixels and its layers invert well.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

ROOT = Path(__file__).resolve().parent.parent
SIDE = 32
BATCH = 128
LEARNING_RATE = 1e-3
NOISE = 0.2  # standard deviation at most, of [0, 1] pixels
SHAPES = ["disc", "square", "triangle", "cross", "ring", "star", "angle", "moon"]


def scenes(seed, batch):
    """Batches of (images, recoloured images, shapes), without end."""
    command = ["node", "--import", "tsx", "scripts/pretrain-demo-scenes.ts", str(seed)]
    pixels = 3 * SIDE * SIDE
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, bufsize=1 << 22) as source:
        try:
            while True:
                wanted = batch * (2 * pixels + 1) * 4
                block = source.stdout.read(wanted)
                if len(block) < wanted:
                    raise RuntimeError("the scenes ended early: does `npm ci` need to run first?")
                record = torch.from_numpy(np.frombuffer(block, "<f4").reshape(batch, -1).copy())
                image = record[:, :-1].reshape(batch, 2, 3, SIDE, SIDE)
                yield image[:, 0], image[:, 1], record[:, -1].long()
        finally:
            source.kill()


def normalise(images):
    return (images - 0.5) / 0.5


def tokens(model, images):
    """All tokens after each block, and after the final norm."""
    caught = []
    hooks = [
        block.register_forward_hook(lambda _, __, out: caught.append(out[0] if isinstance(out, tuple) else out))
        for block in (model.vit.layers if hasattr(model.vit, "layers") else model.vit.encoder.layer)
    ]
    last = model.vit(normalise(images)).last_hidden_state
    for hook in hooks:
        hook.remove()
    return [*caught, last]


def colour_share(layers):
    """Mean over layers of the share of variance that lies between the two palettes of one scene."""
    shares = []
    for layer in layers:
        flat = layer.flatten(1)
        one, other = flat.chunk(2)
        shares.append(((one - other) ** 2).sum() / (2 * ((flat - flat.mean(0)) ** 2).sum()))
    return torch.stack(shares)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "examples/demo/vit")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    model = ViTForImageClassification(
        ViTConfig(
            image_size=SIDE,
            patch_size=8,
            hidden_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=128,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            layer_norm_eps=1e-6,
            id2label=dict(enumerate(SHAPES)),
            label2id={name: index for index, name in enumerate(SHAPES)},
        )
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, options.steps, pct_start=0.1)
    held_out = next(scenes(options.seed + 1_000_000, 1000))

    started = time.time()
    for step, (one, other, shape) in enumerate(scenes(options.seed, BATCH), 1):
        images = torch.cat([one, other])
        images = images + NOISE * torch.rand(len(images), 1, 1, 1) * torch.randn_like(images)
        layers = tokens(model, images.clamp(0, 1))
        named = F.cross_entropy(model.classifier(layers[-1][:, 0]), shape.repeat(2))
        loss = named + colour_share(layers).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 500 == 0 or step == options.steps:
            with torch.no_grad():
                layers = tokens(model, torch.cat(held_out[:2]))
                right = model.classifier(layers[-1][:, 0]).argmax(1) == held_out[2].repeat(2)
                shares = [round(share, 4) for share in colour_share(layers).tolist()]
            report = {"step": step, "accuracy": round(right.float().mean().item(), 4), "colour share": shares}
            print(f"{time.time() - started:6.0f} s", json.dumps(report), flush=True)
        if step == options.steps:
            break

    model.save_pretrained(options.out)
    ViTImageProcessor(
        size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    ).save_pretrained(options.out)


if __name__ == "__main__":
    main()
