"""Starts `wandb-invariance watch` beside a PyTorch training and tells it when training ends.

Copy this file next to your training script. For a plain PyTorch or timm loop it is all you need:

    watcher = Watcher("out", pretrained="models/vit-small", probes="data/probes")
    for step, batch in enumerate(loader, 1):
        ...
        if step % 500 == 0:
            watcher.save(model, step, loss=loss.item())
    watcher.save(model, step)
    watcher.finish()

It works on rank 0 only, never blocks the training and never fails it: what goes wrong is said once, as a warning.
The watcher is a process of its own that reads the checkpoints in the folder. Everything it prints goes to
`<folder>/invariance-watch.log`.
"""

import json
import os
import shutil
import subprocess
import warnings
from pathlib import Path

#: The watcher measures what is left and ends once this file is in the folder.
FINISHED = "invariance-finished"


class Watcher:
    """One watcher on one training output folder.

    folder      where checkpoints appear as `checkpoint-<step>/`
    pretrained  folder (or hub id) of the model that was finetuned
    probes      folder of images, or FILE.safetensors:key
    command     how the tool is started; default `npx --yes wandb-invariance`
    options     further flags of `wandb-invariance watch`: {"every": 2, "project": "birds", "json": True}
    """

    def __init__(self, folder, pretrained, probes, command=("npx", "--yes", "wandb-invariance"), options=None):
        self.folder = Path(folder)
        self.process = None
        self.history = []
        self._rank_zero = int(os.environ.get("RANK", "0")) == 0
        if not self._rank_zero:
            return
        arguments = [*command, "watch", str(self.folder), "--pretrained", str(pretrained), "--probes", str(probes)]
        # Old checkpoints in the folder may say that they were the last ones; only finish() knows of this training.
        for name, value in {"until": "marker", **(options or {})}.items():
            arguments += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        with self._never_failing("start the watcher"):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / FINISHED).unlink(missing_ok=True)
            with open(self.folder / "invariance-watch.log", "ab") as log:
                # A session of its own: Ctrl-C in the training must not end the last measurement.
                self.process = subprocess.Popen(
                    arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )

    def save(self, model, step, epoch=None, **logged):
        """Leaves `checkpoint-<step>` in the folder, whole or not at all; `logged` values are shown beside retention.

        `model` is a transformers model, or any module whose state_dict has transformers' or timm's names.
        """
        if not self._rank_zero:
            return
        with self._never_failing(f"save checkpoint-{step}"):
            self.history.append({"step": step, "epoch": epoch, **logged})
            half = self.folder / f".half-checkpoint-{step}"
            whole = self.folder / f"checkpoint-{step}"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir(parents=True)
            if hasattr(model, "save_pretrained"):
                model.save_pretrained(half, safe_serialization=True)
            else:
                from safetensors.torch import save_file

                tensors = {name: t.detach().cpu().contiguous().clone() for name, t in model.state_dict().items()}
                save_file(tensors, half / "model.safetensors", metadata={"format": "pt"})
            state = {"global_step": step, "epoch": epoch, "log_history": self.history}
            (half / "trainer_state.json").write_text(json.dumps(state))
            shutil.rmtree(whole, ignore_errors=True)
            half.rename(whole)

    def finish(self, wait=False):
        """Tells the watcher that no checkpoint will follow. It measures what is left and ends by itself;
        `wait=True` stays until it has."""
        if not self._rank_zero:
            return
        with self._never_failing("tell the watcher that training ended"):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / FINISHED).touch()
            if wait and self.process is not None:
                self.process.wait()

    def _never_failing(self, what):
        return _Warn(what)


class _Warn:
    def __init__(self, what):
        self.what = what

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _traceback):
        if kind is None or not issubclass(kind, Exception):
            return False
        warnings.warn(f"wandb-invariance: could not {self.what}: {error}", stacklevel=3)
        return True
