"""What the scripts of this folder share: images, the ridge probe, how a work folder is laid out.

    WORK/models/NAME/          a pretrained model as a Hugging Face folder, and task.json: its old and its new classes
    WORK/probes/NAME/CLASS/    images of the old classes that neither the outcomes nor the finetunes use
    WORK/finetunes/NAME/RUN/   checkpoint-EARLY and checkpoint-FINAL of one finetune
    WORK/outcomes.jsonl        one line a finetune: its settings and its outcomes
    WORK/readings/NAME/        what measure.ts says of the early checkpoints
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import ViTImageProcessor

torch.set_num_threads(1)


def load_images(data, split, classes, pick=slice(None)):
    """uint8 images (n, 3, H, W) and labels (n,) of DATA/SPLIT/CLASS/*.jpg, `pick` of each class in the order of names."""
    images, labels = [], []
    for label, name in enumerate(classes):
        for file in sorted((Path(data) / split / name).glob("*.jpg"))[pick]:
            images.append(np.asarray(Image.open(file).convert("RGB")).transpose(2, 0, 1))
            labels.append(label)
    return torch.from_numpy(np.stack(images)), torch.tensor(labels)


def pixels(images):
    """uint8 to [0, 1]."""
    return images.float() / 255


def normalise(x):
    return (x - 0.5) / 0.5


def flip_and_shift(x, generator, most=4):
    """Each image mirrored or not and moved by up to `most` pixels, its edges reflected."""
    n, _, height, width = x.shape
    mirrored = torch.rand(n, generator=generator) < 0.5
    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    x = torch.nn.functional.pad(x, [most] * 4, mode="reflect")
    top, left = torch.randint(0, 2 * most + 1, (2, n), generator=generator)
    return torch.stack([x[i, :, t : t + height, l : l + width] for i, (t, l) in enumerate(zip(top, left))])


def schedule(step, steps, warmup=10):
    """The learning rate's factor: linear warm-up, then a cosine down to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


@torch.no_grad()
def class_tokens(model, images, batch=120):
    """The class token after the final norm, float64 (n, D)."""
    model.eval()
    parts = [model.vit(normalise(pixels(part))).last_hidden_state[:, 0] for part in images.split(batch)]
    return torch.cat(parts).double().numpy()


class RidgeProbe:
    """Closed form, one against all; lambda by leave-one-out accuracy on the images it is fitted to (ties: leave-one-out error)."""

    def __init__(self, features, labels):
        labels = np.asarray(labels)
        self.mean, self.scale = features.mean(0), features.std(0) + 1e-8
        x = (features - self.mean) / self.scale
        y = np.eye(labels.max() + 1)[labels] * 2 - 1
        self.offset = y.mean(0)
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        uy = u.T @ (y - self.offset)

        def left_out(strength):
            shrink = s**2 / (s**2 + strength)
            leverage = (u**2) @ shrink + 1 / len(x)
            residual = (y - self.offset - u @ (shrink[:, None] * uy)) / (1 - leverage)[:, None]
            return np.mean((y - residual).argmax(1) == labels), -np.mean(residual**2)

        strength = max(10.0 ** np.arange(-2, 6), key=left_out)
        self.weight = vt.T @ ((s / (s**2 + strength))[:, None] * uy)

    def accuracy(self, features, labels):
        guess = ((features - self.mean) / self.scale @ self.weight + self.offset).argmax(1)
        return float(np.mean(guess == np.asarray(labels)))


def save_model(model, folder):
    """A Hugging Face folder with its preprocessor."""
    model.save_pretrained(folder)
    half = [0.5, 0.5, 0.5]
    size = {"height": 32, "width": 32}
    ViTImageProcessor(size=size, image_mean=half, image_std=half).save_pretrained(folder)


def task_of(model_folder):
    return json.loads((Path(model_folder) / "task.json").read_text())
