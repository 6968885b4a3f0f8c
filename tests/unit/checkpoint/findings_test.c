/* Label files, the 40 findings and their codes. */
#include "engine/checkpoint/findings.h"
#include "engine/checkpoint/labels.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct failure failure;

START_TEST(reads_one_label_a_line)
{
    static const char text[] = "Mass\r\nPleural Effusion \t\nN\xc3\xb3"
                               "dulo  \r\n\r\n \n";
    struct label_list labels = {0};
    ck_assert_int_eq(labels_parse((struct bytes){(const uint8_t *)text, strlen(text)}, &failure, &labels),
                     STATUS_OK);
    ck_assert_uint_eq(labels.count, 3);
    ck_assert_str_eq(labels.names[0], "Mass");
    ck_assert_str_eq(labels.names[1], "Pleural Effusion");
    ck_assert_str_eq(labels.names[2], "N\xc3\xb3"
                                      "dulo");
    labels_finish(&labels);
    ck_assert_uint_eq(labels.count, 0);
}
END_TEST

#define JSON_LABELS                                                                                   \
    "It is JSON, and a list of labels has one a line. The id2label of a config.json is read without " \
    "labels=, where that lies beside the weights."
#define NUMBERED_LABELS \
    "Each line begins with its number: leave the numbers out, as a label is what stands on its line."

START_TEST(wrong_labels_are_named)
{
    char longest[200] = "a\n", many[20000] = "";
    memset(longest + 2, 'x', 150);
    for (size_t i = 0; i < 4097; i++) /* 4097 different labels of three letters */
        memcpy(many + 4 * i,
               (char[]){(char)('A' + i % 26), (char)('A' + i / 26 % 26), (char)('A' + i / 676), '\n'}, 4);
    const struct {
        const char *text, *sentence;
    } cases[] = {
        {"a\nb\r\na \n", "The label 'a' stands on line 1 and again on line 3."},
        {"Pleural Effusion\nMass\nPleural\xc2\xa0"
         "Effusion\n",
         "The labels of lines 1 and 3, 'Pleural Effusion' and 'Pleural\xc2\xa0"
         "Effusion', differ in nothing but spaces "
         "or capital letters: give each output a label of its own."},
        {"mass\nMass\n",
         "The labels of lines 1 and 2, 'mass' and 'Mass', differ in nothing but spaces or capital "
         "letters: give each output a label of its own."},
        {"\xc3\x89panchement\nE\xcc\x81panchement\n",
         "Line 2, 'E\xcc\x81panchement', has a mark that joins the letter before it, with which one label "
         "can be "
         "written in two ways: save the file with composed letters (Unicode's NFC)."},
        {"a\n\xc2\xa0\xe2\x80\x8b\n", "Line 2 has no letter: which label is missing?"},
        {"a\xe2\x80\xae"
         "b\n",
         "Line 1 holds a control character, or one that turns the direction of text."},
        {"Mass\nConsolid\xe9\n",
         "Line 2 is not UTF-8: its byte 9 is 0xe9. It was saved in another encoding, Windows-1252 probably: "
         "convert it with iconv -f WINDOWS-1252 -t UTF-8 FILE >NEW, and see that its letters are right."},
        {"\x83\x89\x81\n", /* katakana of Shift_JIS */
         "Line 1 is not UTF-8: its byte 1 is 0x83. It was saved in another encoding, which nothing tells: "
         "convert it with iconv -f ENCODING -t UTF-8 FILE >NEW, and see that its letters are right."},
        {"a\n\nb\n", "Line 2 is empty, where each has the label of one output: which one is missing?"},
        {"\r\na\n", "Line 1 is empty, where each has the label of one output: which one is missing?"},
        {"a\nb\x1b[2J\n", "Line 2 holds a control character, or one that turns the direction of text."},
        {longest, "Line 2 is over 128 bytes long, too long for a label."},
        {many, "It holds over 4096 labels."},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 7\n",
         "It is a Git LFS pointer, a note of where the file lies: fetch the file itself with 'git lfs pull', "
         "or "
         "download it from the model's page."},
        {"\n<!DOCTYPE html>\n<html>\n",
         "It is a web page that was saved in the file's place, as where a download wants a login or fails. "
         "Download the file again."},
        {"{\"0\": \"Edema\",\n\"1\": \"Mass\"}\n", JSON_LABELS},
        {"[\"Edema\",\n\"Mass\"]\n", JSON_LABELS},
        {"0 Edema\n1 Mass\n", NUMBERED_LABELS},
        {"1. Edema\n2. Mass\n3. Nodule\n", NUMBERED_LABELS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct label_list labels = {0};
        struct bytes text = {(const uint8_t *)cases[i].text, strlen(cases[i].text)};
        ck_assert_int_eq(labels_parse(text, &failure, &labels), STATUS_INVALID_FILE);
        ck_assert_str_eq(failure.sentence, cases[i].sentence);
        ck_assert_uint_eq(labels.count, 0);
    }
}
END_TEST

START_TEST(pictures_are_no_labels_and_numbers_may_be_part_of_them)
{
    static const char picture[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    struct label_list labels = {0};
    ck_assert_int_eq(
        labels_parse((struct bytes){(const uint8_t *)picture, sizeof picture - 1}, &failure, &labels),
        STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, "It is no text, and a list of labels is one, with one a line.");
    static const char *const wrong[] = {"2 A\n1 B\n0 C\n", "3. A\n2. B\n1. C\n", "label\nEdema\nMass\n",
                                        "# findings\nEdema\nMass\n", "Class\nEdema\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_int_eq(
            labels_parse((struct bytes){(const uint8_t *)wrong[i], strlen(wrong[i])}, &failure, &labels),
            STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "Line 1, 'Class', is a heading and no label: take it out, as each line is the "
                     "label of one output.");
    static const char *const good[] = {"0 lines\n2 lines\n", "1 rib\n", "2 ribs\n3 ribs\n", "10\n11\n"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(
            !labels_parse((struct bytes){(const uint8_t *)good[i], strlen(good[i])}, &failure, &labels), "%s",
            failure.sentence);
        labels_finish(&labels);
    }
}
END_TEST

/* `sentence`: the end of a refusal; else `count` labels, the last of them "Mass". */
static void read_config(const char *text, size_t outputs, size_t count, const char *sentence)
{
    struct label_list labels = {0};
    enum status status =
        labels_parse_config((struct bytes){(const uint8_t *)text, strlen(text)}, outputs, &failure, &labels);
    ck_assert_int_eq(status, sentence ? STATUS_INVALID_FILE : STATUS_OK);
    ck_assert_msg(!sentence || strstr(failure.sentence, sentence), "%s", failure.sentence);
    ck_assert_uint_eq(labels.count, count);
    if (count)
        ck_assert_str_eq(labels.names[count - 1], "Mass");
    labels_finish(&labels);
}

START_TEST(a_configuration_names_outputs_or_does_not)
{
    static const char wrong[] =
        "Its id2label does not name each of 2 outputs once, in plain text: give labels=FILE.";
    read_config("{\"id2label\":{\"1\":\"Mass\",\"0\":\"Edema\"}}", 2, 2, NULL);
    read_config("{\"id2label\":{\"0\":\"LABEL_0\",\"1\":\"LABEL_1\"}}", 2, 0, NULL);
    read_config("{\"hidden_size\":768}", 2, 0, NULL);
    read_config("student: {patch_size: 14}", 2, 0, NULL);
    read_config("{\"id2label\":{\"0\":\"Edema\"}}", 2, 0, wrong);
    read_config("{\"id2label\":{\"0\":\"Edema\",\"2\":\"Mass\"}}", 2, 0, wrong);
    read_config("{\"id2label\":{\"0\":\"Mass\",\"1\":\"Mass\"}}", 2, 0, wrong);
    read_config("{\"id2label\":{\"0\":\"Mass\",\"1\":\"\\u001b[2J\"}}", 2, 0, wrong);
    read_config("{\"id2label\":{\"0\":\"Mass\",\"1\":\"MASS\"}}", 2, 0, wrong);
    read_config("{\"id2label\":{\"0\":\"Mass\",\"1\":5}}", 2, 0, wrong);
    static const char unnamed[] =
        "Its label_names do not name each of 2 outputs once, in plain text: give labels=FILE.";
    read_config("{\"architecture\":\"vit_x\",\"label_names\":[\"Edema\",\"Mass\"]}", 2, 2, NULL);
    read_config("{\"pretrained_cfg\":{\"label_names\":[\"Edema\",\"Mass\"]}}", 2, 2, NULL);
    read_config("{\"label_names\":[\"Mass\"]}", 2, 0, unnamed);
    read_config("{\"label_names\":[\"Mass\",3]}", 2, 0, unnamed);
    read_config("{\"label_names\":[\"Mass\",\"mass\"]}", 2, 0, unnamed);
    static const char other[] = "Its label2id and its id2label contradict one another: give labels=FILE.";
#define NUMBERED "{\"id2label\":{\"0\":\"Edema\",\"1\":\"Mass\"},\"label2id\":"
    read_config(NUMBERED "{\"Edema\":0,\"Mass\":1}}", 2, 2, NULL);
    read_config(NUMBERED "null}", 2, 2, NULL);
    read_config(NUMBERED "{\"Edema\":1,\"Mass\":0}}", 2, 0, other);
    read_config(NUMBERED "{\"Edema\":0}}", 2, 0, other);
    read_config(NUMBERED "{\"Edema\":0,\"Nodule\":1}}", 2, 0, other);
}
END_TEST

START_TEST(findings_are_sorted_and_coded)
{
    size_t coded = 0;
    for (size_t i = 0; i < FINDINGS_COUNT; i++) {
        ck_assert_ptr_nonnull(findings_names[i]);
        ck_assert(i == 0 || strcmp(findings_names[i - 1], findings_names[i]) < 0);
        coded += finding_snomed_code(findings_names[i]) != NULL;
    }
    ck_assert_uint_eq(coded, 12);
    ck_assert_str_eq(finding_snomed_code("Cardiomegaly"), "8186001");
    ck_assert_ptr_null(finding_snomed_code("cardiomegaly"));
    ck_assert_ptr_null(finding_snomed_code("Nodule"));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, pictures_are_no_labels_and_numbers_may_be_part_of_them);
    tcase_add_test(all, reads_one_label_a_line);
    tcase_add_test(all, wrong_labels_are_named);
    tcase_add_test(all, a_configuration_names_outputs_or_does_not);
    tcase_add_test(all, findings_are_sorted_and_coded);
    return suite_run("findings", all);
}
