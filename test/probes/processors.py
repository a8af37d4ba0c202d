"""Random images and image processor configurations through transformers (both backends) and timm.

Reads a list of {image: {mode, format, width, height, seed}, config | pretrained_cfg} on standard input; writes the images
and what each library makes of them ("<at>.<backend>", safetensors) into the folder given, and prints for each case the
image's file name and the backends that took it.
"""

import json
import logging
import os
import sys
import warnings

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
torch.set_num_threads(1)


def image_of(spec, path):
    """Smooth colours with an edge: rounding shows, the noise of a decoder does not."""
    random = np.random.default_rng(spec["seed"])
    height, width = spec["height"], spec["width"]
    y, x = np.mgrid[0:height, 0:width] / 16
    planes = [
        127 + 100 * np.sin(a * x + b * y + c) + 20 * (x + y > d)
        for a, b, c, d in random.uniform(0.2, 1.5, (4, 4))
    ]
    values = np.stack(planes, -1).clip(0, 255).astype(np.uint8)
    mode = spec["mode"]
    if mode in ("RGBA", "CMYK"):
        image = Image.fromarray(values, mode)
    elif mode == "LA":
        image = Image.fromarray(np.ascontiguousarray(values[..., :2]), "LA")
    else:
        image = Image.fromarray(np.ascontiguousarray(values[..., :3]), "RGB").convert(mode)
    image.save(path, **({"quality": 95} if path.endswith("jpg") else {}))


def of_transformers(config, image):
    from transformers import AutoImageProcessor

    folder = os.path.join(out, "processor")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "preprocessor_config.json"), "w") as file:
        json.dump(config, file)
    for backend in ("pil", "torchvision"):
        try:
            processor = AutoImageProcessor.from_pretrained(folder, backend=backend)
            yield backend, torch.as_tensor(np.asarray(processor(image)["pixel_values"][0]))
        except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
            print(backend, type(error).__name__, error, file=sys.stderr)


def of_timm(cfg, image):
    from timm.data import create_transform, resolve_data_config

    yield "timm", create_transform(**resolve_data_config(pretrained_cfg=cfg))(image)


out = sys.argv[1]
told, tensors = [], {}
for at, case in enumerate(json.load(sys.stdin)):
    name = f"{at}.{case['image']['format']}"
    image_of(case["image"], os.path.join(out, name))
    image = Image.open(os.path.join(out, name)).convert("RGB")
    made = dict(
        of_timm(case["pretrained_cfg"], image)
        if "pretrained_cfg" in case
        else of_transformers(case["config"], image)
    )
    tensors.update({f"{at}.{backend}": value.float().contiguous() for backend, value in made.items()})
    told.append({"name": name, "backends": list(made)})
save_file(tensors, os.path.join(out, "expected.safetensors"))
print(json.dumps(told))
