/* The backbone of a checkpoint, whatever layout of names it has: its tensors, the sizes that their shapes
 * say, and what its configuration says beyond them. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_BACKBONE_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_BACKBONE_H

#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/config.h"
#include "engine/checkpoint/import.h"
#include "engine/checkpoint/layout.h"
#include "engine/checkpoint/note.h"
#include "engine/checkpoint/selection.h"
#include "engine/package/card.h"

struct backbone_options {
    const char *path;         /* a file, an index or a folder (checkpoint.h) */
    const char *config;       /* config.yaml or config.json; NULL: the folder's */
    const char *preprocessor; /* preprocessor_config.json or the like; NULL: the folder's */
    const char *profile;      /* of profile_known: files on it are not followed; NULL: as they say */
    const char *layout;       /* of layout_option; NULL: as names, heads and configuration show */
    uint32_t image_height, image_width; /* 0: what the configuration says, or else the position grid */
    double lora_alpha;                  /* 0: what adapter_config.json says */
};

struct backbone_import {
    struct checkpoint *checkpoint;
    struct selection selection;
    const struct layout *layout;
    struct backbone_card card; /* but for the weights' file and hash */
    struct config config;
    struct profile profile;       /* of preprocessor_config.json, or the layout's */
    bool profile_assumed;         /* nothing in the files says it, nor do the names */
    bool positions_unsaid;        /* ... nor how positions are resized, */
    bool positions_assumed;       /* which they are */
    bool has_head;                /* the file holds a head that reads this backbone */
    char note[IMPORT_NOTE_BYTES]; /* or empty: the student's weights, ... */
};

/* Opens, selects and describes. Fails with NOT_FOUND, INVALID_FILE (sentences name
 * the file) or BAD_REQUEST (an option); *out is then as it was. The caller finishes *out. Whether each tensor
 * fits the card is for backbone_check to say. */
WARN_UNUSED enum status import_backbone_open(const struct backbone_options *options, struct failure *failure,
                                             struct backbone_import *out);
/* What it is made of, and what was assumed. */
struct import_facts import_backbone_facts(const struct backbone_import *backbone);
void import_backbone_finish(struct backbone_import *backbone);

#endif
