/* The safetensors reader and writer: each corruption has a sentence of its own. */
#include "engine/weights/safetensors.h"

#include "engine/base/file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file of this header and so many zero bytes of data; `claimed` replaces the header length when not 0. */
static struct bytes make_file(const char *header, size_t data_bytes, uint64_t claimed)
{
    uint64_t length = strlen(header), said = claimed ? claimed : length;
    uint8_t *file = memory_allocate(8 + length + data_bytes, 1);
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)(said >> (8 * i));
    memcpy(file + 8, header, length);
    return (struct bytes){file, 8 + length + data_bytes};
}

static const struct corruption {
    const char *header;
    size_t data_bytes;
    uint64_t claimed;
    const char *sentence;
} corruptions[] = {
    {"{}", 0, 3, "its header length reaches past the end of the file."},
    {"{}", 0, UINT64_MAX, "its header length is over the limit of 100 MB."},
    {"{}", 0, 100000001, "its header length is over the limit of 100 MB."},
    {"[]", 0, 0, "its header is not a JSON object."},
    {"{]", 0, 0, "its header is not valid JSON."},
    {"{\"a\":{\"b\":{\"c\":{\"d\":{}}}}}", 0, 0, "its header is not valid JSON."},
    {"{}", 4, 0, "bytes follow the last tensor."},
    {"{\"__metadata__\":[]}", 0, 0, "__metadata__ is not an object."},
    {"{\"__metadata__\":{\"a\":1}}", 0, 0, "__metadata__ holds a value that is not a text."},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, 0, "__metadata__ stands twice."},
    {"{\"a\":1}", 0, 0, "tensor 'a' is not described by dtype, shape and data_offsets."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, 0,
     "tensor 'a' is not described by dtype, shape and data_offsets."},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, 0,
     "tensor 'a' is not described by dtype, shape and data_offsets."},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, 0,
     "tensor 'a' has a dtype that is not known, 'F31'."},
    {"{\"a\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, 0,
     "tensor 'a' has a dtype that is not known, 'C64'."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, 0,
     "tensor 'a' has a shape that is not an array."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, 0,
     "tensor 'a' has a shape that is not of whole numbers."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, 0,
     "tensor 'a' has a shape that is not of whole numbers."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, 0,
     "tensor 'a' has more than 8 dimensions."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", 4, 0,
     "tensor 'a' has data_offsets that are not two whole numbers."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, 0,
     "tensor 'a' has data_offsets that are not two whole numbers."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, 0,
     "tensor 'a' ends before it begins."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, 0,
     "tensor 'a' reaches past the end of the file, which may be truncated."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, 0,
     "tensor 'a' has a shape and dtype that do not fit its data_offsets."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, 0,
     "tensor 'a' has a shape too large to exist."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483648,2147483648],\"data_offsets\":[0,0]}}", 0, 0,
     "tensor 'a' has a shape too large to exist."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
     12, 0, "tensor 'b' overlaps another tensor."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, 0, "tensor 'b' leaves unused bytes before it."},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, 0, "tensor 'a' stands twice."},
};

START_TEST(each_corruption_has_its_sentence)
{
    const struct corruption *c = &corruptions[_i];
    char wanted[FAILURE_SENTENCE_BYTES];
    snprintf(wanted, sizeof wanted, "Not a valid safetensors file: %s", c->sentence);
    struct bytes content = make_file(c->header, c->data_bytes, c->claimed);
    struct failure failure = {0};
    struct safetensors *file = NULL;
    ck_assert_int_eq(safetensors_parse(content, &failure, &file), STATUS_INVALID_FILE);
    ck_assert_ptr_null(file);
    ck_assert_str_eq(failure.sentence, wanted);
    free((void *)content.data);
}
END_TEST

static const char TWO_TENSORS[] = "{\"__metadata__\":{\"made\":\"by hand\"},"
                                  "\"z\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[1,9]},"
                                  "\"i\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},"
                                  "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[9,9]}}   ";

START_TEST(every_truncation_is_refused)
{
    struct bytes content = make_file(TWO_TENSORS, 9, 0);
    for (size_t size = 0; size < content.size; size++) {
        uint8_t *cut = memory_allocate(size, 1); /* its own memory: reading past its end is seen */
        memcpy(cut, content.data, size);
        struct safetensors *file = NULL;
        ck_assert_int_eq(safetensors_parse((struct bytes){cut, size}, NULL, &file), STATUS_INVALID_FILE);
        free(cut);
    }
    free((void *)content.data);
}
END_TEST

START_TEST(finds_tensors_by_name_and_checks_shapes)
{
    struct bytes content = make_file(TWO_TENSORS, 9, 0);
    const float values[2] = {1.5f, -2};
    memcpy((uint8_t *)content.data + content.size - 8, values, sizeof values);
    struct failure failure;
    struct safetensors *file = NULL;
    ck_assert_int_eq(safetensors_parse(content, &failure, &file), STATUS_OK);
    ck_assert_uint_eq(safetensors_count(file), 3);
    ck_assert_str_eq(safetensors_at(file, 0)->name, "empty");
    ck_assert_str_eq(json_text(json_member(safetensors_metadata(file), "made")), "by hand");
    ck_assert_ptr_null(safetensors_find(file, "y"));

    const struct tensor *tensor = NULL;
    ck_assert_int_eq(tensor_require(file, 2, (size_t[]){0, 1}, &failure, &tensor, "%s", "z"), STATUS_OK);
    float floats[2];
    tensor_to_float(tensor, floats); /* lies at an odd address */
    ck_assert_float_eq(floats[0], 1.5f);
    ck_assert_float_eq(floats[1], -2);

    const struct tensor *none = NULL;
    ck_assert_int_eq(tensor_require(file, 1, (size_t[]){2}, &failure, &none, "blocks.%d.y", 3),
                     STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, "Tensor 'blocks.3.y' of shape [2] is missing.");
    ck_assert_int_eq(tensor_require(file, 2, (size_t[]){2, 2}, &failure, &none, "z"), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, "Tensor 'z' has shape [2, 1] where [2, 2] is needed.");
    ck_assert_int_eq(tensor_require(file, 1, (size_t[]){2}, &failure, &none, "z"), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, "Tensor 'z' has shape [2, 1] where [2] is needed.");
    ck_assert_int_eq(tensor_require(file, 2, (size_t[]){0, 3}, &failure, &none, "empty"),
                     STATUS_INVALID_FILE);
    ck_assert_int_eq(tensor_require(file, 0, NULL, &failure, &none, "i"), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "Tensor 'i' is of type U8 where floats of 16, 32 or 64 bits are needed.");
    ck_assert_ptr_null(none);
    safetensors_close(&file);
    ck_assert_ptr_null(file);
    safetensors_close(&file);
    free((void *)content.data);
}
END_TEST

static char folder[] = "/tmp/cxrd-weights-XXXXXX";
static char *path;

static void make_folder(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    path = file_join(folder, "model.safetensors");
}

static void remove_folder(void)
{
    unlink(path);
    free(path);
    ck_assert_int_eq(rmdir(folder), 0); /* fails when a temporary file was left behind */
}

static const float ONE_TO_THREE[3] = {1, 2, 3};
static const uint16_t HALVES[2] = {0x3c00, 0xc000};
static const struct tensor WRITTEN[2] = {
    {"b", TENSOR_F32, 2, {1, 3}, ONE_TO_THREE, sizeof ONE_TO_THREE},
    {"a", TENSOR_F16, 1, {2}, HALVES, sizeof HALVES},
};

START_TEST(writes_what_it_reads)
{
    struct failure failure;
    struct json *metadata = json_object();
    json_add_text(metadata, "k", "v");
    ck_assert_int_eq(safetensors_write(path, WRITTEN, 2, metadata, NULL, NULL, &failure), STATUS_OK);
    json_destroy(&metadata);
    struct safetensors *file = NULL;
    ck_assert_int_eq(safetensors_open(path, &failure, &file), STATUS_OK);
    ck_assert_uint_eq(safetensors_count(file), 2);
    ck_assert_str_eq(json_text(json_member(safetensors_metadata(file), "k")), "v");
    for (size_t i = 0; i < 2; i++) {
        const struct tensor *found = safetensors_find(file, WRITTEN[i].name);
        ck_assert_ptr_nonnull(found);
        ck_assert_int_eq(found->type, WRITTEN[i].type);
        ck_assert_uint_eq(found->rank, WRITTEN[i].rank);
        ck_assert_mem_eq(found->shape, WRITTEN[i].shape, found->rank * sizeof(size_t));
        ck_assert_uint_eq(found->size_bytes, WRITTEN[i].size_bytes);
        ck_assert_mem_eq(found->data, WRITTEN[i].data, found->size_bytes);
    }
    const uint8_t *first = safetensors_find(file, "b")->data;
    ck_assert_uint_eq((size_t)(first - safetensors_content(file).data) % 8, 0);
    safetensors_close(&file);
}
END_TEST

static enum status refuse_second(void *context, const struct tensor *tensor, struct failure *failure,
                                 const void **out)
{
    ++*(int *)context;
    if (!strcmp(tensor->name, "a"))
        return failure_set(failure, STATUS_INVALID_FILE, "No bytes for a.");
    *out = tensor->data;
    return STATUS_OK;
}

START_TEST(a_failed_write_leaves_nothing)
{
    struct failure failure;
    int calls = 0;
    ck_assert_int_eq(safetensors_write(path, WRITTEN, 2, NULL, refuse_second, &calls, &failure),
                     STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, "No bytes for a.");
    ck_assert_int_eq(calls, 2);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(safetensors_write("/nonexistent/a", WRITTEN, 2, NULL, NULL, NULL, &failure),
                     STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, "/nonexistent/a: cannot be written: No such file or directory.");
}
END_TEST

START_TEST(open_names_the_path)
{
    struct failure failure;
    struct safetensors *file = NULL;
    ck_assert_int_eq(safetensors_open("/nonexistent/a", &failure, &file), STATUS_NOT_FOUND);
    ck_assert_int_eq(file_write(path, (struct bytes){(const uint8_t *)"text", 4}, &failure), STATUS_OK);
    ck_assert_int_eq(safetensors_open(path, &failure, &file), STATUS_INVALID_FILE);
    char wanted[FAILURE_SENTENCE_BYTES];
    snprintf(wanted, sizeof wanted,
             "%s: Not a valid safetensors file: it is shorter than its 8 bytes of header length.", path);
    ck_assert_str_eq(failure.sentence, wanted);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *parsing = tcase_create("parsing"), *files = tcase_create("files");
    tcase_add_loop_test(parsing, each_corruption_has_its_sentence, 0,
                        sizeof corruptions / sizeof *corruptions);
    tcase_add_test(parsing, every_truncation_is_refused);
    tcase_add_test(parsing, finds_tensors_by_name_and_checks_shapes);
    tcase_add_checked_fixture(files, make_folder, remove_folder);
    tcase_add_test(files, writes_what_it_reads);
    tcase_add_test(files, a_failed_write_leaves_nothing);
    tcase_add_test(files, open_names_the_path);
    suite_add_tcase(suite, parsing);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
