/* Media messages: any bytes as a message of several shapes, any bytes as base64, any bytes through the builder and back. */
#include "fuzz/fuzz.h"
#include "talkpath/media_message.h"

#define FIELD(k, kind_, nested_, required_) \
    { .key = k, .key_size = sizeof k - 1, .kind = kind_, .nested = nested_, .required = required_ }
#define TOKEN(k, t, nested_) \
    { .key = k, .key_size = sizeof k - 1, .token = t, .token_size = sizeof t - 1, .kind = TP_MEDIA_TOKEN, .nested = nested_ }

static const tp_media_shape shapes[] = {
    { .object = "media", .object_size = 5, .n_fields = 6,
      .fields = { TOKEN("event", "\"media\"", 0), FIELD("payload", TP_MEDIA_PAYLOAD, 1, 1), FIELD("track", TP_MEDIA_TEXT, 1, 0),
                  FIELD("chunk", TP_MEDIA_NUMBER, 1, 0), FIELD("timestamp", TP_MEDIA_NUMBER, 1, 0), TOKEN("rate", "8000", 1) } },
    { .object = "", .object_size = 0, .n_fields = 2,
      .fields = { FIELD("p", TP_MEDIA_PAYLOAD, 0, 1), FIELD("n", TP_MEDIA_NUMBER, 0, 0) } },
    { .object = "o", .object_size = 1, .n_fields = 2,
      .fields = { FIELD("o", TP_MEDIA_TEXT, 1, 1), FIELD("t", TP_MEDIA_TEXT, 0, 0) } },
};

/* Bytes in memory of exactly their size, so that a read beyond them is found. */
static uint8_t *exact(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, data, size);
    return copy;
}

static void decode(const uint8_t *text, size_t size)
{
    const size_t room = tp_base64_decoded_size(text, size);
    uint8_t *out = malloc(room > 0 ? room : 1);
    size_t written = 0;
    if (tp_base64_decode(text, size, out, &written) == TP_OK) {
        if (written != room)
            abort();
        uint8_t *again = malloc(tp_base64_size(written) + 1);
        tp_base64_encode(out, written, again);
        /* the last letter may have had bits that do not count */
        const size_t whole = written / 3 * 4;
        if (tp_base64_size(written) != size || memcmp(again, text, whole) != 0)
            abort();
        free(again);
    } else if (written > size)
        abort();
    free(out);
}

static int fuzz_one(const uint8_t *data, size_t size)
{
    uint8_t *message = exact(data, size);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        tp_media_value values[TP_MEDIA_FIELDS];
        if (tp_media_message_scan(&shapes[s], message, size, values) != TP_OK)
            continue;
        for (size_t i = 0; i < shapes[s].n_fields; i++) {
            const tp_media_value *value = &values[i];
            if (value->text == NULL) {
                if (shapes[s].fields[i].required)
                    abort();
                continue;
            }
            if (value->text < message || value->text + value->size > message + size)
                abort();
            if (shapes[s].fields[i].kind == TP_MEDIA_PAYLOAD)
                decode(value->text, value->size);
        }
    }
    decode(message, size);

    /* built, a message is understood, and carries what was put into it */
    const tp_media_piece pieces[] = {
        { .text = "{\"n\":", .size = 5, .slot = TP_MEDIA_DECIMAL },
        { .text = ",\"p\":\"", .size = 6, .slot = TP_MEDIA_BASE64 },
        { .text = "\"}", .size = 2, .slot = TP_MEDIA_END },
    };
    int64_t number = 0;
    memcpy(&number, data, size < sizeof number ? size : sizeof number);
    const size_t most = tp_media_message_size(pieces, 3, size);
    uint8_t *built = malloc(most);
    const size_t length = tp_media_message_build(pieces, 3, message, size, &number, built);
    tp_media_value values[TP_MEDIA_FIELDS];
    if (length > most)
        abort();
    if (number > -1000000000000000000 && number < 1000000000000000000) {
        if (tp_media_message_scan(&shapes[1], built, length, values) != TP_OK || values[1].number != number)
            abort();
        if (tp_base64_decoded_size(values[0].text, values[0].size) != size)
            abort();
        uint8_t *back = malloc(size > 0 ? size : 1);
        size_t written = 0;
        if (tp_base64_decode(values[0].text, values[0].size, back, &written) != TP_OK || written != size
            || memcmp(back, message, size) != 0)
            abort();
        free(back);
    }
    free(built);
    free(message);
    return 0;
}
