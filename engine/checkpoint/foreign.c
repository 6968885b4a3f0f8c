#include "engine/checkpoint/foreign.h"

#include "engine/checkpoint/names.h"

#include <string.h>

/* The first row whose text is in the name tells what it is. */
static const struct {
    const char *part, *what;
} foreign[] = {
    {"norm_pre.", "a LayerNorm before the first block is not supported"},
    {"ln_pre.", "a LayerNorm before the first block is not supported"},
    {"fc_norm.", "a LayerNorm behind the pooling, in the place of the last one, is not supported"},
    {"rope_", "rotary position embedding is not supported"},
    {"rope.", "rotary position embedding is not supported"},
    {"rotary", "rotary position embedding is not supported"},
    {"storage_tokens", "this is DINOv3, whose rotary position embedding is not supported"},
    {"relative_position", "relative position bias is not supported"},
    {"rel_pos", "relative position bias is not supported"},
    {"q_norm.", "a LayerNorm of queries and keys is not supported"},
    {"k_norm.", "a LayerNorm of queries and keys is not supported"},
    {"lora_", "a LoRA adapter is not merged; merge it into the weights and save them again"},
    {"_fsdp_wrapped_module.",
     "FSDP's wrapper is still in the names; save the state dict of the unwrapped model"},
    {"reg_token", "this is timm's layout, which is not read; register tokens are 'register_tokens' here"},
    {"text_model.", "this is a network of images and text (CLIP, SigLIP), which is not supported"},
    {"logit_scale", "this is a network of images and text (CLIP, SigLIP), which is not supported"},
    {"vision_model.", "this is a network of images and text (CLIP, SigLIP), which is not supported"},
    {"embeddings.",
     "this is the layout of Hugging Face's transformers, which is not read; take the authors' .pth"},
    {"encoder.layer.",
     "this is the layout of Hugging Face's transformers, which is not read; take the authors' .pth"},
    {"attention.attention.", "this is the layout of Hugging Face's transformers, which is not read"},
    {"downsample.", "this is a hierarchical network (Swin, ConvNeXt), which is not supported"},
    {"denseblock", "this is a DenseNet, which is not supported"},
    {"running_mean", "this is a convolutional network, which is not supported"},
};

enum status foreign_tensor(const char *key, bool of_backbone, struct failure *failure)
{
    char nearest[NAME_BYTES];
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (strstr(key, foreign[i].part))
            return failure_set(failure, STATUS_INVALID_FILE, "Tensor '%.100s': %s.", key, foreign[i].what);
    const char *network = of_backbone ? "backbone" : "head";
    if (name_nearest(key, of_backbone, nearest))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor '%.100s' is no part of a %s that this program knows; the nearest name it knows is "
            "'%.80s'.",
            key, network, nearest);
    return failure_set(failure, STATUS_INVALID_FILE,
                       "Tensor '%.100s' is no part of a %s that this program knows.", key, network);
}
