/* Files: read whole within a bound, mapped read-only, written atomically.
 *
 * Only regular files are read: a named pipe, a device or a folder in a file's place is refused at once, by
 * what it is, and never waited for. */
#ifndef CXRD_ENGINE_BASE_FILE_H
#define CXRD_ENGINE_BASE_FILE_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* Reads a regular file of at most `maximum` bytes. The caller frees (void *)out->data. Sentences name the
 * path: these are for the person who started the program, not for clients. Fails with NOT_FOUND, TOO_LARGE,
 * INVALID_FILE, which is also what a file ends in that is changed meanwhile. */
WARN_UNUSED enum status file_read(const char *path, size_t maximum, struct failure *failure,
                                  struct bytes *out);
/* The same of text that people write: without the byte order mark that some editors put before UTF-8. UTF-16
 * is refused by name. */
WARN_UNUSED enum status file_read_text(const char *path, size_t maximum, struct failure *failure,
                                       struct bytes *out);

/* A file mapped read-only, which stays open so that it can be asked whether it is still what was mapped.
 * Where it was cut short meanwhile it reads as zeros (cut.h). */
struct file_mapping {
    struct bytes content; /* an empty file's has size 0 */
    int descriptor;
    int64_t modified_ns;
};
/* The caller owns *out. Fails with NOT_FOUND, INVALID_FILE. */
WARN_UNUSED enum status file_map(const char *path, struct failure *failure, struct file_mapping *out);
void file_unmap(struct file_mapping *mapping);
/* INVALID_FILE when the file was written to since it was mapped; the sentence names no path. Thread-safe. */
WARN_UNUSED enum status file_unchanged(const struct file_mapping *mapping, struct failure *failure);
/* Says that a mapping is not needed for now: it stays readable, from the system's cache, but what was read of
 * it no longer counts as this program's memory. Thread-safe. */
void file_rest(const struct file_mapping *mapping);

/* Writes a temporary file beside `path`, syncs it and renames it over `path`: readers see the old or the new.
 */
WARN_UNUSED enum status file_write(const char *path, struct bytes content, struct failure *failure);

/* Makes what was renamed and made in a folder outlast a loss of power, before something else goes that it
 * replaces. A file system that cannot is taken as it is. */
void file_sync_folder(const char *folder);

/* As mkstemp and mkdtemp, which put letters for the six Xs at the end of `name`, but with the permissions
 * that a new file and a new folder have: asking for the umask would change it for the other threads. -1 and
 * false with errno. */
int file_make_temporary(char *name);
bool folder_make_temporary(char *name);

/* Where this program keeps what it can make again: $XDG_CACHE_HOME/cxrd, else $HOME/.cache/cxrd. NULL when
 * neither variable is set; the caller frees it. The folder may not be there yet. */
char *file_cache_folder(void);

/* "folder/name" in memory the caller frees. */
char *file_join(const char *folder, const char *name);

#endif
