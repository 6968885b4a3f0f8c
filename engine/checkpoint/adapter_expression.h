/* A regular expression over the names of modules, as PEFT gives one to Python's re.fullmatch.
 *
 * Which names match whole depends on nothing in which Python's expressions and POSIX's extended ones differ
 * in their search, so one is written as the other. What has no such form (what looks ahead or back, refers to
 * a group, counts repetitions, switches modes), or has groups
 * within groups over four deep, is not evaluated.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_ADAPTER_EXPRESSION_H
#define CXRD_ENGINE_CHECKPOINT_ADAPTER_EXPRESSION_H

#include <stdbool.h>

enum { ADAPTER_EXPRESSION_BYTES = 512 };

/* Writes Python's expression as POSIX's; false when it has no such form, or none that fits. */
bool adapter_expression_read(const char *python, char posix[ADAPTER_EXPRESSION_BYTES]);

/* Whether what adapter_expression_read wrote matches the whole name. */
bool adapter_expression_matches(const char *posix, const char *name);

#endif
