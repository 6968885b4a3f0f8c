/* Which files of a published folder are what. */
#include "engine/base/file.h"
#include "engine/checkpoint/folder.h"
#include "tests/unit/checkpoint/importing.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put(const char *name)
{
    char *path = file_join(folder, name);
    file_put(path, "x", 1);
    free(path);
}

/* The path's last part, or "" for none. */
static const char *last(const char *path)
{
    return path ? strrchr(path, '/') + 1 : "";
}

START_TEST(takes_weights_in_their_order)
{
    static const char *const names[] = {
        "only.pth",          "teacher_checkpoint.pth",       "pytorch_model.bin.index.json",
        "pytorch_model.bin", "model.safetensors.index.json", "model.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct folder found;
        put(names[i]);
        ck_assert_msg(!folder_read(folder, &failure, &found), "%s", failure.sentence);
        ck_assert_str_eq(last(found.weights), names[i]);
        folder_finish(&found);
    }
}
END_TEST

START_TEST(finds_what_lies_beside_the_weights)
{
    struct folder found;
    put("model.safetensors");
    ck_assert_int_eq(folder_read(folder, &failure, &found), STATUS_OK);
    ck_assert_ptr_null(found.config);
    ck_assert_ptr_null(found.preprocessor);
    ck_assert_ptr_null(found.adapter);
    folder_finish(&found);
    put("config.json");
    put("preprocessor_config.json");
    put("processor_config.json");
    put("adapter_model.bin");
    put("adapter_config.json");
    ck_assert_int_eq(folder_read(folder, &failure, &found), STATUS_OK);
    ck_assert_str_eq(last(found.config), "config.json");
    ck_assert_str_eq(last(found.config_json), "config.json");
    ck_assert_str_eq(last(found.preprocessor), "preprocessor_config.json");
    ck_assert_str_eq(last(found.processor), "processor_config.json");
    ck_assert_str_eq(last(found.adapter), "adapter_model.bin");
    ck_assert_str_eq(last(found.adapter_config), "adapter_config.json");
    folder_finish(&found);
    put("config.yaml");
    ck_assert_int_eq(folder_read(folder, &failure, &found), STATUS_OK);
    ck_assert_str_eq(last(found.config), "config.yaml");
    ck_assert_str_eq(last(found.config_json), "config.json");
    folder_finish(&found);
}
END_TEST

static void refuse(const char *sentence)
{
    struct folder found = {.weights = NULL};
    ck_assert_int_eq(folder_read(folder, &failure, &found), STATUS_INVALID_FILE);
    size_t length = strlen(failure.sentence), tail = strlen(sentence);
    ck_assert_msg(length >= tail && !strcmp(failure.sentence + length - tail, sentence), "%s",
                  failure.sentence);
    ck_assert_ptr_null(found.weights);
}

START_TEST(none_and_several_are_refused)
{
    refuse(": No weights are in it (model.safetensors, pytorch_model.bin, ...).");
    put("adapter_model.safetensors");
    struct folder alone;
    ck_assert_msg(!folder_read(folder, &failure, &alone), "%s", failure.sentence);
    ck_assert_str_eq(last(alone.weights), "adapter_model.safetensors");
    ck_assert_ptr_null(alone.adapter);
    folder_finish(&alone);
    put("a.pth");
    put("b.ckpt");
    put("notes.txt");
    struct folder found;
    ck_assert_int_eq(folder_read(folder, &failure, &found), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "It holds several files of weights: give one of "));
    ck_assert_ptr_nonnull(strstr(failure.sentence, "a.pth"));
    ck_assert_ptr_nonnull(strstr(failure.sentence, "b.ckpt"));
    ck_assert_ptr_null(strstr(failure.sentence, "notes"));
    put("model.json"); /* as a package's, which are several, too */
    refuse(": It is a model package already: use it as it is, or import what it was made from.");
}
END_TEST

/* What a download that was cut off leaves is no reason to import something else. */
START_TEST(what_is_no_file_is_refused)
{
    char path[512];
    put("model.safetensors");
    snprintf(path, sizeof path, "%s/preprocessor_config.json", folder);
    ck_assert_int_eq(symlink("/nonexistent", path), 0);
    refuse(
        ": 'preprocessor_config.json' is there, but is no file that can be read: fetch it again, or remove "
        "it.");
    unlink(path);
    put("model.json");
    refuse(": It is a model package already: use it as it is, or import what it was made from.");
    snprintf(path, sizeof path, "%s/model.json", folder);
    unlink(path);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_add_test(all, takes_weights_in_their_order);
    tcase_add_test(all, finds_what_lies_beside_the_weights);
    tcase_add_test(all, none_and_several_are_refused);
    tcase_add_test(all, what_is_no_file_is_refused);
    return suite_run("folder", all);
}
