/* A build step: writes a C source with the table of api/page/page.h.
 *
 *   page_embed OUTPUT.c FILE...
 */
#include "api/openapi/array.h"
#include "api/page/page.h"
#include "engine/base/file.h"
#include "engine/base/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20, TAG_DIGITS = 32 };

/* What a browser is told that a file is, by its ending. */
static const char *media_type(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".jpg", "image/jpeg"},
                 {".dcm", "application/dicom"}};
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof types / sizeof *types; i++)
        if (!strcmp(ending, types[i].ending))
            return types[i].type;
    return NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Writes the bytes of a file as an array, and its row into `table`. */
static bool write_file(FILE *out, FILE *table, const char *path, int number)
{
    struct failure failure = {0};
    struct bytes content = {0};
    const char *name = base_name(path), *type = media_type(name);
    if (!type || file_read(path, FILE_BYTES_MAX, &failure, &content)) {
        fprintf(stderr, "%s: %s\n", path, type ? failure.sentence : "its ending has no media type here.");
        return false;
    }
    char array[32], hash[SHA256_HEX_BYTES];
    snprintf(array, sizeof array, "file_%d", number);
    sha256_hex(content, hash);
    array_write(out, array, content);
    fprintf(table, "    {\"%s\", \"%s\", \"W/\\\"%.*s\\\"\", {%s, %zu}},\n", name, type, TAG_DIGITS, hash,
            array, content.size);
    free((void *)content.data);
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: page_embed OUTPUT.c FILE...\n");
        return 2;
    }
    char *rows = NULL;
    size_t size = 0;
    FILE *table = open_memstream(&rows, &size), *out = fopen(argv[1], "w");
    bool failed = !table || !out;
    if (out)
        fprintf(out, "#include \"api/page/page.h\"\n");
    for (int i = 2; i < argc && !failed; i++)
        failed = !write_file(out, table, argv[i], i - 2);
    failed = (table && fclose(table)) || failed;
    if (!failed)
        fprintf(out, "\nconst struct page_file page_files[] = {\n%s};\nconst size_t page_file_count = %d;\n",
                rows, argc - 2);
    free(rows);
    failed = (out && (ferror(out) | fclose(out))) || failed;
    if (failed)
        fprintf(stderr, "%s: cannot be written.\n", argv[1]);
    return failed;
}
