#include "api/keys.h"

#include "engine/base/hex.h"
#include "engine/base/sha256.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_DIGITS = SHA256_HEX_BYTES - 1, MINUTE_S = 60 };

struct key {
    char name[KEY_NAME_BYTES_MAX + 1];
    char digest[SHA256_HEX_BYTES];
    uint32_t rate; /* requests a minute; 0: as many as it likes */
    double tokens; /* requests it may make now, at most `rate` */
    uint64_t filled_ns;
};

struct keys {
    struct key *keys;
    size_t count;
};

static enum status refuse(struct failure *failure, size_t line, const char *sentence)
{
    return failure_set(failure, STATUS_BAD_REQUEST, "Line %zu of the API keys %s", line, sentence);
}

static enum status read_rate(const char *text, size_t length, size_t line, struct failure *failure,
                             uint32_t *out)
{
    uint32_t rate = 0;
    bool valid = length > 0 && length <= 7;
    for (size_t i = 0; valid && i < length; i++) {
        valid = text[i] >= '0' && text[i] <= '9';
        rate = rate * 10 + (uint32_t)(text[i] - '0');
    }
    if (!valid || !rate || rate > KEY_RATE_MAX)
        return refuse(failure, line, "has a rate that is no whole number from 1 to 1000000.");
    *out = rate;
    return STATUS_OK;
}

/* "NAME:SHA256[:RATE]" without its line feed. */
static enum status read_key(const char *text, size_t length, size_t line, struct failure *failure,
                            struct key *out)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *colon = memchr(text, ':', length);
    size_t name = colon ? (size_t)(colon - text) : 0;
    if (!name || name > KEY_NAME_BYTES_MAX || strspn(text, letters) < name)
        return refuse(failure, line,
                      "must begin with a name of 1 to 64 letters, digits, '.', '_' or '-', and ':'.");
    const char *digest = colon + 1;
    size_t left = length - name - 1;
    if (left < DIGEST_DIGITS || strspn(digest, HEX_DIGITS) != DIGEST_DIGITS ||
        (left > DIGEST_DIGITS && digest[DIGEST_DIGITS] != ':'))
        return refuse(failure, line, "must have the key's SHA-256 after its name: 64 digits of 0-9 and a-f.");
    *out = (struct key){0};
    memcpy(out->name, text, name);
    memcpy(out->digest, digest, DIGEST_DIGITS);
    enum status status = STATUS_OK;
    if (left > DIGEST_DIGITS)
        status = read_rate(digest + DIGEST_DIGITS + 1, left - DIGEST_DIGITS - 1, line, failure, &out->rate);
    out->tokens = out->rate;
    return status;
}

static enum status add_key(struct keys *keys, const struct key *key, size_t line, struct failure *failure)
{
    for (size_t i = 0; i < keys->count; i++)
        if (!strcmp(keys->keys[i].name, key->name) || !strcmp(keys->keys[i].digest, key->digest))
            return refuse(failure, line, "has a name or a key that stands on another line already.");
    if (keys->count == KEYS_MAX)
        return refuse(failure, line, "is one key too many: there may be 1024.");
    keys->keys[keys->count++] = *key;
    return STATUS_OK;
}

enum status keys_read(struct bytes bytes, struct failure *failure, struct keys **out)
{
    struct arena *arena = arena_create();
    const char *text = arena_copy_text(arena, (const char *)bytes.data, bytes.size);
    struct keys *keys = memory_allocate(1, sizeof *keys);
    keys->keys = memory_allocate(KEYS_MAX, sizeof *keys->keys);
    enum status status = STATUS_OK;
    for (size_t line = 1; *text && !status; line++) {
        size_t length = strcspn(text, "\n"), used = length;
        while (used && (text[used - 1] == '\r' || text[used - 1] == ' '))
            used--;
        struct key key;
        if (used && *text != '#') {
            status = read_key(text, used, line, failure, &key);
            if (!status)
                status = add_key(keys, &key, line, failure);
        }
        text += length + (text[length] == '\n');
    }
    if (!status && !keys->count)
        status = failure_set(failure, STATUS_BAD_REQUEST,
                             "There is no API key in the file; without the option everyone may ask.");
    arena_destroy(&arena);
    if (status)
        keys_destroy(&keys);
    else
        *out = keys;
    return status;
}

void keys_destroy(struct keys **keys)
{
    if (!keys || !*keys)
        return;
    free((*keys)->keys);
    free(*keys);
    *keys = NULL;
}

/* Takes a request's token; false when there is none. */
static bool take_token(struct key *key, uint64_t now_ns, int *retry_after_s)
{
    if (!key->rate)
        return true;
    double per_second = (double)key->rate / MINUTE_S;
    if (key->filled_ns && now_ns > key->filled_ns)
        key->tokens += (double)(now_ns - key->filled_ns) / 1e9 * per_second;
    key->filled_ns = now_ns;
    key->tokens = fmin(key->tokens, key->rate);
    if (key->tokens < 1) {
        *retry_after_s = (int)ceil(fmax((1 - key->tokens) / per_second, 1));
        return false;
    }
    key->tokens -= 1;
    return true;
}

enum status keys_admit(struct keys *keys, const char *key, uint64_t now_ns, struct failure *failure,
                       int *retry_after_s, char name[KEY_NAME_BYTES_MAX + 1])
{
    if (!key)
        return failure_set(failure, STATUS_UNAUTHORIZED,
                           "An API key is needed: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.");
    char digest[SHA256_HEX_BYTES];
    struct key *found = NULL;
    sha256_hex((struct bytes){(const uint8_t *)key, strlen(key)}, digest);
    for (size_t i = 0; i < keys->count; i++)
        if (sha256_equal(keys->keys[i].digest, digest))
            found = &keys->keys[i];
    if (!found)
        return failure_set(failure, STATUS_FORBIDDEN, "This API key is not known here.");
    strcpy(name, found->name);
    if (!take_token(found, now_ns, retry_after_s))
        return failure_set(failure, STATUS_TOO_MANY_REQUESTS,
                           "This API key may make %u requests a minute; try again in %d s.", found->rate,
                           *retry_after_s);
    return STATUS_OK;
}
