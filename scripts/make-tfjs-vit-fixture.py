"""Writes test/fixtures/tfjs-vit: a transformers ViT of random weights with what PyTorch computes from it in float64.

    python scripts/make-tfjs-vit-fixture.py

`expected.safetensors`: images (NCHW, some pixels outside [0, 1]), labels, the tokens before the first block and after each
one, the normed class token, the logits, the mean cross entropy and its gradient with respect to the pixels.
`gradients.safetensors`: its gradients with respect to the weights, under the weights' names on disk.
"""

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import save_file
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

FOLDER = Path(__file__).parent.parent / "test" / "fixtures" / "tfjs-vit"
MEAN, STD = [0.48, 0.46, 0.41], [0.23, 0.22, 0.23]

torch.manual_seed(0)
model = ViTForImageClassification(
    ViTConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=40,
        image_size=12,
        patch_size=4,
        layer_norm_eps=1e-6,
        initializer_range=0.3,
        num_labels=5,
    )
).eval()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
model.save_pretrained(FOLDER)
ViTImageProcessor(size={"height": 12, "width": 12}, image_mean=MEAN, image_std=STD).save_pretrained(FOLDER)

model.double()
seen = {}


def keep(name, value):
    seen[name] = value


for index, layer in enumerate([*model.vit.layers, model.vit.layernorm]):
    layer.register_forward_pre_hook(lambda _, inputs, index=index: keep(f"tokens.{index}", inputs[0]))
model.vit.layernorm.register_forward_hook(lambda _, inputs, output: keep("norm", output[:, 0]))

images = (1.3 * torch.rand(6, 3, 12, 12) - 0.15).requires_grad_()
labels = torch.tensor([0, 1, 2, 3, 4, 0])
mean, std = (torch.tensor(values).double().view(1, 3, 1, 1) for values in (MEAN, STD))
output = model((images.double().clamp(0, 1) - mean) / std, labels=labels)
output.loss.backward()
expected = {
    "images": images,
    "labels": labels,
    **seen,
    "logits": output.logits,
    "loss": output.loss.reshape(1),
    "gradient": images.grad,
}
save_file(
    {name: value.detach().contiguous().to(torch.int64 if name == "labels" else torch.float32) for name, value in expected.items()},
    FOLDER / "expected.safetensors",
)

gradients = deepcopy(model).float()
for parameter, source in zip(gradients.parameters(), model.parameters()):
    parameter.data = source.grad.float()
with TemporaryDirectory() as folder:
    gradients.save_pretrained(folder)
    (Path(folder) / "model.safetensors").rename(FOLDER / "gradients.safetensors")
