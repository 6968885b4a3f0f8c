/* What an import says of a model beyond the shapes of its tensors: labels and their codes, what a risk is,
 * where it all came from. */
#ifndef CXRD_ENGINE_CHECKPOINT_IMPORT_CARD_H
#define CXRD_ENGINE_CHECKPOINT_IMPORT_CARD_H

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/checkpoint/head_form.h"
#include "engine/checkpoint/import.h"
#include "engine/package/card.h"

/* Fills name, version, intended use, and the profile that is asked for; texts live in `arena` or are the
 * options' own. BAD_REQUEST when no profile has that name. */
WARN_UNUSED enum status import_card_begin(const struct import_options *options, struct arena *arena,
                                          struct failure *failure, struct model_card *card);

/* What says the labels of a head besides asked->labels; each may be NULL. */
struct label_source {
    const char *config;    /* the path of the config.json that the weights have */
    const char *bound;     /* metadata_labels of a package's head */
    const char *candidate; /* "": the file names none */
};

/* The kind that is asked for, as a card has it. */
enum head_kind import_card_kind(const struct import_head *asked);

/* Fills name, kind, labels (head->label_count of them, at the default threshold) and a risk's definition. The
 * labels are those that the file is bound to, and no others; or of asked->labels; or of the config.json; or
 * of one of the authors' heads (GLoRI, or a candidate) with as many classes the 40 findings; or of a head
 * with one output its name. Fails with BAD_REQUEST when they must be given, or when the outputs are no risk
 * scores; with INVALID_FILE when they are not as many, are the configuration's in another order, or as
 * labels_read does. *labels_differ: they are given, and are not the configuration's. */
WARN_UNUSED enum status import_card_head(const struct import_head *asked, enum head_form form,
                                         const struct label_source *source, struct arena *arena,
                                         struct failure *failure, struct head_card *head,
                                         bool *labels_differ);

/* {"file", "sha256", "candidate", "form"} of a provenance; candidate may be empty. The caller owns it. */
struct json *import_card_source(const char *path, const char *sha256, const char *candidate,
                                const char *form);

#endif
