#include "cli/bench_model.h"

#include <stdio.h>
#include <string.h>

enum { FINDINGS = 40, SIDE_MIN = 32, SIDE_MAX = 2048 };

static const struct label LABELS[FINDINGS];
static const struct head_card HEAD = {.name = "findings",
                                      .kind = HEAD_FINDINGS,
                                      .type = HEAD_GLORI,
                                      .weights = "random",
                                      .blocks = 4,
                                      .labels = LABELS,
                                      .label_count = FINDINGS};

/* The sizes of DINOv2, by their letter. */
static const struct {
    char letter;
    uint32_t width, depth;
} sizes[] = {{'s', 384, 12}, {'b', 768, 12}, {'l', 1024, 24}, {'g', 1536, 40}};

/* CheXFound's form: SwiGLU with hidden (int(4D*2/3)+7)//8*8, 4 registers, LayerScale. */
static struct model_card card_of(const char *name, uint32_t width, uint32_t depth, uint32_t patch,
                                 uint32_t side)
{
    return (struct model_card){.name = name,
                               .version = "random",
                               .intended_use = "Measuring.",
                               .profile = *profile_known("chexfound"),
                               .heads = &HEAD,
                               .head_count = 1,
                               .backbone = {.weights = "random",
                                            .width = width,
                                            .depth = depth,
                                            .heads = width / 64,
                                            .patch_size = patch,
                                            .image_height = side,
                                            .image_width = side,
                                            .registers = 4,
                                            .ffn = FFN_SWIGLU,
                                            .ffn_hidden = (8 * width / 3 + 7) / 8 * 8,
                                            .position_grid = side / patch,
                                            .interpolate_offset = 0.1,
                                            .layer_norm_epsilon = LAYER_NORM_EPSILON}};
}

bool bench_architecture(const char *name, struct model_card *out)
{
    char letter;
    unsigned patch, side;
    int length = 0;
    if (sscanf(name, "vit%c%2u-%4u%n", &letter, &patch, &side, &length) != 3 || name[length] ||
        (patch != 14 && patch != 16) || side < SIDE_MIN || side > SIDE_MAX || side % patch)
        return false;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].letter == letter) {
            *out = card_of(name, sizes[i].width, sizes[i].depth, patch, side);
            return true;
        }
    return false;
}

const char *bench_architecture_names(void)
{
    return "vitl16-512, vitb16-512, vits16-512, vitg14-518, and the same with another side that the patch "
           "divides";
}
