#include "cli/label_names.h"

#include <stdbool.h>
#include <string.h>

enum { NAME_BYTES_MAX = 80 }; /* file names end at 255 bytes, with the image's own */

static char *plain_name(struct arena *arena, const char *text)
{
    char *name = arena_copy_text(arena, text, strnlen(text, NAME_BYTES_MAX));
    for (char *at = name; *at; at++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", *at))
            *at = '_';
    return name;
}

static bool is_taken(char *const *names, size_t count, size_t one)
{
    for (size_t i = 0; i < count; i++)
        if (i != one && !strcmp(names[i], names[one]))
            return true;
    return false;
}

char **label_names(struct arena *arena, const struct model_card *card)
{
    size_t count = 0, number = 0;
    for (size_t head = 0; head < card->head_count; head++)
        count += card->heads[head].label_count;
    char **names = arena_allocate(arena, count + 1, sizeof *names);
    bool *shared = arena_allocate(arena, count + 1, sizeof *shared);
    for (size_t head = 0; head < card->head_count; head++)
        for (size_t label = 0; label < card->heads[head].label_count; label++)
            names[number++] = plain_name(arena, card->heads[head].labels[label].name);
    for (size_t i = 0; i < count; i++)
        shared[i] = is_taken(names, count, i);
    number = 0;
    for (size_t head = 0; head < card->head_count; head++)
        for (size_t label = 0; label < card->heads[head].label_count; label++, number++)
            if (shared[number])
                names[number] =
                    arena_format(arena, "%s-%s", plain_name(arena, card->heads[head].name), names[number]);
    for (size_t i = 0; i < count; i++)
        while (is_taken(names, count, i))
            names[i] = arena_format(arena, "%s-%zu", names[i], i);
    return names;
}
