/* Which requests the API keys let in. */
#include "api/service.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum status api_load_keys(struct api *api, const char *path, struct failure *failure)
{
    struct bytes text = {0};
    struct keys *keys = NULL;
    enum status status = file_read_text(path, KEYS_FILE_BYTES_MAX, failure, &text);
    if (status)
        return status;
    status = keys_read(text, failure, &keys);
    free((void *)text.data);
    if (status)
        return failure_prefix(failure, "%s", path);
    pthread_mutex_lock(&api->keys_lock);
    struct keys *old = api->keys;
    api->keys = keys;
    pthread_mutex_unlock(&api->keys_lock);
    keys_destroy(&old);
    return STATUS_OK;
}

/* The key that was sent, NULL for none. Another scheme's Authorization may be meant for a proxy. */
static const char *presented_key(const struct api_request *request)
{
    static const char scheme[] = "Bearer ";
    const char *header = api_request_header(request, "Authorization");
    if (!header || strncasecmp(header, scheme, sizeof scheme - 1))
        return api_request_header(request, "X-API-Key");
    header += sizeof scheme - 1;
    return header + strspn(header, " ");
}

bool service_authorize(struct api *api, struct api_request *request, struct api_response *response)
{
    struct failure failure = {0};
    int retry_after_s = 0;
    pthread_mutex_lock(&api->keys_lock);
    enum status status = api->keys ? keys_admit(api->keys, presented_key(request), clock_now_ns(), &failure,
                                                &retry_after_s, request->key_name)
                                   : STATUS_OK;
    pthread_mutex_unlock(&api->keys_lock);
    if (!status)
        return true;
    respond_failure(request, &failure, response);
    response->retry_after_s = retry_after_s;
    if (status == STATUS_UNAUTHORIZED)
        respond_header(response, "WWW-Authenticate", "Bearer realm=\"cxrd\"");
    return false;
}
