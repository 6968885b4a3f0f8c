/* The walk through a file's data elements: what is taken, what is passed over, and where it stops. */
#include "engine/dicom/dataset.h"

#include "tests/unit/suite.h"

#include <zlib.h>

static struct buffer file;
static struct failure failure;
static struct dataset set;

static void begin(void)
{
    file = (struct buffer){.maximum = 1 << 24};
    failure = (struct failure){0};
    set = (struct dataset){0};
}

static void end(void)
{
    dataset_finish(&set);
    buffer_finish(&file);
}

static void put(const void *bytes, size_t size)
{
    ck_assert(buffer_append(&file, bytes, size));
}
#define PUT(literal) put(literal, sizeof literal - 1)

static void put_file(const char *syntax)
{
    static const uint8_t preamble[128];
    uint8_t length = (uint8_t)(strlen(syntax) + strlen(syntax) % 2);
    put(preamble, sizeof preamble);
    PUT("DICM\2\0\x10\0UI");
    put((uint8_t[]){length, 0}, 2);
    put(syntax, length);
}

static struct bytes bytes(void)
{
    return (struct bytes){file.data, file.size};
}

static void reads(void)
{
    ck_assert_msg(!dataset_read(bytes(), &failure, &set), "%s", failure.sentence);
}

static void refused(const char *words)
{
    ck_assert_int_eq(dataset_read(bytes(), &failure, &set), STATUS_UNPROCESSABLE);
    ck_assert_msg(strstr(failure.sentence, words), "%s", failure.sentence);
}

static const char *text(enum attribute attribute, unsigned index)
{
    static char out[32];
    dataset_text(&set, attribute, index, out, sizeof out);
    return out;
}

static unsigned word(enum attribute attribute)
{
    uint16_t value = 0;
    ck_assert(dataset_word(&set, attribute, 0, &value));
    return value;
}

#define MODALITY "\x8\0\x60\0CS\2\0DX"
#define ROWS     "\x28\0\x10\0US\2\0\x2C\1"

START_TEST(values_are_taken_and_the_rest_passed_over)
{
    put_file("1.2.840.10008.1.2.1");
    PUT("\x8\0\x8\0CS\x10\0 ORIGINAL\\ PRIM " MODALITY "\x10\0\x10\0PN\6\0Mr\\ X " ROWS "\x28\0\x51\x10"
        "DS\xC\0 12.5\\-4e1\\x");
    reads();
    ck_assert_str_eq(set.syntax, "1.2.840.10008.1.2.1");
    ck_assert_str_eq(text(DICOM_MODALITY, 0), "DX");
    ck_assert_str_eq(text(DICOM_IMAGE_TYPE, 0), "ORIGINAL");
    ck_assert_str_eq(text(DICOM_IMAGE_TYPE, 1), "PRIM");
    ck_assert_str_eq(text(DICOM_IMAGE_TYPE, 2), "");
    ck_assert_uint_eq(dataset_count(&set, DICOM_IMAGE_TYPE), 2);
    ck_assert_uint_eq(word(DICOM_ROWS), 300);
    double value = 0;
    ck_assert(dataset_decimal(&set, DICOM_WINDOW_WIDTH, 0, &value));
    ck_assert_double_eq(value, 12.5);
    ck_assert(dataset_decimal(&set, DICOM_WINDOW_WIDTH, 1, &value));
    ck_assert_double_eq(value, -40);
    ck_assert(!dataset_decimal(&set, DICOM_WINDOW_WIDTH, 2, &value) && !dataset_has(&set, DICOM_COLUMNS));
}
END_TEST

/* Of unknown and of known length, in each other, and of unknown form; with what would be Rows inside. */
START_TEST(sequences_are_passed_over_whole)
{
    put_file("1.2.840.10008.1.2.1");
    PUT("\x8\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF"
        "\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF"
        "\x28\0\x10\0US\2\0\1\0"
        "\x8\0\x41\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\x2\0\0\0ab\xFE\xFF\xDD\xE0\0\0\0\0"
        "\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0"
        "\x9\0\x10\0UN\0\0\xFF\xFF\xFF\xFF"
        "\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF\x28\0\x10\0\2\0\0\0\1\0\xFE\xFF\x0D\xE0\0\0\0\0"
        "\xFE\xFF\xDD\xE0\0\0\0\0" ROWS);
    reads();
    ck_assert_uint_eq(word(DICOM_ROWS), 300);
}
END_TEST

START_TEST(every_encoding_is_read)
{
    put_file("1.2.840.10008.1.2");
    PUT("\x8\0\x60\0\2\0\0\0DX\x28\0\x10\0\2\0\0\0\x2C\1");
    reads();
    ck_assert(set.is_implicit && word(DICOM_ROWS) == 300);
    ck_assert_str_eq(text(DICOM_MODALITY, 0), "DX");
    end();
    begin();
    put_file("1.2.840.10008.1.2.2");
    PUT("\0\x8\0\x60"
        "CS\0\2DX\0\x28\0\x10US\0\2\1\x2C");
    reads();
    ck_assert(set.is_big_endian && word(DICOM_ROWS) == 300);
    end();
    begin();
    PUT(MODALITY ROWS); /* neither preamble nor group 2 */
    reads();
    ck_assert_uint_eq(word(DICOM_ROWS), 300);
    ck_assert_str_eq(set.syntax, "");
}
END_TEST

START_TEST(items_of_a_sequence_are_read)
{
    struct dataset item;
    uint16_t value = 0;
    put_file("1.2.840.10008.1.2.1");
    PUT("\x28\0\x10\x30SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF"
        "\x28\0\2\x30US\6\0\0\0\1\0\xC\0\xFE\xFF\x0D\xE0\0\0\0\0"
        "\xFE\xFF\0\xE0\xE\0\0\0\x28\0\6\x30US\6\0\1\0\2\0\3\0\xFE\xFF\xDD\xE0\0\0\0\0");
    reads();
    ck_assert(dataset_item(&set, DICOM_VOI_LUT, &item));
    ck_assert(dataset_word(&item, DICOM_LUT_DESCRIPTOR, 2, &value) && value == 12);
    ck_assert(!dataset_has(&item, DICOM_LUT_DATA)); /* the second item's */
    ck_assert(!dataset_item(&set, DICOM_MODALITY_LUT, &item));
}
END_TEST

START_TEST(lengths_that_lead_past_the_end_are_refused)
{
    put_file("1.2.840.10008.1.2.1");
    PUT(MODALITY "\x8\0\x70\0LO\x40\0short");
    refused("leads past its end");
    end();
    begin();
    put_file("1.2.840.10008.1.2.1");
    PUT("\x8\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF");
    refused("leads past its end");
    end();
    begin();
    put_file("1.2.840.10008.1.2.1");
    file.data[134] = 0xFF; /* of the transfer syntax */
    file.data[138] = 0xFF;
    file.data[139] = 0xFF;
    refused("file meta information");
}
END_TEST

/* Sequences in sequences for ever, and elements without an end. */
START_TEST(depth_is_bounded)
{
    put_file("1.2.840.10008.1.2.1");
    for (int i = 0; i < 100000; i++)
        PUT("\x8\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF");
    refused("leads past its end");
}
END_TEST

/* The content's deflated bytes `repeats` times, each of which can stand behind any other. Without FINISH the
 * stream has no end. */
static void put_deflated(const void *content, size_t size, int flush, size_t repeats)
{
    uint8_t packed[4096];
    z_stream stream = {.next_in = (uint8_t *)content,
                       .avail_in = (uInt)size,
                       .next_out = packed,
                       .avail_out = sizeof packed};
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    deflate(&stream, flush);
    ck_assert(!stream.avail_in && stream.avail_out);
    while (repeats--)
        put(packed, sizeof packed - stream.avail_out);
    deflateEnd(&stream);
}

START_TEST(deflated_datasets_are_read_to_their_end)
{
    put_file("1.2.840.10008.1.2.1.99");
    put_deflated(MODALITY ROWS, sizeof MODALITY ROWS - 1, Z_FINISH, 1);
    reads();
    ck_assert_uint_eq(word(DICOM_ROWS), 300);
    dataset_finish(&set);
    struct dataset look;
    dataset_look(bytes(), &look);
    ck_assert(!dataset_has(&look, DICOM_ROWS));
    file.size -= 3;
    refused("ends early");
}
END_TEST

START_TEST(deflated_datasets_are_bounded)
{
    static uint8_t zeros[1 << 20];
    put_file("1.2.840.10008.1.2.1.99");
    put_deflated(zeros, sizeof zeros, Z_FULL_FLUSH, (DATASET_INFLATED_MAX >> 20) + 1);
    refused("larger than any image");
}
END_TEST

START_TEST(fragments_are_walked_through)
{
    struct bytes fragment = {0};
    size_t at = 0;
    bool cut = false;
    put_file("1.2.840.10008.1.2.5");
    PUT("\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0\xFE\xFF\0\xE0\2\0\0\0ab\xFE\xFF\xDD\xE0\0"
        "\0\0\0");
    reads();
    ck_assert(dataset_fragment(&set, &at, &fragment, &cut) && fragment.size == 0);
    ck_assert(dataset_fragment(&set, &at, &fragment, &cut) && fragment.size == 2 && fragment.data[0] == 'a');
    ck_assert(!dataset_fragment(&set, &at, &fragment, &cut) && !cut);
    file.size -= 8; /* without the end, and then within a fragment */
    for (at = 8; file.size > 178; file.size--) {
        reads();
        if (!dataset_fragment(&set, &at, &fragment, &cut))
            ck_assert(cut);
        at = 8;
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("dataset");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, values_are_taken_and_the_rest_passed_over);
    tcase_add_test(cases, sequences_are_passed_over_whole);
    tcase_add_test(cases, every_encoding_is_read);
    tcase_add_test(cases, items_of_a_sequence_are_read);
    tcase_add_test(cases, lengths_that_lead_past_the_end_are_refused);
    tcase_add_test(cases, depth_is_bounded);
    tcase_add_test(cases, deflated_datasets_are_read_to_their_end);
    tcase_add_loop_test(cases, deflated_datasets_are_bounded, 0, (int)unless_valgrind(1, 0)); /* 640 MiB */
    tcase_add_test(cases, fragments_are_walked_through);
    return suite_run("dicom/dataset", cases);
}
