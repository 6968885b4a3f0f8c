"""DINOv2's own code: the hub's files and heads, XRay-DINO's, CheXFound's."""
import importlib.util
import json
import shutil
from functools import partial

import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors.torch import load_file, save_file
from torch import nn

from weights import HERE, Answers, exact, fill, film, normalised, picture, stored, tall


def transformer(**settings):
    from dinov2.layers import MemEffAttention
    from dinov2.layers import NestedTensorBlock
    from dinov2.models.vision_transformer import DinoVisionTransformer
    return DinoVisionTransformer(**{"embed_dim": 64, "num_heads": 1, "mlp_ratio": 2, "init_values": 1.0,
                                    "block_fn": partial(NestedTensorBlock, attn_class=MemEffAttention), **settings})


def prepared(module, image, side):
    """The hub's own transform for evaluation."""
    spec = importlib.util.spec_from_file_location("transforms", module)
    transforms = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(transforms)
    return transforms.make_classification_eval_transform(resize_size=side, crop_size=side)(image)[None]


def add(answers, stem, size, model, pixels, **heads):
    """`heads`: name to (module, layers)."""
    from dinov2.hub.classifiers import _LinearClassifierWrapper
    with torch.no_grad():
        features = model.double().forward_features(pixels.double())
        logits = {name: _LinearClassifierWrapper(backbone=model, linear_head=head.double(), layers=layers)(pixels.double())[0]
                  for name, (head, layers) in heads.items()}
    answers.add(stem, size, features["x_norm_clstoken"][0], features["x_norm_patchtokens"][0], **logits)


def answer(case, model, native, sizes, min_max=False, module=None, **heads):
    answers = Answers(case)
    for height, width in sizes:
        size = "native" if (height, width) == (native, native) else f"{height}x{width}"
        add(answers, f"exact_{height}x{width}", size, model, normalised(exact(height, width), min_max=min_max), **heads)
    if module:
        for stem, image in (("film", film()), ("tall", tall())):
            add(answers, stem, "native", model, prepared(module, image, native), **heads)
    answers.write()


class CheXFound(nn.Module, PyTorchModelHubMixin):
    """The mixin writes model.safetensors and the constructor's arguments as config.json."""

    def __init__(self, img_size=96, patch_size=16, embed_dim=64, depth=2, num_heads=1, ffn_layer="swiglufused", mlp_ratio=2.0,
                 num_register_tokens=4, init_values=1e-5, block_chunks=0, interpolate_antialias=False, interpolate_offset=0.1):
        super().__init__()
        self.model = transformer(img_size=img_size, patch_size=patch_size, embed_dim=embed_dim, depth=depth, num_heads=num_heads,
                                 ffn_layer=ffn_layer, mlp_ratio=mlp_ratio, num_register_tokens=num_register_tokens,
                                 init_values=init_values, block_chunks=block_chunks, interpolate_antialias=interpolate_antialias,
                                 interpolate_offset=interpolate_offset)


def make_chexfound(case, rename, **settings):
    whole = CheXFound(**settings)
    fill(whole.model, len(case))
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    whole.half().save_pretrained(folder, config=None)
    weights = load_file(folder / "model.safetensors")
    save_file({rename(name): tensor for name, tensor in weights.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    for extra in folder.glob("README.md"):
        extra.unlink()
    answer(case, whole.model.float(), 96, ((96, 96), (48, 48), (64, 112)), min_max=True)


def make():
    import dinov2
    module = f"{next(iter(dinov2.__path__))}/data/transforms.py"
    sizes14, sizes16 = ((84, 84), (42, 42), (56, 98)), ((96, 96), (48, 48), (64, 112))

    model = fill(transformer(img_size=84, patch_size=14, depth=4, block_chunks=0, mlp_ratio=1), 21)
    torch.save(stored(model), HERE / "dinov2_pretrain.pth")
    heads = {}
    for name, layers in (("linear", 1), ("linear4", 4)):
        head = fill(nn.Linear(64 * (1 + layers), 3), layers)
        torch.save(stored(head, torch.float32), HERE / f"dinov2_{name}_head.pth")
        heads[name] = (head, layers)
    named = {"linear." + name: tensor for name, tensor in stored(heads["linear"][0], torch.float32).items()}
    torch.save(named, HERE / "dinov2_named_head.pth")
    heads["named"] = heads["linear"]
    answer("dinov2_pretrain", model, 84, sizes14, module=module, **heads)

    model = fill(transformer(img_size=84, patch_size=14, depth=2, block_chunks=0, num_register_tokens=4, interpolate_antialias=True,
                             interpolate_offset=0.0), 22)
    torch.save(stored(model), HERE / "dinov2_reg4_pretrain.pth")
    answer("dinov2_reg4_pretrain", model, 84, sizes14, module=module)

    model = fill(transformer(img_size=96, patch_size=16, depth=4, block_chunks=4, mlp_ratio=1), 23)
    torch.save(stored(model), HERE / "xray_dino_vitl16.pth")
    answer("xray_dino_vitl16", model, 96, sizes16, module=module)

    # As the official repository has it: not chunked, and LayerScale's parameter under the name that transformers gives it.
    make_chexfound("chexfound", lambda name: name.replace(".gamma", ".weight"))
    make_chexfound("chexfound_chunked", lambda name: name.replace("model.", "backbone.", 1), block_chunks=2)
