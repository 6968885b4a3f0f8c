#include "engine/checkpoint/layout.h"

#include "engine/checkpoint/names.h"

#include <string.h>

/* How the originals resize positions: bicubic, align_corners false, and
 *   DINOv2 (dinov2/models/vision_transformer.py)     scale (size + 0.1) / grid: offset 0.1
 *   its hub's models with registers (hubconf.py)     interpolate_antialias=True, interpolate_offset=0.0
 *   transformers, Dinov2                             to the size: offset 0
 *   transformers, Dinov2WithRegisters                to the size, antialiased
 *   timm (timm/layers/pos_embed.py)                  to the size, antialiased */
static const struct layout layouts[] = {
    {"timm's, with registers", "dinov2", TRAIT_TIMM_REGISTERS, false, 0, true},
    {"timm's", "dinov2", TRAIT_TIMM, false, 0, true},
    {"that of transformers' Dinov2WithRegisters, since version 5", "dinov2",
     TRAIT_HUGGING_FACE | TRAIT_REGISTERS | TRAIT_NEWER, false, 0, true},
    {"that of transformers' Dinov2WithRegisters", "dinov2", TRAIT_HUGGING_FACE | TRAIT_REGISTERS, false, 0,
     true},
    {"that of transformers' Dinov2, since version 5", "dinov2", TRAIT_HUGGING_FACE | TRAIT_NEWER, false, 0,
     false},
    {"that of transformers' Dinov2", "dinov2", TRAIT_HUGGING_FACE, false, 0, false},
    {"that of DINOv2's hub, with registers", "dinov2", TRAIT_HUB | TRAIT_REGISTERS, false, 0, true},
    {"that of DINOv2's hub", "dinov2", TRAIT_HUB, false, 0.1, false},
    {"CheXFound's and DINOv2's, of training", "chexfound", TRAIT_TRAINING, false, 0.1, false},
    {"CheXFound's and DINOv2's, of training in chunks", "chexfound", TRAIT_CHUNKS | TRAIT_REGISTERS, false,
     0.1, false},
    {"that of XRay-DINO's hub", "dinov2", TRAIT_CHUNKS, true, 0.1, false},
    {"CheXFound's and DINOv2's, of training in chunks", "chexfound", TRAIT_CHUNKS, false, 0.1, false},
    {"that of DINOv2's hub, with registers", "dinov2", TRAIT_REGISTERS | TRAIT_PATCH_14, true, 0, true},
    {"that of DINOv2's hub", "dinov2", TRAIT_PATCH_14 | TRAIT_MASK_TOKEN, true, 0.1, false},
    {"timm's, of a file alone", "dinov2", TRAIT_PATCH_14, true, 0, true, true}, /* without that token */
    {"DINOv2's, of training", "chexfound", 0, false, 0.1, false, true},
};

bool layout_tells_pictures(const struct layout *layout)
{
    const unsigned anybodys = TRAIT_HUGGING_FACE | TRAIT_TIMM | TRAIT_TIMM_REGISTERS;
    return layout->needs && !layout->guessed && !(layout->needs & anybodys);
}

const struct layout *layout_at(size_t i)
{
    return i < sizeof layouts / sizeof *layouts ? &layouts[i] : NULL;
}

unsigned layout_option(const char *name)
{
    static const struct {
        const char *name;
        unsigned trait;
    } options[] = {{"chexfound", TRAIT_TRAINING}, {"dinov2", TRAIT_HUB}, {"timm", TRAIT_TIMM}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!strcmp(options[i].name, name))
            return options[i].trait;
    return 0;
}

const struct layout *layout_find(unsigned traits)
{
    const struct layout *layout = layouts;
    while ((traits & layout->needs) != layout->needs || (layout->bare && traits & TRAIT_WRAPPED))
        layout++;
    return layout;
}
