#include "engine/kernels/tuned.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/gpu/pipeline.h"
#include "engine/kernels/json_file.h"
#include "engine/kernels/set.h"

enum { KEY_BYTES = 320, SHAPES_MAX = 1024 };

static const char what[] = "the fastest tiles";

/* The file is an object: from keys to objects from rungs to {"networks": [name], "ms": {shape: {tile: ms}}}.
 */

/* All that makes what was measured worthless when it changes. */
static void write_key(const struct gpu_device_info *info, char key[KEY_BYTES])
{
    snprintf(key, KEY_BYTES, "%s, driver %08" PRIx32 ", shaders %016" PRIx64, info->name,
             info->driver_version, gpu_shaders_hash());
}

static void write_rung(enum rung rung, enum element weights, char name[32])
{
    snprintf(name, 32, "%s %s", rung_name(rung), weights == ELEMENT_F16 ? "f16" : "f32");
}

char *tuned_path(const char *cache_folder, const struct gpu_device_info *device)
{
    return cache_folder ? gpu_cache_file(cache_folder, "tiles", device->model) : NULL;
}

static const struct json *entry_in(const struct json *whole, const struct kernels *kernels)
{
    char key[KEY_BYTES], rung[32];
    write_key(gpu_device_info(kernels->device), key);
    write_rung(kernels->rung, kernels->weights, rung);
    return json_member(json_member(whole, key), rung);
}

static bool lists(const struct json *networks, const char *network)
{
    for (const struct json *one = json_first(networks); one; one = json_next(one))
        if (json_text(one) && !strcmp(json_text(one), network))
            return true;
    return false;
}

/* Which tile has the name; TILES_MAX: none. */
static uint32_t tile_named(const struct tiles *tiles, const char *name)
{
    for (uint32_t i = 0; i < tiles->count; i++)
        if (!strcmp(tiles->list[i].name, name))
            return i;
    return TILES_MAX;
}

/* Whether they differ in their batch at most. */
static bool akin(const struct tiled_shape *a, const struct tiled_shape *b)
{
    return a->kind == b->kind && a->n == b->n && a->k == b->k;
}

/* The place of a shape in the tuning, TUNING_SHAPES_MAX where it has nothing to do with it. */
static size_t place_of(struct tuning *tuning, const struct tiled_shape *shape)
{
    bool wanted = false;
    for (size_t i = 0; i < tuning->shape_count; i++) {
        if (tiled_equal(&tuning->shapes[i], shape))
            return i;
        wanted = wanted || akin(&tuning->shapes[i], shape);
    }
    if (!wanted || tuning->shape_count == TUNING_SHAPES_MAX)
        return TUNING_SHAPES_MAX;
    tuning_add(tuning, shape);
    return tuning->shape_count - 1;
}

static void read_shape(const struct kernels *kernels, const struct json *of, struct tuning *tuning)
{
    struct tiled_shape shape;
    if (!json_name(of) || !tiled_read(json_name(of), &shape))
        return;
    const size_t place = place_of(tuning, &shape);
    for (const struct json *one = json_first(of); one && place < TUNING_SHAPES_MAX; one = json_next(one)) {
        double ms = 0;
        const uint32_t tile =
            json_name(one) ? tile_named(kernels_tiles(kernels, shape.kind), json_name(one)) : TILES_MAX;
        if (tile < TILES_MAX && json_number(one, &ms) && ms > 0)
            tuning->ms[place][tile] = ms;
    }
}

bool tuned_read(const char *cache_folder, const struct kernels *kernels, const char *network,
                struct tuning *tuning)
{
    char *path = tuned_path(cache_folder, gpu_device_info(kernels->device));
    struct json *whole = json_file_read(path, what);
    const struct json *entry = entry_in(whole, kernels);
    const bool known = lists(json_member(entry, "networks"), network);
    for (const struct json *one = json_first(json_member(entry, "ms")); one; one = json_next(one))
        read_shape(kernels, one, tuning);
    json_destroy(&whole);
    free(path);
    return known;
}

/* The object of that name in another, made where there is none. */
static struct json *object_in(struct json *object, const char *name)
{
    struct json *inner = (struct json *)json_member(object, name);
    return json_is_object(inner) ? inner : json_set(object, name, json_object());
}

static void write_shape(const struct kernels *kernels, const struct tuning *tuning, size_t shape,
                        struct json *all)
{
    char name[TILED_NAME_BYTES];
    const struct tiles *tiles = kernels_tiles(kernels, tuning->shapes[shape].kind);
    struct json *of = NULL;
    tiled_name(&tuning->shapes[shape], name);
    for (uint32_t i = 0; i < tiles->count; i++) {
        if (!(tuning->ms[shape][i] > 0))
            continue;
        of = of ? of : object_in(all, name);
        json_set(of, tiles->list[i].name, json_number_value(tuning->ms[shape][i]));
    }
}

void tuned_write(const char *cache_folder, const struct kernels *kernels, const char *network,
                 const struct tuning *tuning)
{
    char key[KEY_BYTES], rung[32];
    char *path = tuned_path(cache_folder, gpu_device_info(kernels->device));
    if (!path)
        return;
    struct json *whole = json_file_read(path, what);
    write_key(gpu_device_info(kernels->device), key);
    write_rung(kernels->rung, kernels->weights, rung);
    for (const struct json *one = json_first(whole), *next; one;
         one = next) { /* another driver's or build's */
        next = json_next(one);
        if (json_name(one) && strcmp(json_name(one), key))
            json_remove(whole, json_name(one));
    }
    struct json *entry = object_in(object_in(whole, key), rung);
    if (json_length(json_member(entry, "ms")) > SHAPES_MAX ||
        json_length(json_member(entry, "networks")) >= TUNED_NETWORKS_MAX)
        entry = json_set(object_in(whole, key), rung, json_object());
    for (size_t i = 0; i < tuning->shape_count; i++)
        write_shape(kernels, tuning, i, object_in(entry, "ms"));
    if (!json_is_array(json_member(entry, "networks")))
        json_set(entry, "networks", json_array());
    if (!lists(json_member(entry, "networks"), network))
        json_append_text((struct json *)json_member(entry, "networks"), network);
    json_file_write(path, whole, what);
    json_destroy(&whole);
    free(path);
}

size_t tuned_count(const char *cache_folder, const struct gpu_device_info *device, enum rung rung)
{
    char key[KEY_BYTES], name[32];
    char *path = tuned_path(cache_folder, device);
    struct json *whole = json_file_read(path, what);
    size_t count = 0;
    write_key(device, key);
    for (int weights = ELEMENT_F32; weights <= ELEMENT_F16; weights++) {
        write_rung(rung, (enum element)weights, name);
        count += json_length(json_member(json_member(json_member(whole, key), name), "ms"));
    }
    json_destroy(&whole);
    free(path);
    return count;
}

bool tuned_remove(const char *cache_folder, const struct gpu_device_info *device)
{
    char *path = tuned_path(cache_folder, device);
    bool removed = !path || unlink(path) == 0 || errno == ENOENT;
    free(path);
    return removed;
}
