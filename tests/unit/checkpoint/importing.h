/* What the tests of import share: a folder of their own, what is asked for, and what must be refused. */
#ifndef CXRD_TESTS_UNIT_CHECKPOINT_IMPORTING_H
#define CXRD_TESTS_UNIT_CHECKPOINT_IMPORTING_H

#include "engine/checkpoint/import.h"

extern char folder[]; /* holds everything below */
extern char *backbone, *head, *labels, *output;
extern struct failure failure;
extern char note[];
extern struct import_head asked;
extern struct import_options options; /* backbone and the head `asked` into output, at 16 pixels */

void make_folder(void);
void remove_folder(void); /* nothing but those files may be in it */
void empty(const char *path);
void set_image_size(uint32_t side); /* of a square; 0: as the files say */
enum status import_now(void);

/* The import is refused with a sentence that ends so, and leaves no package. */
void expect(enum status status, const char *sentence);

#endif
