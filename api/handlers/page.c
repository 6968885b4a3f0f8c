/* The viewer: a page and its files, which ask for nothing but this service. */
#include "api/page/page.h"
#include "api/handlers/handlers.h"
#include "api/text.h"

#include <string.h>

/* No script or style but the page's own files, no other host, no frame around it. A chosen picture is shown
 * from the browser's memory (blob:), and text becomes elements only by the page's own code. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const struct page_file *page_file(const char *name)
{
    for (size_t i = 0; i < page_file_count; i++)
        if (!strcmp(page_files[i].name, name))
            return &page_files[i];
    return NULL;
}

/* If-None-Match (RFC 9110, section 13.1.2) holds this tag, weak or not, or "*". */
static bool is_known(const struct api_request *request, const char *etag)
{
    const char *tags = api_request_header(request, "If-None-Match");
    return tags && (strstr(tags, etag + strlen("W/")) || !strcmp(tags, "*"));
}

static void respond_file(const struct api_request *request, struct api_response *response,
                         const struct page_file *file)
{
    response->may_be_kept = true;
    respond_header(response, "ETag", file->etag);
    respond_header(response, "Content-Security-Policy", policy);
    respond_header(response, "Referrer-Policy", "no-referrer");
    if (is_known(request, file->etag)) {
        response->code = 304;
        response->varies_by_encoding = true;
        return;
    }
    response->code = 200;
    response->content_type = file->media_type;
    response->body = file->content;
}

void handle_page(struct api *api, const struct api_request *request, const struct arguments *arguments,
                 struct api_response *response)
{
    (void)api, (void)arguments;
    respond_file(request, response, page_file("index.html"));
}

void handle_page_file(struct api *api, const struct api_request *request, const struct arguments *arguments,
                      struct api_response *response)
{
    (void)api;
    const struct page_file *file = page_file(arguments->file);
    struct failure failure = {0};
    if (file) {
        respond_file(request, response, file);
        return;
    }
    failure_set(&failure, STATUS_NOT_FOUND, "The viewer has no file '%s'; it begins at /.",
                text_quote(request->arena, arguments->file, 60));
    respond_failure(request, &failure, response);
}
