#include "engine/kernels/json_file.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/log.h"

enum { BYTES_MAX = 1 << 20, VALUES_MAX = 1 << 16, DEPTH_MAX = 6 };

struct json *json_file_read(const char *path, const char *what)
{
    struct json *object = NULL;
    struct bytes content = {0};
    if (!path)
        return json_object();
    enum status status = file_read(path, BYTES_MAX, NULL, &content);
    if (!status &&
        (json_parse(content, (struct json_limits){.depth = DEPTH_MAX, .values = VALUES_MAX}, NULL, &object) ||
         !json_is_object(object)))
        json_destroy(&object);
    if (status != STATUS_NOT_FOUND && !object)
        log_message(LOG_WARNING, "The record of %s is damaged: it is made anew.", what);
    free((void *)content.data);
    return object ? object : json_object();
}

void json_file_write(const char *path, const struct json *object, const char *what)
{
    struct failure failure = {0};
    if (!path)
        return;
    char *text = json_print(object, true);
    if (file_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &failure))
        log_message(LOG_WARNING, "The record of %s was not written: %s", what, failure.sentence);
    free(text);
}
