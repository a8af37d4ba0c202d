"""Writes the weights of test/fixtures/weights/whole as PyTorch's users pickle them, into the folder given."""

import argparse
import os
import shutil
import sys
from pathlib import Path

import torch
import torch.distributed.checkpoint as distributed
from safetensors.torch import load_file

out, whole = Path(sys.argv[1]), Path("test/fixtures/weights/whole")
weights = load_file(whole / "model.safetensors")
prefixed = lambda prefix: {prefix + key: value for key, value in weights.items()}
doubled = {key: 2 * value for key, value in weights.items()}


def checkpoint(name):
    folder = out / name
    folder.mkdir(parents=True)
    for config in ("config.json", "preprocessor_config.json"):
        if (whole / config).exists():
            shutil.copy(whole / config, folder)
    return folder


class Command:
    def __reduce__(self):
        return os.system, (f"touch {out}/ran",)


keys = list(weights)
folder = checkpoint("checkpoint-1")
torch.save({key: weights[key] for key in keys[:9]}, folder / "pytorch_model-00001-of-00002.bin")
torch.save({key: weights[key] for key in keys[9:]}, folder / "pytorch_model-00002-of-00002.bin")
torch.save(argparse.Namespace(lr=1), folder / "training_args.bin")
folder = checkpoint("a b'c$HOME")
torch.save({"state_dict": prefixed("model."), "epoch": 3, "hyper_parameters": {"lr": 1.0}, "optimizer_states": [{"state": {}}]}, folder / "last one.ckpt")
folder = checkpoint("timm")
torch.save({"epoch": 1, "arch": "vit", "args": argparse.Namespace(lr=1), "optimizer": {"state": {}, "param_groups": []},
            "state_dict": weights, "state_dict_ema": doubled}, folder / "checkpoint-5.pth.tar")
folder = checkpoint("dino")
torch.save({"teacher": prefixed("module."), "student": doubled, "epoch": 1}, folder / "-dino.pth")
folder = checkpoint("deepspeed/checkpoint-7")
(folder / "global_step7").mkdir()
torch.save({"module": prefixed("module."), "dp_world_size": 1}, folder / "global_step7/mp_rank_00_model_states.pt")
folder = checkpoint("zero/checkpoint-7")
(folder / "global_step7").mkdir()
torch.save({}, folder / "global_step7/zero_pp_rank_0_mp_rank_00_model_states.pt")
folder = checkpoint("fsdp/checkpoint-8")
distributed.save({"model": weights}, checkpoint_id=folder / "pytorch_model_fsdp_0", no_dist=True)
folder = checkpoint("two")
torch.save(weights, folder / "pytorch_model.bin")
torch.save(doubled, folder / "pytorch_model_1.bin")
folder = checkpoint("part")
torch.save(weights, folder / "pytorch_model-00002-of-00002.bin")
folder = checkpoint("imagenet")
torch.save({"state_dict": weights, "best_acc1": torch.tensor(70.0), "epoch": 9}, folder / "model_best.pth.tar")
folder = checkpoint("trap")
torch.save(weights, folder / "weights.pt")
for name in ("argparse", "json", "torch"):
    (folder / f"{name}.py").write_text(f"open({str(out / 'ran')!r}, 'w')")
folder = checkpoint("odd")
tied = torch.ones(4, 4)
torch.save({"a": tied, "b": tied, "c": tied.t()[1:], "step": 3}, folder / "tied.pt")
torch.save({"weights": [1, 2]}, folder / "none.pt")
torch.save({"state_dict": weights, "callback": Command()}, folder / "unsafe.pt")
