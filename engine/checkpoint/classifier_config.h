/* What a config.json of transformers says of the classifier beside it, but for its labels (labels.h). */
#ifndef CXRD_ENGINE_CHECKPOINT_CLASSIFIER_CONFIG_H
#define CXRD_ENGINE_CHECKPOINT_CLASSIFIER_CONFIG_H

#include "engine/base/status.h"

#include <stdbool.h>

struct classifier_config {
    bool one_choice;       /* it was trained as one choice among its labels, by softmax */
    bool pooled_registers; /* it was saved by a version whose mean patch token takes the registers in:
                              transformers 4.48 to 4.51, Dinov2WithRegistersForImageClassification */
};

/* Of a file that is no JSON nothing is known. Fails with INVALID_FILE, naming the path, where the classifier
 * was trained by regression, whose outputs are no logits; and as file_read_text. */
WARN_UNUSED enum status classifier_config_read(const char *path, struct failure *failure,
                                               struct classifier_config *out);

#endif
