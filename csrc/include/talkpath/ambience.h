/*
 * Ambience: the sound of a room for the caller, made from nothing but numbers.
 *
 * What        six sounds as seamless loops: an office, a street, a crowded room, a call centre, typing, a short burst of typing
 * How         noise through resonators for air and traffic; voices from glottal pulses through moving formants (D. Klatt,
 *             "Software for a cascade/parallel formant synthesizer", JASA 67, 1980), far away and many; keys, clinks, steps and
 *             passing cars as damped resonances; one room for all (M. Schroeder, "Natural sounding artificial reverberation",
 *             JAES 10, 1962). Everything goes round: what would end behind the loop's end begins it
 * Limits      active level -26 dBov, peaks below -3 dBov; loops of 2.6 s (typing-short) to 18 s; the seam cannot be told by
 *             spectral flux (tests/test_ambience.py); the same samples on every machine but for the last bit
 * Units       sample rate 8000, 16000, 24000 or 48000 Hz; int16 samples
 * History     none: a function of sound and rate
 * Latency     none
 * Aliasing    loop and work must not overlap
 * Chunks      a whole loop at once; not for the frame path
 * Cost        5 to 40 ms for a loop at 16 kHz, once for all calls
 * Errors      TP_ECONFIG for another sound or rate
 */
#ifndef TALKPATH_AMBIENCE_H
#define TALKPATH_AMBIENCE_H

#include <stddef.h>
#include <stdint.h>

#define TP_AMBIENCE_SOUNDS 6

/* "office", "city-street", "crowded-room", "call-center", "typing", "typing-short"; NULL for others. */
const char *tp_ambience_name(int sound);

/* Length of the loop; 0 for another sound or rate. */
size_t tp_ambience_samples(int sound, int sample_rate_hz);

/* Writes the loop. `work` holds twice as many floats. */
int tp_ambience_generate(int sound, int sample_rate_hz, int16_t *loop, float *work);

#endif
