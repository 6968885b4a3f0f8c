/* A build step: writes a C source with the two functions of api/openapi/openapi.h.
 *
 *   openapi_embed openapi.yaml OUTPUT.c
 */
#include "api/openapi/array.h"
#include "engine/base/file.h"
#include "engine/base/yaml_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENT_BYTES_MAX = 1 << 20 };

static void write_document(FILE *out, const char *name, struct bytes document)
{
    char array[32];
    snprintf(array, sizeof array, "%s_data", name);
    array_write(out, array, document);
    fprintf(out, "\nstruct bytes %s(void)\n{\n    return (struct bytes){%s, %zu};\n}\n", name, array,
            document.size);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: openapi_embed openapi.yaml OUTPUT.c\n");
        return 2;
    }
    struct failure failure = {0};
    struct bytes yaml = {0};
    struct json *root = NULL;
    if (file_read(argv[1], DOCUMENT_BYTES_MAX, &failure, &yaml) || yaml_parse(yaml, &failure, &root)) {
        fprintf(stderr, "%s: %s\n", argv[1], failure.sentence);
        free((void *)yaml.data);
        return 1;
    }
    char *json = json_print(root, true);
    FILE *out = fopen(argv[2], "w");
    if (out) {
        fprintf(out, "#include \"api/openapi/openapi.h\"\n");
        write_document(out, "openapi_yaml", yaml);
        write_document(out, "openapi_json", (struct bytes){(const uint8_t *)json, strlen(json)});
    }
    bool failed = !out || ferror(out);
    failed = (out && fclose(out)) || failed;
    if (failed)
        fprintf(stderr, "%s: cannot be written.\n", argv[2]);
    free(json);
    json_destroy(&root);
    free((void *)yaml.data);
    return failed;
}
