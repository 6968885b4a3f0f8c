#include "cli/places.h"

#include "engine/base/memory.h"

#include <stdlib.h>
#include <string.h>

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

const char *place_ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    bool number = dot && strspn(dot + 1, "0123456789") == strlen(dot + 1);
    return dot && dot > name && !number ? dot : name + strlen(name);
}

/* The length of a place without its ending. */
static size_t stem_length(const char *place)
{
    const char *slash = strrchr(place, '/');
    return (size_t)(place_ending(slash ? slash + 1 : place) - place);
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
