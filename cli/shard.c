#include "cli/shard.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static_assert(SHARD_COUNT_MAX == 100000, "as SHARD_FORM says it");

/* A whole number from 1 to SHARD_COUNT_MAX; *end is what follows it. */
static bool read_number(const char *text, const char **end, uint32_t *out)
{
    char *rest;
    unsigned long number = isdigit((unsigned char)*text) ? strtoul(text, &rest, 10) : 0;
    if (!number || number > SHARD_COUNT_MAX)
        return false;
    *end = rest;
    *out = (uint32_t)number;
    return true;
}

bool shard_read(const char *text, struct shard *out)
{
    struct shard shard = {0};
    if (!read_number(text, &text, &shard.number) || *text != '/' ||
        !read_number(text + 1, &text, &shard.count) || *text || shard.number > shard.count)
        return false;
    *out = shard;
    return true;
}

static void hash_list(const struct inputs *inputs, char out[SHA256_HEX_BYTES])
{
    struct buffer list = {.maximum = SIZE_MAX};
    for (size_t i = 0; i < inputs->count; i++)
        buffer_append(&list, inputs->items[i].path, strlen(inputs->items[i].path) + 1);
    sha256_hex((struct bytes){list.data, list.size}, out);
    buffer_finish(&list);
}

void shard_keep(struct shard *shard, struct inputs *inputs, size_t views)
{
    size_t kept = 0;
    hash_list(inputs, shard->inputs_sha256);
    for (size_t i = 0; i < inputs->count; i++)
        if (i / views % shard->count == shard->number - 1)
            inputs->items[kept++] = inputs->items[i];
        else
            inputs_finish_one(&inputs->items[i]);
    inputs->count = kept;
}
