#include "tests/unit/package/sample.h"

#include "engine/base/file.h"
#include "engine/base/sha256.h"
#include "engine/package/package.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const FILES[] = {"SHA256SUMS", "backbone.safetensors", "head.findings.safetensors",
                                    "head.nodule.safetensors", "model.json"};
enum { FILE_COUNT = sizeof FILES / sizeof *FILES };

const char *sample_original;
char sample_folder[] = "/tmp/package_test.XXXXXX";

char *sample_path(const char *name)
{
    return file_join(sample_folder, name);
}

static struct bytes read_whole(const char *folder, const char *name)
{
    struct bytes content;
    char *path = file_join(folder, name);
    ck_assert_int_eq(file_read(path, 64 << 20, NULL, &content), STATUS_OK);
    free(path);
    return content;
}

struct bytes sample_read(const char *name)
{
    return read_whole(sample_folder, name);
}

void sample_write(const char *name, struct bytes content)
{
    char *path = sample_path(name);
    ck_assert_int_eq(file_write(path, content, NULL), STATUS_OK);
    free(path);
}

void sample_copy(void)
{
    strcpy(sample_folder, "/tmp/package_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(sample_folder));
    for (int i = 0; i < FILE_COUNT; i++) {
        struct bytes content = read_whole(sample_original, FILES[i]);
        sample_write(FILES[i], content);
        free((void *)content.data);
    }
}

void sample_remove(void)
{
    for (int i = 0; i < FILE_COUNT; i++) {
        char *path = sample_path(FILES[i]);
        unlink(path);
        free(path);
    }
    ck_assert_int_eq(rmdir(sample_folder), 0); /* else something was left behind */
}

/* Writes the file with the first `from` replaced by `to`. */
static void replace(const char *name, struct bytes content, const char *from, const char *to)
{
    struct buffer changed = {.maximum = SIZE_MAX};
    const uint8_t *at = memmem(content.data, content.size, from, strlen(from));
    ck_assert_msg(at != NULL, "%s is not in %s", from, name);
    size_t before = (size_t)(at - content.data), after = before + strlen(from);
    buffer_append(&changed, content.data, before);
    buffer_append(&changed, to, strlen(to));
    buffer_append(&changed, content.data + after, content.size - after);
    sample_write(name, (struct bytes){changed.data, changed.size});
    buffer_finish(&changed);
}

void sample_edit(const char *from, const char *to)
{
    struct bytes content = sample_read("model.json");
    replace("model.json", content, from, to);
    free((void *)content.data);
}

void sample_damage(const char *name)
{
    struct bytes content = sample_read(name);
    ((uint8_t *)content.data)[content.size - 1] ^= 1;
    sample_write(name, content);
    free((void *)content.data);
}

static void hash(const char *name, char out[SHA256_HEX_BYTES])
{
    struct bytes content = sample_read(name);
    sha256_hex(content, out);
    free((void *)content.data);
}

void sample_rewrite_header(const char *name, const char *from, const char *to, size_t more)
{
    char before[SHA256_HEX_BYTES], after[SHA256_HEX_BYTES];
    hash(name, before);
    struct bytes content = sample_read(name);
    uint8_t *zeros = memory_allocate(more, 1);
    size_t length = content.data[0] | (size_t)content.data[1] << 8 | (size_t)content.data[2] << 16;
    const char *header = (const char *)content.data + 8, *at = memmem(header, length, from, strlen(from));
    ck_assert_msg(at != NULL, "%s is not in %.*s", from, (int)length, header);
    size_t head = (size_t)(at - header), tail = length - head - strlen(from), now = head + strlen(to) + tail;
    struct buffer file = {.maximum = SIZE_MAX};
    buffer_append(&file, (uint8_t[8]){(uint8_t)now, (uint8_t)(now >> 8), (uint8_t)(now >> 16)}, 8);
    buffer_append(&file, header, head);
    buffer_append(&file, to, strlen(to));
    buffer_append(&file, at + strlen(from), tail);
    buffer_append(&file, header + length, content.size - 8 - length);
    buffer_append(&file, zeros, more);
    sample_write(name, (struct bytes){file.data, file.size});
    buffer_finish(&file);
    free(zeros);
    free((void *)content.data);
    hash(name, after);
    sample_edit(before, after);
}

void sample_sum(void)
{
    struct buffer text = {.maximum = SIZE_MAX};
    for (int i = 1; i < FILE_COUNT; i++) {
        char line[SHA256_HEX_BYTES];
        hash(FILES[i], line);
        buffer_append(&text, line, strlen(line));
        buffer_append(&text, "  ", 2);
        buffer_append(&text, FILES[i], strlen(FILES[i]));
        buffer_append(&text, "\n", 1);
    }
    sample_write("SHA256SUMS", (struct bytes){text.data, text.size});
    buffer_finish(&text);
}

enum status sample_open(struct failure *failure)
{
    struct package *package = NULL;
    enum status found = package_open(sample_folder, failure, &package);
    if (!found) {
        found = package_verify(package, failure);
        ck_assert_int_eq(package_verify(package, NULL), found);
        package_close(&package);
    }
    ck_assert_ptr_null(package);
    return found;
}

void sample_check_refused(enum status status, const char *sentence)
{
    struct failure failure = {0};
    enum status found = sample_open(&failure);
    ck_assert_msg(strstr(failure.sentence, sentence) != NULL, "got: %s", failure.sentence);
    ck_assert_int_eq(found, status);
    ck_assert_int_eq(failure.status, status);
}
