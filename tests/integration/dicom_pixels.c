/* Decodes image files as a request's are, in a decoder of the pool, for tests to look at the pixels:
 *
 *   dicom_pixels mimic|voi [FILE...]
 *
 * Without files their names are read, one a line, from standard input, each answered at once. Prints a line a
 * file: its status, width, height, warnings and sentence, with tabs between; and writes the red channel of
 * what it could decode to FILE.grey, byte by byte. */
#include "engine/base/file.h"
#include "engine/sandbox/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_grey(const char *path, const struct image *image)
{
    struct failure failure;
    size_t count = (size_t)image->width * image->height;
    uint8_t *grey = memory_allocate(count, 1);
    char *name = memory_allocate(strlen(path) + 6, 1);
    sprintf(name, "%s.grey", path);
    for (size_t i = 0; i < count; i++)
        grey[i] = image->pixels[3 * i];
    if (file_write(name, (struct bytes){grey, count}, &failure))
        puts(failure.sentence);
    free(name);
    free(grey);
}

static void look_at(struct image_pool *pool, const struct image_options *options, const char *path)
{
    struct failure failure = {0};
    struct bytes encoded;
    struct image_loan loan = {0};
    struct image_info info = {0};
    enum status status = file_read(path, IMAGE_FILE_BYTES_MAX, &failure, &encoded);
    if (!status) {
        status = image_pool_decode(pool, encoded, options, NULL, &failure, &loan, &info);
        if (!status)
            write_grey(path, &loan.image);
        image_loan_return(&loan);
        free((void *)encoded.data);
    }
    char *warnings = image_warnings_join(info.warnings);
    printf("%s\t%u\t%u\t%s\t%s\n", status_name(status), info.width, info.height, warnings, failure.sentence);
    free(warnings);
}

int main(int argc, char **argv)
{
    struct failure failure = {0};
    struct image_pool *pool = NULL;
    const struct image_pool_options decoding = {.children = 1};
    if (argc < 2 || image_pool_create(&decoding, &failure, &pool)) {
        fprintf(stderr, "usage: dicom_pixels mimic|voi [FILE...]  %s\n", failure.sentence);
        return 2;
    }
    const struct image_options options = {.dicom_profile = strcmp(argv[1], "voi") ? DICOM_PROFILE_MIMIC
                                                                                  : DICOM_PROFILE_VOI};
    for (int i = 2; i < argc; i++)
        look_at(pool, &options, argv[i]);
    char path[4096];
    while (argc == 2 && fgets(path, sizeof path, stdin)) {
        path[strcspn(path, "\n")] = '\0';
        look_at(pool, &options, path);
        fflush(stdout);
    }
    image_pool_destroy(&pool);
    return 0;
}
