"""Writes test/fixtures/architectures: tiny models with random weights, and what Python computes with them.

    python scripts/architecture-fixtures.py [FUNCTION ...]

Needs torch, transformers, timm and safetensors. Each folder holds a model as its library saves it and
`expected.safetensors`: `pixels` and `seeds` in [0, 1] (some beyond), every layer and branch on the pixels, `logits` where there
is a classifier, and `loss.LAYER` and `gradient.LAYER` of the relative distance from the seeds to the pixels.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import timm
import torch
import transformers
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf

ROOT = Path(__file__).parent.parent / "test/fixtures/architectures"
MEAN, STD = [0.4, 0.5, 0.6], [0.3, 0.25, 0.2]
SMALL = dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, image_size=12, patch_size=4
)
LABELS = dict(num_labels=3)
SECOND_NORM = ("layernorm_after", "norm2", "layer_norm2", "rms_norm2")
POST_NORM = ("EvaBlockPostNorm", "ResPostBlock")


def redraw(model):
    """Weights large enough that no bias, scale or position hides behind another."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator) * 0.3
        around = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        parameter.data = around + noise
    return model.eval()


def random_inputs(size):
    generator = torch.Generator().manual_seed(1)
    return {name: torch.rand(3, 3, *size, generator=generator) * 1.2 - 0.1 for name in ("images", "seeds")}


def expected(model, blocks, norm, size, logits=False, call=None, inputs=None, mean=MEAN, std=STD):
    """`norm` takes the model's output and the last block's to the layer `norm`; `call` runs the model."""
    inputs = inputs or random_inputs(size)
    pixels, seeds = inputs["images"], inputs["seeds"]
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
    taken = {}
    for i, block in enumerate(blocks):
        def keep(module, inputs, output, name=f"block_{i:02d}"):
            after = output[0] if isinstance(output, tuple) else output
            between = taken.pop("between")
            taken[f"{name}/attention"] = between - inputs[0]
            taken[f"{name}/mlp"] = after - between
            taken[name] = after
        block.register_forward_hook(keep)
        [second] = [part for name, part in block.named_children() if name in SECOND_NORM]
        if type(block).__name__ in POST_NORM:
            block.register_forward_pre_hook(lambda module, inputs: taken.update(between=inputs[0]))
            block.norm1.register_forward_hook(lambda module, inputs, output: taken.update(between=taken["between"] + output))
        else:
            # What the second norm is given is the residual stream between the two branches.
            second.register_forward_pre_hook(lambda module, inputs: taken.update(between=inputs[0]))

    def run(images):
        output = (call or model)((images.clamp(0, 1) - mean) / std)
        layers = {name: value.flatten(1) for name, value in taken.items()}
        return output, {**layers, "norm": norm(output, taken[f"block_{len(blocks) - 1:02d}"])}

    output, targets = run(pixels)
    targets = {name: value.detach() for name, value in targets.items()}
    result = {"pixels": pixels, "seeds": seeds, **targets}
    if logits:
        result["logits"] = getattr(output, "logits", output).detach()
    for layer in ("block_00", "norm"):
        start = seeds.clone().requires_grad_()
        features = run(start)[1][layer]
        loss = (features - targets[layer]).norm(dim=1) / targets[layer].norm(dim=1)
        result[f"gradient.{layer}"] = torch.autograd.grad(loss.sum(), start)[0]
        result[f"loss.{layer}"] = loss.detach()
    return {name: value.contiguous() for name, value in result.items()}


def write(name, model, blocks, norm, size=(12, 12), save=None, **options):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    redraw(model)
    (save or model.save_pretrained)(folder)
    for extra in ("generation_config.json", "preprocessor_config.json"):
        (folder / extra).unlink(missing_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "do_rescale": True,
        "rescale_factor": 1 / 255, "do_normalize": True, "resample": 3, "image_mean": MEAN, "image_std": STD,
        "size": {"height": size[0], "width": size[1]},
    }, indent=2) + "\n")
    save_file(expected(model, blocks, norm, size, **options), folder / "expected.safetensors")
    for path in folder.iterdir():
        path.chmod(0o644)


def class_token(norm):
    return lambda output, last: norm(last)[:, 0]


def patch_mean(norm):
    return lambda output, last: norm(last).mean(1)


def vit():
    model = transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, **LABELS))
    write("vit", model, model.vit.layers, class_token(model.vit.layernorm), logits=True)


def vit_in_memory():
    """The names that transformers 5 has in memory, no classifier, no bias of query, key and value."""
    config = transformers.ViTConfig(**SMALL, qkv_bias=False, hidden_act="gelu_pytorch_tanh")
    model = transformers.ViTModel(config, add_pooling_layer=False)

    def save(folder):
        folder.mkdir(parents=True)
        model.config.save_pretrained(folder)
        save_file(dict(model.state_dict()), folder / "model.safetensors")

    write("vit-in-memory", model, model.layers, class_token(model.layernorm), save=save)


def vit_resized():
    """Images smaller and larger than the model was built for."""
    for name, size in (("vit-smaller", (8, 8)), ("vit-larger", (20, 16))):
        model = transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, **LABELS))
        call = lambda images, model=model: model(images, interpolate_pos_encoding=True)
        write(name, model, model.vit.layers, class_token(model.vit.layernorm), size, call=call, logits=True)


def deit():
    for name, kind in (("deit", "DeiTForImageClassification"), ("deit-distilled", "DeiTForImageClassificationWithTeacher")):
        model = getattr(transformers, kind)(transformers.DeiTConfig(**SMALL, **LABELS))
        write(name, model, model.deit.layers, class_token(model.deit.layernorm), logits=True)


DINO = dict({key: value for key, value in SMALL.items() if key != "intermediate_size"}, mlp_ratio=2)


def dinov2():
    for name, size, options in (
        ("dinov2", (12, 12), {}),
        ("dinov2-swiglu", (12, 12), dict(use_swiglu_ffn=True)),
        ("dinov2-smaller", (8, 12), dict(image_size=20)),
    ):
        model = transformers.Dinov2ForImageClassification(transformers.Dinov2Config(**{**DINO, **LABELS, **options}))
        write(name, model, model.dinov2.encoder.layer, class_token(model.dinov2.layernorm), size, logits=True)


def dinov2_with_registers():
    for name, options in (("dinov2-registers", {}), ("dinov2-registers-smaller", dict(image_size=28))):
        config = transformers.Dinov2WithRegistersConfig(**{**DINO, **LABELS, **options}, num_register_tokens=2)
        model = transformers.Dinov2WithRegistersForImageClassification(config)
        body = model.dinov2_with_registers
        write(name, model, body.encoder.layer, class_token(body.layernorm), logits=True)


def clip():
    model = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**SMALL))
    write("clip-vision", model, model.encoder.layers, class_token(model.post_layernorm))
    config = transformers.CLIPConfig(vision_config=SMALL, text_config=dict(SMALL_TEXT), **LABELS)
    model = transformers.CLIPForImageClassification(config)
    tower = model.vision_model
    write("clip", model, tower.encoder.layers, class_token(tower.post_layernorm), logits=True)


SMALL_TEXT = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=8)


def siglip():
    config = transformers.SiglipConfig(vision_config=SMALL, text_config=dict(SMALL_TEXT), **LABELS)
    model = transformers.SiglipForImageClassification(config)
    tower = model.vision_model
    write("siglip", model, tower.encoder.layers, patch_mean(tower.post_layernorm), logits=True)
    model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SMALL))
    call = lambda images: model(images, interpolate_pos_encoding=True)
    norm = patch_mean(model.post_layernorm)
    write("siglip-vision-larger", model, model.encoder.layers, norm, (16, 20), call=call)


def beit():
    for name, size, options in (
        ("beit", (12, 12), dict(use_relative_position_bias=True)),
        ("beit-larger", (20, 20), dict(use_relative_position_bias=True)),
        ("beit-shared", (12, 12), dict(use_shared_relative_position_bias=True, layer_scale_init_value=0.0)),
        ("beit-class-token", (12, 12), dict(use_absolute_position_embeddings=True, use_mean_pooling=False)),
    ):
        model = transformers.BeitForImageClassification(transformers.BeitConfig(**SMALL, **LABELS, **options))
        pooled = lambda output, last: model.beit.pooler(model.beit.layernorm(last))
        write(name, model, model.beit.layers, pooled, size, logits=True)


def mae():
    """Nothing masked, patches in their order."""
    model = transformers.ViTMAEModel(transformers.ViTMAEConfig(**SMALL, mask_ratio=0.0))
    call = lambda images: model(images, noise=torch.arange(9.0).expand(len(images), 9))
    write("mae", model, model.layers, class_token(model.layernorm), call=call)


def timm_models():
    common = dict(embed_dim=16, depth=2, num_heads=2, img_size=12, patch_size=4, mlp_ratio=1.5, num_classes=3)
    for name, architecture, options in (
        ("timm-vit", "vit_tiny_patch16_224", {}),
        ("timm-vit-mean", "vit_base_patch16_224", dict(global_pool="avg")),
        ("timm-mean-of-patches", "vit_tiny_patch16_224", dict(global_pool="avg", fc_norm=False)),
        ("timm-placed-registers", "test_vit2", dict(reg_tokens=2)),
        ("timm-own-heads", "test_vit", dict(num_heads=None)),
        ("timm-deit-distilled", "deit_tiny_distilled_patch16_224", {}),
        ("timm-deit3", "deit3_small_patch16_224", {}),
        ("timm-dinov2-registers", "vit_small_patch14_reg4_dinov2", dict(reg_tokens=2)),
        ("timm-dinov2-swiglu", "vit_giant_patch14_dinov2", dict(mlp_ratio=4)),
        ("timm-clip", "vit_base_patch32_clip_quickgelu_224", {}),
        ("timm-siglip", "vit_base_patch32_siglip_256", dict(num_classes=0)),
        ("timm-eva", "eva_giant_patch14_clip_224", {}),
        ("timm-beit", "beit_base_patch16_224", {}),
        ("timm-eva02", "eva02_tiny_patch14_224", {}),
        ("timm-eva02-clip", "eva02_base_patch16_clip_224", {}),
        ("timm-post-norm", "eva02_enormous_patch14_clip_224", {}),
        ("timm-pe-core", "vit_pe_core_base_patch16_224", dict(num_classes=0)),
        ("timm-pe-spatial", "vit_pe_spatial_tiny_patch16_512", {}),
        ("timm-dinov3", "vit_small_patch16_dinov3", {}),
        ("timm-dinov3-swiglu", "vit_small_plus_patch16_dinov3_qkvb", {}),
        ("timm-rope-mixed", "vit_small_patch16_rope_mixed_ape_224", {}),
        ("timm-aimv2", "aimv2_large_patch14_224", {}),
    ):
        arguments = {key: value for key, value in {**common, **options}.items() if value is not None}
        model = timm.create_model(architecture, **arguments)
        if hasattr(model, "set_distilled_training"):
            model.set_distilled_training(False)
        save = lambda folder: save_for_hf(model, folder, model_args=arguments, safe_serialization=True)
        if model.global_pool == "map":
            norm = class_token(model.norm) if model.cls_token is not None else patch_mean(model.norm)
        elif hasattr(model, "dist_token"):
            norm = class_token(model.norm)
        else:
            # What the head reads before its linear map.
            norm = lambda output, last: model.forward_head(model.norm(last), pre_logits=True)
        write(name, model, model.blocks, norm, save=save, logits=arguments["num_classes"] > 0)


def timm_wrapper():
    """timm inside transformers."""
    arguments = dict(embed_dim=16, depth=2, num_heads=2, img_size=12, patch_size=4, mlp_ratio=1.5)
    config = transformers.TimmWrapperConfig(architecture="vit_tiny_patch16_224", model_args=arguments, **LABELS)
    model = transformers.TimmWrapperForImageClassification(config)
    body = model.timm_model
    write("timm-wrapper", model, body.blocks, class_token(body.norm), logits=True)


TEXT = dict(SMALL_TEXT, max_position_embeddings=8)


def more_of_transformers():
    """Architectures that differ from the others by one flag or two."""
    vision = {key: value for key, value in SMALL.items() if key != "image_size"}
    patches = dict(vision, num_patches=9)

    model = transformers.ViTMSNForImageClassification(transformers.ViTMSNConfig(**SMALL, **LABELS))
    write("vit-msn", model, model.vit.layers, class_token(model.vit.layernorm), logits=True)

    model = transformers.IJepaForImageClassification(transformers.IJepaConfig(**SMALL, **LABELS))
    write("ijepa", model, model.ijepa.layers, patch_mean(model.ijepa.layernorm), logits=True)

    options = dict(use_relative_position_bias=True)
    model = transformers.Data2VecVisionForImageClassification(transformers.Data2VecVisionConfig(**SMALL, **LABELS, **options))
    body = model.data2vec_vision
    write("data2vec-vision", model, body.encoder.layer, lambda output, last: body.pooler(last), logits=True)

    for name, options in (
        ("dinov3", dict(num_register_tokens=2)),
        ("dinov3-gated", dict(use_gated_mlp=True, hidden_act="silu", key_bias=True, proj_bias=False, mlp_bias=False)),
    ):
        model = transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**SMALL, **options))
        write(name, model, model.model.layer, class_token(model.norm))

    model = transformers.Siglip2ForImageClassification(
        transformers.Siglip2Config(vision_config=patches, text_config=SMALL_TEXT, **LABELS)
    )
    for name, size in (("siglip2", (12, 12)), ("siglip2-wide", (8, 16))):
        write(name, model, model.vision_model.encoder.layers, patch_mean(model.vision_model.post_layernorm), size,
              call=lambda images: in_patches(model, images), logits=True)

    for name, options in (("aimv2-vision", {}), ("aimv2-vision-native", dict(is_native=True, qkv_bias=True, mlp_bias=True))):
        model = transformers.Aimv2VisionModel(transformers.Aimv2VisionConfig(**SMALL, **options))
        write(name, model, model.encoder.layers, patch_mean(model.rms_norm))

    model = transformers.MetaClip2VisionModel(transformers.MetaClip2VisionConfig(**SMALL))
    write("metaclip2-vision", model, model.encoder.layers, class_token(model.post_layernorm))

    for name, size, options in (("yolos", (8, 12), {}), ("yolos-larger", (12, 16), dict(use_mid_position_embeddings=False))):
        config = transformers.YolosConfig(**dict(SMALL, image_size=[8, 12]), **LABELS, **options, num_detection_tokens=2)
        model = transformers.YolosForObjectDetection(config)
        norm = lambda output, last: model.vit.layernorm(last)[:, 1:-2].mean(1)
        write(name, model, model.vit.encoder.layer, norm, size)


def in_patches(model, images):
    """As NaFlex takes images: their patches, row by row, the channels of each pixel side by side."""
    n, channels, height, width = images.shape
    rows, columns = height // 4, width // 4
    patches = images.view(n, channels, rows, 4, columns, 4).permute(0, 2, 4, 3, 5, 1).reshape(n, rows * columns, -1)
    shapes = torch.tensor([[rows, columns]] * n)
    return model(patches, pixel_attention_mask=torch.ones(n, rows * columns, dtype=torch.int32), spatial_shapes=shapes)


def inside_other_models():
    """The network that sees the image, as a part of another."""
    options = dict(backbone_out_indices=[0, 0, 1, 1], neck_hidden_sizes=[4] * 4, fusion_hidden_size=4, is_hybrid=False)
    model = transformers.DPTForDepthEstimation(transformers.DPTConfig(**SMALL, **options))
    write("dpt", model, model.dpt.encoder.layer, class_token(model.dpt.layernorm), call=model.dpt)

    config = transformers.CLIPSegConfig(
        vision_config=SMALL, text_config=TEXT, extract_layers=[0, 1], reduce_dim=4, projection_dim=4,
        decoder_num_attention_heads=2, decoder_intermediate_size=4,
    )
    model = transformers.CLIPSegForImageSegmentation(config)
    tower = model.clip.vision_model
    write("clipseg", model, tower.encoder.layers, class_token(tower.post_layernorm), call=tower)

    decoder = transformers.BertConfig(
        **{**SMALL_TEXT, "is_decoder": True, "add_cross_attention": True, "max_position_embeddings": 8}
    )
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(transformers.ViTConfig(**SMALL), decoder)
    model = transformers.VisionEncoderDecoderModel(config)
    write("vision-encoder-decoder", model, model.encoder.layers, class_token(model.encoder.layernorm), call=model.encoder)

    text = transformers.BertConfig(**SMALL_TEXT, max_position_embeddings=8)
    config = transformers.VisionTextDualEncoderConfig.from_vision_text_configs(transformers.ViTConfig(**SMALL), text, projection_dim=4)
    model = transformers.VisionTextDualEncoderModel(config)
    tower = model.vision_model
    write("vision-text-dual-encoder", model, tower.layers, class_token(tower.layernorm), call=tower)

    text = transformers.LlamaConfig(**SMALL_TEXT, max_position_embeddings=8, num_key_value_heads=2)
    config = transformers.LlavaConfig(vision_config=transformers.CLIPVisionConfig(**SMALL), text_config=text, image_token_id=7)
    model = transformers.LlavaForConditionalGeneration(config)
    tower = model.model.vision_tower
    write("llava", model, tower.encoder.layers, class_token(tower.post_layernorm), call=tower)

    backbone = transformers.Dinov2Config(**{**DINO, "out_indices": [1, 2], "reshape_hidden_states": False})
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, patch_size=4, reassemble_factors=[1, 1], neck_hidden_sizes=[4, 4],
        fusion_hidden_size=4,
    )
    model = transformers.DepthAnythingForDepthEstimation(config)
    body = model.backbone
    write("depth-anything", model, body.encoder.layer, class_token(body.layernorm), call=body)


def initialisation():
    """Mean and deviation of every tensor as the library draws it."""
    wide = dict(SMALL, hidden_size=64, intermediate_size=128, num_hidden_layers=3)
    dino = dict(DINO, hidden_size=64, num_hidden_layers=3)
    models = {
        "ViT": transformers.ViTModel(transformers.ViTConfig(**wide), add_pooling_layer=False),
        "DeiT": transformers.DeiTModel(transformers.DeiTConfig(**wide), add_pooling_layer=False),
        "DINOv2": transformers.Dinov2Model(transformers.Dinov2Config(**dino, layerscale_value=0.5)),
        "DINOv2 with registers": transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(**dino)),
        "CLIP vision": transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**wide)),
        "SigLIP vision": transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**wide)),
        "BEiT": transformers.BeitModel(transformers.BeitConfig(**wide, use_relative_position_bias=True)),
        "MAE": transformers.ViTMAEModel(transformers.ViTMAEConfig(**wide)),
        "DINOv3 ViT": transformers.DINOv3ViTModel(
            transformers.DINOv3ViTConfig(**wide, num_register_tokens=4, layerscale_value=0.5)
        ),
        "SigLIP 2 vision (NaFlex)": transformers.Siglip2VisionModel(
            transformers.Siglip2VisionConfig(**{key: value for key, value in wide.items() if key != "image_size"}, num_patches=9)
        ),
        "AIMv2 vision": transformers.Aimv2VisionModel(transformers.Aimv2VisionConfig(**wide)),
        "data2vec vision": transformers.Data2VecVisionModel(
            transformers.Data2VecVisionConfig(**wide, use_relative_position_bias=True), add_pooling_layer=True
        ),
        "I-JEPA": transformers.IJepaModel(transformers.IJepaConfig(**wide), add_pooling_layer=False),
        "ViT-MSN": transformers.ViTMSNModel(transformers.ViTMSNConfig(**wide)),
        "DPT": transformers.DPTModel(
            transformers.DPTConfig(**wide, backbone_out_indices=[0, 1, 2], neck_hidden_sizes=[4] * 3, is_hybrid=False),
            add_pooling_layer=False,
        ),
        "YOLOS": transformers.YolosModel(
            transformers.YolosConfig(**{**wide, "image_size": [12, 12]}, num_detection_tokens=4), add_pooling_layer=False
        ),
    }
    # Version 5.23 marks the patches as done before the embedding's own initialisation, which then leaves positions zero.
    embeddings = models["MAE"].embeddings
    for part in (*embeddings.modules(), *embeddings.parameters()):
        part._is_hf_initialized = False
    with torch.no_grad():
        embeddings.initialize_weights()
    drawn = {}
    for name, model in models.items():
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            tensors = load_file(Path(folder) / "model.safetensors")
        statistics = lambda tensor: [tensor.mean().item(), tensor.std(unbiased=False).item()]
        drawn[name] = {
            "config": {key: value for key, value in model.config.to_dict().items() if value is not None},
            "tensors": {key: statistics(tensor) for key, tensor in tensors.items()},
        }
    (ROOT.parent / "initialisation.json").write_text(json.dumps(drawn))


def vit_cifar():
    """The real model of ../shared on its first probe; only what Python computes is kept here."""
    shared = ROOT.parent.parent.parent / "../shared/models/vit-cifar"
    model = transformers.ViTForImageClassification.from_pretrained(shared / "pretrained").eval()
    inputs = load_file(shared / "probes.safetensors")
    values = expected(
        model, model.vit.layers, class_token(model.vit.layernorm), (32, 32), logits=True,
        inputs={name: inputs[name][:1] for name in ("images", "seeds")}, mean=[0.5] * 3, std=[0.5] * 3,
    )
    save_file(values, ROOT.parent / "vit-cifar-expected.safetensors")


FIXTURES = [
    vit, vit_in_memory, vit_resized, deit, dinov2, dinov2_with_registers, clip, siglip, beit, mae, more_of_transformers,
    inside_other_models, timm_models, timm_wrapper, initialisation,
    vit_cifar,
]

if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for make in FIXTURES:
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
            print(make.__name__)
