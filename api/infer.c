#include "api/infer.h"

#include "api/base64.h"
#include "api/text.h"
#include "api/views.h"

#include <stdlib.h>
#include <string.h>

enum { ID_BYTES_MAX = 256, OUTPUTS_MAX = 256 };
static const struct json_limits json_limits = {.depth = 16, .values = API_JSON_VALUES_MAX};

enum status infer_check(const struct api_request *request, struct failure *failure)
{
    const char *type = api_request_header(request, "Content-Type");
    if (!type || text_is_type(type, "application/json") || text_is_type(type, "application/octet-stream"))
        return STATUS_OK; /* known clients send none */
    return failure_set(
        failure, STATUS_UNSUPPORTED_MEDIA,
        "The Content-Type '%.60s' is not supported; an inference request is application/json, or "
        "application/octet-stream with binary tensors behind the JSON.",
        type);
}

/* Parts the body into its JSON and the tensors behind it. */
static enum status split_body(const struct api_request *request, struct failure *failure, struct bytes *json,
                              struct bytes *tensors)
{
    const char *header = api_request_header(request, "Inference-Header-Content-Length");
    *json = request->body;
    *tensors = (struct bytes){0};
    if (!header)
        return STATUS_OK;
    unsigned long long size = strtoull(header, NULL, 10); /* saturates */
    if (!*header || strspn(header, "0123456789") != strlen(header) || size > request->body.size)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "Inference-Header-Content-Length must be the size of the JSON, at most the body's "
                           "%zu bytes, not '%.60s'.",
                           request->body.size, header);
    json->size = (size_t)size;
    *tensors = (struct bytes){request->body.data + size, request->body.size - (size_t)size};
    return STATUS_OK;
}

/* A member that is there and not null, which some clients send for what they do not say. */
static const struct json *given(const struct json *object, const char *name)
{
    const struct json *member = json_member(object, name);
    return json_is_null(member) ? NULL : member;
}

static enum status bad_input(struct failure *failure, const char *sentence)
{
    return failure_set(failure, STATUS_BAD_REQUEST, "The input \"" INFER_INPUT "\" %s", sentence);
}

static enum status read_shape(const struct json *input, struct failure *failure, size_t *count)
{
    const struct json *shape = json_member(input, "shape");
    int64_t images = 0, one = 1;
    const struct json *first = json_first(shape);
    bool valid = json_is_array(shape) && json_length(shape) >= 1 && json_length(shape) <= 2 &&
                 json_integer(first, 1, INT32_MAX, &images);
    if (valid && json_next(first))
        valid = json_integer(json_next(first), 1, 1, &one);
    if (!valid)
        return bad_input(failure, "must have the shape [n] or [n,1], n images.");
    if (images > API_IMAGES_MAX)
        return failure_set(failure, STATUS_TOO_LARGE, "The request has more than %d images.", API_IMAGES_MAX);
    *count = (size_t)images;
    return STATUS_OK;
}

/* Elements of a BYTES tensor: each its length as 4 little-endian bytes, then its bytes. */
static enum status read_binary(struct bytes tensor, size_t count, struct failure *failure,
                               struct infer_request *out)
{
    while (out->count < count && tensor.size >= 4) {
        size_t size = tensor.data[0] | (size_t)tensor.data[1] << 8 | (size_t)tensor.data[2] << 16 |
                      (size_t)tensor.data[3] << 24;
        if (size > tensor.size - 4)
            return bad_input(failure, "has an element that is longer than the tensor.");
        out->images[out->count++] = (struct bytes){tensor.data + 4, size};
        tensor = (struct bytes){tensor.data + 4 + size, tensor.size - 4 - size};
    }
    if (out->count != count || tensor.size)
        return bad_input(failure, "has more or fewer elements in its binary data than its shape says.");
    return STATUS_OK;
}

/* An element of "data", or an array of them. */
static enum status read_element(const struct json *value, size_t count, struct failure *failure,
                                struct infer_request *out)
{
    if (json_is_array(value)) {
        enum status status = STATUS_OK;
        for (const struct json *item = json_first(value); item && !status; item = json_next(item))
            status = read_element(item, count, failure, out);
        return status;
    }
    char *text = json_text_inside(value);
    if (!text)
        return bad_input(failure, "must have \"data\" that is text: base64 of image files.");
    if (out->count == count)
        return bad_input(failure, "has more elements than its shape says.");
    enum status status = base64_decode_inside(text, strlen(text), failure, &out->images[out->count]);
    if (status)
        return failure_prefix(failure, "Element %zu of \"" INFER_INPUT "\"", out->count);
    out->count++;
    return STATUS_OK;
}

static enum status read_input(const struct json *root, struct bytes tensors, struct failure *failure,
                              struct infer_request *out)
{
    const struct json *inputs = json_member(root, "inputs"), *input = json_first(inputs);
    const char *name = json_text(json_member(input, "name"));
    const char *type = json_text(json_member(input, "datatype"));
    if (!json_is_array(inputs) || json_length(inputs) != 1 || !name || strcmp(name, INFER_INPUT))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "\"inputs\" must be one tensor named \"" INFER_INPUT "\".");
    if (!type || strcmp(type, "BYTES"))
        return bad_input(failure, "must have the datatype BYTES.");
    size_t count = 0;
    enum status status = read_shape(input, failure, &count);
    if (status)
        return status;
    const struct json *size = given(json_member(input, "parameters"), "binary_data_size");
    const struct json *data = given(input, "data");
    int64_t bytes = 0;
    if (!size && !tensors.size && json_is_array(data)) {
        status = read_element(data, count, failure, out);
        if (!status && out->count != count)
            status = bad_input(failure, "has fewer elements than its shape says.");
        return status;
    }
    if (!size || data)
        return bad_input(failure, "must have either \"data\" or, with bytes behind the JSON, the parameter "
                                  "\"binary_data_size\".");
    if (!json_integer(size, 0, INT32_MAX, &bytes) || (size_t)bytes != tensors.size)
        return bad_input(failure,
                         "must have a \"binary_data_size\" of exactly the bytes behind the JSON, which "
                         "Inference-Header-Content-Length tells.");
    return read_binary(tensors, count, failure, out);
}

/* A boolean parameter; one that is not given leaves *out. */
static enum status read_flag(const struct json *object, const char *name, struct failure *failure, bool *out)
{
    const struct json *value = given(json_member(object, "parameters"), name);
    if (value && !json_boolean(value, out))
        return failure_set(failure, STATUS_BAD_REQUEST, "The parameter \"%s\" must be true or false.", name);
    return STATUS_OK;
}

/* The parameter "views", as the option of /predict. */
static enum status read_views(struct arena *arena, const struct json *root, struct failure *failure,
                              struct infer_request *out)
{
    const struct json *value = given(json_member(root, "parameters"), "views");
    const char *text = json_text(value);
    if (!value)
        return STATUS_OK;
    if (!text)
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The parameter \"views\" must be a text, \"frontal,lateral\" or \"frontal\".");
    const struct text_list values = text_split(arena, text);
    enum status status = views_read(arena, &values, &views_in_inference, failure, &out->pairing);
    return status ? status : views_count(arena, out->pairing, NULL, out->count, failure);
}

/* The parameter "dicom_profile", as the option of /predict. */
static enum status read_dicom_profile(const struct json *root, struct failure *failure,
                                      enum dicom_profile *out)
{
    const struct json *value = given(json_member(root, "parameters"), "dicom_profile");
    const char *text = json_text(value);
    if (!value)
        return STATUS_OK;
    for (enum dicom_profile profile = DICOM_PROFILE_MIMIC; text && profile <= DICOM_PROFILE_VOI; profile++)
        if (!strcmp(text, dicom_profile_name(profile))) {
            *out = profile;
            return STATUS_OK;
        }
    return failure_set(failure, STATUS_BAD_REQUEST,
                       "The parameter \"dicom_profile\" must be \"mimic\" or \"voi\".");
}

/* The parameter "classification" of the extension of that name: how many of the highest values are wanted. */
static enum status read_classes(const struct json *object, struct failure *failure, size_t *out)
{
    const struct json *value = given(json_member(object, "parameters"), "classification");
    int64_t classes = 0;
    if (value && !json_integer(value, 0, INT32_MAX, &classes))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The parameter \"classification\" must be a whole number, how many classes.");
    *out = (size_t)classes;
    return STATUS_OK;
}

static enum status read_outputs(struct arena *arena, const struct json *root, struct failure *failure,
                                struct infer_request *out)
{
    const struct json *outputs = given(root, "outputs");
    enum status status = read_flag(root, "binary_data_output", failure, &out->binary);
    if (status || !outputs)
        return status;
    size_t count = json_length(outputs);
    if (!json_is_array(outputs) || !count || count > OUTPUTS_MAX)
        return failure_set(failure, STATUS_BAD_REQUEST, "\"outputs\" must be an array of 1 to %d tensors.",
                           OUTPUTS_MAX);
    out->outputs = arena_allocate(arena, count, sizeof *out->outputs);
    for (const struct json *item = json_first(outputs); item && !status; item = json_next(item)) {
        const char *name = json_text(json_member(item, "name"));
        struct wanted_output *wanted = &out->outputs[out->output_count++];
        if (!name)
            return failure_set(failure, STATUS_BAD_REQUEST,
                               "Each of \"outputs\" must be an object with a \"name\".");
        *wanted = (struct wanted_output){.name = name, .binary = out->binary};
        status = read_flag(item, "binary_data", failure, &wanted->binary);
        if (!status)
            status = read_classes(item, failure, &wanted->classes);
    }
    return status;
}

enum status infer_read(const struct api_request *request, struct failure *failure, struct infer_request *out)
{
    struct arena *arena = request->arena;
    struct bytes text, tensors;
    enum status status = split_body(request, failure, &text, &tensors);
    if (status)
        return status;
    status = json_parse_within(arena, text, json_limits, failure, &out->document);
    if (status == STATUS_BAD_REQUEST && text.size && memchr(text.data, 0, text.size))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "The body holds bytes that are no JSON: where tensors are behind the JSON, "
                           "Inference-Header-Content-Length must be the size of the JSON.");
    if (status)
        return status;
    if (!tensors.size)
        arena_drop(arena, request->body.data);
    const struct json *root = out->document, *id = given(root, "id");
    out->id = json_text(id);
    if (!json_is_object(root) || json_duplicate_name(root))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "An inference request must be a JSON object with each member once.");
    if (id && (!out->id || strlen(out->id) > ID_BYTES_MAX))
        return failure_set(failure, STATUS_BAD_REQUEST, "\"id\" must be a text of at most %d bytes.",
                           ID_BYTES_MAX);
    status = read_input(root, tensors, failure, out);
    if (!status)
        status = read_flag(root, "flip", failure, &out->flip);
    if (!status)
        status = read_flag(root, "require_quality", failure, &out->require_quality);
    if (!status)
        status = read_views(arena, root, failure, out);
    if (!status)
        status = read_dicom_profile(root, failure, &out->dicom_profile);
    return status ? status : read_outputs(arena, root, failure, out);
}

void infer_finish(struct infer_request *request)
{
    json_destroy(&request->document);
}
