/** What each kind of call does in each mode; where a mode is not named, it passes on. */
import type { IncomingHttpHeaders } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { streams, type Rpc, type Streams } from '../../../src/infrastructure/embedded-eventstore/wire/protocol.js';
import {
  ACCESS_DENIED,
  BATCH_BUSY,
  BATCH_DENIED,
  BATCH_NO_LEADER,
  BATCH_NOT_READY,
  BATCH_TIMEOUT,
  batchAnswer,
  CONSUMER_TOO_SLOW,
  NO_LEADER,
  NOT_READY,
  notLeader,
  TOO_BUSY,
  type Ending,
  type Endpoint,
} from './answers.js';
import type { Call, Handling } from './call.js';
import { messageIn } from './frames.js';
import type { Mode } from './modes.js';

/** The server as its calls see it. */
export type Behaviour = Readonly<{
  mode: () => Mode | null;
  /** Resolves when the mode of now is over. */
  over: () => Promise<void>;
  leader: () => Endpoint;
  lateMs: number;
  /** Sends what is given to it in the reverse order, a few at a time. */
  reverse: (send: () => void) => void;
  /** Counts what was done otherwise than the server behind would do it. */
  felt: (mode: Mode) => void;
}>;

type In<What> = Partial<Record<Mode, What>>;

const REFUSED_APPENDS: In<Rpc.Status> = {
  'not ready': BATCH_NOT_READY,
  busy: BATCH_BUSY,
  'no leader': BATCH_NO_LEADER,
  'timeout, not kept': BATCH_TIMEOUT,
  'appends denied': BATCH_DENIED,
};

type Answered = Readonly<{ server: Behaviour; answer: Streams.BatchAppendResp; frame: Buffer; call: Call }>;

/** What becomes of the answer to an append that was asked for in the mode. */
const APPEND_ANSWERS: In<(answered: Answered) => void> = {
  'timeout, kept': ({ answer, call }) =>
    call.answer(batchAnswer(answer.getCorrelationId(), answer.getStreamIdentifier(), BATCH_TIMEOUT)),
  'answers twice': ({ frame, call }) => {
    call.answer(frame);
    call.answer(frame);
  },
  'answers late': ({ server, frame, call }) =>
    void delay(server.lateMs, undefined, { ref: false }).then(() => call.answer(frame)),
  'another order': ({ server, frame, call }) => server.reverse(() => call.answer(frame)),
  'never answers': () => undefined,
  'ends mid-message': ({ frame, call }) => call.breakIn(frame),
};

/** Appends of one call of BatchAppend, each under its correlation id. */
export const batchAppends = (server: Behaviour): Handling => {
  /** By correlation ids, in which mode an append was asked for, until it is answered. */
  const modes = new Map<string, Mode>();
  return {
    asked: (frame, call) => {
      const mode = server.mode();
      if (!mode) return call.ask(frame);
      const request = streams.BatchAppendReq.deserializeBinary(messageIn(frame));
      const refusal = REFUSED_APPENDS[mode];
      if (refusal || mode === 'not leader' || mode === 'never arrives') server.felt(mode);
      if (mode === 'not leader') return call.end(notLeader(server.leader()));
      if (mode === 'never arrives') return;
      if (refusal) {
        const stream = request.getOptions()?.getStreamIdentifier();
        return request.getIsFinal() ? call.answer(batchAnswer(request.getCorrelationId(), stream, refusal)) : undefined;
      }
      modes.set(keyOf(request), mode);
      call.ask(frame);
    },
    answered: (frame, call) => {
      if (modes.size === 0) return call.answer(frame);
      const answer = streams.BatchAppendResp.deserializeBinary(messageIn(frame));
      const mode = modes.get(keyOf(answer));
      modes.delete(keyOf(answer));
      const otherwise = mode && APPEND_ANSWERS[mode];
      if (!otherwise) return call.answer(frame);
      server.felt(mode);
      otherwise({ server, answer, frame, call });
    },
  };
};

const keyOf = (message: Streams.BatchAppendReq | Streams.BatchAppendResp): string =>
  Buffer.from(message.getCorrelationId()?.serializeBinary() ?? []).toString('base64');

const ENDINGS: In<Ending> = { 'not ready': NOT_READY, busy: TOO_BUSY };

/** How the server ends any call; a caller that does not require the leader is served by a follower too. */
const endingOf = (mode: Mode | null, server: Behaviour, headers: IncomingHttpHeaders): Ending | undefined => {
  if (!mode) return undefined;
  if (headers['requires-leader'] !== 'true') return ENDINGS[mode];
  if (mode === 'not leader') return notLeader(server.leader());
  return mode === 'no leader' ? NO_LEADER : ENDINGS[mode];
};

/** Calls that neither read nor append in a batch. */
export const others = (server: Behaviour, path: string): Handling => ({
  asked: (frame, call) => {
    const mode = server.mode();
    const isOfStreams = path.startsWith('/event_store.client.streams.Streams/');
    const denied = isOfStreams && mode === 'appends denied' ? ACCESS_DENIED : undefined;
    const ending = isOfStreams ? endingOf(mode, server, call.headers) : undefined;
    return denied || ending ? call.end((denied ?? ending)!) : call.ask(frame);
  },
  answered: (frame, call) => call.answer(frame),
});

type Heard = Readonly<{ server: Behaviour; frame: Buffer; call: Call }>;

const onceOver = ({ server, frame, call }: Heard) => server.over().then(() => call.answer(frame));

/** What becomes of a message to a subscription. */
const HEARD: In<(heard: Heard) => void | Promise<void>> = {
  'no checkpoints': ({ frame, call }) => {
    if (!streams.ReadResp.deserializeBinary(messageIn(frame)).hasCheckpoint()) call.answer(frame);
  },
  'too slow': ({ call }) => call.end(CONSUMER_TOO_SLOW),
  'never answers': onceOver,
  'never arrives': onceOver,
  'ends mid-message': ({ frame, call }) => call.breakIn(frame),
};

/** A read, or a subscription. */
export const reads = (server: Behaviour): Handling => {
  let isSubscription = false;
  return {
    asked: (frame, call) => {
      const mode = server.mode();
      isSubscription = streams.ReadReq.deserializeBinary(messageIn(frame)).getOptions()!.hasSubscription();
      const ending = mode === 'reads denied' ? ACCESS_DENIED : endingOf(mode, server, call.headers);
      const isLost = mode === 'never answers' || mode === 'never arrives';
      const isLate = mode === 'answers late' && !isSubscription;
      if (!mode || !(ending || isLost || isLate)) return call.ask(frame);
      server.felt(mode);
      if (ending) return call.end(ending);
      if (isLate) return delay(server.lateMs, undefined, { ref: false }).then(() => call.ask(frame));
      // Of a subscription the caller could not know for long that it was lost.
      return isSubscription ? server.over().then(() => call.ask(frame)) : call.forget();
    },
    answered: (frame, call) => {
      const mode = server.mode();
      const otherwise = mode && (isSubscription || mode === 'ends mid-message') ? HEARD[mode] : undefined;
      if (!mode || !otherwise) return call.answer(frame);
      server.felt(mode);
      return otherwise({ server, frame, call });
    },
  };
};
