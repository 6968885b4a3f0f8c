#include "cli/bench_model.h"

#include <string.h>

enum { FINDINGS = 40 };

static const struct label LABELS[FINDINGS];
static const struct head_card HEAD = {.name = "findings",
                                      .kind = HEAD_FINDINGS,
                                      .type = HEAD_GLORI,
                                      .weights = "random",
                                      .blocks = 4,
                                      .labels = LABELS,
                                      .label_count = FINDINGS};

/* CheXFound's form in the sizes of DINOv2: SwiGLU with hidden (int(4D*2/3)+7)//8*8, 4 registers, LayerScale.
 */
#define ARCHITECTURE(card_name, d, blocks, patch, side, hidden)                                       \
    {                                                                                                 \
        .name = card_name, .version = "random", .intended_use = "Measuring.", .profile = "chexfound", \
        .heads = &HEAD, .head_count = 1,                                                              \
        .backbone = {.weights = "random",                                                             \
                     .width = d,                                                                      \
                     .depth = blocks,                                                                 \
                     .heads = d / 64,                                                                 \
                     .patch_size = patch,                                                             \
                     .image_size = side,                                                              \
                     .registers = 4,                                                                  \
                     .ffn = FFN_SWIGLU,                                                               \
                     .ffn_hidden = hidden,                                                            \
                     .position_grid = side / patch,                                                   \
                     .interpolate_offset = 0.1},                                                      \
    }

static const struct model_card CARDS[] = {
    ARCHITECTURE("vitl16-512", 1024, 24, 16, 512, 2736),
    ARCHITECTURE("vitb16-512", 768, 12, 16, 512, 2048),
    ARCHITECTURE("vits16-512", 384, 12, 16, 512, 1024),
    ARCHITECTURE("vitg14-518", 1536, 40, 14, 518, 4096),
};

const struct model_card *bench_architecture(const char *name)
{
    for (size_t i = 0; i < sizeof CARDS / sizeof *CARDS; i++)
        if (!strcmp(CARDS[i].name, name))
            return &CARDS[i];
    return NULL;
}

const char *bench_architecture_names(void)
{
    return "vitl16-512, vitb16-512, vits16-512, vitg14-518";
}
