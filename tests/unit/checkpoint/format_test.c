/* What a file is, told by its bytes alone. */
#include "engine/checkpoint/format.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

START_TEST(what_is_read_is_told_by_its_bytes)
{
    static const struct {
        const char *content;
        size_t size;
        enum format format;
    } cases[] = {
        {"PK\x03\x04", 4, FORMAT_ZIP},
        {"PK\x05\x06", 4, FORMAT_ZIP},
        {"\x08\0\0\0\0\0\0\0{}      ", 16, FORMAT_SAFETENSORS},
        {"{\"a\": 1}", 8, FORMAT_JSON},
        {"\xef\xbb\xbf\n  {}", 8, FORMAT_JSON},
        {"", 0, FORMAT_OTHER},
        {"[1]", 3, FORMAT_OTHER},
        {"\x08\0\0\0\0\0\0\x01{}      ", 16, FORMAT_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_int_eq(format_of((struct bytes){(const uint8_t *)cases[i].content, cases[i].size}),
                         cases[i].format);
}
END_TEST

START_TEST(each_other_kind_has_its_sentence)
{
    static const struct {
        const char *content;
        size_t size;
        const char *sentence;
    } cases[] = {
        {"", 0, "It is empty. Copy or download it again."},
        {"\xef\xbb\xbf \n\n", 6, "It is empty. Copy or download it again."},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", 55,
         "It is a Git LFS pointer, a note of where the file lies: fetch the file itself with 'git lfs pull', "
         "or download "
         "it from the model's page."},
        {"\n<!DOCTYPE html><html>", 22,
         "It is a web page that was saved in the file's place, as where a download wants a login or fails. "
         "Download the "
         "file again."},
        {"<?xml version=\"1.0\"?><Error>", 28,
         "It is a web page that was saved in the file's place, as where a download wants a login or fails. "
         "Download the "
         "file again."},
        {"GGUF\x03\0\0\0", 8,
         "It is a GGUF file, as llama.cpp takes it. Take the model's safetensors or .pth file."},
        {"\x89HDF\r\n\x1a\n", 8,
         "It is an HDF5 file, as Keras and TensorFlow write it. Take the model's safetensors or .pth file."},
        {"\x08\x07\x12\x07pytorch", 11, "It is an ONNX file. Take the model's safetensors or .pth file."},
        {"\x1f\x8b\x08", 3, "It is packed with gzip. Unpack it first."},
        {"\0\0\0\0\0\0", 6, "It begins with zeros only: its download did not end. Download it again."},
        {"\x80\x04\x95", 3,
         "It is a pickle that torch.save did not write. This program reads files of torch.save, safetensors, "
         "and "
         "folders that hold them."},
        {"\x80\x02\x8a\nl\xfc\x9c", 7,
         "It is in the format of PyTorch before 1.6. Save it again with a newer PyTorch: "
         "torch.save(torch.load(FILE, map_location='cpu'), NEW_FILE)."},
        {"hello", 5,
         "It is of no kind that this program knows. This program reads files of torch.save, safetensors, and "
         "folders "
         "that hold them."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct failure failure;
        const struct bytes content = {(const uint8_t *)cases[i].content, cases[i].size};
        ck_assert_int_eq(format_of(content), FORMAT_OTHER);
        ck_assert_int_eq(format_refuse(content, &failure), STATUS_INVALID_FILE);
        ck_assert_str_eq(failure.sentence, cases[i].sentence);
    }
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, what_is_read_is_told_by_its_bytes);
    tcase_add_test(all, each_other_kind_has_its_sentence);
    return suite_run("format", all);
}
