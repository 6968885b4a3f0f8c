#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gpu/pipeline.h"
#include "engine/kernels/set.h"
#include "tests/unit/suite.h"

/* Mesa 26.1 on a CPU with 8 lanes: the only kind of device the cpu rung is for. */
static const struct gpu_device_info cpu = {.kind = GPU_CPU,
                                           .driver_id = 13,
                                           .driver_version = 26u << 22 | 1 << 12 | 6,
                                           .subgroup_size = 8,
                                           .int64 = true,
                                           .half_storage = true,
                                           .matrix_lack = "it has no matrices",
                                           .matrix2_lack = "it has no matrices",
                                           .shared_memory_bytes = 32768,
                                           .workgroup_invocations_max = 1024};

/* A GPU with matrices of both kinds, as NVIDIA's are since Ampere. */
static const struct gpu_device_info gpu = {.kind = GPU_DISCRETE,
                                           .driver_id = 4,
                                           .subgroup_size = 32,
                                           .subgroup_size_min = 32,
                                           .subgroup_size_max = 32,
                                           .subgroup_size_control = true,
                                           .half_storage = true,
                                           .half_arithmetic = true,
                                           .shared_memory_bytes = 49152,
                                           .workgroup_invocations_max = 1024,
                                           .cooperative_matrix = true,
                                           .cooperative_matrix2 = true,
                                           .matrix_shapes = {{16, 8, 8, 0}, {16, 16, 16, 0}},
                                           .matrix_shape_count = 2,
                                           .matrix2_steps = {{32, 32, 16, 128}, {64, 32, 16, 256}},
                                           .matrix2_step_count = 2,
                                           .matrix2_workgroup = true,
                                           .matrix2_invocations_max = 256,
                                           .matrix2_side_max = 1024};

/* Whether the shader compiler of this build knew matrices: only then a rung of them can be supported. */
static bool built(const char *shader)
{
    return gpu_shader_find(shader) != NULL;
}

static bool supported(enum rung rung, struct gpu_device_info device)
{
    const char *why_not = NULL;
    bool is = rung_supported(rung, &device, &why_not);
    ck_assert_int_eq(is, why_not == NULL);
    return is;
}

START_TEST(cpu_rung_wants_all_of_its_conditions)
{
    struct gpu_device_info device = cpu;
    ck_assert(supported(RUNG_CPU, device));
    device.driver_id = 12;
    ck_assert(!supported(RUNG_CPU, device));
    device = cpu;
    device.driver_version = 25u << 22 | 7 << 12;
    ck_assert(!supported(RUNG_CPU, device));
    device = cpu;
    device.subgroup_size = 4;
    ck_assert(!supported(RUNG_CPU, device));
    device = cpu;
    device.int64 = false;
    ck_assert(!supported(RUNG_CPU, device));
}
END_TEST

START_TEST(half_rung_wants_16_bit_storage)
{
    struct gpu_device_info device = cpu;
    ck_assert(supported(RUNG_HALF, device));
    device.half_storage = false;
    ck_assert(!supported(RUNG_HALF, device));
    ck_assert(supported(RUNG_PORTABLE, device));
}
END_TEST

START_TEST(every_rung_wants_workgroups_that_fit)
{
    struct gpu_device_info device = cpu;
    device.workgroup_invocations_max = 128;
    for (int rung = 0; rung < RUNG_COUNT; rung++)
        ck_assert(!supported(rung, device));
    device = cpu;
    device.shared_memory_bytes = 12799;
    for (int rung = 0; rung < RUNG_COUNT; rung++)
        ck_assert(!supported(rung, device));
    device.shared_memory_bytes = 16384; /* what every Vulkan device has */
    ck_assert(supported(RUNG_PORTABLE, device) && supported(RUNG_HALF, device));
}
END_TEST

static void lacks(enum rung rung, const struct gpu_device_info *device, const char *words)
{
    const char *why_not = NULL;
    ck_assert(!rung_supported(rung, device, &why_not));
    if (built("gemm_matrix.f16"))
        ck_assert_msg(strstr(why_not, words) != NULL, "\"%s\" lacks \"%s\"", why_not, words);
}

START_TEST(matrix_rung_wants_shapes_and_room_for_its_tiles)
{
    struct gpu_device_info device = gpu;
    ck_assert_int_eq(supported(RUNG_MATRIX, device), built("gemm_matrix.f16"));
    device.cooperative_matrix = false;
    device.matrix_lack = "it is made up";
    lacks(RUNG_MATRIX, &device, "it is made up");
    device = gpu;
    device.half_storage = false;
    lacks(RUNG_MATRIX, &device, "16-bit");
    device = gpu;
    device.matrix_shapes[0] = device.matrix_shapes[1] = (struct gpu_matrix_shape){32, 32, 32, 0};
    lacks(RUNG_MATRIX, &device, "shape");
    device = gpu;
    device.shared_memory_bytes = 10239; /* 10 KiB is what the least tile of a product takes of 16 x 16 x 16 */
    lacks(RUNG_MATRIX, &device, "shared memory");
    device.shared_memory_bytes = 12287; /* and 12 KiB that of attention with conversions */
    lacks(RUNG_MATRIX, &device, "attention");
    device.shared_memory_bytes = 12799; /* and 12.5 KiB pool */
    lacks(RUNG_MATRIX, &device, "12.5 KiB");
    device.shared_memory_bytes = 12800;
    ck_assert_int_eq(supported(RUNG_MATRIX, device), built("attention_matrix.f16_conversions"));
    device.cooperative_matrix2 = false;
    device.shared_memory_bytes = 27903; /* and 27,904 attention without conversions */
    lacks(RUNG_MATRIX, &device, "shared memory");
    device.shared_memory_bytes = 27904;
    ck_assert_int_eq(supported(RUNG_MATRIX, device), built("gemm_matrix.f16"));
    device = gpu;
    device.workgroup_invocations_max = 64;
    lacks(RUNG_MATRIX, &device, "workgroups");
    device = gpu;
    device.subgroup_size_control = false;
    device.subgroup_size_max = 64;
    lacks(RUNG_MATRIX, &device, "subgroups");
    device.subgroup_size_min = 64; /* of one size anyway */
    device.subgroup_size = 64;
    ck_assert_int_eq(supported(RUNG_MATRIX, device), built("gemm_matrix.f16"));
    device.subgroup_size = device.subgroup_size_min = device.subgroup_size_max = 128;
    lacks(RUNG_MATRIX, &device, "larger than 64");
}
END_TEST

START_TEST(matrix_rung_takes_what_other_makers_offer)
{
    struct gpu_device_info device = gpu;
    device.matrix_shapes[0] = (struct gpu_matrix_shape){8, 16, 16, 0}; /* Intel's, subgroups of 16 to 32 */
    device.matrix_shape_count = 1;
    device.subgroup_size_min = 16;
    ck_assert_int_eq(supported(RUNG_MATRIX, device), built("gemm_matrix.f16"));
    device.matrix_shapes[0] = (struct gpu_matrix_shape){16, 16, 16, 0}; /* AMD's, of 32 or 64 */
    device.subgroup_size_min = 32;
    device.subgroup_size = device.subgroup_size_max = 64;
    device.shared_memory_bytes = 65536;
    ck_assert_int_eq(supported(RUNG_MATRIX, device), built("gemm_matrix.f16"));
}
END_TEST

START_TEST(matrix_rung_keeps_its_products_where_attention_does_without_matrices)
{
    struct gpu_device_info device = gpu;
    struct tiles tiles = attention_tiles(&device, RUNG_MATRIX);
    if (built("gemm_matrix.f16"))
        ck_assert_ptr_nonnull(strstr(tiles.list[0].shader, "attention_matrix."));
    device.matrix_attention_lack = "it is made up";
    tiles = attention_tiles(&device, RUNG_MATRIX);
    ck_assert_int_gt(tiles.count, 0);
    for (uint32_t i = 0; i < tiles.count; i++)
        ck_assert_str_eq(tiles.list[i].shader, "attention.f16");
    ck_assert_int_eq(supported(RUNG_MATRIX, device), built("gemm_matrix.f16"));
}
END_TEST

START_TEST(matrix2_rung_wants_steps_that_its_tiles_are_made_of)
{
    struct gpu_device_info device = gpu;
    ck_assert_int_eq(supported(RUNG_MATRIX2, device), built("gemm_matrix2.f16"));
    device.cooperative_matrix2 = false;
    device.matrix2_lack = "it is made up";
    lacks(RUNG_MATRIX2, &device, "it is made up");
    device = gpu;
    device.matrix2_steps[0].invocations = device.matrix2_steps[1].invocations = 512;
    lacks(RUNG_MATRIX2, &device, "sizes");
    device = gpu;
    device.matrix2_steps[0].k = device.matrix2_steps[1].k = 48;
    lacks(RUNG_MATRIX2, &device, "sizes");
    device = gpu;
    device.matrix2_side_max = 32;
    lacks(RUNG_MATRIX2, &device, "sizes");
    device = gpu;
    device.matrix2_invocations_max = 64;
    lacks(RUNG_MATRIX2, &device, "sizes");
}
END_TEST

/* How many of the tiles give the bits of the first; all have names of their own. */
static uint32_t choices(const struct tiles *tiles)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < tiles->count; i++) {
        count += tiles->list[i].family == tiles->list[0].family;
        for (uint32_t j = 0; j < i; j++)
            ck_assert_str_ne(tiles->list[i].name, tiles->list[j].name);
    }
    return count;
}

START_TEST(every_rung_of_a_gpu_has_tiles_to_choose_from)
{
    static const struct gpu_matrix_shape intel = {8, 16, 16, 0};
    const char *why_not;
    for (uint32_t lanes = 16; lanes <= 64; lanes *= 2)
        for (int conversions = 0; conversions < 2; conversions++) {
            struct gpu_device_info device = gpu;
            device.subgroup_size = device.subgroup_size_min = device.subgroup_size_max = lanes;
            device.shared_memory_bytes = 65536;
            device.cooperative_matrix2 = conversions;
            if (lanes == 16)
                device.matrix_shapes[1] = intel;
            for (enum rung rung = 0; rung < RUNG_CPU; rung++) {
                if (!rung_supported(rung, &device, &why_not))
                    continue;
                const struct tiles gemms = gemm_tiles(&device, rung, ELEMENT_F16),
                                   attentions = attention_tiles(&device, rung);
                ck_assert_msg(choices(&gemms) >= 6, "%s has %u", rung_name(rung), choices(&gemms));
                ck_assert_msg(choices(&attentions) >= 3, "%s has %u", rung_name(rung), choices(&attentions));
            }
        }
    const struct tiles one = gemm_tiles(&cpu, RUNG_CPU, ELEMENT_F32);
    ck_assert_uint_eq(choices(&one), 1);
}
END_TEST

START_TEST(tiles_fit_the_device)
{
    struct gpu_device_info device = gpu;
    device.workgroup_invocations_max = 256;
    device.shared_memory_bytes = 32768;
    for (enum rung rung = RUNG_PORTABLE; rung < RUNG_MATRIX; rung++) {
        const struct tiles gemms = gemm_tiles(&device, rung, ELEMENT_F16),
                           attentions = attention_tiles(&device, rung);
        for (uint32_t i = 0; i < gemms.count; i++)
            ck_assert_uint_le(gemms.list[i].constants[3], 256);
        for (uint32_t i = 0; i < attentions.count; i++)
            ck_assert_uint_le(attentions.list[i].rows, 64); /* 128 take 56 KiB */
    }
    if (!built("gemm_matrix.f16"))
        return;
    const struct tiles gemms = gemm_tiles(&device, RUNG_MATRIX, ELEMENT_F16);
    for (uint32_t i = 0; i < gemms.count; i++)
        ck_assert_uint_le(gemms.list[i].constants[10], 256);
}
END_TEST

/* The candidates' names, the first one first. */
static const char *candidates(struct gpu_device_info device, enum precision precision)
{
    static char names[128];
    enum rung rungs[RUNG_COUNT];
    size_t count = rung_candidates(&device, precision, rungs);
    names[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(names, i ? " " : "");
        strcat(names, rung_name(rungs[i]));
    }
    return names;
}

static void fits(const struct gpu_device_info *device, const struct variant *variant)
{
    const struct gpu_shader *shader = gpu_shader_find(variant->shader);
    const struct gpu_pipeline_options options = {.constants = variant->constants,
                                                 .constant_count = variant->constant_count};
    struct failure failure = {0};
    ck_assert_msg(!gpu_workgroup_check(device, shader, &options, &failure), "%s", failure.sentence);
}

/* All that a rung has beside its tiles. */
static void others_fit(const struct gpu_device_info *device)
{
    for (size_t i = 0; i < gpu_shader_count(); i++)
        if (strncmp(gpu_shader_at(i)->name, "gemm", 4) && strncmp(gpu_shader_at(i)->name, "attention", 9))
            fits(device, &(struct variant){.shader = gpu_shader_at(i)->name});
}

START_TEST(every_pipeline_keeps_to_the_limits_of_its_device)
{
    static const uint32_t invocations[] = {64, 128, 255, 256, 512, 1024};
    static const uint32_t shared[] = {8192, 12799, 12800, 14336, 16384, 24576, 32768, 49152, 65536};
    unsigned checked = 0;
    for (size_t i = 0; i < sizeof invocations / sizeof *invocations; i++)
        for (size_t j = 0; j < sizeof shared / sizeof *shared; j++)
            for (int rung = 0; rung < 2 * RUNG_COUNT; rung++) {
                struct gpu_device_info device = rung < RUNG_COUNT ? gpu : cpu;
                device.workgroup_invocations_max = invocations[i];
                device.shared_memory_bytes = shared[j];
                if (!supported(rung % RUNG_COUNT, device))
                    continue;
                const struct tiles gemms = gemm_tiles(&device, rung % RUNG_COUNT, ELEMENT_F32),
                                   attentions = attention_tiles(&device, rung % RUNG_COUNT);
                for (uint32_t tile = 0; tile < gemms.count; tile++)
                    fits(&device, &gemms.list[tile]);
                for (uint32_t tile = 0; tile < attentions.count; tile++)
                    fits(&device, &attentions.list[tile]);
                others_fit(&device);
                checked++;
            }
    ck_assert_uint_gt(checked, 60);
}
END_TEST

START_TEST(matrices_are_preferred_on_a_gpu_and_never_tried_on_a_cpu_driver)
{
    const bool can = built("gemm_matrix.f16");
    struct gpu_device_info device = gpu;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO),
                     can ? "matrix matrix2 half portable" : "half portable");
    ck_assert_str_eq(candidates(device, PRECISION_FP32), "portable");
    device.matrix2_workgroup = false; /* a subgroup's are for tests */
    ck_assert_str_eq(candidates(device, PRECISION_FP16), can ? "matrix half portable" : "half portable");
    device.cooperative_matrix = false;
    device.matrix_lack = "it is made up";
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "half portable");
    device = gpu;
    device.kind = GPU_CPU;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "portable");
}
END_TEST

START_TEST(precision_decides_how_weights_are_held)
{
    ck_assert_int_eq(rung_weights(&gpu, RUNG_PORTABLE, PRECISION_FP32), ELEMENT_F32);
    ck_assert_int_eq(rung_weights(&gpu, RUNG_PORTABLE, PRECISION_AUTO), ELEMENT_F16);
    ck_assert_int_eq(rung_weights(&cpu, RUNG_PORTABLE, PRECISION_AUTO), ELEMENT_F32);
    ck_assert_int_eq(rung_weights(&cpu, RUNG_PORTABLE, PRECISION_FP16), ELEMENT_F16);
    ck_assert_int_eq(rung_weights(&cpu, RUNG_CPU, PRECISION_AUTO), ELEMENT_F32);
    ck_assert_int_eq(rung_weights(&gpu, RUNG_MATRIX, PRECISION_AUTO), ELEMENT_F16);
}
END_TEST

START_TEST(candidates_come_fastest_first)
{
    struct gpu_device_info device = cpu;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "cpu portable");
    ck_assert_str_eq(candidates(device, PRECISION_FP32), "cpu portable");
    ck_assert_str_eq(candidates(device, PRECISION_FP16), "portable");
    device.driver_version = 1;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "portable");
    device.kind = GPU_DISCRETE;
    device.driver_id = 4;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "half portable");
    ck_assert_str_eq(candidates(device, PRECISION_FP32), "portable");
    device.half_storage = false;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "portable");
    device.shared_memory_bytes = 8192;
    ck_assert_str_eq(candidates(device, PRECISION_AUTO), "");
}
END_TEST

START_TEST(a_name_is_a_rung_that_the_device_has)
{
    struct failure failure = {0};
    enum rung rung = RUNG_COUNT;
    ck_assert_int_eq(rung_named(&cpu, "half", PRECISION_AUTO, &failure, &rung), STATUS_OK);
    ck_assert_int_eq(rung, RUNG_HALF);
    ck_assert_int_eq(rung_named(&cpu, "fast", PRECISION_AUTO, &failure, &rung), STATUS_BAD_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "fast"));
    ck_assert_int_eq(rung_named(&cpu, "half", PRECISION_FP32, &failure, &rung), STATUS_BAD_REQUEST);
    struct gpu_device_info device = cpu;
    device.half_storage = false;
    ck_assert_int_eq(rung_named(&device, "half", PRECISION_AUTO, &failure, &rung), STATUS_NO_DEVICE);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("rung");
    tcase_add_test(cases, cpu_rung_wants_all_of_its_conditions);
    tcase_add_test(cases, half_rung_wants_16_bit_storage);
    tcase_add_test(cases, every_rung_wants_workgroups_that_fit);
    tcase_add_test(cases, matrix_rung_wants_shapes_and_room_for_its_tiles);
    tcase_add_test(cases, matrix_rung_takes_what_other_makers_offer);
    tcase_add_test(cases, matrix_rung_keeps_its_products_where_attention_does_without_matrices);
    tcase_add_test(cases, matrix2_rung_wants_steps_that_its_tiles_are_made_of);
    tcase_add_test(cases, every_rung_of_a_gpu_has_tiles_to_choose_from);
    tcase_add_test(cases, tiles_fit_the_device);
    tcase_add_test(cases, every_pipeline_keeps_to_the_limits_of_its_device);
    tcase_add_test(cases, matrices_are_preferred_on_a_gpu_and_never_tried_on_a_cpu_driver);
    tcase_add_test(cases, precision_decides_how_weights_are_held);
    tcase_add_test(cases, candidates_come_fastest_first);
    tcase_add_test(cases, a_name_is_a_rung_that_the_device_has);
    return suite_run("rung", cases);
}
