/*
 * A fuzz target without libFuzzer, for machines that have none: replay ROUNDS FOLDER
 *
 * Every file of the folder is an input, and so are ROUNDS changes of it: bytes changed, left out, doubled, or taken from the file before. The
 * same every time.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LONGEST = 16384 };

static uint32_t dice = 2463534242u;

static uint32_t throw_die(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    return sides > 0 ? dice % sides : 0;
}

static size_t change(uint8_t *x, size_t n, const uint8_t *other, size_t other_n)
{
    for (uint32_t k = 1 + throw_die(4); k > 0 && n > 0; k--) {
        const size_t at = throw_die((uint32_t)n), length = 1 + throw_die((uint32_t)(n - at < 64 ? n - at : 64));
        switch (throw_die(5)) {
        case 0:
            x[at] = (uint8_t)throw_die(256);
            break;
        case 1:
            x[at] ^= (uint8_t)(1u << throw_die(8));
            break;
        case 2:
            memmove(x + at, x + at + length, n - at - length);
            n -= length;
            break;
        case 3:
            if (n + length <= LONGEST) {
                memmove(x + at + length, x + at, n - at);
                n += length;
            }
            break;
        default:
            memcpy(x + at, other, length < other_n ? length : other_n);
        }
    }
    return n;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    LLVMFuzzerInitialize(&argc, &argv);
    DIR *folder = opendir(argv[2]);
    if (folder == NULL)
        return 3;
    static uint8_t input[LONGEST], before[LONGEST], changed[LONGEST];
    size_t before_n = 0;
    long inputs = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[2], entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (file == NULL)
            continue;
        const size_t n = fread(input, 1, sizeof input, file);
        fclose(file);
        LLVMFuzzerTestOneInput(input, n);
        inputs++;
        for (long k = atol(argv[1]); k > 0; k--, inputs++) {
            memcpy(changed, input, n);
            const size_t changed_n = change(changed, n, before, before_n);
            uint8_t *exact = malloc(changed_n + 1); /* so that a sanitizer, where there is one, sees its end */
            memcpy(exact, changed, changed_n);
            LLVMFuzzerTestOneInput(exact, changed_n);
            free(exact);
        }
        memcpy(before, input, n);
        before_n = n;
    }
    closedir(folder);
    printf("%ld inputs\n", inputs);
    return 0;
}
