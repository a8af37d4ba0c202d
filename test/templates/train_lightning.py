"""Finetunes a tiny random ViT with Lightning and the callback. Usage: OUT PRETRAINED PROBES COMMAND…"""

import sys

import lightning as L
import torch
from transformers import ViTForImageClassification

from lightning_callback import InvarianceCallback

out, pretrained, probes, *command = sys.argv[1:]


class Finetune(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.vit = ViTForImageClassification.from_pretrained(pretrained)

    def training_step(self, batch, _):
        images, labels = batch
        loss = self.vit(pixel_values=images, labels=labels).loss
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


L.seed_everything(0)
module = Finetune()
side = module.vit.config.image_size
data = [(torch.randn(3, side, side), i % 2) for i in range(40)]
callback = InvarianceCallback(
    out, pretrained, probes, every_n_steps=4, model=lambda module: module.vit, command=command,
    options={"steps": 5, "dir": f"{out}-runs"},
)
trainer = L.Trainer(
    max_steps=10, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
    callbacks=[callback], log_every_n_steps=1,
)
trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=4))
callback.watcher.process.wait()
