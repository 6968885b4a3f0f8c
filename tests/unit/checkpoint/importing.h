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

/* A folder as it is published, in that, and what may be put into it: its weights, an adapter, the
 * configuration of each. */
extern char *published_folder, *weights, *adapter, *published_config, *adapter_config;

void make_folder(void);
void make_package(void);  /* the folder, and a package without heads as the output */
void remove_folder(void); /* nothing but those files may be in it */
void empty(const char *path);
/* The same with a published folder, which is to be imported without heads, at the size that it says. */
void make_published(void);
void remove_published(void);
void set_image_size(uint32_t side); /* of a square; 0: as the files say */
enum status import_now(void);

/* The import is refused with a sentence that ends so, and leaves no package. */
void expect(enum status status, const char *sentence);

#endif
