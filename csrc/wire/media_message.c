#include "talkpath/media_message.h"

#include <string.h>

#include "talkpath/talkpath.h"

/* Every function moves `at` past what it read, and returns 0 where it is not certain. */

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

static int is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
        c->at++;
}

/* The next byte that is no white space, or 0. */
static uint8_t next(cursor *c)
{
    skip_space(c);
    return c->at < c->end ? *c->at : 0;
}

static int take(cursor *c, uint8_t expected)
{
    if (next(c) != expected)
        return 0;
    c->at++;
    return 1;
}

static int is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int take_escape(cursor *c)
{
    if (c->end - c->at < 2)
        return 0;
    const uint8_t kind = c->at[1];
    c->at += 2;
    if (kind == 'u') {
        if (c->end - c->at < 4)
            return 0;
        for (int i = 0; i < 4; i++)
            if (!is_hex(c->at[i]))
                return 0;
        c->at += 4;
        return 1;
    }
    return kind != 0 && strchr("\"\\/bfnrt", kind) != NULL;
}

/* A string of ASCII. `plain`: without escapes, so that its bytes are its text. */
static int take_string(cursor *c, int plain, const uint8_t **text, size_t *size)
{
    if (!take(c, '"'))
        return 0;
    *text = c->at;
    for (; c->at < c->end; c->at++) {
        const uint8_t byte = *c->at;
        if (byte == '"') {
            *size = (size_t)(c->at++ - *text);
            return 1;
        }
        if (byte < ' ' || byte > '~')
            return 0;
        if (byte == '\\') {
            if (plain || !take_escape(c))
                return 0;
            c->at--;
        }
    }
    return 0;
}

/* A number. Long ones are left to the full parser, which has limits of its own. */
static int take_number(cursor *c)
{
    const uint8_t *p = c->at, *end = c->end - c->at < 40 ? c->end : c->at + 40;
    if (p < end && *p == '-')
        p++;
    if (p >= end || !is_digit(*p))
        return 0;
    if (*p == '0')
        p++;
    else
        while (p < end && is_digit(*p))
            p++;
    if (p < end && *p == '.') {
        if (++p >= end || !is_digit(*p))
            return 0;
        while (p < end && is_digit(*p))
            p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        if (++p < end && (*p == '+' || *p == '-'))
            p++;
        if (p >= end || !is_digit(*p))
            return 0;
        while (p < end && is_digit(*p))
            p++;
    }
    if (p == end && end != c->end)
        return 0;
    c->at = p;
    return 1;
}

static int take_word(cursor *c, const char *word, size_t n)
{
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return 0;
    c->at += n;
    return 1;
}

static int take_scalar(cursor *c)
{
    const uint8_t *text;
    size_t size;
    switch (next(c)) {
    case '"':
        return take_string(c, 0, &text, &size);
    case 't':
        return take_word(c, "true", 4);
    case 'f':
        return take_word(c, "false", 5);
    case 'n':
        return take_word(c, "null", 4);
    default:
        return take_number(c);
    }
}

static int take_key(cursor *c)
{
    const uint8_t *text;
    size_t size;
    return take_string(c, 0, &text, &size) && take(c, ':');
}

/* Any value. Bit d of `objects` says whether what is open at depth d is an object (or an array). */
static int skip_value(cursor *c)
{
    uint32_t objects = 0;
    unsigned depth = 0;
    for (;;) {
        const uint8_t first = next(c);
        if (first == '{' || first == '[') {
            if (depth == TP_MEDIA_DEPTH)
                return 0;
            c->at++;
            const uint8_t close = first == '{' ? '}' : ']';
            if (!take(c, close)) { /* not empty: on to its first value */
                objects = first == '{' ? objects | 1u << depth : objects & ~(1u << depth);
                depth++;
                if (first == '{' && !take_key(c))
                    return 0;
                continue;
            }
        } else if (!take_scalar(c))
            return 0;
        /* a value is over: close what it ends, or go on to the next */
        for (; depth > 0; depth--) {
            const int object = (objects >> (depth - 1) & 1u) != 0;
            if (take(c, ',')) {
                if (object && !take_key(c))
                    return 0;
                break;
            }
            if (!take(c, object ? '}' : ']'))
                return 0;
        }
        if (depth == 0)
            return 1;
    }
}

/* A whole number, bare or in quotes. */
static int take_integer(cursor *c, tp_media_value *value)
{
    const int quoted = *c->at == '"';
    const uint8_t *p = c->at + quoted;
    const int negative = p < c->end && *p == '-';
    p += negative;
    const uint8_t *digits = p;
    int64_t number = 0;
    while (p < c->end && is_digit(*p) && p - digits < 18)
        number = 10 * number + (*p++ - '0');
    const ptrdiff_t n = p - digits;
    if (n == 0 || (p < c->end && is_digit(*p)) || (!quoted && n > 1 && *digits == '0'))
        return 0;
    if (quoted && (p == c->end || *p != '"'))
        return 0;
    if (!quoted && p < c->end && (*p == '.' || *p == 'e' || *p == 'E'))
        return 0;
    *value = (tp_media_value){ .text = digits, .size = (size_t)n, .number = negative ? -number : number };
    c->at = p + quoted;
    return 1;
}

/* The value of a member that counts. */
static int take_field(cursor *c, const tp_media_field *field, tp_media_value *value)
{
    const uint8_t first = next(c);
    if (value->text != NULL) /* given twice: the full parser knows which one counts */
        return 0;
    if (field->kind == TP_MEDIA_TOKEN) {
        value->text = c->at;
        value->size = field->token_size;
        if (!take_word(c, field->token, field->token_size))
            return 0;
        /* a number may not go on; a string cannot */
        const uint8_t after = c->at < c->end ? *c->at : 0;
        return field->token[0] == '"' || !(is_digit(after) || after == '.' || after == 'e' || after == 'E');
    }
    if (first == 'n') /* missing; but should it come again, the last one would count */
        return 0;
    if (field->kind == TP_MEDIA_NUMBER)
        return first != 0 && take_integer(c, value);
    if (field->kind == TP_MEDIA_TEXT)
        return take_string(c, 1, &value->text, &value->size);
    if (first != '"')
        return 0;
    value->text = ++c->at;
    const uint8_t *quote = memchr(c->at, '"', (size_t)(c->end - c->at));
    if (quote == NULL)
        return 0;
    value->size = (size_t)(quote - c->at);
    c->at = quote + 1;
    return 1;
}

static int same(const uint8_t *text, size_t size, const char *key, size_t key_size)
{
    return size == key_size && memcmp(text, key, size) == 0;
}

/* The members of the message, or (nested) of its object. */
static int take_members(cursor *c, const tp_media_shape *shape, int nested, int *seen, tp_media_value *values)
{
    if (!take(c, '{'))
        return 0;
    if (take(c, '}'))
        return 1;
    do {
        const uint8_t *key;
        size_t size;
        if (!take_string(c, 1, &key, &size) || !take(c, ':'))
            return 0;
        if (!nested && same(key, size, shape->object, shape->object_size)) {
            if ((*seen)++ || !take_members(c, shape, 1, seen, values))
                return 0;
            continue;
        }
        size_t i = 0;
        while (i < shape->n_fields
               && (shape->fields[i].nested != nested || !same(key, size, shape->fields[i].key, shape->fields[i].key_size)))
            i++;
        if (!(i < shape->n_fields ? take_field(c, &shape->fields[i], &values[i]) : skip_value(c)))
            return 0;
    } while (take(c, ','));
    return take(c, '}');
}

int tp_media_message_scan(const tp_media_shape *shape, const uint8_t *message, size_t n, tp_media_value *values)
{
    cursor c = { .at = message, .end = message + n };
    int seen = 0;
    memset(values, 0, shape->n_fields * sizeof *values);
    if (!take_members(&c, shape, 0, &seen, values))
        return TP_EFORMAT;
    skip_space(&c);
    if (c.at != c.end)
        return TP_EFORMAT;
    for (size_t i = 0; i < shape->n_fields; i++)
        if (values[i].text == NULL && (shape->fields[i].required || shape->fields[i].kind == TP_MEDIA_TOKEN))
            return TP_EFORMAT;
    return TP_OK;
}
