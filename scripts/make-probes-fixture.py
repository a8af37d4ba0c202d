"""Writes test/fixtures/probes: images in the forms that probe folders hold, and what transformers makes of them.

Run with pillow, numpy, torch, safetensors and transformers installed: python scripts/make-probes-fixture.py
"""

import pathlib

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessor, ViTImageProcessor

folder = pathlib.Path(__file__).parent.parent / "test/fixtures/probes"
folder.mkdir(parents=True, exist_ok=True)

rows, columns = numpy.mgrid[0:40, 0:56]
waves = [numpy.sin(rows / period) * numpy.cos(columns / (period + 1)) for period in (3, 5, 8)]
colour = ((numpy.stack(waves, -1) + 1) * 127.5).astype("uint8")
alpha = numpy.dstack([colour, (columns * 4 % 256).astype("uint8")])

Image.fromarray(colour).save(folder / "colour.png")
Image.fromarray(colour).save(folder / "colour.jpg", quality=90)
Image.fromarray(colour).save(folder / "colour.webp", lossless=True)
Image.fromarray(alpha).save(folder / "alpha.png")
Image.fromarray(colour[..., 0]).save(folder / "grey.png")

processors = {
    "bilinear": ViTImageProcessor(size={"height": 16, "width": 16}, do_normalize=False),
    "enlarged": ViTImageProcessor(size={"height": 44, "width": 60}, do_normalize=False),
    "cropped": CLIPImageProcessor(size={"shortest_edge": 24}, crop_size=16, do_normalize=False),
    "padded": CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 20, "width": 20}, do_normalize=False),
}
expected = {}
for file in sorted(folder.glob("*.*g")) + [folder / "colour.webp"]:
    image = Image.open(file).convert("RGB")
    for name, processor in processors.items():
        pixels = processor(image, return_tensors="pt")["pixel_values"][0]
        expected[f"{file.name}.{name}"] = pixels.to(torch.float32).contiguous()
save_file(expected, folder / "expected.safetensors")
