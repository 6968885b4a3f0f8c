#include "cli/record.h"

#include "engine/base/file.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TIME_BYTES = 48 };

void record_facts(struct arena *arena, const struct record_run *run, struct record_fact out[RECORD_FACTS])
{
    const struct shard *shard = run->shard && run->shard->count > 1 ? run->shard : NULL;
    const struct record_fact facts[RECORD_FACTS] = {
        {run->kind, run->chosen},
        {"dicom_profile", run->dicom_profile},
        {"package_sha256", run->card->package_sha256},
        {"cxrd", run->version},
        {"device", run->device},
        {"rung", run->rung},
        {"precision", run->precision},
        {"shard", shard ? arena_format(arena, "%u/%u", shard->number, shard->count) : NULL},
        {"inputs_sha256", shard ? shard->inputs_sha256 : NULL}};
    memcpy(out, facts, sizeof facts);
}

void record_add_run(struct json *object, const struct record_fact facts[RECORD_FACTS])
{
    for (size_t i = 0; i < RECORD_FACTS; i++)
        if (facts[i].text)
            json_add_text(object, facts[i].name, facts[i].text);
}

enum status record_check_run(const char *path, const struct json *object,
                             const struct record_fact facts[RECORD_FACTS], struct failure *failure)
{
    /* another package has other facts besides, and is what is to be said */
    for (size_t k = 0; k < 2 * RECORD_FACTS; k++) {
        const size_t i = k % RECORD_FACTS;
        if (k < RECORD_FACTS && strcmp(facts[i].name, "package_sha256"))
            continue;
        const char *was = json_text(json_member(object, facts[i].name)), *is = facts[i].text;
        if (was == is || (was && is && !strcmp(was, is)))
            continue;
        if (was && is && !strcmp(facts[i].name, "inputs_sha256"))
            return failure_set(
                failure, STATUS_BAD_REQUEST,
                "%.70s is a shard of another list of inputs: files were added or removed since, and with "
                "this one images would be in two shards or in none. Go on with the files it was begun "
                "with, or begin all shards anew.",
                path);
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "%.70s was begun with %s %.70s, and this run has %.70s; go on as it was begun, or give another "
            "--output.",
            path, facts[i].name, was ? was : "none", is ? is : "none");
    }
    return STATUS_OK;
}

/* RFC 3339, to the nanosecond. */
static void print_time(int64_t time_ns, char text[TIME_BYTES])
{
    const int64_t second_ns = 1000000000;
    int64_t rest = time_ns % second_ns < 0 ? time_ns % second_ns + second_ns : time_ns % second_ns;
    time_t seconds = (time_t)((time_ns - rest) / second_ns);
    struct tm utc;
    size_t used = strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &utc));
    snprintf(text + used, TIME_BYTES - used, ".%09dZ", (int)rest);
}

void record_add_file(struct json *object, const struct chunk_file *file)
{
    char modified[TIME_BYTES], changed[TIME_BYTES];
    if (!*file->sha256)
        return;
    print_time(file->stamp.modified_ns, modified);
    print_time(file->stamp.changed_ns, changed);
    json_add_number(object, "bytes", (double)file->stamp.size_bytes);
    json_add_text(object, "modified", modified);
    json_add_text(object, "sha256", file->sha256);
    json_add_text(object, "changed", changed);
}

enum status record_compare_file(const struct json *object, const char *path, struct failure *failure,
                                enum record_file *out)
{
    const char *sha256 = json_text(json_member(object, "sha256"));
    const char *modified = json_text(json_member(object, "modified"));
    const char *changed = json_text(json_member(object, "changed"));
    char times[2][TIME_BYTES], found[SHA256_HEX_BYTES] = "";
    struct file_stamp now;
    int64_t bytes;
    *out = RECORD_FILE_UNSAID;
    if (!sha256)
        return STATUS_OK;
    *out = RECORD_FILE_DAMAGED;
    if (strlen(sha256) != SHA256_HEX_BYTES - 1 || !modified || !changed ||
        !json_integer(json_member(object, "bytes"), 0, INT64_C(1) << 53, &bytes))
        return STATUS_OK;
    enum status status = file_stamp_read(path, failure, &now);
    if (status)
        return status;
    print_time(now.modified_ns, times[0]);
    print_time(now.changed_ns, times[1]);
    *out = RECORD_FILE_SAME;
    if (now.size_bytes == (size_t)bytes && !strcmp(times[0], modified) && !strcmp(times[1], changed))
        return STATUS_OK;
    if (now.size_bytes == (size_t)bytes)
        status = sha256_file(path, failure, found);
    if (!status && strcmp(found, sha256))
        *out = RECORD_FILE_CHANGED;
    return status;
}
