"""One small network in every wrapping that is met, and what is to be refused."""
import collections

import torch
from safetensors.torch import save_file
from torch import nn

from originals import answer, transformer
from weights import HERE, fill, stored


def small(**settings):
    return fill(transformer(img_size=16, patch_size=4, mlp_ratio=1, depth=1, block_chunks=0, num_register_tokens=4, **settings), 31)


def prefixed(state, prefix):
    return collections.OrderedDict((prefix + name, tensor) for name, tensor in state.items())


def fsdp(name):
    """FSDP wraps the whole and each block."""
    start, dot, rest = name.partition("blocks.0.")
    return "backbone._fsdp_wrapped_module." + (f"{start}blocks.0._fsdp_wrapped_module.{rest}" if dot else name)


def shared(state):
    """Every tensor a view of one storage, some transposed."""
    whole, at = torch.cat([tensor.flatten() for tensor in state.values()]), 0
    views = {}
    for name, tensor in state.items():
        view = whole[at:at + tensor.numel()].view(tensor.shape)
        at += tensor.numel()
        views[name] = tensor.t().contiguous().t() if tensor.dim() == 2 else view
    return views


def make_wrapped(state):
    folder = HERE / "wrapped"
    folder.mkdir(exist_ok=True)
    random = {name: torch.randn_like(tensor) for name, tensor in state.items()}
    files = {
        "lightning.ckpt": {"epoch": 3, "global_step": 10, "pytorch-lightning_version": "2.4.0", "state_dict": prefixed(state, "model."),
                           "loops": {}, "callbacks": {}, "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(4)}}}],
                           "lr_schedulers": [], "hyper_parameters": {"lr": 1e-4}},
        "fsdp.pth": {"teacher": collections.OrderedDict((fsdp(name), tensor) for name, tensor in state.items())},
        "compiled.pth": {"model": prefixed(state, "module._orig_mod.backbone.")},
        "model_backbone.pth": {"state_dict": prefixed(state, "model.backbone.")},
        "teacher_and_student.pth": {"student": prefixed(random, "backbone."), "teacher": prefixed(state, "backbone.")},
        "whole_network.pth": {"model": {**prefixed(state, "teacher.backbone."), "student.backbone.cls_token": random["cls_token"],
                                        "teacher.dino_head.last_layer.weight": torch.zeros(4, 4),
                                        "dino_loss.center": torch.zeros(1, 4)}, "optimizer": {}, "iteration": 12},
        "student_only.pth": {"student": prefixed(state, "backbone."), "epoch": 1},
        "shared.pth": shared(state),
        "parameters.pth": {name: nn.Parameter(tensor) for name, tensor in state.items()},
    }
    for name, content in files.items():
        torch.save(content, folder / name)
    save_file(prefixed(state, "vision_model."), folder / "prefixed.safetensors")


def make_refused(state):
    """What is refused for one of its names, its values or its form; `tiny` stands for the rest of a network."""
    folder = HERE / "refused"
    folder.mkdir(exist_ok=True)
    tiny = {name: tensor for name, tensor in state.items() if "patch_embed" in name or "norm" in name or name.endswith("token")}
    files = {
        "dinov3.pth": {**{name: tensor for name, tensor in state.items() if name != "pos_embed"},
                       "storage_tokens": torch.zeros(1, 4, 64), "rope_embed.periods": torch.ones(16)},
        "eva_x.pt": {"model": {**tiny, "rope.freqs_cos": torch.ones(16, 64)}},
        "timm_clip.pth": {**tiny, "norm_pre.weight": torch.ones(64), "norm_pre.bias": torch.zeros(64)},
        "qk_norm.pth": {**tiny, "blocks.0.attn.q_norm.weight": torch.ones(64)},
        "avg_pool.pth": {**tiny, "fc_norm.weight": torch.ones(64), "fc_norm.bias": torch.zeros(64)},
        "openai_clip.pth": {"visual.class_embedding": torch.zeros(64), "visual.ln_pre.weight": torch.ones(64),
                            "logit_scale": torch.tensor(4.6)},
        "siglip.pth": {"vision_model.embeddings.patch_embedding.weight": torch.zeros(64, 3, 4, 4),
                       "text_model.embeddings.token_embedding.weight": torch.zeros(8, 64), "logit_scale": torch.zeros(1)},
        "swin.pth": {"patch_embed.proj.weight": torch.zeros(32, 3, 4, 4), "layers.0.downsample.reduction.weight": torch.zeros(64, 128),
                     "layers.0.blocks.0.attn.relative_position_bias_table": torch.zeros(49, 1)},
        "densenet.pth": {"features.denseblock1.denselayer1.norm1.running_mean": torch.zeros(8),
                         "features.conv0.weight": torch.zeros(8, 3, 7, 7)},
        "misspelt.pth": {**{name: tensor for name, tensor in state.items() if name != "register_tokens"},
                         "register_token": state["register_tokens"]},
        "half_missing.pth": {name: tensor for name, tensor in state.items() if name != "blocks.0.attn.proj.weight"},
        "not_finite.pth": {**state, "norm.bias": torch.full((64,), float("nan"))},
        "beyond_half.pth": {**state, "blocks.0.mlp.fc1.weight": state["blocks.0.mlp.fc1.weight"].float() + 1e6},
    }
    for name, content in files.items():
        torch.save(content, folder / name)
    torch.save(tiny, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(nn.Sequential(nn.Linear(4, 4)), folder / "pickled_module.pt")
    (folder / "pointer.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n"
                                                "oid sha256:" + "0123456789abcdef" * 4 + "\nsize 1217402368\n")
    (folder / "page.pth").write_text("<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body></body></html>\n")
    (folder / "empty.pth").write_bytes(b"")
    whole = (folder / "half_missing.pth").read_bytes()
    (folder / "cut.pth").write_bytes(whole[:len(whole) // 2])
    (HERE / "labels_crlf_bom.txt").write_bytes(b"\xef\xbb\xbfEdema\r\nMass\r\nNodule\r\n\r\n")


def make():
    model = small(interpolate_antialias=True, interpolate_offset=0.0)
    state = stored(model)
    make_wrapped(state)
    make_refused(state)
    answer("wrapped", model, 16, ((16, 16),))
