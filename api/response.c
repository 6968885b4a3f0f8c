#include "api/service.h"

#include <assert.h>
#include <stdlib.h>

void respond_header(struct api_response *response, const char *name, const char *value)
{
    assert(response->header_count < API_RESPONSE_HEADERS_MAX);
    response->headers[response->header_count++] = (struct api_header){name, value};
}

void api_response_finish(struct api_response *response)
{
    free(response->owned);
    response->owned = NULL;
    response->body = (struct bytes){0};
}
