/* A copy of a golden package in a folder of its own, for tests to damage. */
#ifndef CXRD_TESTS_UNIT_PACKAGE_SAMPLE_H
#define CXRD_TESTS_UNIT_PACKAGE_SAMPLE_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* What is copied from; its heads are "findings" (GLoRI) and "nodule" (linear, one label). */
extern const char *sample_original;
extern char sample_folder[]; /* the copy */

void sample_copy(void);
void sample_remove(void);

/* A file of the copy: its path, which the caller frees; its bytes, likewise; and new ones for it. */
char *sample_path(const char *name);
struct bytes sample_read(const char *name);
void sample_write(const char *name, struct bytes content);

/* Replaces the first `from` of model.json by `to`. */
void sample_edit(const char *from, const char *to);
/* Changes one bit of the file's last byte. */
void sample_damage(const char *name);
/* Gives a weight file other tensors or metadata, and model.json its new hash. `change` is called with the
 * header's text, which it replaces; the tensors' bytes stay, and `more` zeros follow them. */
void sample_rewrite_header(const char *name, const char *from, const char *to, size_t more);
/* What sha256sum would write: SHA256SUMS made anew by hand, whatever the files say. */
void sample_sum(void);

/* Opens and verifies the copy. */
enum status sample_open(struct failure *failure);
/* The copy must not open, with a sentence that holds this. */
void sample_check_refused(enum status status, const char *sentence);

#endif
