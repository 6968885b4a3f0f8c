/* Linear heads that are saved in another shape than a torch.nn.Linear: without a bias, as a convolution; or
 * that join a backbone of another type. */
#include "engine/base/file.h"
#include "engine/checkpoint/add_heads.h"
#include "engine/package/package.h"
#include "engine/package/seal.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/checkpoint/published.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { W = PUBLISHED_WIDTH };

static struct published head_file;

static void make(void)
{
    struct published published;
    make_folder();
    published_begin(&published);
    published_network(&published, &(struct published_form){PUBLISHED_DINOV2, 0, false, ""});
    published_write(&published, 0, published.count, backbone);
    published_end(&published);
    published_begin(&head_file);
    set_image_size(0);
}

static void clean(void)
{
    published_end(&head_file);
    remove_folder();
}

static void add(const char *name, size_t rank, const size_t *shape)
{
    published_add(&head_file, name, "weight", 0, rank, shape);
}

static void write_head(void)
{
    published_write(&head_file, 0, head_file.count, head);
}

/* linear.weight [2, columns] as it was saved, and linear.bias of zeros or as it was saved. */
static void check_package(size_t columns, bool zeros)
{
    struct package *package = NULL;
    float values[2 * 2 * W];
    ck_assert_msg(!package_open(output, &failure, &package), "%s", failure.sentence);
    const struct tensor *weight = safetensors_find(package_head(package, 0), "linear.weight"),
                        *bias = safetensors_find(package_head(package, 0), "linear.bias");
    ck_assert_uint_eq(weight->rank, 2);
    ck_assert_uint_eq(weight->shape[1], columns);
    tensor_to_float(weight, values);
    for (size_t i = 0; i < 2 * columns; i++)
        ck_assert_float_eq(values[i], published_value("weight", i));
    tensor_to_float(bias, values);
    for (size_t i = 0; i < 2; i++)
        ck_assert_float_eq(values[i], zeros ? 0 : published_value("weight", i));
    package_close(&package);
}

#define NO_BIAS "Head 'findings' has no bias: zeros are added."
#define CONVOLUTION \
    "Head 'findings' is a convolution of 1 x 1, which is computed as a linear layer of what it reads."

START_TEST(a_layer_without_a_bias_has_one_of_zeros)
{
    static const char *const names[] = {
        "weight", "classifier.weight", "linear_head.weight", "linear.weight",
        "classifiers_dict.classifier_1_blocks_avgpool_True_lr_0_1.linear.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        head_file.count = 0;
        add(names[i], 2, (size_t[]){2, 2 * W});
        write_head();
        ck_assert_msg(!import_now(), "%s: %s", names[i], failure.sentence);
        ck_assert_msg(strstr(note, NO_BIAS), "%s", note);
        check_package(2 * W, true);
        empty(output);
    }
}
END_TEST

/* Of several candidates the others show that each has one. */
START_TEST(a_bias_that_others_have_is_missing)
{
    add("classifiers_dict.classifier_1_blocks_avgpool_True_lr_0_1.linear.weight", 2, (size_t[]){2, 2 * W});
    add("classifiers_dict.classifier_1_blocks_avgpool_True_lr_0_2.linear.weight", 2, (size_t[]){2, 2 * W});
    add("classifiers_dict.classifier_1_blocks_avgpool_True_lr_0_2.linear.bias", 1, (size_t[]){2});
    write_head();
    asked.candidate = "classifier_1_blocks_avgpool_True_lr_0_1";
    expect(STATUS_INVALID_FILE, "Tensor 'linear.bias' of shape [2] is missing.");
    asked.candidate = "classifier_1_blocks_avgpool_True_lr_0_2";
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_ptr_null(strstr(note, NO_BIAS));
    check_package(2 * W, false);
}
END_TEST

/* What of its outputs over the patches is pooled, nothing says. */
START_TEST(a_convolution_of_one_pixel_is_a_matrix)
{
    add("classifier.weight", 4, (size_t[]){2, W, 1, 1});
    add("classifier.bias", 1, (size_t[]){2});
    write_head();
    ck_assert_int_eq(import_now(), STATUS_BAD_REQUEST);
    ck_assert_msg(strstr(failure.sentence, "say features=class,blocks=1 or features=mean in --head."), "%s",
                  failure.sentence);
    asked.features = IMPORT_MEAN;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_msg(strstr(note, CONVOLUTION), "%s", note);
    check_package(W, false);
    empty(output);
    head_file.count = 0;
    add("classifier.weight", 4, (size_t[]){2, 2 * W, 1, 1});
    write_head();
    asked.features = IMPORT_ANY;
    ck_assert_int_eq(import_now(), STATUS_BAD_REQUEST);
    asked.features = IMPORT_CLASS_MEAN;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    ck_assert_msg(strstr(note, CONVOLUTION " " NO_BIAS), "%s", note);
    check_package(2 * W, true);
}
END_TEST

START_TEST(a_convolution_of_more_is_refused)
{
    static const char *const shapes[] = {"[2, 64, 3, 1]", "[2, 64, 1, 3]"};
    for (size_t i = 0; i < 2; i++) {
        head_file.count = 0;
        add("classifier.weight", 4, (size_t[]){2, W, i ? 1 : 3, i ? 3 : 1});
        add("classifier.bias", 1, (size_t[]){2});
        write_head();
        ck_assert_int_eq(import_now(), STATUS_INVALID_FILE);
        ck_assert_msg(strstr(failure.sentence, shapes[i]), "%s", failure.sentence);
    }
}
END_TEST

/* Puts the package's matrices of float16 down as bfloat16, of which import writes none, and seals it. */
static void make_brief(void)
{
    struct package *package = NULL;
    struct tensor tensors[PUBLISHED_TENSORS_MAX];
    struct bytes text;
    char *file = file_join(output, "backbone.safetensors"), *card = file_join(output, "model.json");
    char before[SHA256_HEX_BYTES], after[SHA256_HEX_BYTES], sealed[SHA256_HEX_BYTES];
    ck_assert_msg(!package_open(output, &failure, &package), "%s", failure.sentence);
    const struct safetensors *weights_now = package_backbone(package);
    const size_t count = safetensors_count(weights_now);
    for (size_t i = 0; i < count; i++) {
        tensors[i] = *safetensors_at(weights_now, i);
        tensors[i].type = tensors[i].type == TENSOR_F16 ? TENSOR_BF16 : tensors[i].type;
    }
    sha256_hex(safetensors_content(weights_now), before);
    ck_assert_msg(!safetensors_write(file, tensors, count, NULL, NULL, NULL, &failure), "%s",
                  failure.sentence);
    package_close(&package);
    ck_assert_int_eq(sha256_file(file, &failure, after), STATUS_OK);
    ck_assert_int_eq(file_read(card, 1 << 20, &failure, &text), STATUS_OK);
    uint8_t *hash = memmem(text.data, text.size, before, strlen(before));
    ck_assert_ptr_nonnull(hash);
    memcpy(hash, after, strlen(after));
    file_put(card, text.data, text.size);
    ck_assert_msg(!package_seal(output, &failure, sealed), "%s", failure.sentence);
    free((void *)text.data);
    free(card);
    free(file);
}

START_TEST(a_head_of_a_bfloat16_backbone_is_stored_in_half_precision)
{
    struct package *package = NULL;
    char sha256[SHA256_HEX_BYTES];
    options.head_count = 0;
    ck_assert_msg(!import_now(), "%s", failure.sentence);
    make_brief();
    add("classifier.weight", 2, (size_t[]){2, 2 * W});
    add("classifier.bias", 1, (size_t[]){2});
    write_head();
    ck_assert_msg(!checkpoint_add_heads(output, &asked, 1, NULL, NULL, NULL, &failure, note, sha256), "%s",
                  failure.sentence);
    ck_assert_msg(!package_open(output, &failure, &package), "%s", failure.sentence);
    const struct safetensors *joined = package_head(package, 0);
    ck_assert_int_eq(safetensors_find(joined, "linear.weight")->type, TENSOR_F16);
    ck_assert_int_eq(safetensors_find(joined, "linear.bias")->type, TENSOR_F32);
    package_close(&package);
    check_package(2 * W, false);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make, clean);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_layer_without_a_bias_has_one_of_zeros);
    tcase_add_test(all, a_bias_that_others_have_is_missing);
    tcase_add_test(all, a_convolution_of_one_pixel_is_a_matrix);
    tcase_add_test(all, a_convolution_of_more_is_refused);
    tcase_add_test(all, a_head_of_a_bfloat16_backbone_is_stored_in_half_precision);
    return suite_run("head_shapes", all);
}
