"""Finetunes a tiny random ViT with transformers' Trainer and the callback. Usage: OUT PRETRAINED PROBES COMMAND…"""

import sys
import time
from pathlib import Path

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments, ViTForImageClassification

from trainer import InvarianceCallback

out, pretrained, probes, *command = sys.argv[1:]
torch.manual_seed(0)
model = ViTForImageClassification.from_pretrained(pretrained)
side = model.config.image_size
data = [{"pixel_values": torch.randn(3, side, side), "labels": i % model.config.num_labels} for i in range(48)]
arguments = TrainingArguments(
    out, max_steps=12, per_device_train_batch_size=4, save_steps=4, save_total_limit=1, logging_steps=2,
    learning_rate=1e-2, report_to=[], use_cpu=True, run_name="birds", disable_tqdm=True,
)


class UntilHeld(TrainerCallback):
    """These steps take no time; real ones leave a checkpoint there longer than the watcher takes to see it."""

    def on_save(self, args, state, control, **kwargs):
        runs, deadline = Path(f"{out}-runs"), time.time() + 120
        while time.time() < deadline:
            held = runs.glob(f"*/held/*/checkpoint-{state.global_step}")
            readings = "".join(path.read_text() for path in runs.glob("*/journal.jsonl"))
            if any(held) or f'"step":{state.global_step},' in readings:
                return
            time.sleep(0.05)


options = {"steps": 5, "dir": f"{out}-runs"}
callback = InvarianceCallback(pretrained, probes, command=command, options=options)
Trainer(model=model, args=arguments, train_dataset=data, callbacks=[callback, UntilHeld()]).train()
callback.watcher.process.wait()
