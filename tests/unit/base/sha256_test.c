/* SHA-256 against the examples of FIPS 180-4 and the digest of no bytes. */
#include "engine/base/sha256.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect(const char *text, const char *digest)
{
    char hex[SHA256_HEX_BYTES];
    sha256_hex((struct bytes){(const uint8_t *)text, strlen(text)}, hex);
    ck_assert_str_eq(hex, digest);
}

START_TEST(known_digests)
{
    expect("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char hex[SHA256_HEX_BYTES];
    sha256_hex((struct bytes){NULL, 0}, hex);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

START_TEST(digests_are_compared_whole)
{
    char a[SHA256_HEX_BYTES], b[SHA256_HEX_BYTES];
    sha256_hex((struct bytes){(const uint8_t *)"abc", 3}, a);
    for (size_t i = 0; i < SHA256_HEX_BYTES - 1; i++) {
        memcpy(b, a, sizeof b);
        ck_assert(sha256_equal(a, b));
        b[i] ^= 1;
        ck_assert(!sha256_equal(a, b));
    }
}
END_TEST

START_TEST(a_file_has_the_digest_of_its_bytes)
{
    char path[] = "/tmp/sha256_test.XXXXXX", hex[SHA256_HEX_BYTES] = "";
    struct failure failure = {0};
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, "abc", 3), 3);
    close(fd);
    ck_assert_int_eq(sha256_file(path, &failure, hex), STATUS_OK);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    unlink(path);
    ck_assert_int_eq(sha256_file(path, &failure, hex), STATUS_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(failure.sentence, path));
}
END_TEST

/* Longer than what is read of it at once. */
START_TEST(a_long_file_has_the_digest_of_its_bytes)
{
    char path[] = "/tmp/sha256_test.XXXXXX", hex[SHA256_HEX_BYTES] = "", whole[SHA256_HEX_BYTES];
    struct failure failure = {0};
    const size_t size = (64 << 20) + 3;
    uint8_t *bytes = memory_allocate(size, 1);
    int fd = mkstemp(path);
    memcpy(bytes + size - 3, "abc", 3);
    ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
    ck_assert_int_eq(pwrite(fd, "abc", 3, (off_t)size - 3), 3);
    close(fd);
    ck_assert_int_eq(sha256_file(path, &failure, hex), STATUS_OK);
    sha256_hex((struct bytes){bytes, size}, whole);
    ck_assert_str_eq(hex, whole);
    unlink(path);
    free(bytes);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, known_digests);
    tcase_add_test(all, a_file_has_the_digest_of_its_bytes);
    tcase_add_test(all, a_long_file_has_the_digest_of_its_bytes);
    tcase_add_test(all, digests_are_compared_whole);
    return suite_run("sha256", all);
}
