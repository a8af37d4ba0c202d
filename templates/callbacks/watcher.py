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
The watcher is a process of its own that reads the checkpoints in the folder. It ends with the training, also with one
that crashes, once it has measured what is there. Everything it prints goes to `<folder>/invariance-watch.log`.
"""

import json
import os
import shutil
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

#: The watcher measures what is left and ends once this file is in the folder.
FINISHED = "invariance-finished"

#: Variables that name the training's own W&B run: the watcher's is another one, of the same project and group.
OF_THE_TRAINING = ("WANDB_RUN_ID", "WANDB_NAME", "WANDB_NOTES", "WANDB_RESUME", "WANDB_JOB_TYPE", "WANDB_SERVICE")

WRAPPED = {"DistributedDataParallel", "DataParallel"}
SHARDED = {"FullyShardedDataParallel", "FSDPModule", "DeepSpeedEngine"}


@contextmanager
def never_failing(what):
    """Whatever goes wrong inside becomes a warning: a training must not end for want of a measurement."""
    try:
        yield
    except Exception as error:
        _warn(f"could not {what}: {error}")


def installed():
    """The tool where npm has installed it: above the working folder, above this file, or on the PATH.

    npx is not asked: it would look the name up in the registry, and run whatever has it there.
    """
    starts = (Path.cwd(), Path(__file__).resolve().parent)
    folders = [str(above / "node_modules" / ".bin") for start in starts for above in (start, *start.parents)]
    found = shutil.which("wandb-invariance", path=os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)]))
    if found is None:
        raise FileNotFoundError(
            f"wandb-invariance is not installed: neither in {starts[0]} or a folder above it nor on the PATH. Run "
            "`npm install FILE` there, with the file that `npm pack` leaves in a clone of it, or pass command=[...]"
        )
    return [found]


def run_options():
    """Where this process's own W&B run is, as options of `watch`; nothing where there is none."""
    run = getattr(sys.modules.get("wandb"), "run", None)
    if run is None:
        return {}
    found = {name: getattr(run, name, None) for name in ("entity", "project", "group")}
    if run.settings.mode in ("offline", "disabled"):
        found["wandb"] = run.settings.mode
    return {name: value for name, value in found.items() if value}


def refuse_sharded(model):
    """Raises where weights are spread over processes: rank 0 alone would wait for the others for ever."""
    sharded = any(_kinds(part) & SHARDED for part in model.modules()) or any(
        type(weight).__name__ == "DTensor" or hasattr(weight, "ds_id") for weight in model.parameters()
    )
    if sharded:
        raise RuntimeError(
            "its weights are spread over processes (FSDP, DeepSpeed, DTensor); gather them, save whole checkpoints "
            "into the folder as your framework does, and the watcher reads those"
        )


class Watcher:
    """One watcher on one training output folder.

    folder      where checkpoints appear as `checkpoint-<step>/`
    pretrained  folder (or hub id) of the model that was finetuned
    probes      folder of images, or FILE.safetensors:key
    command     how the tool is started, as a list; default: the one that `installed` finds
    options     further flags of `wandb-invariance watch`: {"every": 2, "project": "birds", "json": True}
                Entity, project and group are by default those of `wandb.run`, where it exists by now.
    """

    def __init__(self, folder, pretrained, probes, command=None, options=None):
        self.folder = Path(folder)
        self.process = None
        self.history = []
        self._told_of_its_end = False
        self._left_out_kinds = {" is left out: ", " waits: "}
        self._log_read = 0
        self._rank_zero = (os.environ.get("RANK") or "0") == "0"
        if not self._rank_zero:
            return
        with never_failing("start the watcher"):
            flags = {
                # Old checkpoints in the folder may say that they were the last ones; only finish() knows of this
                # training, and a training that crashes never calls it.
                "until": "marker",
                "pid": os.getpid(),
                "idle": 0,
                **run_options(),
                **(options or {}),
            }
            arguments = [*(command or installed()), "watch", str(self.folder), "--pretrained", str(pretrained), "--probes", str(probes)]
            for name, value in flags.items():
                if value is not None and value is not False:
                    arguments += [f"--{name}"] if value is True else [f"--{name}", str(value)]
            environment = {name: value for name, value in os.environ.items() if name not in OF_THE_TRAINING}
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / FINISHED).unlink(missing_ok=True)
            with open(self._log(), "ab") as log:
                self._log_read = log.tell()
                # A session of its own: Ctrl-C in the training must not end the last measurement.
                self.process = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    start_new_session=True,
                )

    def save(self, model, step, epoch=None, **logged):
        """Leaves `checkpoint-<step>` in the folder, whole or not at all; `logged` values are shown beside retention.

        `model` is a transformers model, or any module whose state_dict has transformers' or timm's names, also inside
        DistributedDataParallel or torch.compile.
        """
        if not self._rank_zero:
            return
        self.check()
        with never_failing(f"save checkpoint-{step}"):
            values = {name: _number(value) for name, value in {"epoch": epoch, **logged}.items()}
            self.history.append({"step": int(step), **{name: v for name, v in values.items() if v is not None}})
            state = {"global_step": int(step), "epoch": values["epoch"], "log_history": self.history}
            half = self.folder / f".half-checkpoint-{step}"
            whole = self.folder / f"checkpoint-{step}"
            shutil.rmtree(half, ignore_errors=True)
            try:
                half.mkdir(parents=True)
                _save_weights(_unwrapped(model), half)
                (half / "trainer_state.json").write_text(json.dumps(state))
                shutil.rmtree(whole, ignore_errors=True)
                half.rename(whole)
            finally:
                shutil.rmtree(half, ignore_errors=True)

    def check(self):
        """Warns, once each, where the watcher has ended before the training or leaves a checkpoint out."""
        with never_failing("look after the watcher"):
            self._tell_of_left_out()
            if self.process is not None and self.process.poll() is not None:
                self._tell_of_its_end()

    def finish(self, wait=False):
        """Tells the watcher that no checkpoint will follow. It measures what is left and ends by itself;
        `wait=True` stays until it has."""
        if not self._rank_zero:
            return
        self.check()
        with never_failing("tell the watcher that training ended"):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / FINISHED).touch()
            if wait and self.process is not None and self.process.wait() != 0:
                self._tell_of_its_end()

    def _tell_of_its_end(self):
        if self._told_of_its_end:
            return
        self._told_of_its_end = True
        lines = self._log().read_text(errors="replace").split("\n")
        said = [line for line in lines if line.strip()]
        last = said[-1] if said else "it said nothing"
        _warn(f"the watcher has ended with exit code {self.process.returncode}: {last} (all of it: {self._log()})")

    def _tell_of_left_out(self):
        if not self._left_out_kinds or self.process is None:
            return
        with open(self._log(), "rb") as log:
            log.seek(self._log_read)
            lines = log.read().decode(errors="replace").split("\n")
        for kind in sorted(self._left_out_kinds):
            first = next((line for line in lines if kind in line), None)
            if first is not None:
                self._left_out_kinds.discard(kind)
                _warn(f"{first.strip()} (all of it: {self._log()})")

    def _log(self):
        return self.folder / "invariance-watch.log"


def _warn(text):
    text = f"wandb-invariance: {text}"
    try:
        warnings.warn(text, stacklevel=3)
    except Warning:  # Where warnings are errors, they are not to be ours.
        print(text, file=sys.stderr)


def _number(value):
    """A tensor or numpy number as a float; None for what is no number."""
    try:
        return float(value)
    except Exception:
        return None


def _kinds(module):
    return {kind.__name__ for kind in type(module).__mro__}


def _unwrapped(model):
    while True:
        if "OptimizedModule" in _kinds(model):
            model = model._orig_mod
        elif _kinds(model) & WRAPPED:
            model = model.module
        else:
            return model


def _save_weights(model, folder):
    refuse_sharded(model)
    if hasattr(model, "save_pretrained"):
        model.save_pretrained(folder, safe_serialization=True)
        return
    from safetensors.torch import save_file

    # A part that was compiled by itself has this in its names.
    weights = {name.replace("_orig_mod.", ""): weight for name, weight in model.state_dict().items()}
    tensors = {name: weight.detach().cpu().contiguous().clone() for name, weight in weights.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
