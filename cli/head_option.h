/* --head KEY=VALUE,...: as cxrd import and cxrd head add take it. */
#ifndef CXRD_CLI_HEAD_OPTION_H
#define CXRD_CLI_HEAD_OPTION_H

#include "engine/checkpoint/import.h"

/* The keys, for --help: lines that are indented by eight. */
extern const char head_option_help[];

/* Cuts `text` into the values that *out then points to. BAD_REQUEST when a key is unknown, stands twice or is
 * missing, or its value is none of those it has. */
WARN_UNUSED enum status head_option_parse(char *text, struct failure *failure, struct import_head *out);

/* "fp16" or "fp32"; else BAD_REQUEST. */
WARN_UNUSED enum status precision_option_parse(const char *text, struct failure *failure,
                                               enum import_precision *out);

#endif
