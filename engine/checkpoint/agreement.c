#include "engine/checkpoint/agreement.h"

#include <string.h>

/* What a name means in DINOv2 (dinov2/models/vision_transformer.py) and timm
 * (timm/models/vision_transformer.py, of vit_*_dinov2), where nothing else is said beside it. */
static const struct {
    const char *arch;
    int64_t width, depth;
} archs[] = {{"vit_small", 384, 12}, {"vit_base", 768, 12}, {"vit_large", 1024, 24}, {"vit_giant", 1536, 40}};

static enum status disagree(struct failure *failure, const char *key, int64_t said, uint32_t found)
{
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "The configuration says %s: %lld but the weights have %u: they do not belong together.", key,
        (long long)said, found);
}

/* ViT-H has 16 heads of 80, ViT-g 16 of 88 and ViT-G 16 of 104 (arXiv 2010.11929 and 2106.04560), which
 * tensors do not show; DINOv2's networks have none of these widths. */
static bool is_of_other_heads(uint32_t width)
{
    return width == 1280 || width == 1408 || width == 1664;
}

static enum status check_numbers(const struct config *config, const struct backbone_card *card,
                                 struct failure *failure)
{
    const struct {
        const char *key;
        int64_t said;
        uint32_t found;
    } checks[] = {{"patch_size", config->patch_size, card->patch_size},
                  {"num_register_tokens", config->registers, card->registers},
                  {"hidden_size", config->width, card->width},
                  {"num_hidden_layers", config->depth, card->depth}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (checks[i].said >= 0 && checks[i].said != checks[i].found)
            return disagree(failure, checks[i].key, checks[i].said, checks[i].found);
    if (config->attention_heads < 0 && is_of_other_heads(card->width))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "Its width of %u is that of networks whose heads of attention are not %d wide (ViT-H, "
            "ViT-G), and nothing says how many it has: give its configuration (num_heads) as "
            "--config.",
            card->width, CARD_HEAD_WIDTH);
    if (config->attention_heads >= 0 && config->attention_heads != card->heads)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The configuration says %lld attention heads for a width of %u; only heads of size %d are "
            "supported, %u here.",
            (long long)config->attention_heads, card->width, CARD_HEAD_WIDTH, card->heads);
    return STATUS_OK;
}

static enum status check_arch(const struct config *config, const struct backbone_card *card,
                              struct failure *failure)
{
    const char *arch = config->parts.arch;
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++) {
        const size_t length = strlen(archs[i].arch);
        const bool named = !strncmp(arch, archs[i].arch, length) &&
                           (!arch[length] || arch[length] == '_' || arch[length] == '2');
        const bool fits = (config->width >= 0 || archs[i].width == card->width) &&
                          (config->depth >= 0 || archs[i].depth == card->depth);
        if (named && !fits)
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "The configuration says '%.60s', of width %lld and depth %lld, but the weights "
                "are of width %u and depth %u: they do not belong together.",
                arch, (long long)archs[i].width, (long long)archs[i].depth, card->width, card->depth);
    }
    const bool with = strcmp(config->parts.model_type, "dinov2_with_registers") == 0,
               without = strcmp(config->parts.model_type, "dinov2") == 0;
    if ((without && card->registers) || (with && !card->registers && config->registers < 0))
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The configuration says model_type: %.60s but the weights have %u register tokens: "
            "they do not belong together.",
            config->parts.model_type, card->registers);
    return STATUS_OK;
}

static enum status check_switches(const struct config *config, const struct backbone_card *card,
                                  const struct selection *selection, struct failure *failure)
{
    const bool gated = card->ffn == FFN_SWIGLU;
    const struct {
        const char *key;
        int said;
        const char *tensor;
    } switches[] = {
        {"qkv_bias", config->parts.qkv_bias, "blocks.0.attn.qkv.bias"},
        {"proj_bias", config->parts.proj_bias, "blocks.0.attn.proj.bias"},
        {"ffn_bias", config->parts.ffn_bias, gated ? "blocks.0.mlp.w3.bias" : "blocks.0.mlp.fc2.bias"},
        {config->parts.scale_key, config->parts.scales, "blocks.0.ls1.gamma"},
    };
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        const bool found = selection_find(selection, switches[i].tensor) != NULL;
        if (switches[i].said >= 0 && switches[i].said != found)
            return failure_set(failure, STATUS_INVALID_FILE,
                               "The configuration says by %s that there is %s '%s', but the weights have %s: "
                               "they do not belong together.",
                               switches[i].key, switches[i].said ? "a" : "no", switches[i].tensor,
                               found ? "one" : "none");
    }
    return STATUS_OK;
}

/* GELU's width is that of the tokens times mlp_ratio; of SwiGLU's, of that two thirds in steps of 8 (DINOv2,
 * transformers), or half (timm). */
static enum status check_feed_forward(const struct config *config, const struct backbone_card *card,
                                      struct failure *failure)
{
    const bool gated = card->ffn == FFN_SWIGLU;
    if (*config->ffn_layer && config_ffn_is_gated(config->ffn_layer) != gated)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "The configuration says ffn_layer: %s but the weights are of %s: they do not belong "
            "together.",
            config->ffn_layer, gated ? "swiglu" : "mlp");
    const char *activation = config->activation;
    if (*activation &&
        (gated ? strcmp(activation, "silu") && strcmp(activation, "swish") : strcmp(activation, "gelu") != 0))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The configuration says act_layer: %s, which is not supported: gelu is, or silu "
                           "with swiglu.",
                           activation);
    const double ratio = config->parts.mlp_ratio;
    if (ratio < 0)
        return STATUS_OK;
    const int64_t whole = (int64_t)(card->width * ratio), two_thirds = (whole * 2 / 3 + 7) / 8 * 8;
    const int64_t said = !gated ? whole : config->timm ? whole / 2 : two_thirds;
    if (said == card->ffn_hidden)
        return STATUS_OK;
    return failure_set(
        failure, STATUS_INVALID_FILE,
        "The configuration says mlp_ratio: %g, a feed-forward %lld wide, but the weights' is %u "
        "wide: they do not belong together.",
        ratio, (long long)said, card->ffn_hidden);
}

enum status agreement_check(const struct config *config, const struct backbone_card *card,
                            const struct selection *selection, struct failure *failure)
{
    enum status status = check_numbers(config, card, failure);
    if (!status)
        status = check_arch(config, card, failure);
    if (!status)
        status = check_feed_forward(config, card, failure);
    return status ? status : check_switches(config, card, selection, failure);
}
