/* One head on its way from a published file into a package: its tensors, of the chosen candidate, what kind
 * of head they make, and what it is called. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_HEAD_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_HEAD_H

#include "engine/checkpoint/classifier_config.h"
#include "engine/checkpoint/config.h"
#include "engine/checkpoint/head_form.h"
#include "engine/checkpoint/import_weights.h"
#include "engine/package/card.h"

struct head_import {
    const struct import_head *asked;
    struct checkpoint *checkpoint;
    struct selection selection;
    enum head_form form;
    char candidate[NAME_BYTES]; /* empty when the file names none */
    char source_sha256[SHA256_HEX_BYTES];
    struct head_card card;               /* but for the weights' file and hash */
    char trained_with[SHA256_HEX_BYTES]; /* the source of the backbone that it goes with alone; "": any */
    char beside[SHA256_HEX_BYTES];       /* the source of the backbone that it is put on; "": not known */
    bool moved;                          /* a package's, which was put on another there */
    bool behind_layer;                   /* "1.weight", alone: a layer without values stands before it */
    bool rounds;                         /* a package's, of float32, whose matrices become float16 */
    bool replaces;       /* it was saved with a LoRA adapter, and the weights beside have another one */
    bool convolution;    /* of 1 x 1: its weight was [outputs, inputs, 1, 1] */
    bool no_bias;        /* it has none: zeros are added */
    bool classes_differ; /* nor those that the checkpoint has beside the weights */
    bool labels_differ;  /* those that were given are not the configuration's */
    struct classifier_config classifier; /* of transformers' forms; what matters here of it */
    size_t losses;                       /* tensors of losses and metrics, which are left out, */
    char loss[NAME_BYTES];               /* and the first of them */
};

/* BAD_REQUEST when there are too many, a name is none for a head, or stands twice. */
WARN_UNUSED enum status import_heads_check(const struct import_head *asked, size_t count,
                                           struct failure *failure);

/* The hashes of the files that a backbone was imported from; NULL: there is none, or nobody knows. */
struct backbone_files {
    const char *weights,
        *adapter;                /* checkpoint_sha256 of what was opened; of a LoRA adapter merged into it */
    const struct config *config; /* what was said of the backbone, and of a head in its file */
    const char *config_path;     /* --config of the import, or NULL */
};

/* Where nothing is in the way but what must be said (BAD_REQUEST), values are looked at, too: fails then as
 * import_weights_examine, which sets *fp16.
 *
 * What import_head_open would say of one candidate of an open checkpoint, which was opened from `path`, but
 * for its labels and for whose backbone it needs: on a backbone, or on any of a fitting width where that is
 * NULL. `config` as in struct backbone_files. *unnamed, which is set as *fp16 is: nothing names its outputs,
 * so that labels= must. */
WARN_UNUSED enum status import_head_examine(struct checkpoint *checkpoint, const char *path,
                                            const char *candidate, const struct backbone_card *backbone,
                                            const struct config *config, struct failure *failure,
                                            struct failure *fp16, bool *unnamed);

/* Opens the file, selects the candidate's tensors and describes the head on a backbone: type, blocks, pooling
 * and labels; all of its tensors fit. A head that was trained together with a backbone, or with an adapter of
 * one, is refused beside any other. Of an adapter's head and one of the weights that it adapts the adapter's
 * is taken. Texts live in `arena`, or are those of `asked`, which must live as long.
 * Fails with NOT_FOUND, INVALID_FILE or BAD_REQUEST, the sentence names the file. The caller finishes *out in
 * every case. */
WARN_UNUSED enum status import_head_open(const struct import_head *asked,
                                         const struct backbone_card *backbone,
                                         const struct backbone_files *from, struct arena *arena,
                                         struct failure *failure, struct head_import *out);
void import_head_finish(struct head_import *head);

/* The precision to write it in where `precision` is nobody's choice: a package's head of float32 keeps it. */
enum import_precision import_head_precision(const struct head_import *head, enum import_precision precision);

/* Writes the head's file, which says what its outputs mean. As import_weights_write; the sentence names the
 * source. */
WARN_UNUSED enum status import_head_write(const struct head_import *head, const char *path,
                                          enum import_precision precision, struct import_meter *meter,
                                          struct failure *failure, char sha256[SHA256_HEX_BYTES]);

/* Adds what whoever imports it should know. */
void import_head_note(const struct head_import *head, char note[IMPORT_NOTE_BYTES]);

/* Where it came from, for people. The caller owns it. */
struct json *import_head_source(const struct head_import *head);

#endif
