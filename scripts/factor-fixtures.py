"""Writes test/fixtures/factors.safetensors: transformed images by torchvision and PyTorch, which our factors must equal.

Run with torch, torchvision, numpy and safetensors installed: python scripts/factor-fixtures.py
"""

import math
import pathlib

import numpy
import torch
import torchvision.transforms.functional as F
from safetensors.torch import save_file

torch.manual_seed(0)
HEIGHT, WIDTH = 10, 12
smooth = torch.nn.functional.interpolate(torch.rand(3, 3, 4, 5), (HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)
images = torch.cat([smooth, torch.rand(1, 3, HEIGHT, WIDTH)])


def mirrored(pixels, by):
    pads = [(0, 0), (0, 0), (by, by), (by, by)]
    return torch.from_numpy(numpy.pad(pixels.numpy(), pads, mode="symmetric"))


def blurred(sigma):
    radius = math.ceil(3 * sigma)
    wide = F.gaussian_blur(mirrored(images, radius), 2 * radius + 1, sigma)
    return wide[..., radius:-radius, radius:-radius]


def warped(a, b, c, d):
    """Reads at (a x + b y, c x + d y), in pixels from the centre."""
    y, x = torch.meshgrid(torch.arange(HEIGHT) - (HEIGHT - 1) / 2, torch.arange(WIDTH) - (WIDTH - 1) / 2, indexing="ij")
    grid = torch.stack([(a * x + b * y) * 2 / WIDTH, (c * x + d * y) * 2 / HEIGHT], -1)
    return torch.nn.functional.grid_sample(
        images, grid.expand(len(images), -1, -1, -1), padding_mode="reflection", align_corners=False
    )


def rotated(degrees):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return warped(cos, sin, -sin, cos)


def shifted(right, down):
    by = max(abs(right), abs(down))
    wide = mirrored(images, by)
    return wide[..., by - down : by - down + HEIGHT, by - right : by - right + WIDTH]


def occluded(top, left, side):
    hidden = images.clone()
    for image, whole in zip(hidden, images):
        F.erase(image, top, left, side, side, whole.mean((1, 2))[:, None, None].expand(-1, side, side), inplace=True)
    return hidden


save_file(
    {
        name: pixels.to(torch.float32).contiguous()
        for name, pixels in {
            "images": images,
            "hue 0.3": F.adjust_hue(images, 0.3),
            "hue -0.45": F.adjust_hue(images, -0.45),
            "grey": F.rgb_to_grayscale(images, num_output_channels=3),
            "saturation 1.4": F.adjust_saturation(images, 1.4),
            "brightness 1.3": F.adjust_brightness(images, 1.3),
            "contrast 0.6": F.adjust_contrast(images, 0.6),
            "contrast 0.6 of one channel": F.adjust_contrast(images[:, :1], 0.6),
            "blur 1": blurred(1.0),
            "blur 2.5": blurred(2.5),
            "flip": F.hflip(images),
            "rotation 25": rotated(25),
            "rotation -80": rotated(-80),
            "shift 3 -2": shifted(3, -2),
            "scale 1.2": warped(1 / 1.2, 0, 0, 1 / 1.2),
            "scale 0.7": warped(1 / 0.7, 0, 0, 1 / 0.7),
            "occlusion 2 5 4": occluded(2, 5, 4),
        }.items()
    },
    pathlib.Path(__file__).parent.parent / "test/fixtures/factors.safetensors",
)
