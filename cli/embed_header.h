/* What a file of embeddings begins with: NumPy's .npy or safetensors, of a size that does not depend on how
 * many rows there are, so that it is written last, before rows that lie where they belong already.
 */
#ifndef CXRD_CLI_EMBED_HEADER_H
#define CXRD_CLI_EMBED_HEADER_H

#include "cli/embed_run.h"

enum embed_form { EMBED_NPY, EMBED_SAFETENSORS, EMBED_FORMS };
/* By the ending of a path; false when it is none. */
bool embed_form_read(const char *path, enum embed_form *out);
/* ".npy" */
const char *embed_form_ending(enum embed_form form);
/* ".npy or .safetensors": of all forms, or of those alone that have a place for several kinds of tokens. */
enum { EMBED_ENDINGS_BYTES = 64 };
const char *embed_form_endings(bool several, char text[EMBED_ENDINGS_BYTES]);

/* The order in which a file has its tensors: the largest first, since the others are moved behind it. */
extern const enum tokens embed_order[TOKENS_KINDS];

/* Whether a file has a place for several kinds of tokens. */
bool embed_form_holds_several(enum embed_form form);
size_t embed_header_bytes(enum embed_form form);
/* That many bytes for so many rows; the caller frees them. .npy has one kind of tokens, float32 [rows][width]
 * or [rows][patches][width] (version 1.0 of NumPy's NEP 1); .safetensors a tensor for each kind, under its
 * name. */
uint8_t *embed_header(const struct embed_run *run, enum embed_form form, size_t rows);

#endif
