"""Hugging Face Trainer: watch the invariances of a finetune while it runs.

    trainer = Trainer(model=model, args=args, ..., callbacks=[
        InvarianceCallback(pretrained="models/vit-small", probes="data/probes"),
    ])

Copy this file and `watcher.py` next to your script. The Trainer goes on saving `checkpoint-*` as its arguments say
(`save_strategy`, `save_steps`); each one is measured as it appears, also with a small `save_total_limit`.
"""

import os

from transformers import TrainerCallback

from watcher import Watcher, never_failing, run_options


class InvarianceCallback(TrainerCallback):
    """`pretrained`, `probes`, `command`, `options`: see `Watcher`.

    Where the Trainer reports to W&B, the readings go to a run of their own in the same entity and project, and in the
    same group where the training's run has one. Otherwise the project is WANDB_PROJECT, else `huggingface`, as the
    Trainer's would be.
    """

    def __init__(self, pretrained, probes, **watcher):
        self.arguments = {"pretrained": pretrained, "probes": probes, **watcher}
        self.watcher = None

    def on_train_begin(self, args, state, control, **kwargs):
        with never_failing("start the watcher"):
            if not state.is_world_process_zero:
                return
            project = {"project": os.environ.get("WANDB_PROJECT") or "huggingface"}
            options = {**project, **run_options(), **(self.arguments.get("options") or {})}
            self.watcher = Watcher(args.output_dir, **{**self.arguments, "options": options})

    def on_save(self, args, state, control, **kwargs):
        if self.watcher is not None:
            self.watcher.check()

    def on_train_end(self, args, state, control, **kwargs):
        if self.watcher is not None:
            self.watcher.finish()
