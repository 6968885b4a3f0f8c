#include "engine/checkpoint/foreign.h"

#include "engine/checkpoint/head_names.h"

#include <string.h>

#define NOT_SUPPORTED "which is not supported"

/* The first row whose text is in the name tells what it is. */
static const struct {
    const char *part, *what;
} foreign[] = {
    {"flat_param", "FSDP flattened the weights; save the full state dict (FULL_STATE_DICT)"},
    {"norm_pre.", "a LayerNorm before the first block is not supported"},
    {"pre_layrnorm.", "this is CLIP, " NOT_SUPPORTED},
    {"ln_pre.", "this is CLIP, " NOT_SUPPORTED},
    {"transformer.resblocks.", "this is CLIP, " NOT_SUPPORTED},
    {"class_embedding", "this is CLIP, " NOT_SUPPORTED},
    {"text_model.", "this is a network of images and text (CLIP, SigLIP), " NOT_SUPPORTED},
    {"logit_scale", "this is a network of images and text (CLIP, SigLIP), " NOT_SUPPORTED},
    {"logit_bias", "this is a network of images and text (SigLIP), " NOT_SUPPORTED},
    {"vision_model.", "this is a network of images and text (CLIP, SigLIP), " NOT_SUPPORTED},
    {"attn_pool.", "attention pooling (SigLIP) is not supported"},
    {"fc_norm.", "a LayerNorm behind the pooling, in the place of the last one, is not supported"},
    {"rope_", "rotary position embedding is not supported"},
    {"rope.", "rotary position embedding is not supported"},
    {"rotary", "rotary position embedding is not supported"},
    {"freqs_c", "rotary position embedding is not supported"},
    {"storage_tokens", "this is DINOv3, whose rotary position embedding is not supported"},
    {"patch_embeddings.weight", "this is DINOv3, whose rotary position embedding is not supported"},
    {"patch_embeddings.bias", "this is DINOv3, whose rotary position embedding is not supported"},
    {".gamma_1", "this is EVA or timm's DINOv3, whose rotary position embedding is not supported"},
    {"inner_attn_ln", "this is EVA, whose rotary position embedding is not supported"},
    {"attn.q_bias", "this is EVA or BEiT, " NOT_SUPPORTED},
    {"attn.v_bias", "this is EVA or BEiT, " NOT_SUPPORTED},
    {"attn.q_proj", "this is EVA, whose rotary position embedding is not supported"},
    {"mlp.fc1_g", "this is EVA, whose rotary position embedding is not supported"},
    {"mlp.w1.", "this is EVA, whose rotary position embedding is not supported"},
    {"relative_position", "relative position bias is not supported"},
    {"rel_pos", "relative position bias is not supported"},
    {"q_norm.", "a LayerNorm of queries and keys is not supported"},
    {"k_norm.", "a LayerNorm of queries and keys is not supported"},
    {"lora_magnitude", "DoRA is not merged; merge it in PEFT (merge_and_unload) and save the model"},
    {"lora_", "a LoRA adapter of this form is not merged; merge it into the weights and save them again"},
    {"qweight", "quantised weights are not supported"},
    {".SCB", "quantised weights are not supported"},
    {"layernorm_before.",
     "this is the ViT of Hugging Face's transformers and not its Dinov2: it is not read"},
    {"dist_token", "a distillation token (DeiT) is not supported"},
    {"patch_embed.norm.", "a LayerNorm of the patches is not supported"},
    {"downsample", "this is a hierarchical network (Swin, ConvNeXt), " NOT_SUPPORTED},
    {"layers.0.blocks.", "this is a hierarchical network (Swin), " NOT_SUPPORTED},
    {"stages.", "this is a hierarchical network (ConvNeXt), " NOT_SUPPORTED},
    {"denseblock", "this is a DenseNet, " NOT_SUPPORTED},
    {"features.conv0.", "this is a DenseNet, " NOT_SUPPORTED},
    {"running_mean", "this is a convolutional network, " NOT_SUPPORTED},
    {"conv1.weight", "this is a convolutional network (ResNet), " NOT_SUPPORTED},
    {"layer1.0.", "this is a convolutional network (ResNet), " NOT_SUPPORTED},
};

/* The same of what lies beside a linear layer. */
static const struct {
    const char *part, *what;
} beside_head[] = {
    {"running_",
     "a BatchNorm beside the linear layer is not supported: work its numbers into that layer's weights"},
    {"num_batches",
     "a BatchNorm beside the linear layer is not supported: work its numbers into that layer's weights"},
    {"logit_scale", "a scale of the logits is not supported: work it into the weights"},
};

/* What is behind a prefix that is no wrapper's, where it would be known: the embeddings' or a block's, as a
 * norm may be anything's. NULL: nothing is. */
static const char *behind_prefix(const char *key)
{
    static const char *const begins[] = {"cls_token",   "pos_embed",   "register_tokens", "reg_token",
                                         "patch_embed", "embeddings.", "blocks.",         "layer."};
    struct backbone_name name;
    for (const char *at = strchr(key, '.'); at; at = strchr(at + 1, '.'))
        for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
            if (name_behind(at + 1, begins[i]) && name_of_backbone(at + 1, &name) == NAME_KNOWN)
                return at + 1;
    return NULL;
}

static enum status refuse_tensor(const char *key, bool of_backbone, struct failure *failure)
{
    char nearest[NAME_BYTES];
    for (size_t i = 0; !of_backbone && i < sizeof beside_head / sizeof *beside_head; i++)
        if (strstr(key, beside_head[i].part))
            return failure_set(failure, STATUS_INVALID_FILE, "Tensor '%.100s': %s.", key,
                               beside_head[i].what);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (strstr(key, foreign[i].part))
            return failure_set(failure, STATUS_INVALID_FILE, "Tensor '%.100s': %s.", key, foreign[i].what);
    const char *network = of_backbone ? "backbone" : "head",
               *behind = of_backbone ? behind_prefix(key) : NULL;
    if (behind)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor '%.100s' is behind '%.*s', a prefix that is not known here: if this is the "
            "network that is meant, save its tensors alone, without it ('%.80s').",
            key, (int)(behind - key > 80 ? 80 : behind - key), key, behind);
    if (of_backbone ? name_nearest_of_backbone(key, nearest) : name_nearest_of_head(key, nearest))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Tensor '%.100s' is no part of a %s that this program knows; the nearest name it knows is "
            "'%.80s'.",
            key, network, nearest);
    return failure_set(failure, STATUS_INVALID_FILE,
                       "Tensor '%.100s' is no part of a %s that this program knows.", key, network);
}

enum status foreign_value(const struct value *key, const char *name, const struct value *value,
                          bool of_backbone, struct failure *failure)
{
    char text[128], found[128];
    if (!value_is_tensor(value) && value->kind != VALUE_INERT)
        return STATUS_OK;
    if (value->kind == VALUE_TENSOR && value_is_name(key))
        return refuse_tensor(name, of_backbone, failure);
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "'%.100s' is %s, and no part of a %s that this program knows: save the weights alone, as tensors "
        "of floats under their names.",
        value_is_name(key) ? name : value_key(key, text, sizeof text),
        value_describe(value, found, sizeof found), of_backbone ? "backbone" : "head");
}
