/*
 * Media messages: one frame of audio in a line of JSON, as providers' media streams send it fifty times a second.
 *
 * What        finds the few members of a media message that count, in one pass; base64 both ways; builds outgoing messages from a
 *             template. Stateless
 * How         a strict scanner for the JSON that providers do send (RFC 8259): keys in any order, any white space, unknown members
 *             skipped. It never guesses: what it does not know for certain (an escape in a key or a value that counts, a key given
 *             twice, bytes that are not ASCII, nesting deeper than TP_MEDIA_DEPTH) it leaves to a full parser, so that the result
 *             is always that parser's. Base64 is RFC 4648, section 4
 * Limits      exact. Members that count: TP_MEDIA_FIELDS, of the message itself or of one object in it. Whole numbers of at most
 *             18 digits. Base64 comes in whole groups of four with all of its padding; the unused bits of the last group are not
 *             looked at, as in Python's base64
 * Units       sizes and offsets in bytes; text is ASCII without a terminator
 * History     none; latency 0; any size, 0 included
 * Aliasing    in and out must not overlap
 * Cost        about 0.2 µs to scan and decode 160 bytes of audio, as much to build
 * Errors      TP_EFORMAT: not understood (scan), not base64 (decode; the offset says where)
 */
#ifndef TALKPATH_MEDIA_MESSAGE_H
#define TALKPATH_MEDIA_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define TP_MEDIA_FIELDS 10
#define TP_MEDIA_DEPTH 32
#define TP_MEDIA_PIECES 12
#define TP_MEDIA_NUMBER_SIZE 20 /* the longest decimal int64_t, its sign included */

/* What the value of a member that counts must be. */
typedef enum tp_media_kind {
    TP_MEDIA_TOKEN,   /* exactly these bytes: "media", with its quotes, or 8000 */
    TP_MEDIA_PAYLOAD, /* a string up to the next quote. What is in it is not looked at: only a base64 decoder may read it */
    TP_MEDIA_TEXT,    /* a string without escapes */
    TP_MEDIA_NUMBER,  /* a whole number, bare or in quotes */
} tp_media_kind;

typedef struct tp_media_field {
    const char *key;
    size_t key_size;
    const char *token; /* TP_MEDIA_TOKEN only */
    size_t token_size;
    tp_media_kind kind;
    uint8_t nested;   /* a member of `object`, not of the message */
    uint8_t required; /* a token always is; null counts as missing */
} tp_media_field;

typedef struct tp_media_shape {
    const char *object; /* the member whose own members count too */
    size_t object_size;
    size_t n_fields;
    tp_media_field fields[TP_MEDIA_FIELDS];
} tp_media_shape;

typedef struct tp_media_value {
    const uint8_t *text; /* in the message, without quotes; NULL: the member is missing */
    size_t size;
    int64_t number; /* TP_MEDIA_NUMBER only */
} tp_media_value;

/* Finds `shape->n_fields` values. TP_EFORMAT: ask a full parser. */
int tp_media_message_scan(const tp_media_shape *shape, const uint8_t *message, size_t n, tp_media_value *values);

/* A piece of a template: text, and what follows it. */
typedef enum tp_media_slot { TP_MEDIA_END, TP_MEDIA_BASE64, TP_MEDIA_DECIMAL } tp_media_slot;

typedef struct tp_media_piece {
    const char *text;
    size_t size;
    tp_media_slot slot; /* TP_MEDIA_DECIMAL takes the next of `numbers` */
} tp_media_piece;

/* The most bytes that a message of these pieces can have. */
size_t tp_media_message_size(const tp_media_piece *pieces, size_t n_pieces, size_t n);

/* Builds a message around `n` bytes of audio; returns its size. `numbers`: one for each TP_MEDIA_DECIMAL. */
size_t tp_media_message_build(const tp_media_piece *pieces, size_t n_pieces, const uint8_t *data, size_t n,
                              const int64_t *numbers, uint8_t *message);

size_t tp_base64_size(size_t n);                              /* characters for n bytes */
size_t tp_base64_decoded_size(const uint8_t *text, size_t n); /* bytes in n characters, if they are base64 */
void tp_base64_encode(const uint8_t *data, size_t n, uint8_t *text);

/* `*written`: the bytes decoded, or with TP_EFORMAT the offset of the first character that is wrong (n: it ends too early). */
int tp_base64_decode(const uint8_t *text, size_t n, uint8_t *data, size_t *written);

#endif
