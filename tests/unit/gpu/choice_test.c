/* Order, duplicates, choice and workarounds on made-up devices: no driver is asked. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/gpu/vulkan_device.h"
#include "tests/unit/suite.h"

static struct gpu_physical physical(const char *name, enum gpu_kind kind, const char *uuid, const char *pci,
                                    uint32_t driver_id, const char *refusal)
{
    struct gpu_physical made = {.info.kind = kind, .info.driver_id = driver_id, .info.usable = !*refusal};
    snprintf(made.info.name, sizeof made.info.name, "%s", name);
    snprintf(made.info.uuid, sizeof made.info.uuid, "%s", uuid);
    snprintf(made.info.pci_address, sizeof made.info.pci_address, "%s", pci);
    snprintf(made.info.refusal, sizeof made.info.refusal, "%s", refusal);
    return made;
}

#define UUID(digit) #digit #digit #digit #digit #digit #digit #digit #digit "-0000-0000-0000-000000000000"
#define NIL         "00000000-0000-0000-0000-000000000000"

static void expect_names(const struct gpu_physical *list, size_t count, const char *names)
{
    char all[256] = "";
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(list[i].info.index, i);
        strcat(strcat(all, list[i].info.name), " ");
    }
    ck_assert_str_eq(all, names);
}

START_TEST(sorted_by_kind_with_unusable_ones_last)
{
    struct gpu_physical list[] = {
        physical("cpu", GPU_CPU, NIL, "", 1, ""),
        physical("old", GPU_DISCRETE, UUID(1), "", 2, "too old"),
        physical("integrated", GPU_INTEGRATED, UUID(2), "", 3, ""),
        physical("other", GPU_OTHER, UUID(3), "", 3, ""),
        physical("virtual", GPU_VIRTUAL, UUID(4), "", 3, ""),
        physical("first", GPU_DISCRETE, UUID(5), "", 3, ""),
        physical("second", GPU_DISCRETE, UUID(6), "", 3, ""),
    };
    expect_names(list, gpu_physicals_arrange(list, 7), "first second integrated virtual other cpu old ");
}
END_TEST

START_TEST(one_gpu_under_two_drivers_appears_once)
{
    struct gpu_physical list[] = {
        physical("amdvlk-refused", GPU_DISCRETE, UUID(1), "0000:03:00.0", 2, "no queue"),
        physical("radv", GPU_DISCRETE, UUID(2), "0000:03:00.0", 3, ""),
        physical("slice-a", GPU_DISCRETE, UUID(3), "0000:04:00.0", 4, ""), /* two slices of one GPU */
        physical("slice-b", GPU_DISCRETE, UUID(4), "0000:04:00.0", 4, ""),
        physical("cpu", GPU_CPU, UUID(5), "", 5, ""), /* one driver installed twice */
        physical("cpu-again", GPU_CPU, UUID(5), "", 5, ""),
        physical("nil", GPU_OTHER, NIL, "", 6, ""), /* drivers that give no UUID */
        physical("nil-too", GPU_OTHER, NIL, "", 7, ""),
    };
    expect_names(list, gpu_physicals_arrange(list, 8), "radv slice-a slice-b nil nil-too cpu ");
}
END_TEST

static void expect_choice(const struct gpu_physical *list, size_t count, const char *choice, size_t expected)
{
    struct failure failure = {0};
    size_t chosen = SIZE_MAX;
    ck_assert_msg(gpu_physical_choose(list, count, choice, &failure, &chosen) == STATUS_OK, "%s",
                  failure.sentence);
    ck_assert_uint_eq(chosen, expected);
}

static void expect_refusal(const struct gpu_physical *list, size_t count, const char *choice,
                           const char *sentence)
{
    struct failure failure = {0};
    size_t chosen = SIZE_MAX;
    ck_assert_int_eq(gpu_physical_choose(list, count, choice, &failure, &chosen), STATUS_NO_DEVICE);
    ck_assert_uint_eq(chosen, SIZE_MAX);
    ck_assert_str_eq(failure.sentence, sentence);
}

START_TEST(each_way_of_choosing_finds_its_device)
{
    struct gpu_physical list[] = {
        physical("gpu", GPU_DISCRETE, UUID(a), "0000:0c:00.0", 1, ""),
        physical("cpu", GPU_CPU, UUID(b), "", 2, ""),
        physical("old", GPU_DISCRETE, UUID(c), "", 3, "it is old"),
    };
    size_t count = gpu_physicals_arrange(list, 3);
    expect_choice(list, count, "auto", 0);
    expect_choice(list, count, NULL, 0);
    expect_choice(list, count, "cpu", 1);
    expect_choice(list, count, "1", 1);
    expect_choice(list, count, "AAAAAAAA-0000-0000-0000-000000000000", 0);
    expect_choice(list, count, "0000:0C:00.0", 0);
    expect_refusal(list, count, "2", "Device 2 (old) cannot be used: it is old.");
    expect_refusal(list, count, UUID(c), "Device 2 (old) cannot be used: it is old.");
    expect_refusal(list, count, "3", "There is no device 3: `cxrd devices` lists 3, counted from 0.");
}
END_TEST

START_TEST(auto_takes_a_cpu_driver_only_when_nothing_else_is_there)
{
    struct gpu_physical list[] = {physical("cpu", GPU_CPU, UUID(1), "", 1, ""),
                                  physical("gpu", GPU_DISCRETE, UUID(2), "", 2, "it is old")};
    expect_choice(list, 1, "auto", 0);
    size_t count = gpu_physicals_arrange(list, 2);
    expect_refusal(list, count, "auto",
                   "Device 1 (gpu) cannot be used: it is old; or choose the device cpu.");
    expect_choice(list, count, "cpu", 0);
    expect_refusal(list + 1, 1, "cpu", "There is no CPU driver for Vulkan: install mesa-vulkan-drivers.");
    struct gpu_physical refused = physical("cpu", GPU_CPU, UUID(1), "", 1, "it is old");
    expect_refusal(&refused, 1, "auto", "Device 0 (cpu) cannot be used: it is old.");
    expect_refusal(&refused, 1, "cpu", "Device 0 (cpu) cannot be used: it is old.");
}
END_TEST

START_TEST(matrices_are_taken_from_devices_known_to_do_them_badly)
{
    static const struct {
        uint32_t vendor_id, device_id, driver_id, subgroup_size_min;
        bool kept, kept2, attention;
    } cases[] = {
        {0x1002, 0x744c, VK_DRIVER_ID_AMD_PROPRIETARY, 32, false, false, true},
        {0x1002, 0x744c, VK_DRIVER_ID_AMD_OPEN_SOURCE, 32, false, false, true},
        {0x1002, 0x744c, VK_DRIVER_ID_MESA_RADV, 32, true, true, true},   /* RDNA 3 */
        {0x1002, 0x73bf, VK_DRIVER_ID_MESA_RADV, 32, false, false, true}, /* RDNA 2 */
        {0x8086, 0x56a0, VK_DRIVER_ID_INTEL_OPEN_SOURCE_MESA, 8, false, false, true},
        {0x8086, 0xe20b, VK_DRIVER_ID_INTEL_OPEN_SOURCE_MESA, 16, true, true, true}, /* Xe2 */
        {0x10de, 0x1e04, VK_DRIVER_ID_NVIDIA_PROPRIETARY, 32, true, false, false},   /* Turing */
        {0x10de, 0x2184, VK_DRIVER_ID_NVIDIA_PROPRIETARY, 32, true, false, false},   /* TU116 */
        {0x10de, 0x2204, VK_DRIVER_ID_NVIDIA_PROPRIETARY, 32, true, true, true},     /* Ampere */
        {0x10de, 0x2330, VK_DRIVER_ID_NVIDIA_PROPRIETARY, 32, true, true, true},     /* Hopper */
        {0x10005, 0, VK_DRIVER_ID_MESA_LLVMPIPE, 8, true, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gpu_physical made = {.vendor_id = cases[i].vendor_id,
                                    .device_id = cases[i].device_id,
                                    .info = {.driver_id = cases[i].driver_id,
                                             .subgroup_size_min = cases[i].subgroup_size_min,
                                             .cooperative_matrix = true,
                                             .cooperative_matrix2 = true}};
        gpu_workarounds_apply(&made);
        ck_assert_msg(made.info.cooperative_matrix == cases[i].kept, "case %zu", i);
        ck_assert_msg(made.info.cooperative_matrix2 == cases[i].kept2, "case %zu", i);
        ck_assert_msg((made.info.matrix_lack == NULL) == cases[i].kept, "case %zu", i);
        ck_assert_msg((made.info.matrix2_lack == NULL) == cases[i].kept2, "case %zu", i);
        ck_assert_msg((made.info.matrix_attention_lack == NULL) == cases[i].attention, "case %zu", i);
    }
}
END_TEST

START_TEST(results_become_statuses_and_a_lost_device_is_noted)
{
    struct gpu_device device = {0};
    struct failure failure = {0};
    ck_assert_int_eq(gpu_failure(&device, VK_ERROR_OUT_OF_DEVICE_MEMORY, "Testing", &failure),
                     STATUS_OUT_OF_MEMORY);
    ck_assert_str_eq(failure.sentence, "Testing failed with VK_ERROR_OUT_OF_DEVICE_MEMORY: lower the batch "
                                       "size or choose a smaller model.");
    ck_assert_int_eq(gpu_failure(&device, VK_ERROR_INITIALIZATION_FAILED, "Testing", &failure),
                     STATUS_DEVICE);
    ck_assert(!gpu_device_lost(&device));
    ck_assert_int_eq(gpu_failure(&device, VK_ERROR_DEVICE_LOST, "Testing", &failure), STATUS_DEVICE_LOST);
    ck_assert(gpu_device_lost(&device));
    ck_assert_int_eq(gpu_failure(NULL, VK_ERROR_DEVICE_LOST, "Testing", &failure), STATUS_DEVICE_LOST);
}
END_TEST

/* How often a shader has an instruction with these operands, from the second one on where it is an execution
 * mode. */
static int asks(const struct gpu_float_controls *controls, uint32_t mode, uint32_t bits)
{
    size_t size_bytes;
    uint32_t *words = gpu_float_controls_add(controls, gpu_shader_find("softmax.f32"), &size_bytes);
    int count = 0;
    for (size_t i = 5; i < size_bytes / 4; i += words[i] >> 16)
        count += words[i] == (4 << 16 | 16) && words[i + 2] == mode && words[i + 3] == bits;
    free(words);
    return count;
}

START_TEST(float_controls_are_asked_for_as_they_are_offered)
{
    enum { DENORMALS = 4459, NAN_KEPT = 4461 };
    VkPhysicalDeviceVulkan12Properties offered = {.denormBehaviorIndependence =
                                                      VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_ALL};
    struct gpu_float_controls controls;
    gpu_float_controls_choose(&offered, &controls);
    ck_assert(!asks(&controls, DENORMALS, 16) && !asks(&controls, NAN_KEPT, 32));
    offered.shaderDenormPreserveFloat16 = offered.shaderSignedZeroInfNanPreserveFloat32 = VK_TRUE;
    gpu_float_controls_choose(&offered, &controls);
    ck_assert(asks(&controls, DENORMALS, 16) == 1 && asks(&controls, NAN_KEPT, 32) == 1);
    ck_assert(!asks(&controls, DENORMALS, 32) && !asks(&controls, DENORMALS, 64));
    offered.denormBehaviorIndependence = VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_32_BIT_ONLY;
    gpu_float_controls_choose(&offered, &controls);
    ck_assert(!asks(&controls, DENORMALS, 16) && asks(&controls, NAN_KEPT, 32) == 1);
    offered.shaderDenormPreserveFloat64 = VK_TRUE;
    gpu_float_controls_choose(&offered, &controls);
    ck_assert(asks(&controls, DENORMALS, 16) && asks(&controls, DENORMALS, 64) &&
              !asks(&controls, DENORMALS, 32));
    offered.denormBehaviorIndependence = VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_NONE;
    gpu_float_controls_choose(&offered, &controls);
    ck_assert(!asks(&controls, DENORMALS, 16) && !asks(&controls, DENORMALS, 64));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("choice");
    tcase_add_test(tests, sorted_by_kind_with_unusable_ones_last);
    tcase_add_test(tests, one_gpu_under_two_drivers_appears_once);
    tcase_add_test(tests, each_way_of_choosing_finds_its_device);
    tcase_add_test(tests, auto_takes_a_cpu_driver_only_when_nothing_else_is_there);
    tcase_add_test(tests, matrices_are_taken_from_devices_known_to_do_them_badly);
    tcase_add_test(tests, results_become_statuses_and_a_lost_device_is_noted);
    tcase_add_test(tests, float_controls_are_asked_for_as_they_are_offered);
    return suite_run("choice", tests);
}
