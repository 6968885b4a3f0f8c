/* Files: read whole within a bound, mapped read-only, written atomically. */
#ifndef CXRD_ENGINE_BASE_FILE_H
#define CXRD_ENGINE_BASE_FILE_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* Reads a regular file of at most `maximum` bytes. The caller frees (void *)out->data. Sentences name the
 * path: these are for the person who started the program, not for clients. Fails with NOT_FOUND, TOO_LARGE,
 * INVALID_FILE. */
WARN_UNUSED enum status file_read(const char *path, size_t maximum, struct failure *failure,
                                  struct bytes *out);

/* Maps a regular file read-only. Unmap with file_unmap. An empty file maps as size 0. */
WARN_UNUSED enum status file_map(const char *path, struct failure *failure, struct bytes *out);
void file_unmap(struct bytes *mapping);
/* Says that a mapping is not needed for now: it stays readable, from the system's cache, but what was read of
 * it no longer counts as this program's memory. Thread-safe. */
void file_rest(struct bytes mapping);

/* Writes a temporary file beside `path`, syncs it and renames it over `path`: readers see the old or the new.
 */
WARN_UNUSED enum status file_write(const char *path, struct bytes content, struct failure *failure);

/* Where this program keeps what it can make again: $XDG_CACHE_HOME/cxrd, else $HOME/.cache/cxrd. NULL when
 * neither variable is set; the caller frees it. The folder may not be there yet. */
char *file_cache_folder(void);

/* "folder/name" in memory the caller frees. */
char *file_join(const char *folder, const char *name);

#endif
