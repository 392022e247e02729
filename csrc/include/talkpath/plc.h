/*
 * Packet-loss concealment: sound for the frames that never came.
 *
 * What        one call a frame: receive() passes a good frame on, conceal() invents a lost one. Good frames come out bit
 *             for bit, except the first after a loss: its first 12 to 17.5 ms are cross-faded from the concealment
 * How         the last 40 ms before the gap are split into a spectral envelope (linear prediction of order 32) and a
 *             residual. The residual goes on period by period, the pitch on its trend; as much of it is noise, more so
 *             in the upper half band, as the sound was unvoiced; the all-pole filter keeps the envelope and joins without
 *             a step, because it goes on ringing from the true past. After 20 ms the sound fades into the background:
 *             noise of the level and envelope of the quietest frame of the last seconds. The first good frame looks for
 *             the shift that aligns the concealment with it, bends the concealment there and cross-fades: below 900 Hz
 *             over most of the frame, above in an eighth of that time.
 *             After D. Goodman et al., "Waveform substitution techniques for recovering missing speech segments", IEEE
 *             ASSP-34, 1986; E. Gunduzhan, K. Momtahan, "A linear prediction based packet loss concealment algorithm for
 *             PCM coded speech", IEEE Trans. SAP 9(8), 2001; the task is that of ITU-T G.711 Appendix I
 * Limits      8 kHz, µ-law, 20 ms frames, seven patterns of 1 to 20 % loss and bursts: mean PESQ-NB 3.04, PLCMOS 4.03 (G.711
 *             Appendix I: 2.79, 3.78). A loss fades out within 140 ms, to the background but at least to -74.3 dBov and at
 *             most to -40 dBov
 * Units       sample rate in Hz, 8000, 16000, 24000 or 48000; frames of 10, 20, 30, 40 or 60 ms; int16 samples
 * History     the last 40 ms, and a quiet frame; a loss before any history gives faint noise
 * Latency     0
 * Aliasing    receive() may work in place
 * Chunks      one frame a call, always of the configured length
 * Cost        at 8 kHz, AVX2: 0.05 µs a good frame, 2.9 µs a lost one, 2.9 µs the first good one after; at 48 kHz 0.15,
 *             11, 13 µs
 * Errors      TP_ECONFIG from init for a rate or frame length not listed
 */
#ifndef TALKPATH_PLC_H
#define TALKPATH_PLC_H

#include <stddef.h>
#include <stdint.h>

typedef struct tp_plc_config {
    int sample_rate_hz;
    int frame_ms;
} tp_plc_config;

static inline tp_plc_config tp_plc_defaults(void)
{
    return (tp_plc_config){ .sample_rate_hz = 8000, .frame_ms = 20 };
}

typedef struct tp_plc tp_plc;

/* NULL when the configuration is valid, else what is wrong: "field must be …". */
const char *tp_plc_check(const tp_plc_config *config);

/* Bytes of state (6 KiB at 8 kHz, 26 KiB at 48 kHz); 0 for an invalid configuration. */
size_t tp_plc_size(const tp_plc_config *config);

int tp_plc_init(tp_plc *p, const tp_plc_config *config);
void tp_plc_reset(tp_plc *p);

size_t tp_plc_frame_samples(const tp_plc *p);
size_t tp_plc_delay_samples(const tp_plc *p); /* 0 */

/* How long the loss has lasted: samples concealed since the last good frame. */
size_t tp_plc_lost_samples(const tp_plc *p);

/* Begins to fetch what the next frame needs; reads nothing that changes. */
void tp_plc_prefetch(const tp_plc *p);

/* One frame came: `in` goes to `out`. */
void tp_plc_receive(tp_plc *p, const int16_t *in, int16_t *out);

/* One frame is lost: `out` gets what to play. */
void tp_plc_conceal(tp_plc *p, int16_t *out);

#endif
