/* What a run of `cxrd embed` is: all that decides the bytes of its files. */
#ifndef CXRD_CLI_EMBED_RUN_H
#define CXRD_CLI_EMBED_RUN_H

#include "api/embedding.h"
#include "cli/shard.h"

struct embed_run {
    const char *path; /* of the rows: FILE.npy or FILE.safetensors */
    bool tokens[TOKENS_KINDS];
    struct shard shard;
    struct image_options image; /* the profile said */
    const struct model_card *card;
    const char *version;                   /* of this program */
    const char *device, *rung, *precision; /* numbers of other ones differ within rounding */
};

/* The floats of one image's tokens of a kind. */
static inline size_t embed_floats(const struct embed_run *run, enum tokens kind)
{
    const struct backbone_card *backbone = &run->card->backbone;
    return (kind == TOKENS_PATCH ? backbone_patches(backbone) : 1) * backbone->width;
}

#endif
