/* The zip archive of a .pth file, within bounds: the only includer of libzip.
 *
 * torch.save stores its entries without compression, all below one folder that holds "data.pkl". Entries over
 * 4 GiB (zip64) are read like others. Compressed or encrypted entries are refused: torch does not read them
 * either, and nothing here ever inflates.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_ARCHIVE_H
#define CXRD_ENGINE_CHECKPOINT_ARCHIVE_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

enum { ARCHIVE_ENTRIES_MAX = 200 * 1000 };

struct archive; /* used by one thread at a time */

/* Fails with NOT_FOUND or INVALID_FILE: not a zip (the format of torch before 1.6 is named), truncated, too
 * many entries, or no data.pkl. The caller owns *out. */
WARN_UNUSED enum status archive_open(const char *path, struct failure *failure, struct archive **out);
void archive_close(struct archive **archive);

/* The whole file's bytes, for its hash. */
struct bytes archive_content(const struct archive *archive);
/* INVALID_FILE when the file was written to since it was opened. */
WARN_UNUSED enum status archive_unchanged(const struct archive *archive, struct failure *failure);

/* Whether the archive's folder holds an entry of that name ("data.pkl", "data/0"). */
bool archive_has(const struct archive *archive, const char *name);

/* Reads an entry of at most `maximum` bytes whole and verifies its checksum. The caller frees
 * (void *)out->data. Fails with INVALID_FILE. */
WARN_UNUSED enum status archive_read(struct archive *archive, const char *name, size_t maximum,
                                     struct failure *failure, struct bytes *out);

#endif
