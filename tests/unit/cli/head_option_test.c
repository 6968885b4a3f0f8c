/* --head KEY=VALUE,... */
#include "cli/head_option.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

static struct failure failure;

/* The parsed head points into `copy`. */
static enum status parse(const char *text, char copy[256], struct import_head *out)
{
    strcpy(copy, text);
    return head_option_parse(copy, &failure, out);
}

START_TEST(every_key_is_read)
{
    char copy[256];
    struct import_head head;
    ck_assert(!parse(
        "name=a,kind=risk,weights=w.pth,results=r,labels=l,candidate=c,features=class+mean,blocks=3,views=2",
        copy, &head));
    ck_assert_str_eq(head.name, "a");
    ck_assert_int_eq(head.kind, IMPORT_RISK);
    ck_assert_str_eq(head.weights, "w.pth");
    ck_assert_str_eq(head.results, "r");
    ck_assert_str_eq(head.labels, "l");
    ck_assert_str_eq(head.candidate, "c");
    ck_assert_int_eq(head.features, IMPORT_CLASS_MEAN);
    ck_assert_uint_eq(head.blocks, 3);
    ck_assert_uint_eq(head.views, 2);
    ck_assert(!parse("weights=w=1,name=a,kind=findings,features=class", copy, &head));
    ck_assert_str_eq(head.weights, "w=1");
    ck_assert_int_eq(head.kind, IMPORT_FINDINGS);
    ck_assert_int_eq(head.features, IMPORT_CLASS);
    ck_assert(!head.results && !head.labels && !head.candidate && !head.blocks && !head.views);
    ck_assert(!parse("weights=w,name=a,kind=findings,features=mean", copy, &head));
    ck_assert_int_eq(head.features, IMPORT_MEAN);
    ck_assert(!parse("weights=w,name=a,kind=findings", copy, &head));
    ck_assert_int_eq(head.features, IMPORT_ANY);
    ck_assert(!parse("weights=w,name=a,kind=quality", copy, &head));
    ck_assert_int_eq(head.kind, IMPORT_QUALITY);
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"name=a,kind=risk", "--head needs weights=."},
        {"kind=risk,weights=w", "--head needs name=."},
        {"name=a,weights=w", "--head needs kind=."},
        {"name=a,kind=risk,weights=w,", "'' of --head is not KEY=VALUE."},
        {"name", "'name' of --head is not KEY=VALUE."},
        {"name=a,name=b,kind=risk,weights=w", "--head has 'name' twice."},
        {"name=a,kind=embedding,weights=w", "A head's kind is findings, risk or quality, not 'embedding'."},
        {"name=a,kind=risk,weights=w,features=max",
         "A head's features are class, class+mean or mean, not 'max'."},
        {"name=a,kind=risk,weights=w,blocks=0", "A head's blocks are a whole number from 1 to 128, not '0'."},
        {"name=a,kind=risk,weights=w,blocks=4x",
         "A head's blocks are a whole number from 1 to 128, not '4x'."},
        {"name=a,kind=risk,weights=w,blocks=129",
         "A head's blocks are a whole number from 1 to 128, not '129'."},
        {"name=a,file=w", "--head has the keys name, kind, weights, results, labels, candidate, features, "
                          "blocks and views, not 'file'."},
        {"name=a,kind=risk,weights=w,views=3", "A head's views are 1 or 2, not '3'."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char copy[256];
        struct import_head head;
        ck_assert_int_eq(parse(cases[i].text, copy, &head), STATUS_BAD_REQUEST);
        ck_assert_str_eq(failure.sentence, cases[i].sentence);
    }
}
END_TEST

START_TEST(precision_is_one_of_two)
{
    enum import_precision precision;
    ck_assert(!precision_option_parse("fp32", &failure, &precision) && precision == IMPORT_FP32);
    ck_assert(!precision_option_parse("fp16", &failure, &precision) && precision == IMPORT_FP16);
    ck_assert_int_eq(precision_option_parse("int8", &failure, &precision), STATUS_BAD_REQUEST);
    ck_assert_str_eq(failure.sentence, "--precision is fp16 or fp32, not 'int8'.");
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, every_key_is_read);
    tcase_add_test(all, what_is_wrong_is_named);
    tcase_add_test(all, precision_is_one_of_two);
    return suite_run("head_option", all);
}
