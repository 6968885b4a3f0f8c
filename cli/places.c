#include "cli/places.h"

#include "engine/base/file.h"
#include "engine/base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *place_of(const char *path)
{
    char *place = memory_allocate(strlen(path) + 2, 1), *end = place;
    for (const char *at = path; *at;) {
        size_t length = strcspn(at, "/");
        if (length == 2 && !strncmp(at, "..", 2)) {
            while (end > place && *--end != '/')
                ;
            *end = '\0';
        } else if (length && !(length == 1 && *at == '.')) {
            if (end > place)
                *end++ = '/';
            memcpy(end, at, length);
            end += length;
        }
        at += length + (at[length] == '/');
    }
    *end = '\0';
    return place;
}

static int by_file(const void *a, const void *b)
{
    const struct input *left = *(struct input *const *)a, *right = *(struct input *const *)b;
    if (left->device != right->device)
        return left->device < right->device ? -1 : 1;
    if (left->file != right->file)
        return left->file < right->file ? -1 : 1;
    if (left->link != right->link)
        return left->link ? 1 : -1;
    return left < right ? -1 : left > right; /* in the order they were given */
}

static int by_place(const void *a, const void *b)
{
    const struct input *left = *(struct input *const *)a, *right = *(struct input *const *)b;
    int order = strcmp(left->place, right->place);
    return order ? order : left < right ? -1 : left > right;
}

/* All inputs in another order; the caller frees it. */
static struct input **sorted(const struct inputs *inputs, int (*order)(const void *, const void *))
{
    struct input **list = memory_allocate(inputs->count, sizeof *list);
    for (size_t i = 0; i < inputs->count; i++)
        list[i] = &inputs->items[i];
    qsort(list, inputs->count, sizeof *list, order);
    return list;
}

size_t places_drop_repeats(struct inputs *inputs)
{
    struct input **list = sorted(inputs, by_file);
    for (size_t i = 1, first = 0; i < inputs->count; i++) {
        if (list[i]->device != list[first]->device || list[i]->file != list[first]->file) {
            first = i;
            continue;
        }
        free(list[i]->path);
        free(list[i]->place);
        list[i]->path = NULL;
    }
    free(list);
    size_t kept = 0, count = inputs->count;
    for (size_t i = 0; i < count; i++)
        if (inputs->items[i].path)
            inputs->items[kept++] = inputs->items[i];
    inputs->count = kept;
    return count - kept;
}

/* The length of a place without its ending; a name that begins with its only dot has none. */
static size_t stem_length(const char *place)
{
    const char *slash = strrchr(place, '/'), *name = slash ? slash + 1 : place, *dot = strrchr(name, '.');
    return dot && dot > name ? (size_t)(dot - place) : strlen(place);
}

static int by_stem(const void *a, const void *b)
{
    const struct input *left = *(struct input *const *)a, *right = *(struct input *const *)b;
    size_t size = stem_length(left->place), other = stem_length(right->place);
    int order = strncmp(left->place, right->place, size < other ? size : other);
    return order ? order : size < other ? -1 : size > other;
}

static enum status check_places(const struct inputs *inputs, struct failure *failure)
{
    struct input **list = sorted(inputs, by_place);
    enum status status = STATUS_OK;
    for (size_t i = 1; i < inputs->count && !status; i++)
        if (!strcmp(list[i - 1]->place, list[i]->place))
            status = failure_set(failure, STATUS_BAD_REQUEST,
                                 "%.110s and %.110s would have their results in one place; give the folder "
                                 "above both, or do them one after the other.",
                                 list[i - 1]->path, list[i]->path);
    free(list);
    return status;
}

enum status places_shorten(struct inputs *inputs, struct failure *failure)
{
    struct input **list = sorted(inputs, by_stem);
    for (size_t i = 0, end; i < inputs->count; i = end) {
        for (end = i + 1; end < inputs->count && !by_stem(&list[i], &list[end]); end++)
            ;
        if (end == i + 1)
            list[i]->place[stem_length(list[i]->place)] = '\0';
    }
    free(list);
    return check_places(inputs, failure);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The folders that places lie in, "a" and "a/b" of "a/b/c", sorted, each once, in the arena. */
static const char **list_folders(struct arena *arena, const struct inputs *inputs, size_t step, size_t *count)
{
    size_t used = 0, kept = 0, room = 0;
    for (size_t i = 0; i < inputs->count; i += step)
        for (const char *at = inputs->items[i].place; (at = strchr(at, '/')); at++)
            room++;
    const char **folders = arena_allocate(arena, room + 1, sizeof *folders);
    for (size_t i = 0; i < inputs->count; i += step)
        for (const char *place = inputs->items[i].place, *at = place; (at = strchr(at, '/')); at++)
            folders[used++] = arena_copy_text(arena, place, (size_t)(at - place));
    qsort(folders, used, sizeof *folders, by_text);
    for (size_t i = 0; i < used; i++)
        if (!kept || strcmp(folders[i], folders[kept - 1]))
            folders[kept++] = folders[i];
    *count = kept;
    return folders;
}

/* Whether a folder, or with `file` something else than one, is at "FOLDER/NAME" already. */
static bool is_taken(const char *folder, const char *name, bool file)
{
    struct stat info;
    char *path = file_join(folder, name);
    bool taken = !stat(path, &info) && S_ISDIR(info.st_mode) != file;
    free(path);
    return taken;
}

static enum status check_result(const struct input *input, const char *name, const struct results *results,
                                const char *const *folders, size_t count, struct failure *failure)
{
    if (bsearch(&name, folders, count, sizeof *folders, by_text))
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%.110s would have its results in the file %.60s, which is also the folder of others' "
            "results; do them one after the other, with an --output each.",
            input->path, name);
    if (is_taken(results->folder, name, false))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "%.90s: there is a folder %.60s where the results of %.90s belong; give another "
                           "--output.",
                           results->folder, name, input->path);
    return STATUS_OK;
}

enum status places_check_results(const struct inputs *inputs, const struct results *results,
                                 struct failure *failure)
{
    struct arena *arena = arena_create();
    size_t count;
    const char **folders = list_folders(arena, inputs, results->step, &count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && !status; i++)
        if (is_taken(results->folder, folders[i], true))
            status =
                failure_set(failure, STATUS_BAD_REQUEST,
                            "%.110s: there is a file %.60s where a folder for results belongs; give another "
                            "--output.",
                            results->folder, folders[i]);
    for (size_t i = 0; i < inputs->count && !status; i += results->step) {
        struct arena *names = arena_create();
        for (size_t k = 0; k < results->ending_count && !status; k++)
            status = check_result(&inputs->items[i],
                                  arena_format(names, "%s.%s", inputs->items[i].place, results->endings[k]),
                                  results, folders, count, failure);
        arena_destroy(&names);
    }
    arena_destroy(&arena);
    return status;
}
