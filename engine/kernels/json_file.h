/* Inside kernels/: the small JSON files that a cache folder keeps of devices. */
#ifndef CXRD_ENGINE_KERNELS_JSON_FILE_H
#define CXRD_ENGINE_KERNELS_JSON_FILE_H

#include "engine/base/json.h"

/* The object in a file, an empty one where there is no file, `path` is NULL or it holds no such thing, which
 * is said in the log: "The record of <what> is damaged ...". The caller destroys it. */
struct json *json_file_read(const char *path, const char *what);
/* Writes it whole or not at all; trouble is logged. With path NULL nothing is kept. */
void json_file_write(const char *path, const struct json *object, const char *what);

#endif
