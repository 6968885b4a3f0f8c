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
#include "engine/base/file.h"
#include "engine/base/log.h"
#include "engine/gpu/pipeline.h"

enum { KEY_BYTES = 160, NETWORKS_MAX = 64, BYTES_MAX = 1 << 16, TURN_MS = 60000, LOOK_NS = 20000000 };

static const char unfinished[] = "A start did not survive trying them.";

/* The file is an object: from keys to {"rung": the one taken, "trying": a rung, "failed": {rung: why}}. */
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

static struct json *read_whole(const char *path)
{
    struct json *whole = NULL;
    struct bytes content = {0};
    if (path && !file_read(path, BYTES_MAX, NULL, &content) &&
        (json_parse(content, (struct json_limits){.depth = 4, .values = BYTES_MAX}, NULL, &whole) ||
         !json_is_object(whole)))
        json_destroy(&whole);
    free((void *)content.data);
    return whole ? whole : json_object();
}

static void write_whole(const struct rung_record *record)
{
    struct failure failure = {0};
    if (!record->path)
        return;
    char *text = json_print(record->whole, true);
    if (file_write(record->path, (struct bytes){(const uint8_t *)text, strlen(text)}, &failure))
        log_message(LOG_WARNING, "What was found out about the kernels was not kept: %s", failure.sentence);
    free(text);
}

static const struct json *entry_of(const struct rung_record *record)
{
    return json_member(record->whole, record->key);
}

/* The entry as the program writes it, whatever the file held, with the failures it held. */
static struct json *entry_anew(struct rung_record *record)
{
    struct json *entry = json_object();
    const struct json *failed = json_member(entry_of(record), "failed");
    struct json *kept = json_add(entry, "failed", json_object());
    for (const struct json *one = json_first(failed); one; one = json_next(one))
        if (json_name(one) && json_text(one))
            json_add_text(kept, json_name(one), json_text(one));
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
    struct json *entry = entry_anew(record);
    json_set((struct json *)json_member(entry, "failed"), name, json_text_value(unfinished));
    write_whole(record);
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
    record->whole = read_whole(record->path);
    note_death(record);
    if (rung_record_choice(record)) /* nothing is tried: others may start meanwhile */
        turn_end(record);
    return record;
}

void rung_record_close(struct rung_record **handle)
{
    struct rung_record *record = *handle;
    *handle = NULL;
    if (!record)
        return;
    if (record->lock >= 0 && json_member(entry_of(record), "trying")) {
        entry_anew(record);
        write_whole(record);
    }
    turn_end(record);
    json_destroy(&record->whole);
    free(record->path);
    free(record);
}

const char *rung_record_choice(const struct rung_record *record)
{
    return json_text(json_member(entry_of(record), "rung"));
}

const char *rung_record_failure(const struct rung_record *record, enum rung rung)
{
    return json_text(json_member(json_member(entry_of(record), "failed"), rung_name(rung)));
}

void rung_record_try(struct rung_record *record, enum rung rung)
{
    struct json *entry = entry_anew(record);
    if (record->lock < 0)
        return;
    json_add_text(entry, "trying", rung_name(rung));
    write_whole(record);
}

void rung_record_fail(struct rung_record *record, enum rung rung, const char *sentence)
{
    struct json *entry = entry_anew(record);
    json_set((struct json *)json_member(entry, "failed"), rung_name(rung), json_text_value(sentence));
    record->failing = true;
    write_whole(record);
}

void rung_record_choose(struct rung_record *record, enum rung rung)
{
    const char *before = rung_record_choice(record);
    if (before && !strcmp(before, rung_name(rung)))
        return;
    json_add_text(entry_anew(record), "rung", rung_name(rung));
    write_whole(record);
}

void rung_record_clear(struct rung_record *record)
{
    json_set(record->whole, record->key, json_object());
    write_whole(record);
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
    struct json *whole = read_whole(path), *list = json_array();
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
