/* The pipeline cache on disk: one file a device, valid for one driver version and one set of shaders.
 *
 * A driver may trust what it is handed, so nothing reaches it before our own header (magic, UUID, driver
 * version, hash of every shader, length, checksum) and Vulkan's (VkPipelineCacheHeaderVersionOne) agree with
 * the device. A file that does not is ignored and later replaced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/file.h"
#include "engine/base/log.h"
#include "engine/gpu/pipeline.h"
#include "engine/gpu/vulkan_device.h"

enum { CACHE_BYTES_MAX = 256 << 20, CACHE_MAGIC_BYTES = 8 };
static const char magic[CACHE_MAGIC_BYTES] = "CXRDPC1";

struct cache_header {
    char magic[CACHE_MAGIC_BYTES];
    char uuid[40];
    uint32_t driver_version, reserved;
    uint64_t shader_hash, size_bytes, checksum;
};

/* FNV-1a, 64 bits: a guard against accidents, not against forgery. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size_bytes; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static const uint64_t hash_start = UINT64_C(0xcbf29ce484222325);

uint64_t gpu_shaders_hash(void)
{
    uint64_t hash = hash_start;
    for (size_t i = 0; i < gpu_shader_count(); i++) {
        const struct gpu_shader *shader = gpu_shader_at(i);
        hash = hash_bytes(hash, shader->words, shader->size_bytes);
    }
    return hash;
}

static struct cache_header header_for(const struct gpu_device *device, const void *data, size_t size_bytes)
{
    struct cache_header header = {.driver_version = device->physical.info.driver_version,
                                  .shader_hash = gpu_shaders_hash(),
                                  .size_bytes = size_bytes,
                                  .checksum = hash_bytes(hash_start, data, size_bytes)};
    memcpy(header.magic, magic, sizeof magic);
    snprintf(header.uuid, sizeof header.uuid, "%s", device->physical.info.uuid);
    return header;
}

/* What the driver may be given of a file's content, or an empty range. */
static struct bytes content_check(const struct gpu_device *device, struct bytes content)
{
    const struct bytes none = {0};
    VkPipelineCacheHeaderVersionOne vulkan;
    if (content.size < sizeof(struct cache_header) + sizeof vulkan)
        return none;
    const struct bytes data = {content.data + sizeof(struct cache_header),
                               content.size - sizeof(struct cache_header)};
    const struct cache_header expected = header_for(device, data.data, data.size);
    memcpy(&vulkan, data.data, sizeof vulkan);
    if (memcmp(content.data, &expected, sizeof expected) != 0 || vulkan.headerSize < sizeof vulkan ||
        vulkan.headerSize > data.size || vulkan.headerVersion != VK_PIPELINE_CACHE_HEADER_VERSION_ONE ||
        vulkan.vendorID != device->physical.vendor_id || vulkan.deviceID != device->physical.device_id ||
        memcmp(vulkan.pipelineCacheUUID, device->physical.cache_uuid, VK_UUID_SIZE) != 0)
        return none;
    return data;
}

/* Makes every folder of the path that is not there yet. */
static bool folder_create(const char *folder)
{
    char *path = memory_copy_text(folder);
    bool made = true;
    for (char *at = path + 1; made && *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        made = mkdir(path, 0700) == 0 || errno == EEXIST;
        *at = '/';
    }
    made = made && (mkdir(path, 0700) == 0 || errno == EEXIST);
    free(path);
    return made;
}

bool gpu_cache_prepare(const char *folder)
{
    if (!*folder || !folder_create(folder)) {
        log_message(LOG_WARNING, "The cache folder cannot be made: compiled shaders are not kept.");
        return false;
    }
    setenv("MESA_SHADER_CACHE_DIR", folder, 0);
    return true;
}

char *gpu_cache_file(const char *folder, const char *kind, const char *uuid)
{
    char name[80];
    snprintf(name, sizeof name, "%s-%s.cache", kind, uuid);
    return file_join(folder, name);
}

char *gpu_device_cache_file(const struct gpu_device *device, const char *kind)
{
    return device->cache_folder ? gpu_cache_file(device->cache_folder, kind, device->physical.info.uuid)
                                : NULL;
}

const char *gpu_device_cache_folder(const struct gpu_device *device)
{
    return device->cache_folder;
}

enum status gpu_cache_open(struct gpu_device *device, const char *folder, struct failure *failure)
{
    device->cache_folder = folder ? memory_copy_text(folder) : NULL;
    char *path = gpu_device_cache_file(device, "pipelines");
    struct bytes content = {0}, data = {0};
    if (path && file_read(path, CACHE_BYTES_MAX, NULL, &content) == STATUS_OK) {
        data = content_check(device, content);
        if (data.size == 0)
            log_message(LOG_INFO, "The pipeline cache is of another driver or damaged: it is made anew.");
    }
    const VkPipelineCacheCreateInfo create = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                              .initialDataSize = data.size,
                                              .pInitialData = data.data};
    VkResult result = vkCreatePipelineCache(device->handle, &create, NULL, &device->pipelines);
    device->cache_size_bytes = data.size;
    free((void *)content.data);
    free(path);
    if (result == VK_SUCCESS)
        return STATUS_OK;
    free(device->cache_folder);
    device->cache_folder = NULL;
    return gpu_failure(device, result, "Making the pipeline cache", failure);
}

void gpu_device_save_pipelines(struct gpu_device *device)
{
    char *path = gpu_device_cache_file(device, "pipelines");
    if (!path)
        return;
    pthread_mutex_lock(&device->cache_mutex);
    size_t size = 0;
    uint8_t *content = NULL;
    VkResult result = vkGetPipelineCacheData(device->handle, device->pipelines, &size, NULL);
    if (result != VK_SUCCESS || size <= device->cache_size_bytes ||
        size > CACHE_BYTES_MAX - sizeof(struct cache_header))
        goto done;
    content = memory_allocate(sizeof(struct cache_header) + size, 1);
    void *data = content + sizeof(struct cache_header);
    result = vkGetPipelineCacheData(device->handle, device->pipelines, &size, data);
    /* Mesa 26.2's CPU driver cuts Vulkan's header off: that would not be taken back. */
    if (result != VK_SUCCESS || size < sizeof(VkPipelineCacheHeaderVersionOne))
        goto done;
    const struct cache_header header = header_for(device, data, size);
    memcpy(content, &header, sizeof header);
    struct failure failure = {0};
    if (file_write(path, (struct bytes){content, sizeof header + size}, &failure) == STATUS_OK)
        device->cache_size_bytes = size;
    else
        log_message(LOG_WARNING, "The pipeline cache was not written: %s", failure.sentence);
done:
    free(content);
    free(path);
    pthread_mutex_unlock(&device->cache_mutex);
}

void gpu_cache_close(struct gpu_device *device)
{
    gpu_device_save_pipelines(device);
    vkDestroyPipelineCache(device->handle, device->pipelines, NULL);
    free(device->cache_folder);
}
