/*
 * talkpath: what all kernels share. Status codes, the sample scale, level references.
 *
 * Scale
 *   wire and API   int16_t, full scale ±32768, mono
 *   inside         float, ±1.0 = ±32768 (multiply by TP_INT16_SCALE)
 *
 * Levels
 *   dBov   20·log10(rms / 32768): 0 dBov is a full-scale square wave, a full-scale sine is -3.01 dBov.
 *   dBm0   what telephone standards count in. G.711 fixes how the two meet: its digital milliwatt (Table 5 for
 *          A-law, Table 6 for µ-law), a sine of 0 dBm0, leaves a full-scale sine at +3.14 dBm0 (A-law) and
 *          +3.17 dBm0 (µ-law). A full-scale sine is -3.01 dBov, so 0 dBm0 is -6.15 and -6.18 dBov.
 *          talkpath uses the µ-law figure for all wire formats; the laws differ by 0.03 dB.
 *
 * Memory
 *   A kernel's state is one block that the caller owns: ask tp_x_size(), align to TP_ALIGN, call tp_x_init(). It holds
 *   no pointers into itself, so it may be copied as bytes. After init nothing allocates, locks, logs or reads a clock.
 *   One state belongs to one thread at a time; two states never share anything that changes.
 *
 * Errors
 *   Functions that can fail return a negative tp_status. Bad *audio* never fails.
 */
#ifndef TALKPATH_TALKPATH_H
#define TALKPATH_TALKPATH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tp_status {
    TP_OK = 0,
    TP_ECONFIG = -1, /* a configuration field is out of its range: tp_x_check() says which  */
    TP_EFORMAT = -2, /* data that is not what its format promises (a SID packet, a WAV file) */
    TP_ELENGTH = -3, /* a buffer of the wrong length: nothing was processed                 */
    TP_ESTATE = -4,  /* a call that is not possible in this state                           */
} tp_status;

#define TP_STATUS_LAST TP_ESTATE

/* English text for a status; never NULL. */
const char *tp_strerror(int status);

#define TP_VERSION "0.1.0"

#define TP_ALIGN 64u
#define TP_INT16_SCALE (1.0f / 32768.0f)
#define TP_DBM0_IN_DBOV (-6.18f) /* 0 dBm0, µ-law (see above) */

#ifdef __cplusplus
}
#endif
#endif
