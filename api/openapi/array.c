#include "api/openapi/array.h"

enum { BYTES_A_LINE = 24 };

void array_write(FILE *out, const char *name, struct bytes content)
{
    fprintf(out, "\nstatic const uint8_t %s[] =", name);
    for (size_t i = 0; i < content.size; i++)
        fprintf(out, "%s\\%03o", i % BYTES_A_LINE ? "" : i ? "\"\n    \"" : "\n    \"", content.data[i]);
    fprintf(out, "%s;\n", content.size ? "\"" : " \"\"");
}
