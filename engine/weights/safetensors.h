/* The safetensors file format: eight bytes of header length, a JSON header, the tensors' bytes.
 *
 * Everything read from a file is checked before it is used, so that a damaged or hostile file ends in a
 * sentence and never in a wild read: https://github.com/huggingface/safetensors#format
 */
#ifndef CXRD_ENGINE_WEIGHTS_SAFETENSORS_H
#define CXRD_ENGINE_WEIGHTS_SAFETENSORS_H

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/weights/tensor.h"

/* What names of such files end in. */
#define SAFETENSORS_ENDING ".safetensors"

struct safetensors; /* an open file; immutable, so any number of threads may read it */

/* Maps the file and checks every field of its header: the header lies in the file and is at most 100 MB; each
 * tensor has a known type, a shape of rank <= TENSOR_RANK_MAX whose size is that of its byte range; the
 * ranges lie in the file, follow one another without overlap or hole and end where it ends; no name stands
 * twice. Fails with NOT_FOUND or INVALID_FILE; sentences name the path. The caller owns *out. */
WARN_UNUSED enum status safetensors_open(const char *path, struct failure *failure, struct safetensors **out);

/* The same of bytes in memory, which the caller keeps until after safetensors_close. Fails with INVALID_FILE.
 */
WARN_UNUSED enum status safetensors_parse(struct bytes content, struct failure *failure,
                                          struct safetensors **out);
void safetensors_close(struct safetensors **file);

/* The whole file's bytes, for its hash. */
struct bytes safetensors_content(const struct safetensors *file);

/* Says that the bytes of an opened file are not needed for now (file_rest). */
void safetensors_rest(const struct safetensors *file);
/* INVALID_FILE when an opened file was written to since (file_unchanged). */
WARN_UNUSED enum status safetensors_unchanged(const struct safetensors *file, struct failure *failure);
/* The stamp that it had when it was opened, or has by now. */
struct file_stamp safetensors_stamp(const struct safetensors *file, bool now);

size_t safetensors_count(const struct safetensors *file);
const struct tensor *safetensors_at(const struct safetensors *file, size_t index); /* sorted by name */
/* The tensor of that name, which lives as long as the file is open, or NULL. */
const struct tensor *safetensors_find(const struct safetensors *file, const char *name);
/* The "__metadata__" object, whose members are all texts, or NULL. */
const struct json *safetensors_metadata(const struct safetensors *file);

/* Fetches the tensor whose name is the formatted text, of a float type and of exactly this shape; a 0 in
 * `shape` accepts any size but 0 there. Fails with INVALID_FILE and a sentence that names the tensor, what
 * was wanted and what was found. */
WARN_UNUSED enum status tensor_require(const struct safetensors *file, size_t rank, const size_t *shape,
                                       struct failure *failure, const struct tensor **out, const char *format,
                                       ...) PRINTF_LIKE(6, 7);

/* What such a file begins with, for who writes the tensors' bytes behind it himself: the header with its
 * length before it, padded with blanks so that the bytes begin at a multiple of eight and no sooner than at
 * `least`. The caller frees it. */
uint8_t *safetensors_header(const struct tensor *tensors, size_t count, const struct json *metadata,
                            size_t least, size_t *size);

/* Gives a tensor's bytes, tensor->size_bytes of them, which stay valid until the next call. */
typedef enum status safetensors_fetch(void *context, const struct tensor *tensor, struct failure *failure,
                                      const void **out);

/* Writes a file atomically, the tensors in the order given; their size_bytes must be that of type and shape.
 * Their bytes come from `fetch`, one tensor at a time, or from tensor->data when fetch is NULL. `metadata` is
 * an object of texts or NULL. Fails with INVALID_FILE (the file cannot be written) or as fetch does; then
 * nothing is left behind. */
WARN_UNUSED enum status safetensors_write(const char *path, const struct tensor *tensors, size_t count,
                                          const struct json *metadata, safetensors_fetch *fetch,
                                          void *context, struct failure *failure);

#endif
