/* Every UID of the tables has one meaning, and every refusal names it in a sentence that is not cut off. */
#include "engine/dicom/names.h"

#include "tests/unit/suite.h"

#include <stdio.h>

START_TEST(syntaxes_that_are_read)
{
    static const struct {
        const char *uid;
        enum coding coding;
    } syntaxes[] = {{"", CODING_NATIVE},
                    {"1.2.840.10008.1.2", CODING_NATIVE},
                    {"1.2.840.10008.1.2.1", CODING_NATIVE},
                    {"1.2.840.10008.1.2.1.99", CODING_NATIVE},
                    {"1.2.840.10008.1.2.2", CODING_NATIVE},
                    {"1.2.840.10008.1.2.5", CODING_RLE},
                    {"1.2.840.10008.1.2.4.50", CODING_JPEG},
                    {"1.2.840.10008.1.2.4.51", CODING_JPEG},
                    {"1.2.840.10008.1.2.4.57", CODING_JPEG_LOSSLESS},
                    {"1.2.840.10008.1.2.4.70", CODING_JPEG_LOSSLESS},
                    {"1.2.840.10008.1.2.4.80", CODING_JPEG_LS},
                    {"1.2.840.10008.1.2.4.81", CODING_JPEG_LS},
                    {"1.2.840.10008.1.2.4.90", CODING_JPEG_2000},
                    {"1.2.840.10008.1.2.4.91", CODING_JPEG_2000},
                    {"1.2.840.10008.1.2.4.201", CODING_UNKNOWN},
                    {"1.2.840.10008.1.2.1.98", CODING_UNKNOWN},
                    {"1.2.840.10008.1.2.4", CODING_UNKNOWN},
                    {"1.2", CODING_UNKNOWN}};
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++)
        ck_assert_msg(syntax_coding(syntaxes[i].uid) == syntaxes[i].coding, "%s", syntaxes[i].uid);
}
END_TEST

START_TEST(objects_are_told_apart)
{
    static const struct {
        const char *end, *name;
        enum object_kind kind;
    } objects[] = {{"1", "Computed Radiography", OBJECT_RADIOGRAPH},
                   {"1.1", "Digital X-Ray Image", OBJECT_RADIOGRAPH},
                   {"1.1.1", "for Processing", OBJECT_FOR_PROCESSING},
                   {"1.1.2", "no kind that is known", OBJECT_OTHER},
                   {"1.2", "Mammography", OBJECT_OTHER},
                   {"7", "Secondary Capture", OBJECT_RADIOGRAPH},
                   {"7.1", "Single Bit", OBJECT_OTHER},
                   {"2", "CT Image", OBJECT_OTHER},
                   {"2.2", "CT Image", OBJECT_OTHER},
                   {"20", "Nuclear Medicine", OBJECT_OTHER},
                   {"88.11", "Structured Report", OBJECT_NO_PICTURE},
                   {"88.59", "Key Object", OBJECT_NO_PICTURE},
                   {"104.1", "Encapsulated PDF", OBJECT_NO_PICTURE},
                   {"66.4", "Segmentation", OBJECT_OTHER},
                   {"481.5", "RT Plan", OBJECT_NO_PICTURE}};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        char uid[80];
        struct failure failure = {0};
        snprintf(uid, sizeof uid, "1.2.840.10008.5.1.4.1.1.%s", objects[i].end);
        ck_assert_msg(object_kind(uid) == objects[i].kind, "%s", uid);
        ck_assert_int_eq(object_refuse(uid, &failure), STATUS_UNSUPPORTED_MEDIA);
        ck_assert_msg(strstr(failure.sentence, objects[i].name) && strstr(failure.sentence, uid), "%s",
                      failure.sentence);
    }
    ck_assert_int_eq(object_kind("1.2.840.10008.1.3.10"), OBJECT_DIRECTORY);
    ck_assert_int_eq(object_kind(""), OBJECT_OTHER);
}
END_TEST

/* Names come from the file: the longest that there may be. */
START_TEST(sentences_end)
{
    static const char longest[] = "1.2.840.10008.1.2.4.777777777777777777777777777777777777777777777";
    static const char *const uids[] = {longest,
                                       "",
                                       "1.2.840.10008.1.2.4.202",
                                       "1.2.840.10008.1.2.4.103",
                                       "1.2.840.10008.5.1.4.1.1.7.1",
                                       "1.2.840.10008.1.3.10"};
    for (size_t i = 0; i < sizeof uids / sizeof *uids; i++) {
        struct failure failure = {0};
        ck_assert_int_eq(syntax_refuse(uids[i], &failure), STATUS_UNSUPPORTED_MEDIA);
        ck_assert_msg(failure.sentence[strlen(failure.sentence) - 1] == '.', "%s", failure.sentence);
        ck_assert_msg(strstr(failure.sentence, "or JPEG 2000."), "%s", failure.sentence);
        ck_assert_int_eq(object_refuse(uids[i], &failure), STATUS_UNSUPPORTED_MEDIA);
        ck_assert_msg(strstr(failure.sentence, "Secondary Capture."), "%s", failure.sentence);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("names");
    tcase_add_test(cases, syntaxes_that_are_read);
    tcase_add_test(cases, objects_are_told_apart);
    tcase_add_test(cases, sentences_end);
    return suite_run("dicom/names", cases);
}
