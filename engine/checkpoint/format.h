/* What a file is, told by its first bytes. */
#ifndef CXRD_ENGINE_CHECKPOINT_FORMAT_H
#define CXRD_ENGINE_CHECKPOINT_FORMAT_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

#include <stdbool.h>

enum format {
    FORMAT_ZIP,         /* as torch.save writes it, or another zip archive */
    FORMAT_SAFETENSORS, /* as far as its first bytes say */
    FORMAT_JSON,        /* an object: the index of several files, or a configuration */
    FORMAT_OTHER
};

enum format format_of(struct bytes content);

/* Whether format_refuse can say what it is: a page, a pointer, an empty file, ... */
bool format_is_foreign(struct bytes content);

/* Sets INVALID_FILE with the sentence for a file of FORMAT_OTHER: what it is, and what to do. */
enum status format_refuse(struct bytes content, struct failure *failure);

#endif
