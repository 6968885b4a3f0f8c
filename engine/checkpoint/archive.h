/* The zip archive that torch.save writes, within bounds, read in place.
 *
 * Its entries are stored without compression, all below one folder that holds "data.pkl". Compressed or
 * encrypted entries are refused: torch does not read them either, and nothing here ever inflates.
 */
#ifndef CXRD_ENGINE_CHECKPOINT_ARCHIVE_H
#define CXRD_ENGINE_CHECKPOINT_ARCHIVE_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

struct archive; /* used by one thread at a time */

/* Reads the directory of the file `content`, which the caller keeps until after archive_close. Fails with
 * INVALID_FILE: truncated, too many entries, no data.pkl or several. The caller owns *out. */
WARN_UNUSED enum status archive_open(struct bytes content, struct failure *failure, struct archive **out);
void archive_close(struct archive **archive);

/* Whether the archive's folder holds an entry of that name ("data.pkl", "data/0"). */
bool archive_has(const struct archive *archive, const char *name);

/* The bytes of an entry of at most `maximum`, in the file; their checksum is verified the first time. Fails
 * with INVALID_FILE. */
WARN_UNUSED enum status archive_entry(struct archive *archive, const char *name, size_t maximum,
                                      struct failure *failure, struct bytes *out);

#endif
