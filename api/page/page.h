/* The viewer's files, built into the program: those of web/ and the drawings that its page offers to try. */
#ifndef CXRD_API_PAGE_PAGE_H
#define CXRD_API_PAGE_PAGE_H

#include "engine/base/memory.h"

struct page_file {
    const char *name; /* without folders */
    const char *media_type;
    const char *etag; /* weak, since answers are compressed on the way: W/"..." of the content's hash */
    struct bytes content;
};

/* The file of that name; NULL where there is none. */
const struct page_file *page_file(const char *name);

/* All of them. Written by api/page/embed.c. */
extern const struct page_file page_files[];
extern const size_t page_file_count;

#endif
