/** Wires what tells others of changes while they happen. */
import type { Provider } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { Clock } from '../application/clock.js';
import { RowChanges } from '../application/live/row-changes.js';
import {
  DEFAULT_ROW_CHANGES_LIMITS,
  PostgresRowChanges,
} from '../infrastructure/postgres/live/postgres-row-changes.js';

type OnError = (message: string, error: unknown) => void;
type Parts = Readonly<{ dataSource: DataSource; clock: Clock }>;

export const liveProviders = ({ dataSource, clock }: Parts, onError: OnError): Provider[] => {
  const changes = new PostgresRowChanges(dataSource, clock, DEFAULT_ROW_CHANGES_LIMITS, onError);
  return [
    { provide: RowChanges, useValue: changes },
    { provide: LiveLoops, useValue: new LiveLoops(changes) },
  ];
};

/** What has to run on each instance for it. */
export class LiveLoops {
  constructor(private readonly changes: PostgresRowChanges) {}

  async start(): Promise<void> {
    await this.changes.start();
  }

  async stop(): Promise<void> {
    await this.changes.stop();
  }
}
