"""Hugging Face Trainer: watch the invariances of a finetune while it runs.

    trainer = Trainer(model=model, args=args, ..., callbacks=[
        InvarianceCallback(pretrained="models/vit-small", probes="data/probes"),
    ])

Copy this file and `watcher.py` next to your script. The Trainer goes on saving `checkpoint-*` as its arguments say
(`save_strategy`, `save_steps`); each one is measured as it appears, also with a small `save_total_limit`.
"""

import os

from transformers import TrainerCallback

from watcher import Watcher


class InvarianceCallback(TrainerCallback):
    """`pretrained`, `probes`, `command`, `options`: see `Watcher`. With W&B on, the readings go to a run of the same
    group as the training's own run."""

    def __init__(self, pretrained, probes, **watcher):
        self.arguments = {"pretrained": pretrained, "probes": probes, **watcher}
        self.watcher = None

    def on_train_begin(self, args, state, control, **kwargs):
        if not state.is_world_process_zero:
            return
        options = dict(self.arguments.get("options") or {})
        group = os.environ.get("WANDB_RUN_GROUP") or args.run_name
        if group:
            options.setdefault("group", group)
        self.watcher = Watcher(args.output_dir, **{**self.arguments, "options": options})

    def on_train_end(self, args, state, control, **kwargs):
        if self.watcher is not None:
            self.watcher.finish()
