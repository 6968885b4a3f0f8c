/* The one table of driver workarounds: where what a device reports is not what it does well. */
#include "engine/gpu/vulkan_device.h"

enum { ANY = 0, VENDOR_AMD = 0x1002, VENDOR_INTEL = 0x8086, VENDOR_NVIDIA = 0x10de };

static const struct workaround {
    const char *reason;
    uint32_t vendor_id, driver_id;      /* ANY: all of them */
    uint32_t device_first, device_last; /* PCI device ids, inclusive; both ANY: all of them */
    uint32_t subgroup_size_below;       /* applies where the least subgroup size is below; ANY: always */
    bool no_matrices, no_matrices2, no_matrix_attention;
} workarounds[] = {
    /* github.com/ggml-org/llama.cpp/pull/11074, which finds it of both drivers. */
    {"AMD's proprietary driver offers matrices on GPUs without the hardware", VENDOR_AMD,
     VK_DRIVER_ID_AMD_PROPRIETARY, ANY, ANY, ANY, true, true, false},
    {"AMD's own open driver offers matrices on GPUs without the hardware", VENDOR_AMD,
     VK_DRIVER_ID_AMD_OPEN_SOURCE, ANY, ANY, ANY, true, true, false},
    /* The hardware's instructions for them came with RDNA 3: "RDNA3 Instruction Set Architecture",
       section 7.9. */
    {"on RDNA 2 matrices are emulated and slower than the portable kernel", VENDOR_AMD, ANY, 0x73a0, 0x743f,
     ANY, true, true, false},
    /* github.com/ggml-org/llama.cpp/pull/14001 and pull/24404. */
    {"on Intel only Xe2 and later, whose least subgroup size is 16, have matrices that pay", VENDOR_INTEL,
     ANY, ANY, ANY, 16, true, true, false},
    /* github.com/ggml-org/llama.cpp/pull/19290, which leaves them to products. */
    {"on NVIDIA Turing attention with matrices is miscompiled", VENDOR_NVIDIA, ANY, 0x1e00, 0x1fff, ANY,
     false, true, true},
    {"on NVIDIA Turing (TU116 and TU117) attention with matrices is miscompiled", VENDOR_NVIDIA, ANY, 0x2180,
     0x21ff, ANY, false, true, true},
};

void gpu_workarounds_apply(struct gpu_physical *physical)
{
    struct gpu_device_info *info = &physical->info;
    for (size_t i = 0; i < sizeof workarounds / sizeof *workarounds; i++) {
        const struct workaround *row = &workarounds[i];
        bool matches =
            (row->vendor_id == ANY || row->vendor_id == physical->vendor_id) &&
            (row->driver_id == ANY || row->driver_id == info->driver_id) &&
            (row->device_last == ANY ||
             (physical->device_id >= row->device_first && physical->device_id <= row->device_last)) &&
            (row->subgroup_size_below == ANY || info->subgroup_size_min < row->subgroup_size_below);
        if (matches && row->no_matrices && info->cooperative_matrix) {
            info->cooperative_matrix = false;
            info->matrix_lack = row->reason;
        }
        if (matches && row->no_matrices2 && info->cooperative_matrix2) {
            info->cooperative_matrix2 = false;
            info->matrix2_lack = row->reason;
        }
        if (matches && row->no_matrix_attention)
            info->matrix_attention_lack = row->reason;
    }
}
