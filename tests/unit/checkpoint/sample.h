/* Small checkpoints in the authors' layouts, for import to read: every value is pth_value of its index. */
#ifndef CXRD_TESTS_UNIT_CHECKPOINT_SAMPLE_H
#define CXRD_TESTS_UNIT_CHECKPOINT_SAMPLE_H

#include "tests/unit/checkpoint/pth.h"

enum { WIDTH = 64, DEPTH = 2, PATCH = 8, GRID = 3, HIDDEN = 64, EMBED = 128, INNER = 2048 };

/* What a test changes of the files that are made for it. */
struct sample_changes {
    const char *skip;    /* leaves this backbone tensor out */
    const char *widen;   /* gives this one 65 values in its last dimension */
    const char *add;     /* a tensor more, of this whole key */
    const char *beside;  /* a dict of this name beside the state dict, with a tensor */
    struct bytes member; /* pickled: of the state dict, */
    struct bytes root;   /* and beside it */
    size_t hidden;       /* of the feed-forward; 0: HIDDEN */
    float scale;         /* of block 0's attn.proj.weight, */
    float last_row;      /* and of its last row besides; 0: as the others */
    bool gelu, plain;    /* GELU instead of SwiGLU; no registers, LayerScale or biases */
    size_t candidates;   /* of the head file */
    size_t classes;
};
extern const struct sample_changes SAMPLE_AS_IS;

/* {"teacher": {"backbone....", "dino_head...."}} */
void sample_backbone(const char *path, const struct sample_changes *changes);
/* A GLoRI head of width EMBED that takes `memory` features a patch. */
void sample_glori(const char *path, size_t classes, size_t memory, bool class_tokens);
/* Linear heads on the last block's class token and mean patch token, of several learning rates; the weights
 * of candidate i are scaled by i + 1. */
void sample_linear(const char *path, const struct sample_changes *changes);

#endif
