/* POST /embed: what the backbone makes of images. */
#include "api/embedding.h"
#include "api/handlers/handlers.h"
#include "api/handlers/images.h"

static enum status make_result(void *context, const char *const *ids, const struct prediction *prediction,
                               struct failure *failure, struct json **out)
{
    return embedding_result(context, ids[0], prediction, failure, out);
}

void handle_embed(struct api *api, const struct api_request *request, const struct arguments *arguments,
                  struct api_response *response)
{
    (void)arguments;
    struct failure failure = {0};
    struct embedding_context context = {.arena = request->arena, .request_id = request->id};
    struct image_job job = {.results = "embeddings", .result = make_result, .context = &context};
    struct json *root = NULL;
    enum status status = images_begin(api, request, embed_option_names, &failure, &job);
    if (!status) {
        context.card = engine_card(job.engine);
        status = embedding_resolve(request->arena, context.card, &job.input->options, job.input->count,
                                   &failure, context.tokens);
    }
    if (!status)
        status = options_image(request->arena, &job.input->options, &failure, &job.options.image);
    if (!status)
        status = service_weigh(api, response, false, job.input->images, job.input->count, &failure);
    if (!status) {
        job.options.patches = context.tokens[TOKENS_PATCH];
        status = images_predict(&job, &failure);
        if (!status)
            status = images_results(&job, &failure, &root);
    }
    (void)status; /* the failure has it */
    images_respond(&job, &failure, &root, response);
}
