/* What inference requests and answers have beside tensors of numbers. */
#include "api/base64.h"
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/api/inference.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

START_TEST(nulls_are_not_given)
{
    infer(INFER,
          "{\"id\":null,\"parameters\":null,\"outputs\":null,\"inputs\":[{\"name\":\"image\",\"datatype\":"
          "\"BYTES\",\"shape\":[1],\"parameters\":null,\"data\":[\"%s\"]}]}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    ck_assert_str_eq(json_names(call.json), "model_name,model_version,parameters,outputs");
    ck_assert_uint_eq(json_length(json_member(call.json, "outputs")), 6);
    call_end(&call);
    infer(INFER,
          INPUT("[1]", "[\"data:image/png;base64,%s\"]") ",\"parameters\":{\"binary_data_output\":null},"
                                                         "\"outputs\":[{\"name\":\"extra.logits\","
                                                         "\"parameters\":null},{\"name\":\"cardiac.logits\","
                                                         "\"parameters\":{\"binary_data\":null,"
                                                         "\"classification\":null}}]}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    ck_assert_uint_eq(json_length(json_member(inference_output("cardiac.logits"), "data")), 1);
    call_end(&call);
    struct buffer tensor = elements(2);
    char json[512];
    snprintf(json, sizeof json,
             "{\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":null,"
             "\"parameters\":{\"binary_data_size\":%zu}}]}",
             tensor.size);
    infer_binary(json, (struct bytes){tensor.data, tensor.size}, NULL);
    ck_assert_int_eq(call.response.code, 200);
    call_end(&call);
    buffer_finish(&tensor);
}
END_TEST

/* Of the fake engine's labels Nodule is the highest, then Mass, and Edema and Normal are lower. */
START_TEST(classes_are_the_highest_values)
{
    infer(INFER,
          INPUT("[2]",
                "[\"%s\",\"%s\"]") ",\"outputs\":[{\"name\":\"findings.logits\",\"parameters\":"
                                   "{\"classification\":2}},{\"name\":\"extra.probabilities\",\"parameters\":"
                                   "{\"classification\":99}},{\"name\":\"cardiac.logits\",\"parameters\":{"
                                   "\"classification\":0}}]}");
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    const struct json *classes = inference_output("findings.logits"), *data = json_member(classes, "data");
    ck_assert_str_eq(json_text(json_member(classes, "datatype")), "BYTES");
    ck_assert_double_eq(json_value(json_item(json_member(classes, "shape"), 0)), 2);
    ck_assert_double_eq(json_value(json_item(json_member(classes, "shape"), 1)), 2);
    ck_assert_uint_eq(json_length(data), 4);
    for (size_t i = 0; i < 4; i++) {
        double value;
        unsigned index;
        char label[16];
        ck_assert_int_eq(sscanf(json_text(json_item(data, i)), "%lf:%u:%15s", &value, &index, label), 3);
        ck_assert_uint_eq(index, i % 2 ? 2 : 3);
        ck_assert_str_eq(label, i % 2 ? "Mass" : "Nodule");
        ck_assert(value > (i % 2 ? 0 : 1) && value < (i % 2 ? 1 : 2));
    }
    ck_assert_uint_eq(json_length(json_member(inference_output("extra.probabilities"), "data")), 2);
    ck_assert_ptr_nonnull(
        strstr(json_text(json_first(json_member(inference_output("extra.probabilities"), "data"))),
               ":0:Tuberculosis"));
    ck_assert_str_eq(json_text(json_member(inference_output("cardiac.logits"), "datatype")), "FP32");
    char *first = memory_copy_text(json_text(json_first(data)));
    call_end(&call);

    infer(INFER, INPUT("[1]", "[\"%s\"]") ",\"outputs\":[{\"name\":\"findings.logits\",\"parameters\":"
                                          "{\"classification\":1,\"binary_data\":true}}]}");
    ck_assert_int_eq(call.response.code, 200);
    size_t header = strtoul(call_header(&call, "Inference-Header-Content-Length"), NULL, 10);
    ck_assert_uint_eq(call.response.body.size, header + 4 + strlen(first));
    ck_assert_uint_eq(call.response.body.data[header], strlen(first));
    ck_assert(!memcmp(call.response.body.data + header + 4, first, strlen(first)));
    call_end(&call);
    free(first);
}
END_TEST

/* The picture as an animation of one frame, which has a warning. */
static struct bytes animation(void)
{
    static const uint8_t chunk[] = {0, 0, 0, 8, 'a', 'c', 'T', 'L', 0, 0, 0, 1, 0, 0, 0, 0};
    enum { HEADER = 33 }; /* signature and IHDR */
    uLong sum = crc32(0, chunk + 4, sizeof chunk - 4);
    uint8_t crc[4] = {(uint8_t)(sum >> 24), (uint8_t)(sum >> 16), (uint8_t)(sum >> 8), (uint8_t)sum};
    struct buffer file = {.maximum = 1 << 20};
    buffer_append(&file, png.data, HEADER);
    buffer_append(&file, chunk, sizeof chunk);
    buffer_append(&file, crc, sizeof crc);
    buffer_append(&file, png.data + HEADER, png.size - HEADER);
    return (struct bytes){file.data, file.size};
}

START_TEST(warnings_come_with_the_tensors)
{
    struct bytes warned = animation();
    char *text = base64_encode(warned), *body = malloc(strlen(text) + 2 * strlen(base64) + 256);
    sprintf(body, INPUT("[3]", "[\"%s\",\"%s\",\"%s\"]") "}", base64, text, base64);
    call_run(&call, service.api, "POST", INFER, "application/json",
             (struct bytes){(const uint8_t *)body, strlen(body)});
    ck_assert_msg(call.response.code == 200, "%s", inference_error());
    ck_assert_str_eq(json_names(call.json), "model_name,model_version,parameters,outputs");
    ck_assert_str_eq(json_names(json_member(call.json, "parameters")), "package_sha256,warnings_1");
    ck_assert_str_eq(json_text(json_member(json_member(call.json, "parameters"), "warnings_1")),
                     "The image is animated; only its default picture was read.");
    call_end(&call);
    free(body);
    free(text);
    free((void *)warned.data);
}
END_TEST

static struct bytes tensor_of(struct buffer *buffer)
{
    return (struct bytes){buffer->data, buffer->size};
}

/* The JSON, its copy of texts, the predictions' values and the answer all count. */
START_TEST(what_a_request_takes_is_charged)
{
    struct budget budget = {.limit_bytes = 0};
    struct buffer tensor = elements(2);
    char json[512];
    snprintf(json, sizeof json,
             BINARY_INPUT
             ",\"outputs\":[{\"name\":\"embedding.patch\",\"parameters\":{\"binary_data\":true}}]}",
             tensor.size);
    size_t sent = strlen(json) * 2 + tensor.size, values = (size_t)2 * FAKE_GRID * FAKE_GRID * FAKE_WIDTH * 4;
    call_budget = &budget;
    for (size_t limit = sent; limit < sent + 2 * values; limit += values / 4) {
        budget.limit_bytes = limit;
        infer_binary(json, tensor_of(&tensor), NULL);
        ck_assert_msg(call.response.code == 413 && strstr(inference_error(), "more memory"), "%zu: %d", limit,
                      call.response.code);
        call_end(&call);
        ck_assert_uint_eq(budget.used_bytes, 0);
    }
    budget.limit_bytes = sent + 2 * values + 1000;
    infer_binary(json, tensor_of(&tensor), NULL);
    ck_assert_int_eq(call.response.code, 200);
    call_end(&call);
    call_budget = NULL;
    buffer_finish(&tensor);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("infer extensions");
    tcase_add_checked_fixture(cases, inference_begin, inference_end);
    tcase_add_test(cases, nulls_are_not_given);
    tcase_add_test(cases, classes_are_the_highest_values);
    tcase_add_test(cases, warnings_come_with_the_tensors);
    tcase_add_test(cases, what_a_request_takes_is_charged);
    return suite_run("api/infer extensions", cases);
}
