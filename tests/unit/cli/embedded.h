/* A run of cxrd embed without an engine, for the tests of its files, in a folder of its own under /tmp. */
#ifndef CXRD_TESTS_UNIT_CLI_EMBEDDED_H
#define CXRD_TESTS_UNIT_CLI_EMBEDDED_H

#include "cli/embed_output.h"

/* Five images, of which the third fails and the first has a warning; a width of 4, and 1 x 2 patches. */
enum { WIDTH = 4, PATCHES = 2, IMAGES = 5, FAILED = 2, ROWS = IMAGES - 1 };

extern struct model_card card;
extern struct failure failure; /* the last one */
extern struct input items[IMAGES];
extern const struct inputs inputs;

/* Around each test: the folder, which is the working one meanwhile. */
void embedded_begin(void);
void embedded_end(void);

struct embed_run run_of(const char *path, bool class_token, bool mean, bool patch);
/* Number i of an image's tokens of a kind. */
float value_of(size_t image, enum tokens kind, size_t i);

/* Puts another file in an image's place. */
void write_image(size_t image, const char *content);

/* Writes the images from the first that is not done to before `last`. */
enum status write_up_to(struct embed_output *output, size_t last);
/* Begins a run, or goes on with it, that ends before image `last`, or with all of them as a whole file. */
void run_up_to(const struct embed_run *run, bool resume, size_t last);

/* A run is refused with BAD_REQUEST and these words. */
void refused(const struct embed_run *run, const struct inputs *given, bool resume, const char *words);

/* A whole file; the caller frees the data. */
struct bytes read_file(const char *path);
void check_same(const char *path, struct bytes expected);
bool is_there(const char *path);

#endif
