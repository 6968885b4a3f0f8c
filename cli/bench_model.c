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

/* What a name says. */
struct architecture {
    uint32_t width, depth, patch, image_height, image_width;
};

/* CheXFound's form: SwiGLU with hidden (int(4D*2/3)+7)//8*8, 4 registers, LayerScale. A rectangle's positions
 * are resized from the square of its larger side. */
static struct model_card card_of(const char *name, const struct architecture *architecture)
{
    uint32_t width = architecture->width, height = architecture->image_height,
             longer = height > architecture->image_width ? height : architecture->image_width;
    return (struct model_card){.name = name,
                               .version = "random",
                               .intended_use = "Measuring.",
                               .profile = *profile_known("chexfound"),
                               .heads = &HEAD,
                               .head_count = 1,
                               .backbone = {.weights = "random",
                                            .width = width,
                                            .depth = architecture->depth,
                                            .heads = width / 64,
                                            .patch_size = architecture->patch,
                                            .image_height = height,
                                            .image_width = architecture->image_width,
                                            .registers = 4,
                                            .ffn = FFN_SWIGLU,
                                            .ffn_hidden = (8 * width / 3 + 7) / 8 * 8,
                                            .position_grid = longer / architecture->patch,
                                            .interpolate_offset = 0.1,
                                            .layer_norm_epsilon = LAYER_NORM_EPSILON}};
}

static bool side_fits(uint32_t side, uint32_t patch)
{
    return side >= SIDE_MIN && side <= SIDE_MAX && side % patch == 0;
}

bool bench_architecture(const char *name, struct model_card *out)
{
    char letter;
    unsigned patch, height, width;
    int length = 0, rest = 0;
    if (sscanf(name, "vit%c%2u-%4u%n", &letter, &patch, &height, &length) != 3)
        return false;
    width = height;
    if (name[length] && (sscanf(name + length, "x%4u%n", &width, &rest) != 1 || name[length + rest]))
        return false;
    if ((patch != 14 && patch != 16) || !side_fits(height, patch) || !side_fits(width, patch))
        return false;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].letter == letter) {
            *out =
                card_of(name, &(struct architecture){sizes[i].width, sizes[i].depth, patch, height, width});
            return true;
        }
    return false;
}

const char *bench_architecture_names(void)
{
    return "vitl16-512, vitb14-518, vits16-512, vitg14-518, and others whose sides the patch divides, as "
           "vitb14-1064x896";
}
