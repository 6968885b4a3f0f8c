#include "engine/kernels/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/gpu/pipeline.h"
#include "engine/kernels/json_file.h"

enum { KEY_BYTES = 160, NETWORKS_MAX = 64, TURN_MS = 60000, LOOK_NS = 20000000 };

static const char what[] = "which kernels were chosen";
static const char unfinished[] = "A start did not survive trying them.";

/* The file is an object: from keys to {"rung": the one taken, "trying": a rung, "failed": {rung: why},
 * "proved": [tile]}; what is tried and fails may also be a tile. */
struct rung_record {
    char *path; /* NULL: nothing is kept on disk */
    int lock;   /* a descriptor while it is this process's turn to try; else -1, and nothing is noted as tried
                 */
    char key[KEY_BYTES];
    struct json *whole;
    bool failing; /* something failed since it was opened */
};

/* All that makes what was learned worthless when it changes. */
static int write_key(const struct gpu_device_info *info, char key[KEY_BYTES])
{
    return snprintf(key, KEY_BYTES, "driver %08" PRIx32 ", shaders %016" PRIx64 ", ", info->driver_version,
                    gpu_shaders_hash());
}

static const struct json *entry_of(const struct rung_record *record)
{
    return json_member(record->whole, record->key);
}

/* The entry as the program writes it, whatever the file held, with the failures and the proved tiles it held
 * and, where it stays, the choice. */
static struct json *entry_anew(struct rung_record *record, bool choice_stays)
{
    struct json *entry = json_object();
    const char *choice = rung_record_choice(record);
    if (choice && choice_stays)
        json_add_text(entry, "rung", choice);
    const struct json *failed = json_member(entry_of(record), "failed");
    struct json *kept = json_add(entry, "failed", json_object());
    for (const struct json *one = json_first(failed); one; one = json_next(one))
        if (json_name(one) && json_text(one))
            json_add_text(kept, json_name(one), json_text(one));
    const struct json *proved = json_member(entry_of(record), "proved");
    for (const struct json *one = json_first(proved); one; one = json_next(one))
        if (json_text(one)) {
            if (!json_member(entry, "proved"))
                json_add(entry, "proved", json_array());
            json_append_text((struct json *)json_member(entry, "proved"), json_text(one));
        }
    if (!entry_of(record) && json_length(record->whole) >= NETWORKS_MAX) {
        json_destroy(&record->whole);
        record->whole = json_object();
    }
    return json_set(record->whole, record->key, entry);
}

/* Waits for its turn; -1 where that did not come. */
static int lock_take(const char *path)
{
    char *name = memory_allocate(strlen(path) + sizeof ".lock", 1);
    sprintf(name, "%s.lock", path);
    int lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uint64_t start_ns = clock_now_ns();
    bool taken = false;
    while (lock >= 0 && !(taken = !flock(lock, LOCK_EX | LOCK_NB)) &&
           (errno == EWOULDBLOCK || errno == EINTR) && clock_elapsed_ms(start_ns) < TURN_MS)
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    if (lock >= 0 && !taken) {
        close(lock);
        lock = -1;
    }
    free(name);
    return lock;
}

static void turn_end(struct rung_record *record)
{
    if (record->lock >= 0)
        close(record->lock);
    record->lock = -1;
}

/* With the turn taken nobody else is trying: who was is dead. */
static void note_death(struct rung_record *record)
{
    const char *tried = json_text(json_member(entry_of(record), "trying"));
    if (!tried || record->lock < 0)
        return;
    char *name = memory_copy_text(tried);
    struct json *entry = entry_anew(record, true);
    json_set((struct json *)json_member(entry, "failed"), name, json_text_value(unfinished));
    json_file_write(record->path, record->whole, what);
    free(name);
}

struct rung_record *rung_record_open(const struct gpu_device *device, enum precision precision,
                                     const struct trial_shape *shape)
{
    struct rung_record *record = memory_allocate(1, sizeof *record);
    int length = write_key(gpu_device_info(device), record->key);
    snprintf(record->key + length, sizeof record->key - (size_t)length,
             "D %u, FFN %u%s, T %u, B %u, precision %d", shape->width, shape->ffn_columns,
             shape->gated ? " gated" : "", shape->tokens, shape->batch, (int)precision);
    record->path = gpu_device_cache_file(device, "rungs");
    record->lock = record->path ? lock_take(record->path) : -1;
    record->whole = json_file_read(record->path, what);
    note_death(record);
    return record;
}

/* Nothing is being tried any more. */
static void settle(struct rung_record *record)
{
    if (record->lock >= 0 && json_member(entry_of(record), "trying")) {
        entry_anew(record, true);
        json_file_write(record->path, record->whole, what);
    }
}

void rung_record_rest(struct rung_record *record)
{
    settle(record);
    turn_end(record);
}

void rung_record_close(struct rung_record **handle)
{
    struct rung_record *record = *handle;
    *handle = NULL;
    if (!record)
        return;
    rung_record_rest(record);
    json_destroy(&record->whole);
    free(record->path);
    free(record);
}

const char *rung_record_choice(const struct rung_record *record)
{
    return json_text(json_member(entry_of(record), "rung"));
}

static const char *failure_of(const struct rung_record *record, const char *name)
{
    return json_text(json_member(json_member(entry_of(record), "failed"), name));
}

static void note_try(struct rung_record *record, const char *name, bool choice_stays)
{
    struct json *entry = entry_anew(record, choice_stays);
    if (record->lock < 0)
        return;
    json_add_text(entry, "trying", name);
    json_file_write(record->path, record->whole, what);
}

static void note_failure(struct rung_record *record, const char *name, const char *sentence,
                         bool choice_stays)
{
    struct json *entry = entry_anew(record, choice_stays);
    json_set((struct json *)json_member(entry, "failed"), name, json_text_value(sentence));
    json_file_write(record->path, record->whole, what);
}

const char *rung_record_failure(const struct rung_record *record, enum rung rung)
{
    return failure_of(record, rung_name(rung));
}

void rung_record_try(struct rung_record *record, enum rung rung)
{
    note_try(record, rung_name(rung), false);
}

void rung_record_fail(struct rung_record *record, enum rung rung, const char *sentence)
{
    record->failing = true;
    note_failure(record, rung_name(rung), sentence, false);
}

const char *rung_record_tile_failure(const struct rung_record *record, const char *tile)
{
    return record ? failure_of(record, tile) : NULL;
}

void rung_record_try_tile(struct rung_record *record, const char *tile)
{
    if (record)
        note_try(record, tile, true);
}

void rung_record_fail_tile(struct rung_record *record, const char *tile, const char *sentence)
{
    if (record)
        note_failure(record, tile, sentence, true);
}

bool rung_record_tile_proved(const struct rung_record *record, const char *tile)
{
    const struct json *one = record ? json_first(json_member(entry_of(record), "proved")) : NULL;
    while (one && (!json_text(one) || strcmp(json_text(one), tile)))
        one = json_next(one);
    return one != NULL;
}

void rung_record_prove_tile(struct rung_record *record, const char *tile)
{
    if (!record || rung_record_tile_proved(record, tile))
        return;
    struct json *entry = entry_anew(record, true), *proved = (struct json *)json_member(entry, "proved");
    json_append_text(proved ? proved : json_add(entry, "proved", json_array()), tile);
    json_file_write(record->path, record->whole, what);
}

void rung_record_choose(struct rung_record *record, enum rung rung)
{
    const char *before = rung_record_choice(record);
    if (before && !strcmp(before, rung_name(rung)))
        return;
    json_set(entry_anew(record, false), "rung", json_text_value(rung_name(rung)));
    json_file_write(record->path, record->whole, what);
}

void rung_record_clear(struct rung_record *record)
{
    json_set(record->whole, record->key, json_object());
    json_file_write(record->path, record->whole, what);
}

bool rung_record_forgive(struct rung_record *record)
{
    if (record->failing || !json_length(json_member(entry_of(record), "failed")))
        return false;
    rung_record_clear(record);
    return true;
}

static char *path_of(const char *cache_folder, const struct gpu_device_info *device)
{
    return gpu_cache_file(cache_folder, "rungs", device->uuid);
}

static void list_failure(struct json *list, const char *rung, const char *reason, const char *network)
{
    struct json *failure = json_append(list, json_object());
    json_add_text(failure, "rung", rung);
    json_add_text(failure, "reason", reason);
    json_add_text(failure, "network", network);
}

struct json *rung_record_failures(const char *cache_folder, const struct gpu_device_info *device)
{
    char key[KEY_BYTES], *path = path_of(cache_folder, device);
    struct json *whole = json_file_read(path, what), *list = json_array();
    size_t length = (size_t)write_key(device, key);
    for (const struct json *entry = json_first(whole); entry; entry = json_next(entry)) {
        if (!json_name(entry) || strncmp(json_name(entry), key, length))
            continue;
        const char *network = json_name(entry) + length, *tried = json_text(json_member(entry, "trying"));
        for (const struct json *one = json_first(json_member(entry, "failed")); one; one = json_next(one))
            if (json_text(one))
                list_failure(list, json_name(one), json_text(one), network);
        if (tried)
            list_failure(list, tried, "A start is trying them now, or did not survive it.", network);
    }
    json_destroy(&whole);
    free(path);
    return list;
}

bool rung_record_remove(const char *cache_folder, const struct gpu_device_info *device)
{
    char *path = path_of(cache_folder, device);
    bool removed = unlink(path) == 0 || errno == ENOENT;
    free(path);
    return removed;
}
