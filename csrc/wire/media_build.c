#include <string.h>

#include "talkpath/media_message.h"
#include "talkpath/talkpath.h"
#include "wire/media_message_tables.h"

static size_t put_decimal(int64_t number, uint8_t *out)
{
    uint8_t digits[TP_MEDIA_NUMBER_SIZE];
    size_t n = 0, size = 0;
    uint64_t rest = number < 0 ? 0u - (uint64_t)number : (uint64_t)number;
    do
        digits[n++] = (uint8_t)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0)
        out[size++] = '-';
    while (n > 0)
        out[size++] = digits[--n];
    return size;
}

size_t tp_media_message_size(const tp_media_piece *pieces, size_t n_pieces, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n_pieces; i++) {
        size += pieces[i].size;
        if (pieces[i].slot == TP_MEDIA_BASE64)
            size += tp_base64_size(n);
        else if (pieces[i].slot == TP_MEDIA_DECIMAL)
            size += TP_MEDIA_NUMBER_SIZE;
    }
    return size;
}

size_t tp_media_message_build(const tp_media_piece *pieces, size_t n_pieces, const uint8_t *data, size_t n,
                              const int64_t *numbers, uint8_t *message)
{
    uint8_t *at = message;
    for (size_t i = 0; i < n_pieces; i++) {
        memcpy(at, pieces[i].text, pieces[i].size);
        at += pieces[i].size;
        if (pieces[i].slot == TP_MEDIA_BASE64) {
            tp_base64_encode(data, n, at);
            at += tp_base64_size(n);
        } else if (pieces[i].slot == TP_MEDIA_DECIMAL)
            at += put_decimal(*numbers++, at);
    }
    return (size_t)(at - message);
}

size_t tp_base64_size(size_t n)
{
    return (n + 2) / 3 * 4;
}

static size_t padding_of(const uint8_t *text, size_t n)
{
    return n < 4 || n % 4 != 0 || text[n - 1] != '=' ? 0 : text[n - 2] == '=' ? 2 : 1;
}

size_t tp_base64_decoded_size(const uint8_t *text, size_t n)
{
    return n / 4 * 3 - padding_of(text, n);
}

void tp_base64_encode(const uint8_t *data, size_t n, uint8_t *text)
{
    for (; n >= 3; n -= 3, data += 3, text += 4) {
        const uint32_t bits = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
        text[0] = (uint8_t)base64_alphabet[bits >> 18];
        text[1] = (uint8_t)base64_alphabet[bits >> 12 & 63u];
        text[2] = (uint8_t)base64_alphabet[bits >> 6 & 63u];
        text[3] = (uint8_t)base64_alphabet[bits & 63u];
    }
    if (n > 0) {
        const uint32_t bits = (uint32_t)data[0] << 16 | (n == 2 ? (uint32_t)data[1] << 8 : 0u);
        text[0] = (uint8_t)base64_alphabet[bits >> 18];
        text[1] = (uint8_t)base64_alphabet[bits >> 12 & 63u];
        text[2] = n == 2 ? (uint8_t)base64_alphabet[bits >> 6 & 63u] : (uint8_t)'=';
        text[3] = '=';
    }
}

/* How many of the next n characters are letters, before the first that is none. */
static size_t letters_before(const uint8_t *text, size_t n)
{
    size_t i = 0;
    while (i < n && base64_values[text[i]] != TP_BASE64_BAD)
        i++;
    return i;
}

int tp_base64_decode(const uint8_t *text, size_t n, uint8_t *data, size_t *written)
{
    const uint8_t *start = text, *end = text + n;
    uint8_t *out = data;
    const size_t padding = padding_of(text, n);
    for (size_t groups = n / 4 - (padding > 0); groups > 0; groups--, text += 4, out += 3) {
        const uint32_t a = base64_values[text[0]], b = base64_values[text[1]];
        const uint32_t c = base64_values[text[2]], d = base64_values[text[3]];
        if ((a | b | c | d) & TP_BASE64_BAD)
            break;
        const uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        out[0] = (uint8_t)(bits >> 16);
        out[1] = (uint8_t)(bits >> 8);
        out[2] = (uint8_t)bits;
    }
    if (padding > 0 && end - text == 4 && letters_before(text, 4) == 4 - padding) {
        const uint32_t bits = (uint32_t)base64_values[text[0]] << 18 | (uint32_t)base64_values[text[1]] << 12
                              | (padding == 1 ? (uint32_t)base64_values[text[2]] << 6 : 0u);
        *out++ = (uint8_t)(bits >> 16);
        if (padding == 1)
            *out++ = (uint8_t)(bits >> 8);
        text = end;
    }
    if (text != end) {
        const size_t left = (size_t)(end - text);
        *written = (size_t)(text - start) + letters_before(text, left < 4 ? left : 4);
        return TP_EFORMAT;
    }
    *written = (size_t)(out - data);
    return TP_OK;
}
