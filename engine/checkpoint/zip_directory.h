/* The directory of a zip archive: where each entry lies in the file. Nothing here inflates or decrypts.
 *
 * PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 (local headers), 4.3.12 (central directory), 4.3.14 to 4.3.16
 * (its end, zip64 too) and 4.5.3 (sizes over 4 GiB).
 */
#ifndef CXRD_ENGINE_CHECKPOINT_ZIP_DIRECTORY_H
#define CXRD_ENGINE_CHECKPOINT_ZIP_DIRECTORY_H

#include "engine/base/memory.h"

enum { ZIP_ENTRIES_MAX = 200 * 1000 };

struct zip_record {
    struct bytes name; /* in the file */
    bool encrypted, compressed, verified;
    uint32_t checksum;
    struct bytes stored; /* the entry's bytes in the file, as they are stored */
    size_t size;         /* of the content */
};

struct zip_directory {
    struct zip_record *records; /* sorted by name */
    size_t count;
};

enum zip_result { ZIP_OK, ZIP_BROKEN, ZIP_TOO_MANY };

/* Reads it: every record's bytes lie in the file, together they are no more than it, and no two have one
 * name. The caller, who keeps `content`, frees out->records. */
enum zip_result zip_directory_read(struct bytes content, struct zip_directory *out);

/* The record of that name, or NULL. */
struct zip_record *zip_directory_find(const struct zip_directory *directory, struct bytes name);

#endif
