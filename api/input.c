#include "api/input.h"

#include "api/arrange.h"
#include "api/base64.h"
#include "api/multipart.h"
#include "api/text.h"
#include "engine/base/utf8.h"
#include "engine/engine.h"

#include <string.h>
#include <strings.h>

enum { ID_BYTES_MAX = 256, OPTION_BYTES_MAX = 8192 };
static const struct json_limits json_limits = {.depth = 8, .values = API_JSON_VALUES_MAX};

enum body_form { BODY_IMAGE, BODY_MULTIPART, BODY_JSON };

/* The form of the body by its Content-Type. Any type of image is a file as it is, and its content decides
 * what it is; another format is refused by its name before it is sent. */
static enum status input_form(const struct api_request *request, struct failure *failure, enum body_form *out)
{
    const char *type = api_request_header(request, "Content-Type");
    enum image_format format = type ? image_format_by_media_type(type) : IMAGE_UNKNOWN;
    if (type && text_is_type(type, "multipart/form-data"))
        *out = BODY_MULTIPART;
    else if (type && text_is_type(type, "application/json"))
        *out = BODY_JSON;
    else if (type && text_is_type(type, "application/octet-stream"))
        *out = BODY_IMAGE;
    else if (image_format_is_read(format) || (format != IMAGE_UNKNOWN && !strncasecmp(type, "image/", 6)))
        *out = BODY_IMAGE;
    else if (format != IMAGE_UNKNOWN)
        return image_format_refuse(format, failure);
    else
        return failure_set(
            failure, STATUS_UNSUPPORTED_MEDIA,
            "%s%.60s%s is not supported; send multipart/form-data with 'image' parts, a %s file "
            "under its own type or application/octet-stream, or application/json.",
            type ? "The Content-Type '" : "A body without Content-Type", type ? type : "", type ? "'" : "",
            image_formats_read().text);
    return STATUS_OK;
}

enum status input_check(const struct api_request *request, struct failure *failure)
{
    enum body_form form;
    return input_form(request, failure, &form);
}

static enum status check_id(const struct input *input, const char *id, struct failure *failure)
{
    if (id && strlen(id) > ID_BYTES_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST, "The name of image %zu is longer than %d bytes.",
                           input->count, ID_BYTES_MAX);
    return STATUS_OK;
}

/* Adds an image; a NULL id gives it its number. */
static enum status add_image(struct input *input, struct arena *arena, const char *id, enum view view,
                             struct bytes encoded, struct failure *failure)
{
    if (input->count == API_IMAGES_MAX)
        return failure_set(failure, STATUS_TOO_LARGE, "The request has more than %d images.", API_IMAGES_MAX);
    input->ids[input->count] = id ? id : arena_format(arena, "%zu", input->count);
    input->views[input->count] = view;
    input->images[input->count++] = encoded;
    return STATUS_OK;
}

static enum status read_query(const struct api_request *request, struct failure *failure, struct input *input)
{
    const char *at = request->query ? request->query : "";
    while (*at) {
        size_t length = strcspn(at, "&");
        const char *equals = memchr(at, '=', length);
        size_t name_length = equals ? (size_t)(equals - at) : length;
        char *name = NULL, *value = arena_copy_text(request->arena, "", 0);
        enum status status = text_percent_decode(request->arena, at, name_length, true, failure, &name);
        if (!status && equals)
            status = text_percent_decode(request->arena, equals + 1, length - name_length - 1, true, failure,
                                         &value);
        if (!status && length)
            status =
                option_add(&input->options, request->arena, name, text_split(request->arena, value), failure);
        if (status)
            return status;
        at += length + (at[length] == '&');
    }
    return STATUS_OK;
}

static bool is_option(const struct input *input, const char *name)
{
    const char *const *known = input->options.known;
    while (*known && strcmp(*known, name))
        known++;
    return *known;
}

/* The view of a name; VIEW_UNSAID where it is none, or there is no option `views`. */
static enum view view_of(const struct input *input, const char *name)
{
    if (!is_option(input, "views"))
        return VIEW_UNSAID;
    return !strcmp(name, "frontal") ? VIEW_FRONTAL : !strcmp(name, "lateral") ? VIEW_LATERAL : VIEW_UNSAID;
}

/* "a, b and 3 more": the names of the form's fields, each once. */
static const char *field_names(const struct api_request *request)
{
    const char *names[MULTIPART_PARTS_MAX];
    size_t count = 0;
    struct multipart multipart;
    struct multipart_part part;
    bool more =
        !multipart_start(api_request_header(request, "Content-Type"), request->body, NULL, &multipart);
    while (more && !multipart_next(&multipart, request->arena, NULL, &part, &more) && more) {
        size_t known = 0;
        names[count] = text_quote(request->arena, part.name, 60);
        while (strcmp(names[known], names[count]))
            known++;
        count += known == count;
    }
    return text_join(request->arena, names, count, 150);
}

static enum status form_image(struct input *input, struct arena *arena, const struct multipart_part *part,
                              enum view view, struct failure *failure)
{
    const char *name = part->filename && *part->filename ? part->filename : NULL;
    enum status status = check_id(input, name, failure);
    return status ? status
                  : add_image(input, arena, name ? text_escape(arena, name) : NULL, view, part->content,
                              failure);
}

static enum status form_field(struct input *input, const struct api_request *request,
                              const struct multipart_part *part, struct failure *failure)
{
    struct arena *arena = request->arena;
    const char *text = (const char *)part->content.data, *name = text_quote(arena, part->name, 60);
    bool line = part->content.size <= OPTION_BYTES_MAX && utf8_is_plain(text, part->content.size);
    if (!is_option(input, part->name) && (part->filename || !line))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The form field '%s' holds a file; send it as 'image'. The form has: %s.", name,
                           field_names(request));
    if (!line)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The form field '%s' is not one line of UTF-8 text of at most %d bytes.", name,
                           OPTION_BYTES_MAX);
    char *value = arena_copy_text(arena, text, part->content.size);
    return option_add(&input->options, arena, part->name, text_split(arena, value), failure);
}

static enum status read_multipart(const struct api_request *request, struct failure *failure,
                                  struct input *input)
{
    struct multipart multipart;
    enum status status =
        multipart_start(api_request_header(request, "Content-Type"), request->body, failure, &multipart);
    bool more = !status;
    while (!status && more) {
        struct multipart_part part;
        status = multipart_next(&multipart, request->arena, failure, &part, &more);
        if (status || !more)
            break;
        enum view view = view_of(input, part.name);
        if (view != VIEW_UNSAID || !strcmp(part.name, "image"))
            status = form_image(input, request->arena, &part, view, failure);
        else
            status = form_field(input, request, &part, failure);
    }
    return status;
}

static enum status refuse_json_option(struct arena *arena, const char *name, struct failure *failure)
{
    return failure_set(failure, STATUS_BAD_REQUEST,
                       "The option '%s' must be a text, a number, true, false or an array of texts.",
                       text_quote(arena, name, 60));
}

/* A JSON option: text with commas, a number, a boolean, or an array of texts. */
static enum status json_option(struct input *input, struct arena *arena, const struct json *member,
                               struct failure *failure)
{
    const char *text = json_text(member), *name = json_name(member);
    double number;
    bool flag;
    struct text_list values = {0};
    size_t length = text ? strlen(text) : 0;
    for (const struct json *item = json_first(member); item; item = json_next(item))
        length += json_text(item) ? strlen(json_text(item)) : 0;
    if (length > OPTION_BYTES_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST, "The option '%s' is longer than %d bytes.",
                           text_quote(arena, name, 60), OPTION_BYTES_MAX);
    if (text) {
        values = text_split(arena, text);
    } else if (json_number(member, &number)) {
        values = text_split(arena, arena_format(arena, "%.17g", number));
    } else if (json_boolean(member, &flag)) {
        values = text_split(arena, flag ? "true" : "false");
    } else if (json_is_array(member)) {
        values.items = arena_allocate(arena, json_length(member) + 1, sizeof *values.items);
        for (const struct json *item = json_first(member); item; item = json_next(item)) {
            const char *value = json_text(item);
            if (!value)
                return refuse_json_option(arena, name, failure);
            values.items[values.count++] = value;
        }
    } else if (!json_is_null(member) && is_option(input, name)) {
        return refuse_json_option(arena, name, failure);
    }
    return option_add(&input->options, arena, name, values, failure);
}

static enum status json_image(struct input *input, struct arena *arena, const struct json *item,
                              struct failure *failure)
{
    const struct json *id = json_member(item, "id");
    const struct json *said = is_option(input, "views") ? json_member(item, "view") : NULL;
    enum view view = json_text(said) ? view_of(input, json_text(said)) : VIEW_UNSAID;
    char *data = json_text_inside(json_member(item, "data"));
    if (!json_is_object(item) || !data || (id && !json_text(id) && !json_is_null(id)) ||
        (said && !json_is_null(said) && view == VIEW_UNSAID) ||
        json_length(item) != 1u + (id != NULL) + (said != NULL))
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "images[%zu] must be an object with 'data', its base64, and at most an 'id' of text%s.",
            input->count, is_option(input, "views") ? " and a 'view', frontal or lateral" : "");
    struct bytes encoded = {0};
    enum status status = base64_decode_inside(data, strlen(data), failure, &encoded);
    if (status)
        return failure_prefix(failure, "images[%zu].data", input->count);
    status = check_id(input, json_text(id), failure);
    if (!status && json_text(id) && !utf8_is_plain(json_text(id), strlen(json_text(id))))
        status = failure_set(failure, STATUS_BAD_REQUEST,
                             "The name of image %zu holds control characters or bytes that are not UTF-8.",
                             input->count);
    return status ? status : add_image(input, arena, json_text(id), view, encoded, failure);
}

static enum status read_json(const struct api_request *request, struct failure *failure, struct input *input)
{
    struct arena *arena = request->arena;
    enum status status = json_parse_within(arena, request->body, json_limits, failure, &input->document);
    if (status)
        return status;
    arena_drop(arena, request->body.data);
    const struct json *root = input->document, *images = json_member(root, "images");
    if (!json_is_object(root) || !json_is_array(images))
        status = failure_set(failure, STATUS_BAD_REQUEST,
                             "The JSON body must be an object with an array 'images'.");
    else if (json_duplicate_name(root))
        status = failure_set(failure, STATUS_BAD_REQUEST, "The JSON body has the name '%s' twice.",
                             text_quote(arena, json_duplicate_name(root), 60));
    for (const struct json *item = json_first(images); item && !status; item = json_next(item))
        status = json_image(input, arena, item, failure);
    for (const struct json *member = json_first(root); member && !status; member = json_next(member))
        if (member != images)
            status = json_option(input, arena, member, failure);
    return status;
}

enum status input_read(const struct api_request *request, const char *const *known, struct failure *failure,
                       struct input *out)
{
    out->options.known = known;
    enum body_form form = BODY_IMAGE;
    enum status status = input_form(request, failure, &form);
    if (!status)
        status = read_query(request, failure, out);
    if (!status && form == BODY_IMAGE)
        status = add_image(out, request->arena, NULL, VIEW_UNSAID, request->body, failure);
    else if (!status && form == BODY_MULTIPART)
        status = read_multipart(request, failure, out);
    else if (!status)
        status = read_json(request, failure, out);
    if (!status && !out->count && form == BODY_JSON)
        return failure_set(failure, STATUS_BAD_REQUEST, "The request has no image: 'images' is empty.");
    if (!status && !out->count)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The request has no image: add a form part named 'image'. The form has: %s.",
                           field_names(request));
    return status ? status : arrange_views(out, request->arena, failure);
}

void input_finish(struct input *input)
{
    json_destroy(&input->document);
}
