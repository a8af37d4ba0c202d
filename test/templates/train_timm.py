"""Finetunes a tiny timm ViT in a plain PyTorch loop with the watcher. Usage: OUT PRETRAINED PROBES COMMAND…"""

import json
import sys

import timm
import torch
from safetensors.torch import load_file

from watcher import Watcher

out, pretrained, probes, *command = sys.argv[1:]
torch.manual_seed(0)
config = json.load(open(f"{pretrained}/config.json"))
model = timm.create_model(config["architecture"], **config["model_args"])
model.load_state_dict(load_file(f"{pretrained}/model.safetensors"))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
side = config["model_args"]["img_size"][0]
watcher = Watcher(out, pretrained, probes, command=command, options={"steps": 5, "dir": f"{out}-runs"})
for step in range(1, 7):
    images, labels = torch.randn(4, 3, side, side), torch.randint(0, 3, (4,))
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 3 == 0:
        watcher.save(model, step, loss=loss.item())
watcher.finish(wait=True)
