import type { FilterLimits } from './filter-budget.js';

export type RealtimeLimits = FilterLimits &
  Readonly<{
    /** Open at a time, on one instance. */
    connections: number;
    /** Channels that one connection has joined. */
    channels: number;
    /** Subscriptions to changes that one channel has. */
    bindings: number;
    /** Conditions of one filter. */
    conditions: number;
    /** Members of the arrays and objects of one frame, all of them together. */
    frameMembers: number;
    /** Bytes of one frame of a client. */
    frameBytes: number;
    /** Bytes that wait to be sent to one client, beyond which it is closed as too slow. */
    bufferBytes: number;
    /** Bytes of a row as JSON, beyond which only its small columns are sent. */
    recordBytes: number;
    /** How long a connection may be open without having joined a channel. */
    joinMs: number;
    /** How long a client may be silent. The library sends a heartbeat each 25 s. */
    silenceMs: number;
    messagesPerSecond: number;
    /** How long a client has to answer a close before it is cut off. */
    closeMs: number;
    /** The same of a client that is closed as too slow: it has to take what waits for it first. */
    slowCloseMs: number;
    /** Between two looks for connections that are silent, or have joined nothing. */
    lookMs: number;
  }>;

export const DEFAULT_REALTIME_LIMITS: RealtimeLimits = {
  connections: 5_000,
  channels: 100,
  bindings: 100,
  conditions: 20,
  filterSteps: 10_000,
  allFilterSteps: 500_000,
  filterWork: 1_000_000,
  allFilterWork: 5_000_000,
  frameMembers: 5_000,
  frameBytes: 64 * 1024,
  bufferBytes: 4 * 1024 * 1024,
  recordBytes: 1024 * 1024,
  joinMs: 30_000,
  silenceMs: 60_000,
  messagesPerSecond: 250,
  closeMs: 500,
  slowCloseMs: 30_000,
  lookMs: 1_000,
};
