/* What the results of a long run say of how they were made and of which files, so that the same command can
 * go on where it was cut off, and another one does not mix its results with them. */
#ifndef CXRD_CLI_RECORD_H
#define CXRD_CLI_RECORD_H

#include "cli/chunk.h"
#include "cli/shard.h"
#include "engine/base/json.h"

/* All that decides the numbers of a run and which inputs it has. */
struct record_run {
    const char *kind, *chosen; /* the command's own choices: "tokens", "class,mean" */
    const char *dicom_profile; /* NULL: each result says it */
    const struct model_card *card;
    const char *version;                   /* of this program */
    const char *device, *rung, *precision; /* numbers of other ones differ within rounding */
    const struct shard *shard;             /* NULL: each result says by itself what it is of */
};

enum { RECORD_FACTS = 9 };
struct record_fact {
    const char *name, *text; /* NULL: nothing is said */
};
/* Texts are the run's or the arena's. */
void record_facts(struct arena *arena, const struct record_run *run, struct record_fact out[RECORD_FACTS]);

void record_add_run(struct json *object, const struct record_fact facts[RECORD_FACTS]);
/* BAD_REQUEST, naming `path` and what differs, where the object says something else. */
WARN_UNUSED enum status record_check_run(const char *path, const struct json *object,
                                         const struct record_fact facts[RECORD_FACTS],
                                         struct failure *failure);

/* Nothing of a file that could not be read. */
void record_add_file(struct json *object, const struct chunk_file *file);

enum record_file {
    RECORD_FILE_SAME,
    RECORD_FILE_CHANGED,
    RECORD_FILE_UNSAID, /* the object says nothing of it */
    RECORD_FILE_DAMAGED /* what it says is not what record_add_file does */
};
/* Whether the file at `path` is still the one that the object is of: when its size, its time of writing and
 * the system's own time of its last change (struct file_stamp) are the same, else when it has the same
 * SHA-256: the time of writing alone does not tell, as anyone sets it. Fails as file_stamp_read and
 * sha256_file. */
WARN_UNUSED enum status record_compare_file(const struct json *object, const char *path,
                                            struct failure *failure, enum record_file *out);

#endif
