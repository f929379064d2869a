/** What clients hear of changes while they happen: streams of events, and Supabase's clients of the read tables. */
import type { Duplex } from 'node:stream';
import { AccessLog } from '../application/access/access-log.js';
import { Authenticator } from '../application/access/authenticator.js';
import { EventBroadcaster } from '../application/live/event-broadcaster.js';
import { LiveStreams } from '../application/live/live-streams.js';
import { RowChanges } from '../application/live/row-changes.js';
import type { OnError } from '../application/runtime/errors.js';
import { DEFAULT_STREAM_LIMITS, type StreamLimits } from '../application/live/live-source.js';
import type { Config } from '../infrastructure/config/config.js';
import { PostgresProjectsInTables } from '../infrastructure/postgres/access/postgres-projects.js';
import { OwnTransactions } from '../infrastructure/postgres/live/own-transactions.js';
import { PostgresLiveSource } from '../infrastructure/postgres/live/postgres-live-source.js';
import {
  DEFAULT_ROW_CHANGES_LIMITS,
  PostgresRowChanges,
} from '../infrastructure/postgres/live/postgres-row-changes.js';
import { readyUnlessAway } from '../infrastructure/postgres/session/pg-client.js';
import { upgradeLog } from '../interfaces/http/server/access-log.js';
import type { Door } from '../interfaces/http/configure-http.js';
import { OpenStreams } from '../interfaces/http/streams/open-streams.js';
import type { StreamBounds } from '../interfaces/http/streams/response-sink.js';
import type { RealtimeAccess } from '../interfaces/realtime/access.js';
import { DEFAULT_REALTIME_LIMITS, type RealtimeLimits } from '../interfaces/realtime/limits.js';
import { REALTIME_PATH, RealtimeServer } from '../interfaces/realtime/realtime-server.js';
import { type Dependencies, type Feature, logErrors } from './feature.js';

/** Where the writer of the read tables and the clients of this instance meet. */
export const ownTransactions = ({ ids }: Dependencies): OwnTransactions =>
  new OwnTransactions(ids.uuid(), DEFAULT_ROW_CHANGES_LIMITS);

export const live = (
  { config, dataSource, clock, stopping, outages, door }: Dependencies,
  own: OwnTransactions,
): Feature => {
  const onError = logErrors('Live', outages);
  const changes = new PostgresRowChanges(dataSource, clock, DEFAULT_ROW_CHANGES_LIMITS, onError, own);
  const source = readyUnlessAway(new PostgresLiveSource(dataSource));
  const limits = streamLimits(config);
  const hub = new EventBroadcaster(changes, source, clock, limits, onError);
  return {
    providers: [
      { provide: RowChanges, useValue: changes },
      { provide: LiveStreams, useValue: new LiveStreams(hub, source, limits) },
      { provide: OpenStreams, useValue: new OpenStreams(streamBounds(config), stopping, door.limits?.streams) },
    ],
    listen: async () => {
      await changes.start();
      hub.start();
    },
    stop: async () => {
      await hub.stop();
      await changes.stop();
    },
  };
};

export const realtime = ({ config, dataSource, door, outages }: Dependencies): Feature => ({
  providers: [
    {
      provide: RealtimeServer,
      inject: [RowChanges, Authenticator, AccessLog],
      useFactory: (changes: RowChanges, authenticator: Authenticator, accessLog: AccessLog) => {
        const access = config.auth === 'local' ? null : realtimeAccess(authenticator, accessLog, dataSource);
        return realtimeServer(changes, config, door, logErrors('Realtime', outages), access);
      },
    },
  ],
  listen: (app) => app.get(RealtimeServer).start(app.getHttpServer()),
  stop: (app) => app.get(RealtimeServer).stop(),
});

const realtimeAccess = (
  authenticator: Authenticator,
  accessLog: AccessLog,
  dataSource: Dependencies['dataSource'],
): RealtimeAccess => {
  const tables = new PostgresProjectsInTables(dataSource);
  return {
    authenticator,
    projectsOf: (ids) => tables.projectsOf(ids),
    denied: (error, principal, address) =>
      accessLog.denied(error, { principal, address, route: `GET ${REALTIME_PATH}` }),
  };
};

const realtimeServer = (
  changes: RowChanges,
  config: Config,
  door: Door,
  onError: OnError,
  access: RealtimeAccess | null,
): RealtimeServer => {
  const { connections } = door;
  const admission = {
    ...door,
    apiKey: config.realtimeApiKey?.reveal(),
    ...(connections && {
      overLimit: (socket: Duplex) => (connections.isAdmitted(socket) ? undefined : connections.message),
    }),
  };
  const note = upgradeLog(config.accessLog, door.showsClients);
  return new RealtimeServer(changes, realtimeLimits(config), onError, admission, note, access);
};

const realtimeLimits = (config: Config): RealtimeLimits => ({
  ...DEFAULT_REALTIME_LIMITS,
  connections: config.realtimeMaxConnections,
  channels: config.realtimeMaxChannels,
  bindings: config.realtimeMaxSubscriptions,
  messagesPerSecond: config.realtimeMaxMessagesPerSecond,
  frameBytes: config.realtimeMaxFrameBytes,
  frameMembers: config.realtimeMaxFrameMembers,
  filterSteps: config.realtimeMaxFilterSteps,
  allFilterSteps: config.realtimeMaxFilterStepsInAll,
  filterWork: config.realtimeFilterWorkPerSecond,
  allFilterWork: config.realtimeFilterWorkPerSecondInAll,
  bufferBytes: config.realtimeMaxBufferBytes,
  joinMs: config.realtimeJoinTimeoutMs,
  silenceMs: config.realtimeSilenceTimeoutMs,
});

const streamLimits = (config: Config): StreamLimits => ({
  ...DEFAULT_STREAM_LIMITS,
  waitingEvents: config.streamBufferEvents,
  catchUpEvents: config.streamCatchUpEvents,
});

export const streamBounds = (config: Config): StreamBounds => ({
  open: config.maxOpenStreams,
  heartbeatMs: config.streamHeartbeatMs,
  retryMs: config.streamRetryMs,
  bufferBytes: config.streamBufferBytes,
  stalledMs: config.streamStalledMs,
  closeMs: 5_000,
});
