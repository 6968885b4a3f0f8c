#include "cli/chunk.h"

#include "cli/progress.h"
#include "engine/base/file.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Why a file is not read begins with its path, which every form gives itself. */
static void drop_path(const char *path, struct failure *failure)
{
    size_t length = strlen(path);
    if (strncmp(failure->sentence, path, length) || strncmp(failure->sentence + length, ": ", 2))
        return;
    char *rest = failure->sentence + length + 2;
    *rest = (char)toupper((unsigned char)*rest);
    memmove(failure->sentence, rest, strlen(rest) + 1);
}

enum status chunk_predict(struct engine *engine, const struct input *inputs, size_t count,
                          const struct predict_options *options, struct failure *failure,
                          struct prediction *out)
{
    assert(count <= CHUNK_IMAGES);
    struct bytes images[CHUNK_IMAGES];
    struct prediction predictions[CHUNK_IMAGES] = {0};
    size_t read = 0, owners[CHUNK_IMAGES]; /* out[owners[i]] is of images[i] */
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct prediction){0};
        if (!file_read(inputs[i].path, IMAGE_FILE_BYTES_MAX, &out[i].failure, &images[read]))
            owners[read++] = i;
        else
            drop_path(inputs[i].path, &out[i].failure);
    }
    enum status status =
        read ? engine_predict(engine, images, read, options, failure, predictions) : STATUS_OK;
    for (size_t i = 0; i < read; i++) {
        out[owners[i]] = predictions[i];
        if (status)
            out[owners[i]].failure = *failure;
        free((void *)images[i].data);
    }
    return status;
}

void chunk_complain(const char *name, const struct input *input, const struct failure *failure)
{
    progress_clear();
    fprintf(stderr, "cxrd %s: %s: %s\n", name, input->path, failure->sentence);
}
