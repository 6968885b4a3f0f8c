/* What a head's outputs are called: files of labels, and the lists of published configurations. */
#ifndef CXRD_ENGINE_CHECKPOINT_LABELS_H
#define CXRD_ENGINE_CHECKPOINT_LABELS_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

enum { LABEL_BYTES_MAX = 128 };

struct label_list {
    char **names;
    size_t count;
};

/* One label a line, without the white space at its end; nothing counts of the empty lines at the text's end.
 * Fails with INVALID_FILE, naming the line, on one that is empty, too long, holds control characters, or says
 * what another has said. */
WARN_UNUSED enum status labels_parse(struct bytes text, struct failure *failure, struct label_list *out);
/* The same of a file; sentences name the path. */
WARN_UNUSED enum status labels_read(const char *path, struct failure *failure, struct label_list *out);
/* The "id2label" of a config.json of transformers, in the order of its numbers, or the "label_names" of
 * timm's; none where both are missing or there is nothing but "LABEL_0", "LABEL_1", ... Fails with
 * INVALID_FILE when they do not name each of `count` outputs once, or "label2id" says another order. */
WARN_UNUSED enum status labels_parse_config(struct bytes text, size_t count, struct failure *failure,
                                            struct label_list *out);
/* A JSON array of labels, as a package's head says them of its outputs; none where the text is no array.
 * Fails with INVALID_FILE when it does not name each of `count` outputs once. */
WARN_UNUSED enum status labels_parse_array(struct bytes text, size_t count, struct failure *failure,
                                           struct label_list *out);
/* The same as labels_parse_config of a file; sentences name the path. */
WARN_UNUSED enum status labels_read_config(const char *path, size_t count, struct failure *failure,
                                           struct label_list *out);
/* How two lists differ: a label of both stands at another place in each; or only others have come in. */
enum labels_order { LABELS_SAME, LABELS_REORDERED, LABELS_OTHER };
enum labels_order labels_compare(const struct label_list *a, const struct label_list *b);

void labels_finish(struct label_list *labels);

#endif
