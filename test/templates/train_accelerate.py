"""The recipe for Accelerate, and its own save_state folders. Usage: OUT PRETRAINED PROBES COMMAND…"""

import sys

import torch
from accelerate import Accelerator
from transformers import ViTForImageClassification

from watcher import Watcher

out, pretrained, probes, *command = sys.argv[1:]
torch.manual_seed(0)
accelerator = Accelerator(cpu=True)
model = ViTForImageClassification.from_pretrained(pretrained)
side = model.config.image_size
data = [(torch.randn(3, side, side), i % 2) for i in range(24)]
loader = torch.utils.data.DataLoader(data, batch_size=4)
model, optimizer, loader = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1), loader)
options = {"steps": 5, "dir": f"{out}-runs"}
watcher = Watcher(out, pretrained, probes, command=command, options=options) if accelerator.is_main_process else None
for step, (images, labels) in enumerate(loader, 1):
    accelerator.backward(model(pixel_values=images, labels=labels).loss)
    optimizer.step()
    optimizer.zero_grad()
    if step == 3 and watcher is not None:
        watcher.save(accelerator.unwrap_model(model), step)
accelerator.save_state(f"{out}/checkpoint_6")
if watcher is not None:
    watcher.finish(wait=True)
