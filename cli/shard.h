/* A share of a command's inputs, so that several machines do one folder between them. */
#ifndef CXRD_CLI_SHARD_H
#define CXRD_CLI_SHARD_H

#include "cli/inputs.h"
#include "engine/base/sha256.h"

enum { SHARD_COUNT_MAX = 100000 };
#define SHARD_FORM "--shard is I/N, two whole numbers: I from 1 to N, N at most 100000"

struct shard {
    uint32_t number, count;               /* 1..count */
    char inputs_sha256[SHA256_HEX_BYTES]; /* of the list that is shared, from shard_keep */
};

/* Reads "I/N"; false when it is not that. */
bool shard_read(const char *text, struct shard *out);
/* Keeps every count-th study of so many inputs, from that of the shard's number on. Notes which list it was
 * of, its paths in their order: shards of different lists overlap or leave images out. */
void shard_keep(struct shard *shard, struct inputs *inputs, size_t views);

#endif
