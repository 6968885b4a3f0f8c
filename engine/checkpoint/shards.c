#include "engine/checkpoint/shards.h"

#include "engine/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct json_limits limits = {.depth = 16, .values = 1 << 20};

static int compare_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int compare_entry(const void *left, const void *right)
{
    const struct shard_entry *a = left, *b = right;
    return strcmp(a->name, b->name);
}

/* A file beside the index, and no other place. */
static bool is_plain(const char *file)
{
    return *file && *file != '.' && !strchr(file, '/');
}

/* Makes shards->files: the names that the map mentions, each once. `texts`: [entry_count]. */
static enum status gather_files(struct shards *shards, const char **texts, struct failure *failure)
{
    qsort(texts, shards->entry_count, sizeof *texts, compare_text);
    shards->files = memory_allocate(SHARDS_MAX, sizeof *shards->files);
    for (size_t i = 0; i < shards->entry_count; i++) {
        if (i && !strcmp(texts[i], texts[i - 1]))
            continue;
        if (shards->count == SHARDS_MAX)
            return failure_set(failure, STATUS_INVALID_FILE, "The index names over %d files.", SHARDS_MAX);
        shards->files[shards->count++] = texts[i];
    }
    return STATUS_OK;
}

static enum status read_map(const struct json *map, const char **texts, struct shards *shards,
                            struct failure *failure)
{
    for (const struct json *member = json_first(map); member; member = json_next(member)) {
        const char *file = json_text(member);
        if (!file || !is_plain(file))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "The index has tensor '%.100s' in something else than a file beside it.",
                               json_name(member));
        texts[shards->entry_count] = file;
        shards->entries[shards->entry_count++].name = json_name(member);
    }
    if (!shards->entry_count)
        return failure_set(failure, STATUS_INVALID_FILE, "The index names no tensor.");
    enum status status = gather_files(shards, texts, failure);
    size_t i = 0;
    for (const struct json *member = json_first(map); member && !status; member = json_next(member)) {
        const char *file = json_text(member);
        const char **found = bsearch(&file, shards->files, shards->count, sizeof file, compare_text);
        shards->entries[i++].file = (size_t)(found - shards->files);
    }
    if (!status)
        qsort(shards->entries, shards->entry_count, sizeof *shards->entries, compare_entry);
    return status;
}

enum status shards_parse(struct bytes text, struct failure *failure, struct shards *out)
{
    struct shards shards = {0};
    if (text.size > SHARDS_INDEX_BYTES_MAX || json_parse(text, limits, NULL, &shards.index))
        return failure_set(failure, STATUS_INVALID_FILE, "It begins as JSON but is not valid JSON.");
    const struct json *map = json_member(shards.index, "weight_map");
    const char *twice = json_duplicate_name(shards.index);
    enum status status = STATUS_OK;
    if (twice) {
        status = failure_set(failure, STATUS_INVALID_FILE, "The index says '%.100s' twice.", twice);
    } else if (!json_is_object(map)) {
        status =
            failure_set(failure, STATUS_INVALID_FILE,
                        "It is JSON without a \"weight_map\", so no index of weights: give the file of the "
                        "weights, or the folder.");
    } else {
        const char **texts = memory_allocate(json_length(map), sizeof *texts);
        shards.entries = memory_allocate(json_length(map), sizeof *shards.entries);
        status = read_map(map, texts, &shards, failure);
        free(texts);
    }
    if (status)
        shards_finish(&shards);
    else
        *out = shards;
    return status;
}

void shards_finish(struct shards *shards)
{
    free(shards->files);
    free(shards->entries);
    json_destroy(&shards->index);
    *shards = (struct shards){0};
}

const struct shard_entry *shards_find(const struct shards *shards, const char *name)
{
    const struct shard_entry key = {.name = name};
    return bsearch(&key, shards->entries, shards->entry_count, sizeof key, compare_entry);
}

enum status shards_check_whole(const char *path, struct failure *failure)
{
    const char *slash = strrchr(path, '/'), *of = strstr(slash ? slash : path, "-of-");
    unsigned all = 0;
    int end = 0;
    if (!of || sscanf(of, "-of-%u.%n", &all, &end) != 1 || !end || all < 2)
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "%s: By its name it is one of %u files, and the others hold the rest: give the folder "
                       "that they lie in, or their index (.index.json).",
                       path, all);
}
