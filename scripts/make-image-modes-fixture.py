"""Images in every mode that a file may hold, and what Pillow's convert('RGB') makes of them: test/fixtures/probes/modes."""

from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

folder = Path(__file__).parent.parent / "test/fixtures/probes/modes"
folder.mkdir(exist_ok=True)
y, x = np.mgrid[0:24, 0:32]
colour = np.stack([x * 8, y * 10, (x + y) * 4], axis=-1).astype(np.uint8)
rgb = Image.fromarray(colour)
alpha = Image.fromarray((x * 8).astype(np.uint8))
rgba, la = rgb.copy(), rgb.convert("L")
rgba.putalpha(alpha)
la.putalpha(alpha)
palette = rgb.quantize(16)
cmyk = Image.fromarray(np.dstack([colour, (y * 6).astype(np.uint8)]), mode="CMYK")
tagged = Image.Exif()
tagged[0x0112] = 6

rgba.save(folder / "rgba.png")
la.save(folder / "grey-alpha.png")
palette.save(folder / "palette.png", transparency=3)
rgb.convert("1").save(folder / "one-bit.png")
cmyk.save(folder / "cmyk.jpg", quality=95)
cmyk.save(folder / "cmyk.tif")
rgb.save(folder / "turned.jpg", exif=tagged, quality=95)
rgb.convert("L").save(folder / "grey.tif")

names = sorted(path.name for path in folder.iterdir() if path.suffix != ".safetensors")
save_file(
    {
        name: np.ascontiguousarray(np.asarray(Image.open(folder / name).convert("RGB")).transpose(2, 0, 1), np.float32) / 255
        for name in names
    },
    folder / "expected.safetensors",
)
