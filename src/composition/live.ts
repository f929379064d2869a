import type { OnError } from '../application/runtime/errors.js';
/** Wires what tells others of changes while they happen. */
import type { Provider } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { Clock } from '../application/runtime/clock.js';
import { EventBroadcaster } from '../application/live/event-broadcaster.js';
import { LiveStreams } from '../application/live/live-streams.js';
import { RowChanges } from '../application/live/row-changes.js';
import type { Config } from '../infrastructure/config/config.js';
import { readyUnlessAway } from '../infrastructure/postgres/session/connection-loss.js';
import { PostgresLiveSource } from '../infrastructure/postgres/live/postgres-live-source.js';
import {
  DEFAULT_ROW_CHANGES_LIMITS,
  PostgresRowChanges,
} from '../infrastructure/postgres/live/postgres-row-changes.js';
import { OpenStreams } from '../interfaces/http/streams/open-streams.js';
import { streamBounds, streamLimits } from './limits.js';

type Parts = Readonly<{ config: Config; dataSource: DataSource; clock: Clock; stopping: AbortSignal }>;

export const liveProviders = ({ config, dataSource, clock, stopping }: Parts, onError: OnError): Provider[] => {
  const changes = new PostgresRowChanges(dataSource, clock, DEFAULT_ROW_CHANGES_LIMITS, onError);
  const source = readyUnlessAway(new PostgresLiveSource(dataSource));
  const limits = streamLimits(config);
  const hub = new EventBroadcaster(changes, source, clock, limits, onError);
  return [
    { provide: RowChanges, useValue: changes },
    { provide: LiveStreams, useValue: new LiveStreams(hub, source, limits) },
    { provide: OpenStreams, useValue: new OpenStreams(streamBounds(config), stopping) },
    { provide: LiveLoops, useValue: new LiveLoops(changes, hub) },
  ];
};

/** What has to run on each instance for it. */
export class LiveLoops {
  constructor(
    private readonly changes: PostgresRowChanges,
    private readonly hub: EventBroadcaster,
  ) {}

  async start(): Promise<void> {
    await this.changes.start();
    this.hub.start();
  }

  async stop(): Promise<void> {
    await this.hub.stop();
    await this.changes.stop();
  }
}
