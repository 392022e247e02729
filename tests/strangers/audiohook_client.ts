// Runs Genesys' own AudioHook client against a server, and prints what it saw as JSON.
//
//   ts-node --transpile-only audiohook_client.ts CHECKOUT URI monitor|connector SECONDS [SECRET]
//
// CHECKOUT: a clone of purecloudlabs/audiohook-reference-implementation with the packages of its client/ folder installed.
// monitor: the client as it is; half way it pauses for a while. connector: it offers the caller's channel only, and keeps the audio
// that comes, as Audio Connector does: the one change to it.
/* eslint-disable */
const [, , checkout, uri, mode, seconds, secret] = process.argv;
const { createClientSession, StreamDuration } = require(`${checkout}/app/audiohook`);
const { createClientWebSocket } = require(`${checkout}/client/src/clientwebsocket`);
const { createToneMediaSource } = require(`${checkout}/client/src/mediasource-tone`);
const { randomUUID } = require('crypto');

const said: string[] = [];
const note = (level: string) => (text: string) => said.push(`${level}: ${text}`);
const quiet = () => undefined;
const logger = { fatal: note('fatal'), error: note('error'), warn: note('warn'), info: quiet, debug: quiet, trace: quiet };

const offers = [{ type: 'audio', format: 'PCMU', channels: ['external'], rate: 8000 }];
const session = createClientSession({
    uri,
    mediaSource: createToneMediaSource(StreamDuration.fromSeconds(Number(seconds)), mode === 'connector' ? offers : undefined),
    organizationId: randomUUID(),
    sessionId: randomUUID(),
    conversationId: randomUUID(),
    participant: { id: randomUUID(), ani: 'tel:+15550001', aniName: 'A', dnis: 'tel:+15550002' },
    createWebSocket: createClientWebSocket,
    logger,
    authInfo: { apiKey: 'key-1', clientSecret: secret ? Buffer.from(secret, 'base64') : null },
});
const rtts: number[] = [];
const events: unknown[] = [];
const sizes: number[] = [];
session.on('rttInfo', (rtt: number) => rtts.push(rtt));
session.on('event', (parameters: unknown) => events.push(parameters));
const kept: Buffer[] = [];
if (mode === 'connector') {
    session.onBinaryMessage = (data: Uint8Array) => { sizes.push(data.length); kept.push(Buffer.from(data)); };
} else {
    const at = (fraction: number, what: () => void) => setTimeout(what, fraction * Number(seconds) * 1000);
    at(0.4, () => { void session.pausing(); });
    at(0.6, () => { void session.resuming(); });
}
session.once('disconnected', () => {
    const { openedMsg: opened, closedMsg: closed } = session;
    const audio = Buffer.concat(kept).toString('base64');
    console.log(JSON.stringify({ opened, closed, rtts: rtts.length, events, sizes, audio, said }));
    process.exit(0);
});
