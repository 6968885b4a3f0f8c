"""timm's DINOv2 networks, as timm pushes them to a hub and as torch.save and safetensors have them."""
import shutil

import timm
import torch
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config
from timm.models import save_for_hf

from weights import HERE, Answers, exact, fill, film, normalised, stored, tall

SMALL = {"embed_dim": 64, "depth": 2, "num_heads": 1, "mlp_ratio": 2}


def create(name, side, **changes):
    return timm.create_model(name, pretrained=False, img_size=side, **{"num_classes": 0, **SMALL, **changes})


def answer(case, name, model, native, sizes, photographs=False, **changes):
    answers = Answers(case)
    state = model.state_dict()

    def add(stem, size, pixels, sized):
        with torch.no_grad():
            tokens = sized.double().forward_features(pixels.double())
            logits = {"head": sized.forward_head(tokens)[0]} if sized.num_classes else {}
        answers.add(stem, size, tokens[0, 0], tokens[0, sized.num_prefix_tokens:], **logits)

    for height, width in sizes:
        sized = create(name, (height, width), **changes).eval()
        sized.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(dict(state), sized))
        size = "native" if (height, width) == (native, native) else f"{height}x{width}"
        add(f"exact_{height}x{width}", size, normalised(exact(height, width)), sized)
    if photographs:
        settings = resolve_data_config({"input_size": (3, native, native)}, model=model)
        transform = create_transform(**settings, is_training=False)
        for stem, image in (("film", film()), ("tall", tall())):
            add(stem, "native", transform(image)[None], model)
    answers.write()


def make():
    sizes = ((84, 84), (42, 42), (56, 98))
    name = "vit_small_patch14_dinov2"
    model = fill(create(name, 84), 11)
    folder = HERE / "timm_dinov2"
    shutil.rmtree(folder, ignore_errors=True)
    model.pretrained_cfg.update(input_size=(3, 84, 84))
    save_for_hf(model.half(), folder, safe_serialization=True)
    answer("timm_dinov2", name, model.float(), 84, sizes, photographs=True)

    name = "vit_small_patch14_reg4_dinov2"
    model = fill(create(name, 84), 12)
    torch.save(stored(model), HERE / "timm_reg4.pth")
    answer("timm_reg4", name, model, 84, sizes)

    name, giant = "vit_giant_patch14_dinov2", {"mlp_ratio": 3, "depth": 1}
    model = fill(create(name, 84, **giant), 13)
    save_file(stored(model), HERE / "timm_giant.safetensors")
    answer("timm_giant", name, model, 84, sizes, **giant)

    name, head = "vit_small_patch14_dinov2", {"num_classes": 3, "depth": 1}
    model = fill(create(name, 84, **head), 14)
    torch.save(stored(model), HERE / "timm_head.pth")
    answer("timm_head", name, model, 84, sizes, **head)
