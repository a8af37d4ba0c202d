"""Writes test/fixtures/ops.safetensors: for each operation of the tape what PyTorch computes, and its gradients.

    python scripts/op-fixtures.py

Needs torch and safetensors. `OP.a`, `OP.b` are the arguments, `OP.y` the result, `OP.weights` what the result is
multiplied with before it is summed, and `OP.da`, `OP.db` the gradients of that sum.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

A = (2, 3, 4)
GAIN, BIAS = torch.linspace(0.5, 2, 4), torch.linspace(-1, 1, 4)
WEIGHT = torch.linspace(-1, 1, 20).view(5, 4)

OPS = {
    "add": (lambda a, b: a + b, A, (3, 1)),
    "subtract": (lambda a, b: a - b, A, (4,)),
    "multiply": (lambda a, b: a * b, (1, 3, 1), A),
    "divide": (lambda a, b: a / (b + 3), A, (2, 1, 4)),
    "scale": (lambda a: a * -2.5, A),
    "sum": (lambda a: a.sum((0, 2), keepdim=True), A),
    "mean": (lambda a: a.mean(-1, keepdim=True), A),
    "expand": (lambda a: a.expand(2, 3, 4), (1, 3, 1)),
    "reshape": (lambda a: a.reshape(4, 6), A),
    "transpose": (lambda a: a.permute(2, 0, 1), A),
    "slice": (lambda a: a[:, :, 1:3], A),
    "concat": (lambda a, b: torch.cat([a, b], 1), A, (2, 2, 4)),
    "matmul": (lambda a, b: a @ b, A, (2, 4, 5)),
    "matmulTransA": (lambda a, b: 0.5 * a.mT @ b, (2, 4, 3), (2, 4, 5)),
    "matmulTransB": (lambda a, b: 0.5 * a @ b.mT, A, (2, 5, 4)),
    "matmulTransAB": (lambda a, b: 0.5 * a.mT @ b.mT, (2, 4, 3), (2, 5, 4)),
    "linear": (lambda a: F.linear(a, WEIGHT, torch.ones(5)), A),
    "layerNorm": (lambda a: F.layer_norm(a, (4,), GAIN, BIAS, 1e-3), A),
    "softmax": (lambda a: a.softmax(-1), A),
    "rmsNorm": (lambda a: F.rms_norm(a, (4,), GAIN, 1e-3), A),
    "sigmoid": (torch.sigmoid, A),
    "tanh": (torch.tanh, A),
    "gelu": (F.gelu, A),
    "geluTanh": (lambda a: F.gelu(a, approximate="tanh"), A),
    "quickGelu": (lambda a: a * torch.sigmoid(1.702 * a), A),
    "silu": (F.silu, A),
    "relu": (F.relu, A),
    "clamp": (lambda a: a.clamp(-0.5, 0.5), A),
    "norm": (lambda a: a.norm(dim=-1, keepdim=True), A),
}

if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, (operation, *shapes) in OPS.items():
        arguments = [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]
        if name == "clamp":  # at both ends the gradient passes
            arguments[0].data.view(-1)[:2] = torch.tensor([-0.5, 0.5])
        if name == "norm":  # at zero it is taken as zero
            arguments[0].data[0, 0] = 0
        result = operation(*arguments)
        weights = torch.randn(result.shape, generator=generator)
        gradients = torch.autograd.grad((result * weights).sum(), arguments)
        tensors |= {f"{name}.y": result.detach(), f"{name}.weights": weights}
        for letter, argument, gradient in zip("ab", arguments, gradients):
            tensors |= {f"{name}.{letter}": argument.detach(), f"{name}.d{letter}": gradient}
    path = Path(__file__).parent.parent / "test/fixtures/ops.safetensors"
    save_file({name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}, path)
    path.chmod(0o644)
