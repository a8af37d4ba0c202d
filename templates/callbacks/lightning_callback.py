"""Lightning: watch the invariances of a finetune while it runs.

    trainer = L.Trainer(callbacks=[
        InvarianceCallback("out", pretrained="models/vit-small", probes="data/probes", every_n_steps=500,
                           model=lambda module: module.vit),
    ])

Copy this file and `watcher.py` next to your script. Lightning's own checkpoints are pickles, which the watcher does
not read; this leaves safetensors of the transformer (`model` picks it out of your LightningModule) in the folder.
"""

from lightning.pytorch.callbacks import Callback

from watcher import Watcher, never_failing, refuse_sharded


class InvarianceCallback(Callback):
    """`folder`, `pretrained`, `probes`, `command`, `options`: see `Watcher`.

    every_n_steps  optimiser steps between checkpoints
    model          function from the LightningModule to the transformers or timm model inside; default: itself
    """

    def __init__(self, folder, pretrained, probes, every_n_steps, model=lambda module: module, **watcher):
        self.arguments = {"folder": folder, "pretrained": pretrained, "probes": probes, **watcher}
        self.every_n_steps = every_n_steps
        self.model = model
        self.watcher = None
        self.last = 0

    def on_train_start(self, trainer, module):
        with never_failing("start the watcher"):
            if trainer.is_global_zero:
                self.watcher = Watcher(**self.arguments)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        with never_failing("save a checkpoint"):
            if trainer.global_step >= self.last + self.every_n_steps:
                self._save(trainer, module)

    def on_train_end(self, trainer, module):
        with never_failing("save the last checkpoint"):
            if trainer.global_step > self.last:
                self._save(trainer, module)
        with never_failing("tell the watcher that training ended"):
            if self.watcher is not None:
                self.watcher.finish()

    def _save(self, trainer, module):
        if self.watcher is None:
            return
        self.last = trainer.global_step
        # What spreads the weights over processes wraps the whole module, not the model inside.
        refuse_sharded(trainer.model)
        self.watcher.save(self.model(module), trainer.global_step, trainer.current_epoch, **trainer.callback_metrics)
