/* Every shader of the catalogue declares the push constants that C fills: the table ties operations to
 * structs. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "shaders/params/attention.h"
#include "shaders/params/average.h"
#include "shaders/params/copy.h"
#include "shaders/params/features.h"
#include "shaders/params/gemm.h"
#include "shaders/params/layernorm.h"
#include "shaders/params/logits.h"
#include "shaders/params/patchify.h"
#include "shaders/params/peak.h"
#include "shaders/params/pool.h"
#include "shaders/params/softmax.h"
#include "shaders/params/tokens.h"
#include "tests/unit/gpu/gpu_test.h"
#include "tests/unit/suite.h"

/* Of the operations that a shader's name may start with. */
static const struct {
    const char *operation;
    uint32_t bytes;
} operations[] = {
    {"attention", sizeof(struct attention_params)},
    {"attention_cpu", sizeof(struct attention_params)},
    {"attention_matrix", sizeof(struct attention_params)},
    {"attention_matrix2", sizeof(struct attention_params)},
    {"average", sizeof(struct average_params)},
    {"copy", sizeof(struct copy_params)},
    {"features", sizeof(struct features_params)},
    {"gemm", sizeof(struct gemm_params)},
    {"gemm_cpu", sizeof(struct gemm_params)},
    {"gemm_matrix", sizeof(struct gemm_params)},
    {"gemm_matrix2", sizeof(struct gemm_params)},
    {"layernorm", sizeof(struct layernorm_params)},
    {"layernorm_cpu", sizeof(struct layernorm_params)},
    {"logits", sizeof(struct logits_params)},
    {"patchify", sizeof(struct patchify_params)},
    {"peak", sizeof(struct peak_params)},
    {"pool", sizeof(struct pool_params)},
    {"pool_cpu", sizeof(struct pool_params)},
    {"softmax", sizeof(struct softmax_params)},
    {"tokens", sizeof(struct tokens_params)},
};

/* 0 when the table lacks the operation. */
static uint32_t expected_bytes(const char *name)
{
    size_t length = strcspn(name, ".");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strlen(operations[i].operation) == length && strncmp(operations[i].operation, name, length) == 0)
            return operations[i].bytes;
    return 0;
}

START_TEST(push_constants_have_the_size_c_knows)
{
    ck_assert_uint_gt(gpu_shader_count(), 0);
    for (size_t i = 0; i < gpu_shader_count(); i++) {
        const struct gpu_shader *shader = gpu_shader_at(i);
        uint32_t expected = expected_bytes(shader->name);
        ck_assert_msg(expected > 0, "%s: add its operation to the table of this test", shader->name);
        ck_assert_msg(round_up(gpu_shader_push_bytes(shader), 8) == expected, /* C pads to its addresses */
                      "%s: SPIR-V has %u bytes, C %u", shader->name, gpu_shader_push_bytes(shader), expected);
        ck_assert_uint_le(expected, 128);
    }
}
END_TEST

START_TEST(shaders_are_found_by_name)
{
    for (size_t i = 0; i < gpu_shader_count(); i++)
        ck_assert_ptr_eq(gpu_shader_find(gpu_shader_at(i)->name), gpu_shader_at(i));
    ck_assert_ptr_null(gpu_shader_find("no such shader"));
    ck_assert_ptr_null(gpu_shader_at(gpu_shader_count()));
}
END_TEST

START_TEST(push_constants_are_read_from_spirv)
{
    ck_assert_uint_eq(gpu_shader_push_bytes(&fill_shader), 28); /* C pads the struct to 32 */
    const uint32_t none[] = {0x07230203, 0x00010000, 0, 1, 0};
    ck_assert_uint_eq(gpu_shader_push_bytes(&(struct gpu_shader){"none", none, sizeof none}), 0);
    const uint32_t cut[] = {0x07230203, 0x00010000, 0, 1, 0, 0x00040015};
    ck_assert_uint_eq(gpu_shader_push_bytes(&(struct gpu_shader){"cut", cut, sizeof cut}), 0);
}
END_TEST

START_TEST(workgroups_are_read_from_spirv)
{
    const uint32_t threads[] = {96}, gemm[] = {0, 64, 32, 32};
    struct gpu_workgroup workgroup;
    struct gpu_pipeline_options options = {.constants = threads, .constant_count = 1};
    ck_assert(gpu_shader_workgroup(&fill_shader, &options, &workgroup));
    ck_assert_uint_eq(workgroup.size[0], 96);
    ck_assert_uint_eq(workgroup.size[1] * workgroup.size[2], 1);
    ck_assert_uint_eq(workgroup.shared_bytes, 0);
    options = (struct gpu_pipeline_options){.constants = gemm, .constant_count = 4};
    ck_assert(gpu_shader_workgroup(gpu_shader_find("gemm.f32"), &options, &workgroup));
    ck_assert_uint_eq(workgroup.size[0], 32);
    ck_assert_uint_eq(workgroup.shared_bytes, 64 * 5 * 16 + 16 * (32 / 4 + 4) * 16);
    ck_assert(
        gpu_shader_workgroup(gpu_shader_find("pool.f32"), &(struct gpu_pipeline_options){0}, &workgroup));
    ck_assert_uint_eq(workgroup.size[0], 128);
    ck_assert_uint_le(workgroup.shared_bytes, 12800);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("catalogue");
    tcase_add_test(tests, push_constants_have_the_size_c_knows);
    tcase_add_test(tests, shaders_are_found_by_name);
    tcase_add_test(tests, push_constants_are_read_from_spirv);
    tcase_add_test(tests, workgroups_are_read_from_spirv);
    return suite_run("catalogue", tests);
}
