#include "server/control_group.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096 };

/* The number in a file; SIZE_MAX where there is none, or "max". */
static size_t read_number(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long long number = SIZE_MAX;
    if (file && fscanf(file, "%llu", &number) != 1)
        number = SIZE_MAX;
    if (file)
        fclose(file);
    return number < SIZE_MAX ? (size_t)number : SIZE_MAX;
}

/* The least number in the files called `name` in MOUNT/GROUP and in each folder above it, down to MOUNT. */
static size_t least_upwards(const char *mount, const char *group, const char *name)
{
    char path[PATH_BYTES_MAX];
    size_t least = SIZE_MAX, length = strlen(group);
    for (;;) {
        while (length && group[length - 1] == '/')
            length--;
        if (snprintf(path, sizeof path, "%s%.*s/%s", mount, (int)length, group, name) < (int)sizeof path) {
            const size_t number = read_number(path);
            least = number < least ? number : least;
        }
        if (!length)
            return least;
        while (length && group[length - 1] != '/')
            length--;
    }
}

/* Whether a comma-separated list of controllers has `name`. */
static bool lists(const char *controllers, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = controllers; (at = strstr(at, name)); at += length)
        if ((at == controllers || at[-1] == ',') && (!at[length] || at[length] == ','))
            return true;
    return false;
}

size_t control_group_memory_bytes(const char *membership, const char *mount)
{
    char line[PATH_BYTES_MAX], root[PATH_BYTES_MAX];
    size_t least = SIZE_MAX, number = SIZE_MAX;
    FILE *file = fopen(membership, "re");
    /* "0::GROUP" of version 2, "N:CONTROLLERS:GROUP" of version 1. */
    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        controllers++;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        if (strstr(group, "/..")) /* it is outside of what can be seen from here */
            group = "";
        if (!*controllers) {
            number = least_upwards(mount, group, "memory.max");
        } else if (lists(controllers, "memory")) {
            snprintf(root, sizeof root, "%s/memory", mount);
            number = least_upwards(root, group, "memory.limit_in_bytes");
        }
        least = number < least ? number : least;
    }
    if (file)
        fclose(file);
    return least;
}
