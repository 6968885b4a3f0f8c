/* Files: read whole within a bound, mapped read-only, written atomically.
 *
 * Only regular files are read: a named pipe, a device or a folder in a file's place is refused at once, by
 * what it is, and never waited for. */
#ifndef CXRD_ENGINE_BASE_FILE_H
#define CXRD_ENGINE_BASE_FILE_H

#include "engine/base/memory.h"
#include "engine/base/status.h"

/* When and how large a file was last written: one that was written to since has another. Its times are
 * nanoseconds since 1970; changed_ns is the system's own (st_ctim), which nobody sets back, and moves with a
 * file's permissions and the number of its names, too. */
struct file_stamp {
    size_t size_bytes;
    int64_t modified_ns, changed_ns;
    uint64_t names;
};
/* Of the file at a path. Fails with NOT_FOUND, INVALID_FILE. */
WARN_UNUSED enum status file_stamp_read(const char *path, struct failure *failure, struct file_stamp *out);

/* Reads a regular file of at most `maximum` bytes. The caller frees (void *)out->data. Sentences name the
 * path: these are for the person who started the program, not for clients. Fails with NOT_FOUND, TOO_LARGE,
 * INVALID_FILE, which is also what a file ends in that is changed meanwhile. */
WARN_UNUSED enum status file_read(const char *path, size_t maximum, struct failure *failure,
                                  struct bytes *out);
/* The same, and the stamp that it had. */
WARN_UNUSED enum status file_read_stamped(const char *path, size_t maximum, struct failure *failure,
                                          struct bytes *out, struct file_stamp *stamp);
/* The same of text that people write: without the byte order mark that some editors put before UTF-8. UTF-16
 * is refused by name. */
WARN_UNUSED enum status file_read_text(const char *path, size_t maximum, struct failure *failure,
                                       struct bytes *out);

/* A file mapped read-only, which stays open so that it can be asked whether it is still what was mapped.
 * Where it was cut short meanwhile it reads as zeros (cut.h). */
struct file_mapping {
    struct bytes content; /* an empty file's has size 0 */
    int descriptor;
    struct file_stamp stamp;
};
/* The caller owns *out. Fails with NOT_FOUND, INVALID_FILE. */
WARN_UNUSED enum status file_map(const char *path, struct failure *failure, struct file_mapping *out);
void file_unmap(struct file_mapping *mapping);
/* INVALID_FILE when the file was written to since it was mapped, whatever its time of writing was set to
 * afterwards, or got other permissions; the sentence names no path. Thread-safe. */
WARN_UNUSED enum status file_unchanged(const struct file_mapping *mapping, struct failure *failure);
/* The stamp that a mapped file has by now. Thread-safe. */
struct file_stamp file_stamp_now(const struct file_mapping *mapping);
/* Whether a file with these two was not written to in between. Where it lost a name, as one does that another
 * file is renamed over, or got one, size and time of writing tell. */
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);
/* Says that a mapping is not needed for now: it stays readable, from the system's cache, but what was read of
 * it no longer counts as this program's memory. Thread-safe. */
void file_rest(const struct file_mapping *mapping);

/* Writes a temporary file beside `path`, syncs it and renames it over `path`: readers see the old or the new.
 */
WARN_UNUSED enum status file_write(const char *path, struct bytes content, struct failure *failure);

/* Makes what was renamed and made in a folder outlast a loss of power, before something else goes that it
 * replaces. A file system that cannot is taken as it is. */
void file_sync_folder(const char *folder);

/* Makes a file or a folder "PATH.part.XXXXXX" with letters of chance for the Xs, for what becomes PATH when
 * it is whole, with the permissions that a new file and a new folder have: asking for the umask would change
 * it for the other threads. It stays locked (flock) as long as the descriptor is open, which is returned, or
 * -1 with errno. The caller frees *name. */
int file_make_temporary(const char *path, char **name);
int folder_make_temporary(const char *path, char **name);
/* The path of such a file or folder that a process which was killed has left: of `path`, or with
 * `anything` of anything in the folder `path`. One whose process is at work is none, as far as the file
 * system has locks. NULL where there is none; the caller frees it. */
char *file_left_behind(const char *path, bool anything);

/* Where this program keeps what it can make again: $XDG_CACHE_HOME/cxrd, else $HOME/.cache/cxrd. NULL when
 * neither variable is set; the caller frees it. The folder may not be there yet. */
char *file_cache_folder(void);

/* "folder/name" in memory the caller frees. */
char *file_join(const char *folder, const char *name);

#endif
