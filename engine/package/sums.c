#include "engine/package/sums.h"

#include "engine/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUMS_BYTES_MAX = 1 << 16 };

struct sum {
    const char *name, *sha256;
};

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct sum *)left)->name, ((const struct sum *)right)->name);
}

/* The weight files sorted by name, each once though heads may share one, in memory the caller frees with room
 * for one more. */
static struct sum *list_weights(const struct model_card *card, size_t *count)
{
    struct sum *sums = memory_allocate(card->head_count + 2, sizeof *sums);
    size_t used = 0, kept = 0;
    sums[used++] = (struct sum){card->backbone.weights, card->backbone.sha256};
    for (size_t i = 0; i < card->head_count; i++)
        sums[used++] = (struct sum){card->heads[i].weights, card->heads[i].sha256};
    qsort(sums, used, sizeof *sums, by_name);
    for (size_t i = 0; i < used; i++)
        if (!kept || strcmp(sums[i].name, sums[kept - 1].name))
            sums[kept++] = sums[i];
    *count = kept;
    return sums;
}

void sums_weights(const struct model_card *card, char out[SHA256_HEX_BYTES])
{
    size_t count;
    struct sum *sums = list_weights(card, &count);
    struct buffer hashes = {.maximum = SIZE_MAX};
    for (size_t i = 0; i < count; i++)
        buffer_append(&hashes, sums[i].sha256, SHA256_HEX_BYTES - 1);
    sha256_hex((struct bytes){hashes.data, hashes.size}, out);
    buffer_finish(&hashes);
    free(sums);
}

char *sums_print(const struct model_card *card, struct bytes model_json)
{
    size_t count;
    struct sum *sums = list_weights(card, &count);
    struct buffer text = {.maximum = SIZE_MAX};
    char hash[SHA256_HEX_BYTES];
    sha256_hex(model_json, hash);
    sums[count++] = (struct sum){CARD_FILE, hash};
    qsort(sums, count, sizeof *sums, by_name);
    for (size_t i = 0; i < count; i++) {
        buffer_append(&text, sums[i].sha256, SHA256_HEX_BYTES - 1);
        buffer_append(&text, "  ", 2);
        buffer_append(&text, sums[i].name, strlen(sums[i].name));
        buffer_append(&text, "\n", 1);
    }
    buffer_append(&text, "", 1);
    free(sums);
    return (char *)text.data;
}

/* Whether `text` lists model.json, with another hash than these bytes have. */
static bool card_differs(struct bytes text, struct bytes model_json)
{
    char line[SHA256_HEX_BYTES + sizeof "  " CARD_FILE];
    sha256_hex(model_json, line);
    strcat(line, "  " CARD_FILE);
    return !memmem(text.data, text.size, line, strlen(line)) &&
           memmem(text.data, text.size, "  " CARD_FILE, strlen("  " CARD_FILE));
}

enum status sums_check(const char *folder, const struct model_card *card, struct bytes model_json,
                       struct failure *failure, char out[SHA256_HEX_BYTES])
{
    struct bytes text;
    char *path = file_join(folder, SUMS_FILE);
    enum status status = file_read(path, SUMS_BYTES_MAX, failure, &text);
    free(path);
    if (status == STATUS_NOT_FOUND)
        return failure_set(
            failure, STATUS_INVALID_FILE,
            "%s: the package is not sealed, so nothing says that its labels, thresholds and weights belong "
            "together. Look at it, then seal it with cxrd inspect --seal.",
            folder);
    if (status)
        return status;
    char *wanted = sums_print(card, model_json);
    if (text.size == strlen(wanted) && !memcmp(text.data, wanted, text.size))
        sha256_hex(text, out);
    else if (card_differs(text, model_json))
        status = failure_set(failure, STATUS_INVALID_FILE,
                             "%s/" CARD_FILE
                             ": it was changed since the package was sealed. If the change is meant, seal "
                             "it again with cxrd inspect --seal.",
                             folder);
    else
        status = failure_set(failure, STATUS_INVALID_FILE,
                             "%s/" SUMS_FILE ": it does not list exactly the files and hashes of " CARD_FILE
                             ". If the package is as it should be, seal it again with cxrd inspect --seal.",
                             folder);
    free(wanted);
    free((void *)text.data);
    return status;
}
