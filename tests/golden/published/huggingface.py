"""Hugging Face's Dinov2 and Dinov2WithRegisters, as save_pretrained and PEFT write them."""
import json
import shutil

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import (AutoImageProcessor, BitImageProcessor, Dinov2Config, Dinov2ForImageClassification, Dinov2Model,
                          Dinov2WithRegistersConfig, Dinov2WithRegistersForImageClassification, Dinov2WithRegistersModel)

from weights import HERE, Answers, exact, fill, film, stored, tall

NATIVE, OTHER, RECTANGLE = 84, (42, 42), (56, 98)  # 6 x 6, 3 x 3 and 4 x 7 patches of 14
RAD_DINO = {"image_mean": [0.5307] * 3, "image_std": [0.2583] * 3}
LABELS = {0: "Edema", 1: "No Finding", 2: "Pleural Effusion"}


def config(kind, **changes):
    return kind(**{"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1, "mlp_ratio": 2, "image_size": NATIVE,
                   "patch_size": 14, "attn_implementation": "sdpa", **changes})


def processor(edge, **changes):
    return BitImageProcessor(**{"size": {"shortest_edge": edge}, "crop_size": {"height": NATIVE, "width": NATIVE}, "resample": 3,
                                **RAD_DINO, **changes})


def answer(folder, case, model, registers, pixels_of, **sizes):
    """`model`: as loaded from the folder, so that what is answered is what is published. In sizes pictures by name."""
    answers = Answers(case)
    for key, image in sizes.items():
        stem, size = key.split("__")
        pixels = pixels_of(image, size).double()
        with torch.no_grad():
            whole = model.double()(pixels, output_hidden_states=True)
            backbone = getattr(model, "dinov2", None) or getattr(model, "dinov2_with_registers", None) or model
            tokens = backbone(pixels).last_hidden_state[0]
        logits = {"head": whole.logits[0]} if hasattr(whole, "logits") else {}
        answers.add(stem, size, tokens[0], tokens[1 + registers:], **logits)
    answers.write()


def pictures():
    return {"film__native": film(), "tall__native": tall(), f"exact_42x42__42x42": exact(*OTHER), f"exact_56x98__56x98": exact(*RECTANGLE)}


def read(folder, kind, case, registers=0, model=None, others=True):
    """Answers with the processor that is published. At another input its shortest edge is as much longer than the input."""
    loader = AutoImageProcessor.from_pretrained(folder, use_fast=False)

    def pixels_of(image, size):
        if size == "native":
            return loader(image, return_tensors="pt")["pixel_values"]
        height, width = map(int, size.split("x"))
        edge = loader.size.get("shortest_edge", NATIVE)
        if edge == NATIVE:
            return loader(image, return_tensors="pt", do_resize=False, do_center_crop=False)["pixel_values"]
        return loader(image, return_tensors="pt", size={"shortest_edge": round(edge * max(height, width) / NATIVE)},
                      crop_size={"height": height, "width": width})["pixel_values"]

    if model is None:
        model = kind.from_pretrained(folder, attn_implementation="sdpa", torch_dtype=torch.float32)
    chosen = {key: image for key, image in pictures().items() if others or key.endswith("native")}
    answer(folder, case, model.eval(), registers, pixels_of, **chosen)


def publish(case, kind, settings, edge=NATIVE, registers=0, shard="1GB", safe=True, others=True, processor_changes=None):
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    model = fill(kind(settings), len(case)).half()
    model.save_pretrained(folder, max_shard_size=shard, safe_serialization=safe)
    processor(edge, **(processor_changes or {})).save_pretrained(folder)
    read(folder, kind, case, registers, others=others)
    return folder


def litter(folder):
    """RAD-DINO's folder has more in it than what transformers reads."""
    save_file({"cls_token": torch.zeros(1, 1, 64), "pos_embed": torch.zeros(1, 37, 64)}, folder / "backbone_compatible.safetensors")
    save_file({"last_layer.weight": torch.zeros(8, 8)}, folder / "dino_head.safetensors")
    (folder / "vitb14_cxr.yaml").write_text("student:\n  patch_size: 16\n")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")


def make_adapter(case, base, target, whole_names=False, **changes):
    """A LoRA adapter over a published folder, whose answers are those of both together."""
    from peft import LoraConfig, get_peft_model
    kind = Dinov2ForImageClassification if "modules_to_save" in changes else Dinov2Model
    plain = kind.from_pretrained(HERE / base, torch_dtype=torch.float32, attn_implementation="sdpa", **(
        {"num_labels": 3, "id2label": LABELS, "label2id": {v: k for k, v in LABELS.items()}} if "modules_to_save" in changes else {}))
    model = get_peft_model(plain, LoraConfig(r=4, lora_alpha=16, target_modules=target, **changes))
    with torch.no_grad():
        for number, (name, parameter) in enumerate(model.named_parameters()):
            if "lora_" in name or "modules_to_save" in name:
                random = np.random.default_rng([number, 7])
                drawn = random.standard_normal(tuple(parameter.shape)) * (0.3 if "lora_" in name else 0.1)
                parameter.copy_(torch.from_numpy(drawn.astype(np.float16).astype(np.float32)))
    folder = HERE / case
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    card = json.loads((folder / "adapter_config.json").read_text())
    card["target_modules"].sort()
    card["base_model_name_or_path"] = base  # not where it lay when this was made
    (folder / "adapter_config.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n")
    if whole_names:  # the whole model as torch.save has it, with the base's weights beside the adapter's
        torch.save({name: tensor.half() for name, tensor in model.state_dict().items()}, folder / "whole.pth")
        (folder / "adapter_model.safetensors").unlink()
        for name in ("config.json", "preprocessor_config.json"):
            shutil.copy(HERE / base / name, folder)
    read(HERE / base, kind, case, model=model.base_model.model.eval(), others=False)


def make():
    folder = publish("hf_dinov2", Dinov2Model, config(Dinov2Config), edge=96)
    litter(folder)
    publish("hf_swiglu", Dinov2Model, config(Dinov2Config, use_swiglu_ffn=True, layer_norm_eps=1e-3), shard="150KB")
    publish("hf_registers", Dinov2WithRegistersModel, config(Dinov2WithRegistersConfig, num_register_tokens=4), registers=4, safe=False,
            processor_changes={"size": {"height": NATIVE, "width": NATIVE}, "do_center_crop": False})
    labels = {"id2label": LABELS, "label2id": {label: i for i, label in LABELS.items()}}
    publish("hf_classifier", Dinov2ForImageClassification, config(Dinov2Config, layer_norm_eps=1e-5, num_hidden_layers=1, **labels))
    publish("hf_registers_classifier", Dinov2WithRegistersForImageClassification,
            config(Dinov2WithRegistersConfig, num_hidden_layers=1, num_register_tokens=3, use_swiglu_ffn=True, **labels), registers=3)
    make_foreign()
    make_adapter("hf_lora", "hf_dinov2", ["query", "value", "dense"])
    make_adapter("hf_lora_classifier", "hf_dinov2", ["query", "value"], modules_to_save=["classifier"], use_rslora=True)
    make_adapter("hf_lora_whole", "hf_classifier", ["query", "value", "fc1"], whole_names=True)


def make_foreign():
    """Neighbours of the same library, whose files look alike: a network with rotary positions, and one with other blocks."""
    from transformers import DINOv3ViTConfig, DINOv3ViTModel, ViTConfig, ViTModel
    small = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 64, "patch_size": 8,
             "image_size": 32}
    for case, model in (("hf_dinov3", DINOv3ViTModel(DINOv3ViTConfig(**small, num_register_tokens=4))),
                        ("hf_vit", ViTModel(ViTConfig(**small), add_pooling_layer=False))):
        folder = HERE / "refused" / case
        shutil.rmtree(folder, ignore_errors=True)
        fill(model, 41).half().save_pretrained(folder)


def make_newest():
    """The same under the names that the newest modules have, as their state dicts are saved; save_pretrained keeps the old ones."""
    for case, kind, settings, registers in (
            ("hf_newest", Dinov2Model, config(Dinov2Config, num_hidden_layers=1), 0),
            ("hf_newest_swiglu", Dinov2Model, config(Dinov2Config, num_hidden_layers=1, use_swiglu_ffn=True), 0),
            ("hf_newest_registers", Dinov2WithRegistersModel, config(Dinov2WithRegistersConfig, num_hidden_layers=1, num_register_tokens=4), 4)):
        folder = publish(case, kind, settings, registers=registers, others=False)
        model = kind.from_pretrained(folder)
        assert set(model.state_dict()) != set(load_file(folder / "model.safetensors")), "no names of its own"
        save_file(stored(model), folder / "model.safetensors", metadata={"format": "pt"})
