"""Makes the networks of bench/truth/factors.ts: small vision transformers whose invariances are known.

    python bench/truth/factors.py OUT [SEEDS]      # 8 seeds of each factor; what is there is kept

Scenes of 16 px: one of ten glyphs without mirror symmetry on a ground that is lighter to the left or right, of random hue, brightness,
mirroring, place, size and tilt.
For each factor and seed a network is pretrained to tell every other factor of six glyphs; every scene is
seen with two values of the factor, and the loss adds, as in scripts/pretrain-demo.py, the share of each layer's variance
that lies between the two. Then it is finetuned on the other four glyphs: `told`, to tell the factor; `other`, to tell
the next one, where it need not be told; `head`, to tell the factor with the head alone; `rank-0`, with LoRA of rank 0. Needs torch, numpy and safetensors.
All seeds of a factor train side by side, as batched matrix products.
"""

import argparse
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

SIDE, PATCH, WIDTH, HIDDEN, DEPTH, HEADS = 16, 4, 32, 64, 3, 4
TOKENS = (SIDE // PATCH) ** 2 + 1
GLYPHS = """100/100/111 111/110/100 110/110/100 110/010/011 111/001/001 100/111/101 101/111/001 011/110/010
111/010/011 100/110/111""".split()
SEEN = 6  # glyphs of pretraining; the others are finetuning's
PRETRAINING, FINETUNING, HEAD = 300, 120, 5  # steps
BATCH, LEARNING_RATE = 24, 4e-3
INVARIANCE = 1.0  # weight of the second term
PROBES = 256

def uniform(low, high):
    return lambda count: low + (high - low) * torch.rand(count)


def bins(name, low, high, count):
    return lambda scene: ((scene[name] - low) / (high - low) * count).long().clamp(max=count - 1)


# What is drawn.
FACTORS = {
    "hue": uniform(0, 1),
    "brightness": uniform(0.4, 1),
    "flip": lambda count: torch.randint(2, (count,)).float(),
    "shift": uniform(-3, 3),
    "scale": uniform(3, 6.5),
}
# What is to be told: the number of classes, and the class of each scene.
TASKS = {
    "hue": (4, bins("hue", 0, 1, 4)),
    "brightness": (3, bins("brightness", 0.4, 1, 3)),
    "flip": (2, lambda scene: scene["flip"].long()),
    "shift": (3, bins("shift", -3, 3, 3)),
    "scale": (3, bins("scale", 3, 6.5, 3)),
}

BANK = F.pad(
    torch.tensor([[[float(cell) for cell in row] for row in glyph.split("/")] for glyph in GLYPHS])
    .repeat_interleave(8, 1)
    .repeat_interleave(8, 2),
    (4, 4, 4, 4),
)


def draw(glyphs, count):
    """What a scene is made of. `shift` is its height: a mirror image leaves that alone."""
    scene = {name: values(count) for name, values in FACTORS.items()}
    scene["glyph"] = torch.tensor(glyphs)[torch.randint(len(glyphs), (count,))]
    scene["across"] = 5 * torch.rand(count) - 2.5
    scene["tilt"] = (torch.rand(count) - 0.5) * math.pi / 6
    scene["ground"] = 0.1 + 0.3 * torch.rand(count)
    return scene


def render(scene):
    """Pixels in [0, 1], (n, 3, 16, 16)."""
    count = len(scene["glyph"])
    line = torch.arange(SIDE) - (SIDE - 1) / 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    x = (x - scene["across"][:, None, None]) * (1 - 2 * scene["flip"][:, None, None])
    y = y - scene["shift"][:, None, None]
    cos, sin = (f(scene["tilt"])[:, None, None] for f in (torch.cos, torch.sin))
    # The glyph fills 24 of the 32 px of its picture.
    reach = scene["scale"][:, None, None] * 32 / 24
    grid = torch.stack([(cos * x + sin * y) / reach, (cos * y - sin * x) / reach], -1)
    mask = F.grid_sample(BANK[scene["glyph"]][:, None], grid, align_corners=False)
    channels = torch.tensor([0.0, 1 / 3, 2 / 3])
    away = (scene["hue"][:, None] - channels + 0.5) % 1 - 0.5
    colour = (2 - 6 * away.abs()).clamp(0.1, 1)
    slope = 0.2 * line / SIDE * (1 - 2 * scene["flip"][:, None])
    ground = (scene["ground"][:, None] + slope)[:, None, None]
    image = ground * (1 - mask) + colour[:, :, None, None] * mask
    return (image * scene["brightness"][:, None, None, None] + 0.02 * torch.randn(count, 3, SIDE, SIDE)).clamp(0, 1)


class Networks:
    """Vision transformers side by side: every weight has the network as its first dimension."""

    def __init__(self, count):
        normal = lambda *shape: 0.02 * torch.randn(count, *shape)
        weights = {
            "embeddings.cls_token": normal(1, 1, WIDTH),
            "embeddings.position_embeddings": 25 * normal(1, TOKENS, WIDTH),
            "embeddings.patch_embeddings.projection.weight": normal(WIDTH, 3, PATCH, PATCH),
            "embeddings.patch_embeddings.projection.bias": torch.zeros(count, WIDTH),
        }

        def linear(name, width, into):
            weights[f"{name}.weight"] = torch.randn(count, into, width) / math.sqrt(width)
            weights[f"{name}.bias"] = torch.zeros(count, into)

        def norm(name):
            weights[f"{name}.weight"] = torch.ones(count, WIDTH)
            weights[f"{name}.bias"] = torch.zeros(count, WIDTH)

        for block in range(DEPTH):
            at = f"encoder.layer.{block}"
            norm(f"{at}.layernorm_before")
            for part in ("query", "key", "value"):
                linear(f"{at}.attention.attention.{part}", WIDTH, WIDTH)
            linear(f"{at}.attention.output.dense", WIDTH, WIDTH)
            norm(f"{at}.layernorm_after")
            linear(f"{at}.intermediate.dense", WIDTH, HIDDEN)
            linear(f"{at}.output.dense", HIDDEN, WIDTH)
        norm("layernorm")
        self.count = count
        self.backbone = {name: weight.requires_grad_() for name, weight in weights.items()}
        self.head = None

    def copy(self):
        other = Networks(self.count)
        other.backbone = {name: weight.detach().clone().requires_grad_() for name, weight in self.backbone.items()}
        return other

    def new_head(self, classes):
        self.head = [torch.zeros(self.count, classes, WIDTH).requires_grad_(), torch.zeros(self.count, classes).requires_grad_()]

    def linear(self, x, name):
        weight, bias = self.backbone[f"{name}.weight"], self.backbone[f"{name}.bias"]
        return torch.baddbmm(bias[:, None], x, weight.flatten(2).mT)

    def norm(self, x, name):
        weight, bias = self.backbone[f"{name}.weight"], self.backbone[f"{name}.bias"]
        return F.layer_norm(x, (WIDTH,), eps=1e-6) * weight[:, None] + bias[:, None]

    def layers(self, images):
        """All tokens after each block and after the last norm: each (networks, images, tokens, width)."""
        count, n = images.shape[:2]
        grid = SIDE // PATCH
        patches = images.reshape(count, n, 3, grid, PATCH, grid, PATCH).permute(0, 1, 3, 5, 2, 4, 6)
        x = self.linear(2 * patches.reshape(count, n * grid**2, -1) - 1, "embeddings.patch_embeddings.projection")
        token = self.backbone["embeddings.cls_token"].expand(count, n, 1, WIDTH)
        x = torch.cat([token, x.view(count, n, -1, WIDTH)], 2) + self.backbone["embeddings.position_embeddings"]
        x = x.flatten(1, 2)
        heads = lambda x: x.view(count * n, TOKENS, HEADS, -1).transpose(1, 2)
        taken = []
        for block in range(DEPTH):
            at = f"encoder.layer.{block}"
            inner = self.norm(x, f"{at}.layernorm_before")
            parts = [heads(self.linear(inner, f"{at}.attention.attention.{part}")) for part in ("query", "key", "value")]
            mixed = F.scaled_dot_product_attention(*parts).transpose(1, 2).reshape(count, n * TOKENS, WIDTH)
            x = x + self.linear(mixed, f"{at}.attention.output.dense")
            inner = self.norm(x, f"{at}.layernorm_after")
            x = x + self.linear(F.gelu(self.linear(inner, f"{at}.intermediate.dense")), f"{at}.output.dense")
            taken.append(x)
        taken.append(self.norm(x, "layernorm"))
        return [layer.view(count, n, TOKENS, WIDTH) for layer in taken]

    def logits(self, layers):
        return torch.baddbmm(self.head[1][:, None], layers[-1][:, :, 0], self.head[0].mT)

    def save(self, folder, network):
        folder.mkdir(parents=True, exist_ok=True)
        weights = {f"vit.{name}": weight[network].detach().contiguous() for name, weight in self.backbone.items()}
        weights |= {"classifier.weight": self.head[0][network].detach(), "classifier.bias": self.head[1][network].detach()}
        save_file({name: weight.clone() for name, weight in weights.items()}, folder / "model.safetensors")
        config = dict(
            architectures=["ViTForImageClassification"],
            model_type="vit",
            image_size=SIDE,
            patch_size=PATCH,
            num_channels=3,
            hidden_size=WIDTH,
            intermediate_size=HIDDEN,
            num_hidden_layers=DEPTH,
            num_attention_heads=HEADS,
            hidden_act="gelu",
            layer_norm_eps=1e-6,
            qkv_bias=True,
        )
        preprocessor = dict(
            do_normalize=True,
            do_rescale=True,
            do_resize=True,
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,
            image_processor_type="ViTImageProcessor",
            resample=2,
            rescale_factor=1 / 255,
            size=dict(height=SIDE, width=SIDE),
        )
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))


def variance_share(layers):
    """Mean over layers of the share of variance between the two halves of the images, one a network."""
    shares = []
    for layer in layers:
        flat = layer.flatten(2)
        one, other = flat.chunk(2, 1)
        spread = (flat - flat.mean(1, keepdim=True)).square().sum((1, 2))
        shares.append((one - other).square().sum((1, 2)) / (2 * spread))
    return torch.stack(shares).mean(0)


def train(networks, tasks, *, glyphs, steps, invariant_to=None, head_only=False):
    """Each network on scenes of its own. Returns their accuracies on new scenes, [task][network]."""
    sizes = [TASKS[task][0] for task in tasks]
    networks.new_head(sum(sizes))
    weights = networks.head if head_only else [*networks.backbone.values(), *networks.head]
    optimiser = torch.optim.Adam(weights, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps, pct_start=0.1)
    by_network = lambda values: values.view(networks.count, -1, *values.shape[1:])
    told = lambda layers: networks.logits(layers).split(sizes, 2)
    labels_of = lambda scene: [by_network(TASKS[task][1](scene)) for task in tasks]
    for _ in range(steps):
        scene = draw(glyphs, networks.count * BATCH)
        images, labels = by_network(render(scene)), labels_of(scene)
        if invariant_to:
            other = render({**scene, invariant_to: FACTORS[invariant_to](networks.count * BATCH)})
            images, labels = torch.cat([images, by_network(other)], 1), [label.repeat(1, 2) for label in labels]
        layers = networks.layers(images)
        loss = sum(F.cross_entropy(logits.mT, label) for logits, label in zip(told(layers), labels))
        if invariant_to:
            loss = loss + INVARIANCE * variance_share(layers).mean()
        optimiser.zero_grad()
        (loss * networks.count).backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        scene = draw(glyphs, networks.count * 128)
        answers = zip(told(networks.layers(by_network(render(scene)))), labels_of(scene))
        return [(logits.argmax(2) == label).float().mean(1) for logits, label in answers]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("seeds", type=int, nargs="?", default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    seen, new = list(range(SEEN)), list(range(SEEN, len(GLYPHS)))
    for order, factor in enumerate(FACTORS):
        report = options.out / f"{factor}.json"
        if report.exists():
            continue
        started = time.time()
        torch.manual_seed(order)
        accuracy = {}

        def finish(name, networks, tasks, **how):
            right = train(networks, tasks, **how)
            accuracy[name] = {task: [round(value, 2) for value in of.tolist()] for task, of in zip(tasks, right)}
            for seed in range(options.seeds):
                networks.save(options.out / f"{factor}-{seed}" / name, seed)

        pretrained = Networks(options.seeds)
        others = [task for task in TASKS if task != factor]
        finish("pretrained", pretrained, others, glyphs=seen, steps=PRETRAINING, invariant_to=factor)
        following = [*FACTORS, *FACTORS][order + 1]
        finish("told", pretrained.copy(), [factor], glyphs=new, steps=FINETUNING)
        finish("other", pretrained.copy(), [following], glyphs=new, steps=FINETUNING)
        finish("head", pretrained.copy(), [factor], glyphs=new, steps=HEAD, head_only=True)
        rank0 = pretrained.copy()
        with torch.no_grad():
            for name, weight in rank0.backbone.items():
                if name.endswith(("query.weight", "value.weight")):
                    weight += torch.zeros(options.seeds, WIDTH, 0) @ torch.zeros(options.seeds, 0, WIDTH)
        finish("rank-0", rank0, [factor], glyphs=new, steps=HEAD, head_only=True)
        for seed in range(options.seeds):
            save_file({"images": render(draw(new, PROBES))}, options.out / f"{factor}-{seed}" / "probes.safetensors")
        report.write_text(json.dumps({"seconds": round(time.time() - started), "accuracy": accuracy}))
        print(factor, report.read_text(), flush=True)


if __name__ == "__main__":
    main()
