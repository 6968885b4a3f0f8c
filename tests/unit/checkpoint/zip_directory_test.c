/* The directory of a zip archive: where entries lie, and that none lies elsewhere. */
#include "engine/checkpoint/zip_directory.h"
#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct zip_entry entries[] = {
    {.name = "m/b", .content = {(const uint8_t *)"second", 6}},
    {.name = "m/a", .content = {(const uint8_t *)"first", 5}},
    {.name = "m/empty", .content = {(const uint8_t *)"", 0}},
};
enum { ENTRIES = sizeof entries / sizeof *entries };

static struct bytes name_of(const char *name)
{
    return (struct bytes){(const uint8_t *)name, strlen(name)};
}

START_TEST(finds_each_entry)
{
    for (int zip64 = 0; zip64 < 2; zip64++) {
        struct buffer zip;
        struct zip_directory directory;
        zip_build(entries, ENTRIES, zip64, &zip);
        ck_assert_int_eq(zip_directory_read((struct bytes){zip.data, zip.size}, &directory), ZIP_OK);
        ck_assert_uint_eq(directory.count, ENTRIES);
        for (size_t i = 0; i < ENTRIES; i++) {
            const struct zip_record *record = zip_directory_find(&directory, name_of(entries[i].name));
            ck_assert_ptr_nonnull(record);
            ck_assert_uint_eq(record->size, entries[i].content.size);
            ck_assert_uint_eq(record->stored.size, entries[i].content.size);
            ck_assert_mem_eq(record->stored.data, entries[i].content.data, record->size);
        }
        ck_assert_ptr_null(zip_directory_find(&directory, name_of("m/c")));
        ck_assert_ptr_null(zip_directory_find(&directory, name_of("m/")));
        free(directory.records);
        buffer_finish(&zip);
    }
}
END_TEST

/* Whatever one changed byte makes of it, what is found lies in the file. */
START_TEST(changed_bytes_lead_nowhere)
{
    for (int zip64 = 0; zip64 < 2; zip64++) {
        struct buffer zip;
        zip_build(entries, ENTRIES, zip64, &zip);
        for (size_t i = 0; i < zip.size; i++) {
            static const uint8_t values[] = {0x00, 0x01, 0x7f, 0xff};
            const uint8_t before = zip.data[i];
            for (size_t k = 0; k < sizeof values; k++) {
                struct zip_directory directory;
                zip.data[i] = values[k];
                if (zip_directory_read((struct bytes){zip.data, zip.size}, &directory) != ZIP_OK)
                    continue;
                for (size_t n = 0; n < directory.count; n++) {
                    const struct bytes stored = directory.records[n].stored;
                    ck_assert(stored.data >= zip.data && stored.size <= zip.size &&
                              stored.data + stored.size <= zip.data + zip.size);
                }
                free(directory.records);
            }
            zip.data[i] = before;
        }
        buffer_finish(&zip);
    }
}
END_TEST

/* Of two entries of one name torch reads the first, and others the last. */
START_TEST(entries_of_one_name_are_refused)
{
    struct zip_directory directory;
    struct buffer zip;
    const struct zip_entry two[] = {entries[0], {.name = "m/b", .content = {(const uint8_t *)"other", 5}}};
    zip_build(two, 2, false, &zip);
    ck_assert_int_eq(zip_directory_read((struct bytes){zip.data, zip.size}, &directory), ZIP_BROKEN);
    buffer_finish(&zip);
}
END_TEST

/* Many entries of the same bytes: each would be read, and none is new. */
START_TEST(entries_that_overlap_are_refused)
{
    struct zip_directory directory;
    struct buffer zip;
    static uint8_t large[1000];
    const struct zip_entry two[] = {{.name = "m/1", .content = {large, sizeof large}},
                                    {.name = "m/2", .content = {large, sizeof large}}};
    zip_build(two, 2, false, &zip);
    ck_assert_int_eq(zip_directory_read((struct bytes){zip.data, zip.size}, &directory), ZIP_OK);
    free(directory.records);
    /* The second entry's header moves into the first's bytes, and its own are cut out of the file. */
    const size_t header = 30 + 3, entry = header + sizeof large, central = 2 * entry, record = 46 + 3;
    memcpy(zip.data + header, zip.data + entry, header);
    memset(zip.data + central + record + 42, 0, 4);
    zip.data[central + record + 42] = (uint8_t)header;
    memmove(zip.data + entry, zip.data + central, zip.size - central);
    zip.size -= entry;
    for (int i = 0; i < 4; i++)
        zip.data[zip.size - 6 + i] = (uint8_t)(entry >> 8 * i);
    ck_assert_int_eq(zip_directory_read((struct bytes){zip.data, zip.size}, &directory), ZIP_BROKEN);
    buffer_finish(&zip);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, finds_each_entry);
    tcase_add_test(all, changed_bytes_lead_nowhere);
    tcase_add_test(all, entries_that_overlap_are_refused);
    tcase_add_test(all, entries_of_one_name_are_refused);
    return suite_run("zip_directory", all);
}
